//! Resources that are not created here: imports and stored states.

use tfplugin_sdk::testing::{Error, Instance};
use tfplugin_sdk::{Number, Value};

use crate::notes::{NOTE, configured, found};

#[tokio::test]
async fn a_resource_is_imported_by_its_id() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    std::fs::write(plugin.directory().join("old.txt"), "text")?;
    let imported = provider.import(NOTE, "old.txt").await?;
    let [imported] = imported.value.as_slice() else {
        panic!("one resource: {imported:?}");
    };
    let read = provider.read(NOTE, imported).await?.ok()?;
    assert_eq!(read.state.get("text").as_str(), Some("text"));
    let nameless = provider.import(NOTE, "").await?;
    assert_eq!(nameless.diagnostics.len(), 1);
    plugin.shut_down().await
}

#[tokio::test]
async fn a_resource_is_imported_by_its_identity() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    std::fs::write(plugin.directory().join("old.txt"), "text")?;
    let identity = Value::object([("path", "old.txt".into())]);
    let imported = provider.import_identity(NOTE, &identity).await?.ok()?;
    assert_eq!(imported[0].identity.as_ref(), Some(&identity));

    let read = provider.read(NOTE, &imported[0]).await?.ok()?;
    assert_eq!(read.identity.as_ref(), Some(&identity));
    assert_eq!(read.state.get("text").as_str(), Some("text"));
    // A read finds the identity that a state from before identities lacks.
    let unnamed = Instance {
        identity: None,
        ..imported[0].clone()
    };
    let read = provider.read(NOTE, &unnamed).await?.ok()?;
    assert_eq!(read.identity.as_ref(), Some(&identity));

    let stored = br#"{"path":"old.txt"}"#;
    let upgraded = provider.upgrade_identity(NOTE, 0, stored).await?.ok()?;
    assert_eq!(upgraded, Some(identity));
    plugin.shut_down().await
}

#[tokio::test]
async fn stored_states_are_upgraded() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    // With the version before, and with the present one.
    for version in [0, 1] {
        let stored = br#"{
            "path":"p","weight":12345678901234567890.125,"labels":["b","a"],"color":{"x":[1]},
            "extra":{"type":["object",{"a":"dynamic"}],"value":{"a":null}}
        }"#;
        let upgraded = provider.upgrade_state(NOTE, version, stored).await?;
        assert_eq!(found(&upgraded.diagnostics), []);
        let weight = Number::parse("12345678901234567890.125").expect("a number");
        let want = Value::object([
            ("path", "p".into()),
            ("kind", "plain".into()),
            ("weight", weight.into()),
            ("labels", vec!["a", "b"].into()),
            ("extra", Value::object([("a", Value::Null)])),
        ]);
        let want = want.conform(&provider.schemas().resources[NOTE].ty())?;
        assert_eq!(upgraded.value, Some(want));
    }
    for (version, json) in [
        (2, &b"{}"[..]),
        (1, b"{"),
        (0, b""),
        (0, b"{"),
        (0, br#"{"path":1}"#),
    ] {
        let answer = provider.upgrade_state(NOTE, version, json).await?;
        assert_eq!(answer.diagnostics.len(), 1, "{answer:?}");
        assert!(answer.value.is_none());
    }
    plugin.shut_down().await
}

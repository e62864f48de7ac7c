//! Calls that succeed.

use tfplugin_sdk::testing::{Error, Instance};
use tfplugin_sdk::{AttributePath, Type, Value};

use crate::notes::{NOTE, configured, found};

#[tokio::test]
async fn everything_is_declared() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    let schemas = provider.schemas();
    assert!(matches!(schemas.provider.ty(), Type::Object(_)));
    assert!(schemas.resources.contains_key(NOTE));
    assert!(schemas.data_sources.contains_key(NOTE));
    assert!(schemas.functions.contains_key("title"));
    let [part] = schemas.identities[NOTE].as_slice() else {
        panic!("one part: {:?}", schemas.identities);
    };
    assert_eq!((part.name.as_str(), part.required), ("path", true));

    assert!(schemas.list_resources.contains_key(NOTE));
    let metadata = provider.metadata().await?;
    assert_eq!(metadata.list_resources, [NOTE]);
    assert_eq!(metadata.resources, [NOTE]);
    assert_eq!(metadata.data_sources, [NOTE]);
    assert_eq!(metadata.capabilities, schemas.capabilities);
    assert_eq!(provider.functions().await?, schemas.functions);
    plugin.shut_down().await
}

#[tokio::test]
async fn from_create_to_destroy() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    let none = Instance::default();
    let first = Value::object([
        ("path", "a.txt".into()),
        ("text", "# One\ntwo".into()),
        ("weight", 0.1.into()),
    ]);

    let plan = provider.plan(NOTE, &first, &none).await?;
    assert_eq!(found(&plan.diagnostics), []);
    let planned = plan.planned.state;
    assert!(planned.get("id").is_unknown());
    assert_eq!(planned.get("kind").as_str(), Some("plain"));
    assert_eq!(planned.get("lines").as_i64(), Some(2));

    let created = provider.apply(NOTE, &first, &none).await?;
    assert_eq!(found(&created.diagnostics), []);
    let created = created.value;
    assert!(created.state.is_wholly_known());
    assert_eq!(created.state.get("id").as_str(), Some("a.txt"));
    let file = plugin.directory().join("a.txt");
    assert_eq!(std::fs::read_to_string(&file)?, "# One\ntwo");

    // Nothing to do.
    let read = provider.read(NOTE, &created).await?;
    assert_eq!(found(&read.diagnostics), []);
    assert_eq!(read.value, created);
    let plan = provider.plan(NOTE, &first, &created).await?;
    assert_eq!(plan.planned.state, created.state);

    // In place.
    let mut second = first.clone();
    second.set("text", "changed");
    let plan = provider.plan(NOTE, &second, &created).await?;
    assert_eq!(plan.replace, []);
    let updated = provider.apply(NOTE, &second, &created).await?;
    assert_eq!(found(&updated.diagnostics), []);
    let updated = updated.value;
    assert_eq!(updated.state.get("lines").as_i64(), Some(1));

    // Not in place.
    let mut moved = second.clone();
    moved.set("path", "b.txt");
    let plan = provider.plan(NOTE, &moved, &updated).await?;
    assert_eq!(plan.replace, [AttributePath::from("path")]);

    let destroyed = provider.apply(NOTE, &Value::Null, &updated).await?;
    assert_eq!(found(&destroyed.diagnostics), []);
    assert!(destroyed.value.state.is_null() && !file.exists());
    let gone = provider.read(NOTE, &updated).await?;
    assert!(gone.ok()?.state.is_null());
    plugin.shut_down().await
}

#[tokio::test]
async fn data_sources_and_functions() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    std::fs::write(plugin.directory().join("n"), "text")?;
    let named = |path: &str| Value::object([("path", path.into())]);
    assert_eq!(
        found(&provider.validate_data_source(NOTE, &named("n")).await?),
        []
    );
    let state = provider.read_data_source(NOTE, &named("n")).await?.ok()?;
    assert_eq!(state.get("text").as_str(), Some("text"));
    let missing = provider.read_data_source(NOTE, &named("none")).await?;
    let want = [("path".to_owned(), "No such note".to_owned())];
    assert_eq!(found(&missing.diagnostics), want);

    let title = provider.call_function("title", &["# T\nx".into()]).await?;
    assert_eq!(title.expect("a title").as_str(), Some("T"));
    let empty = provider.call_function("title", &["".into()]).await?;
    let error = empty.expect_err("no title");
    assert_eq!(error.faulty_argument(), Some(0));
    let nothing = provider.call_function("title", &[]).await?;
    assert!(nothing.is_err());
    plugin.shut_down().await
}

#[tokio::test]
async fn large_messages_pass() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    // Beyond the 4 MiB that gRPC libraries allow by default.
    let text = "x".repeat(20 << 20);
    let config = Value::object([("path", "p".into()), ("text", text.into())]);
    let diagnostics = provider.validate_resource(NOTE, &config).await?;
    assert_eq!(
        found(&diagnostics),
        [("text".to_owned(), "Length out of range".to_owned())]
    );
    let plan = provider.plan(NOTE, &config, &Instance::default()).await?;
    let planned = plan.planned.state;
    assert_eq!(planned.get("text").as_str().map(str::len), Some(20 << 20));
    plugin.shut_down().await
}

#[tokio::test]
async fn notes_are_listed() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    for name in ["a.txt", "b.txt", "c.md"] {
        std::fs::write(plugin.directory().join(name), "# Title")?;
    }
    let none = Value::object::<&str>([]);
    let found = provider.validate_list(NOTE, &none).await?;
    assert!(found.is_empty(), "{found:?}");
    let listed = provider.list(NOTE, &none, false, 100).await?.ok()?;
    let names: Vec<_> = listed.iter().map(|its| its.display_name.as_str()).collect();
    assert_eq!(names, ["a.txt", "b.txt"]);
    assert_eq!(listed[1].identity.get("path").as_str(), Some("b.txt"));
    assert!(listed.iter().all(|its| its.state.is_none()));

    let markdown = Value::object([("suffix", ".md".into())]);
    let listed = provider.list(NOTE, &markdown, true, 100).await?.ok()?;
    let state = listed[0].state.as_ref().expect("a state");
    assert_eq!(state.get("text").as_str(), Some("# Title"));
    assert_eq!(state.get("lines").as_i64(), Some(1));
    assert_eq!(provider.list(NOTE, &none, false, 1).await?.ok()?.len(), 1);
    plugin.shut_down().await
}

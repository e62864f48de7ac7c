//! Calls that fail, or are interrupted, and the log.

use std::time::Duration;

use tfplugin_sdk::Value;
use tfplugin_sdk::testing::{Error, Instance};

use crate::notes::{NOTE, configured, found, signal};

/// A note that is created with a fault.
fn faulty(path: &str, fault: &str) -> Value {
    Value::object([
        ("path", path.into()),
        ("text", "x".into()),
        ("fault", fault.into()),
    ])
}

fn timeout(create: impl Into<Value>) -> Value {
    Value::object([("create", create.into())])
}

#[tokio::test]
async fn all_faults_of_a_configuration_at_once() -> Result<(), Error> {
    let (plugin, provider) = configured().await?;
    let bad = Value::object([
        ("path", "".into()),
        ("text", "no heading".into()),
        ("kind", "markdown".into()),
        ("labels", vec!["", "ok"].into()),
        ("fault", "other".into()),
        ("timeouts", timeout("soon")),
    ]);
    let mut got = found(&provider.validate_resource(NOTE, &bad).await?);
    got.sort();
    let want = [
        ("fault", "Value not allowed"),
        ("labels", "Length out of range"),
        ("path", "Length out of range"),
        ("text", "Heading missing"),
        ("timeouts.create", "Invalid duration"),
    ];
    assert_eq!(
        got,
        want.map(|(path, text)| (path.to_owned(), text.to_owned()))
    );

    let unknown = Value::object([
        ("path", Value::Unknown),
        ("text", Value::Unknown),
        ("kind", "markdown".into()),
        ("labels", Value::Unknown),
        ("timeouts", timeout(Value::Unknown)),
    ]);
    let unknown = provider.validate_resource(NOTE, &unknown).await?;
    assert_eq!(found(&unknown), []);
    plugin.shut_down().await
}

#[tokio::test]
async fn a_stop_loses_nothing() -> Result<(), Error> {
    let (mut plugin, provider) = configured().await?;
    let mut slow = faulty("slow.txt", "wait");
    slow.set("timeouts", timeout("1h"));
    let creating = tokio::spawn({
        let (provider, slow) = (provider.clone(), slow.clone());
        async move { provider.apply(NOTE, &slow, &Instance::default()).await }
    });
    plugin.process.stderr.find("note written").await?;
    assert!(!creating.is_finished());
    provider.stop().await?;
    let soon = tokio::time::timeout(Duration::from_secs(5), creating).await;
    let created = soon.expect("soon").expect("no panic")?;
    let want = [(String::new(), "Interrupted".to_owned())];
    assert_eq!(found(&created.diagnostics), want);
    let state = &created.value.state;
    assert_eq!(state.get("path").as_str(), Some("slow.txt"));
    assert!(state.is_wholly_known());

    // Later calls go on, with a fresh token.
    let destroyed = provider.apply(NOTE, &Value::Null, &created.value).await?;
    assert_eq!(found(&destroyed.diagnostics), []);
    slow.set("timeouts", timeout("1ms"));
    let created = provider.apply(NOTE, &slow, &Instance::default()).await?;
    let want = [("timeouts.create".to_owned(), "Timeout".to_owned())];
    assert_eq!(found(&created.diagnostics), want);
    plugin.shut_down().await
}

#[tokio::test]
async fn a_call_in_flight_does_not_delay_the_end() -> Result<(), Error> {
    let (mut plugin, provider) = configured().await?;
    let slow = faulty("slow.txt", "wait");
    let creating =
        tokio::spawn(async move { provider.apply(NOTE, &slow, &Instance::default()).await });
    plugin.process.stderr.find("note written").await?;
    plugin.shut_down().await?;
    // It was cancelled, and its answer still got through.
    let created = creating.await.expect("no panic")?;
    let state = created.value.state;
    assert_eq!(state.get("path").as_str(), Some("slow.txt"));
    Ok(())
}

#[tokio::test]
async fn a_panic_is_a_diagnostic() -> Result<(), Error> {
    let (mut plugin, provider) = configured().await?;
    let panics = faulty("p.txt", "panic");
    let created = provider.apply(NOTE, &panics, &Instance::default()).await?;
    let want = [(String::new(), "Bug in the provider".to_owned())];
    assert_eq!(found(&created.diagnostics), want);
    // The checkpoint before the panic is not lost.
    assert_eq!(created.value.state.get("id").as_str(), Some("p.txt"));
    let line = plugin
        .process
        .stderr
        .find("caused by the argument fault")
        .await?;
    assert!(line.starts_with("panic: "), "{line}");
    assert_eq!(found(&provider.validate_resource(NOTE, &panics).await?), []);
    plugin.shut_down().await
}

#[tokio::test]
async fn the_log_is_hclog() -> Result<(), Error> {
    let (mut plugin, provider) = configured().await?;
    let secret = Value::object([("path", "p".into()), ("text", "s3cret".into())]);
    let created = provider.apply(NOTE, &secret, &Instance::default()).await?;
    created.ok()?;
    let line = plugin.process.stderr.find("note written").await?;
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["@level"], "info");
    assert_eq!(line["@module"], "notes.note");
    assert_eq!(line["rpc"], "ApplyResourceChange");
    assert_eq!(line["type_name"], NOTE);
    assert_eq!(
        line["@timestamp"].as_str().map(str::len),
        Some("2006-01-02T15:04:05.000000Z".len())
    );
    signal(&plugin.process, "TERM", false);
    for line in plugin.process.stderr.rest().await? {
        assert!(!line.contains("s3cret"), "{line}");
        let _: serde_json::Value = serde_json::from_str(line).expect("every line is JSON");
    }
    Ok(())
}

//! Protocol 6 over the wire.

use std::time::Duration;

use tfplugin_sdk::proto::tfplugin6 as proto;
use tfplugin_sdk::{Number, Type, Value};
use tonic::Code;

use crate::client::{Provider, config, found, note, pack, unpack};
use crate::plugin::Plugin;

#[tokio::test]
async fn what_the_provider_has() {
    let plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    let request = proto::get_provider_schema::Request {};
    let schema = provider
        .0
        .get_provider_schema(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(found(&schema.diagnostics), []);
    assert!(schema.provider.expect("never absent").block.is_some());
    assert!(schema.resource_schemas.contains_key("notes_note"));
    assert!(schema.data_source_schemas.contains_key("notes_note"));
    assert!(schema.functions.contains_key("title"));

    let request = proto::get_metadata::Request {};
    let metadata = provider
        .0
        .get_metadata(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(metadata.resources.len(), 1);
    assert_eq!(metadata.server_capabilities, schema.server_capabilities);

    let request = proto::get_functions::Request {};
    let functions = provider
        .0
        .get_functions(request)
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(functions.functions, schema.functions);

    let request = proto::move_resource_state::Request::default();
    let error = provider
        .0
        .move_resource_state(request)
        .await
        .expect_err("not declared");
    assert_eq!(error.code(), Code::Unimplemented);
    plugin.shut_down().await;
}

#[tokio::test]
async fn all_faults_of_a_configuration_at_once() {
    let plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    let bad = config([
        ("path", "".into()),
        ("text", "no heading".into()),
        ("kind", "markdown".into()),
        ("labels", vec!["", "ok"].into()),
        ("fault", "other".into()),
        ("timeouts", Value::object([("create", "soon".into())])),
    ]);
    let mut got = provider.validate(&bad).await;
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

    let unknown = config([
        ("path", Value::Unknown),
        ("text", Value::Unknown),
        ("kind", "markdown".into()),
        ("labels", Value::Unknown),
        ("timeouts", Value::object([("create", Value::Unknown)])),
    ]);
    assert_eq!(provider.validate(&unknown).await, []);
    plugin.shut_down().await;
}

#[tokio::test]
async fn from_create_to_destroy() {
    let plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    let attributes = [
        ("path", Value::from("a.txt")),
        ("text", "# One\ntwo".into()),
        ("weight", 0.1.into()),
    ];
    let first = config(attributes.clone());

    let plan = provider.plan(&first, &Value::Null).await;
    let planned = unpack(plan.planned_state.as_ref(), &note());
    assert!(planned.get("id").is_unknown());
    assert_eq!(planned.get("kind").as_str(), Some("plain"));
    assert_eq!(planned.get("lines").as_i64(), Some(2));

    let created = provider.apply(&first, &Value::Null).await;
    assert_eq!(created.found, []);
    let state = created.state;
    assert!(state.is_wholly_known());
    assert_eq!(state.get("id").as_str(), Some("a.txt"));
    let file = plugin.folder.path().join("a.txt");
    assert_eq!(
        std::fs::read_to_string(&file).expect("the note"),
        "# One\ntwo"
    );

    // Nothing to do.
    assert_eq!(provider.read(&state).await, state);
    let plan = provider.plan(&first, &state).await;
    assert_eq!(unpack(plan.planned_state.as_ref(), &note()), state);

    // In place.
    let mut second = first.clone();
    second.set("text", "changed");
    let plan = provider.plan(&second, &state).await;
    assert_eq!(plan.requires_replace, []);
    let updated = provider.apply(&second, &state).await;
    assert_eq!(updated.found, []);
    assert_eq!(updated.state.get("lines").as_i64(), Some(1));

    // Not in place.
    let mut moved = second.clone();
    moved.set("path", "b.txt");
    let plan = provider.plan(&moved, &updated.state).await;
    assert_eq!(plan.requires_replace.len(), 1);

    let destroyed = provider.apply(&Value::Null, &updated.state).await;
    assert_eq!(destroyed.found, []);
    assert!(destroyed.state.is_null() && !file.exists());
    assert!(provider.read(&updated.state).await.is_null());
    plugin.shut_down().await;
}

#[tokio::test]
async fn import_and_stored_states() {
    let plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    std::fs::write(plugin.folder.path().join("old.txt"), "text").expect("a note");
    let import = |id: &str| proto::import_resource_state::Request {
        type_name: "notes_note".to_owned(),
        id: id.to_owned(),
        ..Default::default()
    };
    let answer = provider
        .0
        .import_resource_state(import("old.txt"))
        .await
        .expect("an answer");
    let [imported] = answer.get_ref().imported_resources.as_slice() else {
        panic!("one resource: {answer:?}");
    };
    let state = provider
        .read(&unpack(imported.state.as_ref(), &note()))
        .await;
    assert_eq!(state.get("text").as_str(), Some("text"));
    let answer = provider
        .0
        .import_resource_state(import(""))
        .await
        .expect("an answer");
    assert_eq!(answer.get_ref().diagnostics.len(), 1);

    let upgrade = |version, json: &[u8]| proto::upgrade_resource_state::Request {
        type_name: "notes_note".to_owned(),
        version,
        raw_state: Some(proto::RawState {
            json: json.to_vec(),
            ..Default::default()
        }),
    };
    // With the version before, and with the present one.
    for version in [0, 1] {
        let stored = br#"{
            "path":"p","weight":12345678901234567890.125,"labels":["b","a"],"color":{"x":[1]},
            "extra":{"type":["object",{"a":"dynamic"}],"value":{"a":null}}
        }"#;
        let answer = provider
            .0
            .upgrade_resource_state(upgrade(version, stored))
            .await
            .expect("an answer");
        assert_eq!(found(&answer.get_ref().diagnostics), []);
        let state = unpack(answer.get_ref().upgraded_state.as_ref(), &note());
        let weight = Number::parse("12345678901234567890.125").expect("a number");
        let want = config([
            ("path", "p".into()),
            ("kind", "plain".into()),
            ("weight", weight.into()),
            ("labels", vec!["a", "b"].into()),
            ("extra", Value::object([("a", Value::Null)])),
        ]);
        assert_eq!(state, want);
    }
    for (version, json) in [
        (2, &b"{}"[..]),
        (1, b"{"),
        (0, b""),
        (0, b"{"),
        (0, br#"{"path":1}"#),
    ] {
        let answer = provider
            .0
            .upgrade_resource_state(upgrade(version, json))
            .await;
        let answer = answer.expect("an answer").into_inner();
        assert_eq!(answer.diagnostics.len(), 1, "{answer:?}");
        assert!(answer.upgraded_state.is_none());
    }
    plugin.shut_down().await;
}

#[tokio::test]
async fn data_sources_and_functions() {
    let plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    std::fs::write(plugin.folder.path().join("n"), "text").expect("a note");
    let ty = tfplugin_sdk::Type::object([
        ("path", tfplugin_sdk::Type::String),
        ("text", tfplugin_sdk::Type::String),
    ]);
    let read = |path: &str| proto::read_data_source::Request {
        type_name: "notes_note".to_owned(),
        config: Some(pack(&Value::object([("path", path.into())]), &ty)),
        ..Default::default()
    };
    let answer = provider
        .0
        .read_data_source(read("n"))
        .await
        .expect("an answer");
    let state = unpack(answer.get_ref().state.as_ref(), &ty);
    assert_eq!(state.get("text").as_str(), Some("text"));
    let answer = provider
        .0
        .read_data_source(read("none"))
        .await
        .expect("an answer");
    let want = [("path".to_owned(), "No such note".to_owned())];
    assert_eq!(found(&answer.get_ref().diagnostics), want);

    let call = |arguments: Vec<Value>| proto::call_function::Request {
        name: "title".to_owned(),
        arguments: arguments
            .iter()
            .map(|a| pack(a, &tfplugin_sdk::Type::String))
            .collect(),
    };
    let answer = provider
        .0
        .call_function(call(vec!["# T\nx".into()]))
        .await
        .expect("an answer");
    let title = unpack(
        answer.get_ref().result.as_ref(),
        &tfplugin_sdk::Type::String,
    );
    assert_eq!(title.as_str(), Some("T"));
    let answer = provider
        .0
        .call_function(call(vec!["".into()]))
        .await
        .expect("an answer");
    let error = answer.into_inner().error.expect("an error");
    assert_eq!(error.function_argument, Some(0));
    let answer = provider
        .0
        .call_function(call(vec![]))
        .await
        .expect("an answer");
    assert!(answer.get_ref().error.is_some());
    plugin.shut_down().await;
}

#[tokio::test]
async fn a_stop_loses_nothing() {
    let mut plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    let slow = config([
        ("path", "slow.txt".into()),
        ("text", "x".into()),
        ("fault", "wait".into()),
        ("timeouts", Value::object([("create", "1h".into())])),
    ]);
    let creating = tokio::spawn({
        let (mut provider, slow) = (provider.clone(), slow.clone());
        async move { provider.apply(&slow, &Value::Null).await }
    });
    plugin.process.stderr.with("note written").await;
    assert!(!creating.is_finished());
    provider.stop().await;
    let soon = tokio::time::timeout(Duration::from_secs(5), creating).await;
    let created = soon.expect("soon").expect("no panic");
    assert_eq!(created.found, [(String::new(), "Interrupted".to_owned())]);
    assert_eq!(created.state.get("path").as_str(), Some("slow.txt"));
    assert!(created.state.is_wholly_known());

    // Later calls go on, with a fresh token.
    let destroyed = provider.apply(&Value::Null, &created.state).await;
    assert_eq!(destroyed.found, []);
    let mut brief = slow;
    brief.set("timeouts", Value::object([("create", "1ms".into())]));
    let created = provider.apply(&brief, &Value::Null).await;
    let want = [("timeouts.create".to_owned(), "Timeout".to_owned())];
    assert_eq!(created.found, want);
    plugin.shut_down().await;
}

#[tokio::test]
async fn a_call_in_flight_does_not_hold_up_the_end() {
    let mut plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    let slow = config([
        ("path", "slow.txt".into()),
        ("text", "x".into()),
        ("fault", "wait".into()),
    ]);
    let creating = tokio::spawn(async move { provider.apply(&slow, &Value::Null).await });
    plugin.process.stderr.with("note written").await;
    plugin.shut_down().await;
    // It was cancelled, and its answer still got through.
    let created = creating.await.expect("no panic");
    assert_eq!(created.state.get("path").as_str(), Some("slow.txt"));
}

#[tokio::test]
async fn a_panic_is_a_diagnostic() {
    let mut plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    let faulty = config([
        ("path", "p.txt".into()),
        ("text", "x".into()),
        ("fault", "panic".into()),
    ]);
    let created = provider.apply(&faulty, &Value::Null).await;
    assert_eq!(
        created.found,
        [(String::new(), "Bug in the provider".to_owned())]
    );
    // What was remembered before the panic is not lost.
    assert_eq!(created.state.get("id").as_str(), Some("p.txt"));
    let line = plugin.process.stderr.with("as the fault asked for").await;
    assert!(line.starts_with("panic: "), "{line}");
    assert_eq!(provider.validate(&faulty).await, []);
    plugin.shut_down().await;
}

#[tokio::test]
async fn large_messages_pass() {
    let plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    // Beyond the 4 MiB that gRPC libraries allow by themselves.
    let text = "x".repeat(20 << 20);
    let config = config([("path", "p".into()), ("text", text.into())]);
    let found = provider.validate(&config).await;
    assert_eq!(
        found,
        [("text".to_owned(), "Length out of range".to_owned())]
    );
    let plan = provider.plan(&config, &Value::Null).await;
    assert!(
        plan.planned_state
            .is_some_and(|state| state.msgpack.len() > 20 << 20)
    );
    plugin.shut_down().await;
}

#[tokio::test]
async fn the_log_is_hclog() {
    let mut plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    let config = config([("path", "p".into()), ("text", "s3cret".into())]);
    provider.apply(&config, &Value::Null).await;
    let line = plugin.process.stderr.with("note written").await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["@level"], "info");
    assert_eq!(line["@module"], "notes");
    assert_eq!(line["rpc"], "ApplyResourceChange");
    assert_eq!(line["type_name"], "notes_note");
    assert_eq!(
        line["@timestamp"].as_str().map(str::len),
        Some("2006-01-02T15:04:05.000000Z".len())
    );
    plugin.process.signal("TERM", false);
    for line in plugin.process.stderr.rest().await {
        assert!(!line.contains("s3cret"), "{line}");
        let _: serde_json::Value = serde_json::from_str(line).expect("every line is JSON");
    }
}

#[tokio::test]
async fn a_resource_is_imported_by_its_identity() {
    let plugin = Plugin::start().await;
    let mut provider = Provider::of(&plugin).await;
    std::fs::write(plugin.folder.path().join("old.txt"), "text").expect("a note");
    let ty = Type::object([("path", Type::String)]);
    let request = proto::get_resource_identity_schemas::Request {};
    let schemas = provider.0.get_resource_identity_schemas(request).await;
    let schemas = schemas.expect("an answer").into_inner().identity_schemas;
    let [part] = schemas["notes_note"].identity_attributes.as_slice() else {
        panic!("one part: {schemas:?}");
    };
    assert_eq!(
        (part.name.as_str(), part.required_for_import),
        ("path", true)
    );

    let identity = proto::ResourceIdentityData {
        identity_data: Some(pack(&Value::object([("path", "old.txt".into())]), &ty)),
    };
    let request = proto::import_resource_state::Request {
        type_name: "notes_note".to_owned(),
        identity: Some(identity.clone()),
        ..Default::default()
    };
    let answer = provider.0.import_resource_state(request).await;
    let imported = answer.expect("an answer").into_inner().imported_resources;
    assert_eq!(imported[0].identity.as_ref(), Some(&identity));

    let request = proto::read_resource::Request {
        type_name: "notes_note".to_owned(),
        current_state: imported[0].state.clone(),
        current_identity: Some(identity.clone()),
        ..Default::default()
    };
    let answer = provider.0.read_resource(request).await.expect("an answer");
    let answer = answer.into_inner();
    assert_eq!(answer.new_identity.as_ref(), Some(&identity));
    let state = unpack(answer.new_state.as_ref(), &note());
    assert_eq!(state.get("text").as_str(), Some("text"));

    let request = proto::upgrade_resource_identity::Request {
        type_name: "notes_note".to_owned(),
        version: 0,
        raw_identity: Some(proto::RawState {
            json: br#"{"path":"old.txt"}"#.to_vec(),
            ..Default::default()
        }),
    };
    let answer = provider.0.upgrade_resource_identity(request).await;
    let answer = answer.expect("an answer").into_inner();
    assert_eq!(answer.upgraded_identity, Some(identity));
    plugin.shut_down().await;
}

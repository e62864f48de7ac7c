//! The rules between provider code and Terraform, without a connection.

mod fake;
mod list;

use futures_util::StreamExt as _;

use super::*;
use crate::proto::tfplugin6 as proto;
use crate::value::{Number, Value};

use fake::{pack, server, thing, unpack};

fn apply(prior: &Value, planned: &Value) -> proto::apply_resource_change::Request {
    proto::apply_resource_change::Request {
        type_name: "fake_thing".to_owned(),
        prior_state: pack(prior),
        planned_state: pack(planned),
        config: pack(planned),
        planned_private: b"planned".to_vec(),
        ..Default::default()
    }
}

#[tokio::test]
async fn results_of_a_create() {
    let saved = thing("1".into());
    let unset = thing(Value::Null);
    let table = [
        // (how, the state that Terraform gets, a part of the error)
        ("", &saved, None),
        ("unknown", &unset, Some("id is still unknown")),
        ("null", &Value::Null, Some("returned no state")),
        ("mistype", &Value::Null, Some("got a bool")),
        ("partial", &unset, Some("")),
        ("silent", &Value::Null, Some("without an error")),
    ];
    for (how, state, error) in table {
        let (server, _) = server(how).await;
        let answer = server
            .apply(apply(&Value::Null, &thing(Value::Unknown)))
            .await;
        assert_eq!(unpack(answer.new_state.as_ref()), *state, "{how}");
        assert_eq!(answer.private, b"created", "{how}");
        let details: Vec<_> = answer.diagnostics.iter().map(|d| &d.detail).collect();
        match error {
            None => assert!(details.is_empty(), "{how}: {details:?}"),
            Some(error) => {
                assert!(
                    details.len() == 1 && details[0].contains(error),
                    "{how}: {details:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn private_state_and_warnings_are_carried() {
    let (server, _) = server("").await;
    let planned = server
        .plan(proto::plan_resource_change::Request {
            type_name: "fake_thing".to_owned(),
            prior_state: pack(&Value::Null),
            proposed_new_state: pack(&thing(Value::Null)),
            config: pack(&thing(Value::Null)),
            ..Default::default()
        })
        .await;
    assert_eq!(planned.planned_private, b"planned");
    assert_eq!(planned.diagnostics.len(), 1);
    assert_eq!(
        unpack(planned.planned_state.as_ref()),
        thing(Value::Unknown)
    );
    let created = server
        .apply(apply(&Value::Null, &thing(Value::Unknown)))
        .await;
    assert_eq!(created.private, b"created");
}

#[tokio::test]
async fn a_plan_outside_the_schema_is_a_bug() {
    let (server, _) = server("misplan").await;
    let request = proto::plan_resource_change::Request {
        type_name: "fake_thing".to_owned(),
        proposed_new_state: pack(&thing(Value::Null)),
        config: pack(&thing(Value::Null)),
        ..Default::default()
    };
    let answer = server.plan(request).await;
    assert!(
        answer
            .diagnostics
            .iter()
            .any(|d| d.detail.contains("no such attribute"))
    );
}

#[tokio::test]
async fn a_failure_keeps_the_prior_state_and_new_private_data() {
    let prior = thing("1".into());
    let mut changed = prior.clone();
    changed.set("name", "other");
    for (how, planned, private, error) in [
        ("", &Value::Null, "deleted", ""),
        ("fail", &changed, "updated", ""),
        (
            "",
            &changed,
            "updated",
            "panicked in ApplyResourceChange of fake_thing",
        ),
    ] {
        let (server, _) = server(how).await;
        let answer = server.apply(apply(&prior, planned)).await;
        assert_eq!(unpack(answer.new_state.as_ref()), prior);
        assert_eq!(answer.private, private.as_bytes(), "{how}");
        assert_eq!(answer.diagnostics.len(), 1);
        assert!(answer.diagnostics[0].detail.contains(error));
    }
}

#[tokio::test]
async fn a_change_of_timeouts_needs_no_update() {
    let (server, _) = server("").await;
    let prior = thing("1".into());
    let mut planned = prior.clone();
    planned.set("timeouts", Value::object([("create", "1m".into())]));
    let answer = server.apply(apply(&prior, &planned)).await;
    assert!(answer.diagnostics.is_empty());
    assert_eq!(unpack(answer.new_state.as_ref()), planned);
}

#[tokio::test]
async fn only_a_read_without_doubt_forgets() {
    for (how, state) in [
        ("", thing("1".into())),
        ("gone", Value::Null),
        ("doubt", thing("1".into())),
    ] {
        let (server, _) = server(how).await;
        let request = proto::read_resource::Request {
            type_name: "fake_thing".to_owned(),
            current_state: pack(&thing("1".into())),
            private: b"p".to_vec(),
            ..Default::default()
        };
        let answer = server.read(request).await;
        assert_eq!(unpack(answer.new_state.as_ref()), state, "{how}");
        assert_eq!(answer.private, b"read", "{how}");
        assert_eq!(answer.diagnostics.len(), usize::from(how == "doubt"));
    }
}

#[tokio::test]
async fn undecodable_values_lose_no_state() {
    let (server, _) = server("").await;
    let mut request = apply(&thing("1".into()), &Value::Null);
    request.config = Some(proto::DynamicValue {
        msgpack: vec![0xc1],
        json: Vec::new(),
    });
    let prior = request.prior_state.clone();
    let answer = server.apply(request).await;
    assert_eq!(answer.new_state, prior);
    assert_eq!(answer.diagnostics.len(), 1);

    let unknown = proto::read_resource::Request {
        type_name: "fake_other".to_owned(),
        current_state: prior.clone(),
        ..Default::default()
    };
    let answer = server.read(unknown).await;
    assert_eq!(answer.new_state, prior);
    assert_eq!(answer.diagnostics[0].summary, "Unknown resource type");
}

#[tokio::test]
async fn calls_before_the_configuration_fail() {
    let (server, _) = server("").await;
    *server.data.write().unwrap() = None;
    let answer = server
        .apply(apply(&Value::Null, &thing(Value::Unknown)))
        .await;
    assert_eq!(answer.diagnostics[0].summary, "Provider not configured");
}

#[tokio::test]
async fn undeclared_calls_are_unimplemented() {
    use crate::proto::tfplugin6::provider_server::Provider as _;
    use tonic::{Code, Request};

    let (server, _) = server("").await;
    let service = service::Service(server);
    let request = Request::new(proto::move_resource_state::Request::default());
    let error = service.move_resource_state(request).await.unwrap_err();
    assert_eq!(error.code(), Code::Unimplemented);
}

#[tokio::test]
async fn an_action_reports_progress_and_then_its_end() {
    use crate::proto::tfplugin6::invoke_action::event;

    for (how, to, want) in [
        ("", Value::Null, &["Counted"][..]),
        // More than fit into the queue.
        ("", 100_i64.into(), &["Counted"]),
        ("fail", Value::Null, &["Counted", "E"]),
        ("panic", Value::Null, &["Counted", "Bug in the provider"]),
    ] {
        let (server, _) = server(how).await;
        let count = to.to::<usize>().unwrap_or(2);
        let schema = server.catalog.actions.find("fake_count").unwrap();
        let config = codec::encode(&schema.schema, Value::object([("to", to)])).unwrap();
        let request = proto::invoke_action::Request {
            action_type: "fake_count".to_owned(),
            config: Some(config),
            ..Default::default()
        };
        let events: Vec<_> = server.invoke_action(request).collect().await;
        let mut events: Vec<_> = events
            .into_iter()
            .map(|event| event.unwrap().r#type.unwrap())
            .collect();
        let Some(event::Type::Completed(end)) = events.pop() else {
            panic!("no end");
        };
        let found: Vec<_> = end.diagnostics.iter().map(|d| d.summary.as_str()).collect();
        assert_eq!(found, want, "{how}");
        let messages: Vec<_> = events
            .into_iter()
            .map(|event| match event {
                event::Type::Progress(progress) => progress.message,
                event::Type::Completed(_) => panic!("two ends"),
            })
            .collect();
        let numbers: Vec<_> = (1..=count).map(|number| number.to_string()).collect();
        assert_eq!(messages, numbers, "{how}");
    }
    let (server, _) = server("").await;
    let unknown = proto::invoke_action::Request::default();
    let events: Vec<_> = server.invoke_action(unknown).collect().await;
    assert_eq!(events.len(), 1);
    assert_eq!(server.metadata().actions[0].type_name, "fake_count");
}

#[tokio::test]
async fn an_old_state_is_upgraded() {
    let (server, _) = server("").await;
    let request = proto::upgrade_resource_state::Request {
        type_name: "fake_thing".to_owned(),
        version: 1,
        raw_state: Some(proto::RawState {
            json: br#"{"title":"t","size":123456789012345678.125}"#.to_vec(),
            ..Default::default()
        }),
    };
    let answer = server.upgrade(request).await;
    let state = unpack(answer.upgraded_state.as_ref());
    assert_eq!(state.get("name").as_str(), Some("t 1"));
    let size = Number::parse("123456789012345678.125").unwrap();
    assert_eq!(*state.get("size"), size.into());
    // Attributes that it omits get the schema's defaults.
    assert_eq!(state.get("mode").as_str(), Some("auto"));
    assert!(state.get("id").is_null());
}

#[tokio::test]
async fn work_outlives_its_caller() {
    let (server, mut events) = server("wait").await;
    let calling = tokio::spawn({
        let server = Arc::clone(&server);
        async move {
            server
                .apply(apply(&Value::Null, &thing(Value::Unknown)))
                .await
        }
    });
    assert_eq!(events.recv().await, Some("began"));
    calling.abort();
    server.finish().await;
    assert_eq!(events.recv().await, Some("cancelled"));
    assert_eq!(events.recv().await, Some("done"));
}

#[tokio::test]
async fn a_stop_cancels_only_calls_in_flight() {
    let (server, mut events) = server("wait").await;
    for _ in 0..2 {
        let calling = tokio::spawn({
            let server = Arc::clone(&server);
            async move {
                server
                    .apply(apply(&Value::Null, &thing(Value::Unknown)))
                    .await
            }
        });
        assert_eq!(events.recv().await, Some("began"));
        server.stop_calls();
        let answer = calling.await.unwrap();
        assert_eq!(unpack(answer.new_state.as_ref()), thing("1".into()));
        while events.try_recv().is_ok() {}
    }
}

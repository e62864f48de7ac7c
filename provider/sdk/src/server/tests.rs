//! The rules between a provider's code and Terraform, without a connection.

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::*;
use crate::context::Context;
use crate::plan::Plan;
use crate::resource::{Create, Failure, Resource, Update};
use crate::schema::Attribute;
use crate::timeouts;
use crate::value::Number;

/// A provider whose one resource does what `how` says.
struct Fake {
    how: &'static str,
    events: mpsc::UnboundedSender<&'static str>,
}

#[async_trait]
impl Provider for Fake {
    type Data = ();

    fn name(&self) -> &str {
        "fake"
    }

    fn address(&self) -> String {
        "registry.terraform.io/example/fake".to_owned()
    }

    fn schema(&self) -> Schema {
        Schema::new()
    }

    async fn configure(&self, _: &Context<()>, _: Value) -> Result<(), Diagnostics> {
        Ok(())
    }

    fn resources(&self) -> Vec<Box<dyn Resource<()>>> {
        vec![Box::new(Thing {
            how: self.how,
            events: self.events.clone(),
        })]
    }
}

struct Thing {
    how: &'static str,
    events: mpsc::UnboundedSender<&'static str>,
}

#[async_trait]
impl Resource<()> for Thing {
    fn type_name(&self) -> &str {
        "fake_thing"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .version(2)
            .attribute("name", Attribute::string().required())
            .attribute("id", Attribute::string().computed())
            .attribute("size", Attribute::number().optional())
            .attribute("mode", Attribute::string().default("auto"))
            .block("timeouts", timeouts::block(["create"]))
    }

    async fn modify_plan(&self, cx: &Context<()>, plan: &mut Plan) -> Result<(), Diagnostics> {
        cx.set_private(*b"planned");
        cx.warn(Diagnostic::warning("Planned", ""));
        if self.how == "misplan" {
            plan.set("none", "x");
        }
        Ok(())
    }

    async fn create(&self, cx: &Context<()>, request: Create) -> Result<Value, Failure> {
        let mut state = request.planned;
        assert!(cx.private() == b"planned");
        cx.set_private(*b"created");
        match self.how {
            "unknown" => return Ok(state),
            "null" => return Ok(Value::Null),
            "mistype" => {
                state.set("id", true);
                return Ok(state);
            }
            "partial" => return Err(Failure::from(Diagnostic::error("E", "")).with_state(state)),
            "silent" => return Err(Diagnostics::new().into()),
            "wait" => {
                let _ = self.events.send("began");
                cx.cancelled().await;
                let _ = self.events.send("cancelled");
                tokio::task::yield_now().await;
                let _ = self.events.send("done");
            }
            _ => {}
        }
        state.set("id", "1");
        Ok(state)
    }

    async fn read(&self, cx: &Context<()>, state: Value) -> Result<Option<Value>, Diagnostics> {
        cx.set_private(*b"read");
        match self.how {
            "doubt" => Err(Diagnostic::error("E", "").into()),
            "gone" => Ok(None),
            _ => Ok(Some(state)),
        }
    }

    async fn update(&self, cx: &Context<()>, _: Update) -> Result<Value, Failure> {
        cx.set_private(*b"updated");
        match self.how {
            "fail" => Err(Diagnostic::error("E", "").into()),
            _ => panic!("an update"),
        }
    }

    async fn delete(&self, cx: &Context<()>, _: Value) -> Result<(), Failure> {
        cx.set_private(*b"deleted");
        Err(Diagnostic::error("E", "").into())
    }

    async fn upgrade_state(
        &self,
        _: &Context<()>,
        version: i64,
        state: &str,
    ) -> Result<Value, Diagnostics> {
        let then = Type::object([("title", Type::String), ("size", Type::Number)]);
        let old = Value::from_old_state(state, &then)?;
        let name = old.get("title").as_str().unwrap_or_default();
        Ok(Value::object([
            ("name", format!("{name} {version}").into()),
            ("size", old.get("size").clone()),
        ]))
    }
}

type Events = mpsc::UnboundedReceiver<&'static str>;

async fn server(how: &'static str) -> (Arc<Server<Fake>>, Events) {
    let (events, seen) = mpsc::unbounded_channel();
    let server = Server::new(Fake { how, events });
    *server.data.write().unwrap() = Some(Arc::new(()));
    (server, seen)
}

fn schema() -> Schema {
    let (events, _) = mpsc::unbounded_channel();
    Thing { how: "", events }.schema()
}

fn pack(value: &Value) -> Option<proto::DynamicValue> {
    Some(encode(&schema(), value.clone()).unwrap())
}

fn unpack(value: Option<&proto::DynamicValue>) -> Value {
    decode(value, &schema().ty()).unwrap()
}

fn thing(id: Value) -> Value {
    let value = Value::object([("name", "n".into()), ("id", id), ("mode", "auto".into())]);
    value.conform(&schema().ty()).unwrap()
}

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
async fn what_a_create_may_return() {
    let saved = thing("1".into());
    let unset = thing(Value::Null);
    let table = [
        // (how, the state that Terraform gets, a part of the error)
        ("", &saved, None),
        ("unknown", &unset, Some("id is still unknown")),
        ("null", &Value::Null, Some("gave no state")),
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
async fn only_a_certain_read_forgets() {
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
async fn garbage_loses_no_state() {
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
async fn nothing_works_before_the_configuration() {
    let (server, _) = server("").await;
    *server.data.write().unwrap() = None;
    let answer = server
        .apply(apply(&Value::Null, &thing(Value::Unknown)))
        .await;
    assert_eq!(answer.diagnostics[0].summary, "Provider not configured");
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
    // What it leaves out is as the schema has it.
    assert_eq!(state.get("mode").as_str(), Some("auto"));
    assert!(state.get("id").is_null());
}

#[tokio::test]
async fn work_outlives_a_caller_that_goes_away() {
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
async fn a_stop_is_for_the_calls_in_flight() {
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

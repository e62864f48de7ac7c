//! A provider whose one resource misbehaves on demand.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::action::{Action, ActionProgress};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::Plan;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::{Create, Failure, Resource, Update};
use crate::schema::{Attribute, Schema};
use crate::server::Server;
use crate::server::codec::{decode, encode};
use crate::timeouts;
use crate::types::Type;
use crate::value::Value;

/// A provider whose one resource does what `how` says.
pub(super) struct Fake {
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

    fn actions(&self) -> Vec<Box<dyn Action<()>>> {
        vec![Box::new(Count { how: self.how })]
    }
}

/// An action that counts up to a given number.
struct Count {
    how: &'static str,
}

#[async_trait]
impl Action<()> for Count {
    fn type_name(&self) -> &str {
        "fake_count"
    }

    fn schema(&self) -> Schema {
        Schema::new().attribute("to", Attribute::number().default(2))
    }

    async fn invoke(
        &self,
        cx: &Context<()>,
        config: Value,
        progress: &ActionProgress,
    ) -> Result<(), Diagnostics> {
        let to: u32 = config.get("to").to()?;
        for number in 1..=to {
            progress.report(number.to_string()).await;
        }
        cx.warn(Diagnostic::warning("Counted", ""));
        match self.how {
            "fail" => Err(Diagnostic::error("E", "").into()),
            "panic" => panic!("an action"),
            _ => Ok(()),
        }
    }
}

pub(super) struct Thing {
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

pub(super) type Events = mpsc::UnboundedReceiver<&'static str>;

pub(super) async fn server(how: &'static str) -> (Arc<Server<Fake>>, Events) {
    let (events, seen) = mpsc::unbounded_channel();
    let server = Server::new(Fake { how, events });
    *server.data.write().unwrap() = Some(Arc::new(()));
    (server, seen)
}

pub(super) fn schema() -> Schema {
    let (events, _) = mpsc::unbounded_channel();
    Thing { how: "", events }.schema()
}

pub(super) fn pack(value: &Value) -> Option<proto::DynamicValue> {
    Some(encode(&schema(), value.clone()).unwrap())
}

pub(super) fn unpack(value: Option<&proto::DynamicValue>) -> Value {
    decode(value, &schema().ty()).unwrap()
}

pub(super) fn thing(id: Value) -> Value {
    let value = Value::object([("name", "n".into()), ("id", id), ("mode", "auto".into())]);
    value.conform(&schema().ty()).unwrap()
}

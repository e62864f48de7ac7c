//! Lists: which resources are found, read, omitted and cut off.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::list::{ListResource, ListResults};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::{Create, Failure, Resource};
use crate::schema::{Attribute, Schema};
use crate::server::Server;
use crate::server::codec::{decode, encode};
use crate::value::Value;

/// A provider with numbered things, ten of which its list finds.
struct Things {
    how: &'static str,
    events: mpsc::UnboundedSender<&'static str>,
}

#[async_trait]
impl Provider for Things {
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
        let identity: &[&str] = match self.how {
            "nameless" => &[],
            _ => &["name"],
        };
        vec![Box::new(Thing(identity))]
    }

    fn list_resources(&self) -> Vec<Box<dyn ListResource<()>>> {
        vec![Box::new(List {
            how: self.how,
            events: self.events.clone(),
        })]
    }
}

struct Thing(&'static [&'static str]);

#[async_trait]
impl Resource<()> for Thing {
    fn type_name(&self) -> &str {
        "fake_thing"
    }

    fn schema(&self) -> Schema {
        Schema::new()
            .identity(self.0.iter().copied())
            .attribute("name", Attribute::string().required().requires_replace())
            .attribute("id", Attribute::string().computed())
    }

    async fn create(&self, _: &Context<()>, _: Create) -> Result<Value, Failure> {
        Ok(Value::Null)
    }

    /// Each is read in its own call, so effects of one are not visible to another.
    async fn read(&self, cx: &Context<()>, mut state: Value) -> Result<Option<Value>, Diagnostics> {
        assert!(cx.private().is_empty());
        cx.set_private(*b"read");
        match state.get("name").as_str() {
            Some("1") => Err(Diagnostic::error("Unreadable", "").at("id").into()),
            Some("2") => Ok(None),
            Some("3") => {
                cx.warn(Diagnostic::warning("Odd", "").at("id"));
                Ok(Some(state))
            }
            Some("4") => panic!("a read"),
            _ => {
                state.set("id", "read");
                Ok(Some(state))
            }
        }
    }

    async fn delete(&self, _: &Context<()>, _: Value) -> Result<(), Failure> {
        Ok(())
    }
}

struct List {
    how: &'static str,
    events: mpsc::UnboundedSender<&'static str>,
}

#[async_trait]
impl ListResource<()> for List {
    fn type_name(&self) -> &str {
        "fake_thing"
    }

    fn schema(&self) -> Schema {
        Schema::new().attribute("from", Attribute::number().default(0))
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        match config.get("from").as_i64() {
            Some(7) => Diagnostic::error("Seven", "").at("from").into(),
            _ => Diagnostics::new(),
        }
    }

    async fn list(
        &self,
        cx: &Context<()>,
        config: Value,
        results: &ListResults,
    ) -> Result<(), Diagnostics> {
        let from = config.get("from").as_i64().unwrap_or_default();
        for number in from..10 {
            let state = match self.how {
                "anonymous" => Value::object([("id", "1".into())]),
                _ => Value::object([("name", number.to_string().into())]),
            };
            if !results.report(format!("thing {number}"), state).await {
                let _ = self.events.send("enough");
                return Ok(());
            }
        }
        match self.how {
            "fail" => return Err(Diagnostic::error("E", "").into()),
            "panic" => panic!("a list"),
            "wait" => {
                let _ = self.events.send("waits");
                cx.cancelled().await;
                let _ = self.events.send("cancelled");
            }
            "warn" => cx.warn(Diagnostic::warning("Listed", "")),
            _ => {}
        }
        Ok(())
    }
}

fn server(how: &'static str) -> (Arc<Server<Things>>, mpsc::UnboundedReceiver<&'static str>) {
    let (events, seen) = mpsc::unbounded_channel();
    let server = Server::new(Things { how, events });
    *server.data.write().unwrap() = Some(Arc::new(()));
    (server, seen)
}

fn request(from: i64, whole: bool, limit: i64) -> proto::list_resource::Request {
    let schema = Schema::new().attribute("from", Attribute::number().optional());
    let config = Value::object([("from", from.into())]);
    proto::list_resource::Request {
        type_name: "fake_thing".to_owned(),
        config: Some(encode(&schema, config).unwrap()),
        include_resource_object: whole,
        limit,
    }
}

/// Describes an event in words: identity and name, whether there is a state, and diagnostics.
fn told(event: &proto::list_resource::Event) -> String {
    let schema = Thing(&["name"]).schema();
    let identity = event.identity.as_ref().map(|identity| {
        let ty = schema.identity_type().unwrap();
        let identity = decode(identity.identity_data.as_ref(), &ty).unwrap();
        identity.get("name").as_str().unwrap().to_owned()
    });
    let state = event.resource_object.as_ref().map(|state| {
        let state = decode(Some(state), &schema.ty()).unwrap();
        state.get("id").as_str().unwrap_or("null").to_owned()
    });
    let found = event.diagnostic.iter().map(|d| {
        assert!(d.attribute.is_none(), "{d:?}");
        let severity = match d.severity {
            1 => Severity::Error,
            _ => Severity::Warning,
        };
        format!(" {severity:?} {}", d.summary)
    });
    let found: String = found.collect();
    let name = &event.display_name;
    format!("{identity:?} {name:?} {state:?}{found}")
}

async fn list(how: &'static str, from: i64, whole: bool, limit: i64) -> Vec<String> {
    let (server, _) = server(how);
    let events = server.list(request(from, whole, limit));
    events.map(|event| told(&event.unwrap())).collect().await
}

#[tokio::test]
async fn a_list_has_identities_and_ends() {
    let found = list("", 8, false, 100).await;
    let want = [r#"Some("8") "thing 8" None"#, r#"Some("9") "thing 9" None"#];
    assert_eq!(found, want);
    // Unless whole resources are wanted, nothing is read, so nothing fails.
    assert_eq!(list("", 0, false, 100).await.len(), 10);
    assert_eq!(list("", 0, false, 0).await.len(), 10);
}

#[tokio::test]
async fn whole_resources_are_read_as_after_an_import() {
    let found = list("", 0, true, 5).await;
    let want = [
        r#"Some("0") "thing 0" Some("read")"#,
        r#"Some("1") "thing 1" None Warning Unreadable"#,
        // The second no longer exists, and does not count.
        r#"Some("3") "thing 3" Some("null") Warning Odd"#,
        r#"None "thing 4" None Error Bug in the provider"#,
        r#"Some("5") "thing 5" Some("read")"#,
    ];
    assert_eq!(found, want);
}

#[tokio::test]
async fn a_list_stops_at_its_limit() {
    let (server, mut seen) = server("");
    let events = server.list(request(0, false, 2));
    assert_eq!(events.count().await, 2);
    assert_eq!(seen.recv().await, Some("enough"));
    server.finish().await;
}

#[tokio::test]
async fn a_list_whose_caller_has_gone_stops() {
    let (server, mut seen) = server("wait");
    let mut events = server.list(request(9, false, 100));
    assert!(events.next().await.is_some());
    // The list continues while the next event is awaited.
    let waiting = tokio::spawn(async move { events.next().await });
    assert_eq!(seen.recv().await, Some("waits"));
    waiting.abort();
    assert_eq!(seen.recv().await, Some("cancelled"));
    server.finish().await;
}

#[tokio::test]
async fn stopping_ends_a_list() {
    let (server, mut seen) = server("wait");
    let events = server.list(request(9, false, 100));
    let all = tokio::spawn(events.count());
    assert_eq!(seen.recv().await, Some("waits"));
    server.stop_calls();
    assert_eq!(all.await.unwrap(), 1);
}

#[tokio::test]
async fn the_end_of_a_list_is_told() {
    for (how, want) in [
        ("fail", " Error E"),
        ("panic", " Error Bug in the provider"),
        ("warn", " Warning Listed"),
    ] {
        let found = list(how, 9, false, 100).await;
        assert_eq!(found[1..], [format!("None \"\" None{want}")], "{how}");
    }
    let (server, _) = server("");
    let unknown = proto::list_resource::Request {
        type_name: "fake_other".to_owned(),
        ..request(0, false, 1)
    };
    let found: Vec<_> = server.list(unknown).collect().await;
    let found = found[0].as_ref().unwrap();
    assert_eq!(found.diagnostic[0].summary, "Unknown list resource");
}

#[tokio::test]
async fn what_has_no_identity_is_a_bug() {
    let found = list("anonymous", 9, false, 100).await;
    assert_eq!(found, [r#"None "thing 9" None Error Bug in the provider"#]);
    let (server, _) = server("nameless");
    let problems = server.metadata().diagnostics;
    assert_eq!(problems.len(), 1);
    let want = "The list resource fake_thing is of no resource type that has an identity.";
    assert!(problems[0].detail.contains(want), "{problems:?}");
}

#[tokio::test]
async fn a_list_block_is_checked() {
    let (server, _) = server("");
    for (from, want) in [(0, &[][..]), (7, &["config.from: Seven"])] {
        let request = proto::validate_list_resource_config::Request {
            type_name: "fake_thing".to_owned(),
            config: request(from, false, 1).config,
            ..Default::default()
        };
        let found = server.validate_list(request).await.diagnostics;
        let found = Diagnostics::from_proto(found);
        let found = found.iter().map(|d| format!("{}: {}", d.path, d.summary));
        assert_eq!(found.collect::<Vec<_>>(), want, "{from}");
    }
    assert_eq!(server.metadata().list_resources.len(), 1);
    assert!(
        server
            .schemas()
            .list_resource_schemas
            .contains_key("fake_thing")
    );
}

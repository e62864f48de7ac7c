//! Terraform providers in Rust.
//!
//! The crate implements Terraform's plugin protocol 6 (Terraform 1.0 and later)
//! and a small typed framework on top of it: schemas, plans, validation, values
//! that may be unknown, private state, import, state upgrades, timeouts, and a
//! cancellation token in every call.
//!
//! # A provider
//!
//! Implement [`Provider`] and a [`Resource`] per resource type, and pass the
//! provider to [`serve`]:
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use tfplugin_sdk::{
//!     Attribute, Context, Create, Diagnostic, Diagnostics, Failure, Provider, Resource, Schema,
//!     Value, async_trait,
//! };
//!
//! struct MyCloud;
//!
//! /// Created from the provider block; every resource gets it.
//! struct Client {
//!     endpoint: String,
//! }
//!
//! #[async_trait]
//! impl Provider for MyCloud {
//!     type Data = Client;
//!
//!     fn name(&self) -> &str {
//!         "mycloud"
//!     }
//!
//!     fn address(&self) -> String {
//!         "registry.terraform.io/example/mycloud".to_owned()
//!     }
//!
//!     fn schema(&self) -> Schema {
//!         Schema::new().attribute("endpoint", Attribute::string().optional())
//!     }
//!
//!     async fn configure(&self, _: &Context<()>, config: Value) -> Result<Client, Diagnostics> {
//!         let endpoint = config.get("endpoint").as_str().unwrap_or("https://api.example.com");
//!         Ok(Client { endpoint: endpoint.to_owned() })
//!     }
//!
//!     fn resources(&self) -> Vec<Box<dyn Resource<Client>>> {
//!         vec![Box::new(Bucket)]
//!     }
//! }
//!
//! struct Bucket;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Model {
//!     name: String,
//!     id: Option<String>,
//! }
//!
//! #[async_trait]
//! impl Resource<Client> for Bucket {
//!     fn type_name(&self) -> &str {
//!         "mycloud_bucket"
//!     }
//!
//!     fn schema(&self) -> Schema {
//!         Schema::new()
//!             .attribute("name", Attribute::string().required().requires_replace())
//!             .attribute("id", Attribute::string().computed().use_state_for_unknown())
//!     }
//!
//!     async fn create(&self, cx: &Context<Client>, request: Create) -> Result<Value, Failure> {
//!         // Computed attributes are unknown here; the configuration is not.
//!         let Model { name, .. } = request.config.to()?;
//!         tokio::select! {
//!             () = cx.cancelled() => {
//!                 Err(Diagnostic::error("Interrupted", "Nothing was created.").into())
//!             }
//!             id = create_bucket(&cx.data().endpoint, &name) => {
//!                 Ok(Value::from_serialize(&Model { name, id: Some(id) })?)
//!             }
//!         }
//!     }
//!
//!     async fn read(&self, _: &Context<Client>, state: Value) -> Result<Option<Value>, Diagnostics> {
//!         Ok(Some(state))
//!     }
//!
//!     async fn delete(&self, _: &Context<Client>, _: Value) -> Result<(), Failure> {
//!         Ok(())
//!     }
//! }
//!
//! async fn create_bucket(endpoint: &str, name: &str) -> String {
//!     format!("{endpoint}/{name}")
//! }
//!
//! # #[allow(dead_code)]
//! fn main() -> std::process::ExitCode {
//!     # return std::process::ExitCode::SUCCESS;
//!     tfplugin_sdk::serve(MyCloud)
//! }
//! ```
//!
//! The example `notes` in the repository shows the rest: nested attributes, validators, a refined
//! plan, timeouts, import, a data source, a list resource and a function.
//!
//! # Rules
//!
//! - A [`Value`] may be null or unknown anywhere. [`Value::to`] converts one to a
//!   struct: a field of type `T` takes known values, `Option<T>` null as well,
//!   [`Field<T>`] also unknown ones.
//! - The schema validates and plans most of it. It refuses null for required
//!   attributes, and values for read-only ones. See [`Plan`] for the rules, and
//!   [`Resource::modify_plan`] for refinements.
//! - An apply must return every known planned value, which Terraform checks, and
//!   no unknown value, which the framework checks.
//! - State is never lost: a failed create, a panic and an interrupt all save the
//!   last [checkpoint](Context::checkpoint) or the state of the [`Failure`].
//! - Log with `tracing`. Terraform filters by `TF_LOG_PROVIDER` and `TF_LOG`.
//!   Never log a secret or a whole configuration, and never print to standard
//!   output.
//!
//! # Tests
//!
//! With the feature `testing`, the module `testing` has a host that starts a
//! provider and calls it as Terraform does.
//!
//! # Not supported
//!
//! Ephemeral resources, moves between resource types and generated configuration. The provider
//! reports to Terraform that it has none.

#![forbid(unsafe_code)]

mod action;
mod context;
mod data_source;
mod diagnostic;
mod function;
mod list;
mod logging;
mod panic;
mod path;
mod plan;
mod proto;
mod protocol;
mod provider;
mod resource;
mod schema;
mod serve;
mod server;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeouts;
mod types;
pub mod validators;
mod value;

pub use action::{Action, ActionProgress};
pub use async_trait::async_trait;
pub use context::Context;
pub use data_source::DataSource;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use function::{Function, FunctionError, Parameter, Signature};
pub use list::{ListResource, ListResults};
pub use path::{AttributePath, Step};
pub use plan::Plan;
pub use provider::Provider;
pub use resource::{Create, Failure, Resource, Update};
pub use schema::{Attribute, Block, Nesting, Schema};
pub use serve::{Serve, serve};
pub use tokio_util::sync::CancellationToken;
pub use types::{Type, TypeError};
pub use value::{Field, Number, Value, ValueError};

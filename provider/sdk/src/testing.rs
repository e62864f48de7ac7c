//! A host that talks to a provider as Terraform does, for tests.
//!
//! Starts the provider's program, performs the handshake, connects with a
//! pinned certificate, and calls the provider over gRPC. A test specifies what
//! a user would write in a configuration; the client fits it to the provider's
//! schemas and builds the proposals that Terraform would send.
//!
//! Enable the feature `testing`, preferably in a dev-dependency:
//!
//! ```toml
//! [dev-dependencies]
//! tfplugin-sdk = { version = "0.1", features = ["testing"] }
//! ```
//!
//! ```no_run
//! use tfplugin_sdk::Value;
//! use tfplugin_sdk::testing::{Error, Instance, Plugin};
//!
//! # const PROGRAM: &str = "";
//! # async fn test() -> Result<(), Error> {
//! // In a test: env!("CARGO_BIN_EXE_terraform-provider-mycloud").
//! let plugin = Plugin::start(PROGRAM).await?;
//! let provider = plugin.connect().await?.provider().await?;
//! assert!(provider.schemas().resources.contains_key("mycloud_bucket"));
//!
//! let nameless = Value::object([("name", "".into())]);
//! let found = provider.validate_resource("mycloud_bucket", &nameless).await?;
//! let paths: Vec<_> = found.iter().map(|d| d.path.to_string()).collect();
//! assert_eq!(paths, ["name"]);
//!
//! let endpoint = Value::object([("endpoint", "http://127.0.0.1:8080".into())]);
//! provider.configure(&endpoint).await?.ok()?;
//! let named = Value::object([("name", "logs".into())]);
//! let none = Instance::default();
//! let plan = provider.plan("mycloud_bucket", &named, &none).await?;
//! assert!(plan.planned.state.get("id").is_unknown());
//! let bucket = provider.apply("mycloud_bucket", &named, &none).await?.ok()?;
//! assert!(bucket.state.is_wholly_known());
//!
//! plugin.shut_down().await?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod certificate;
mod client;
mod connection;
mod error;
mod plugin;
mod process;
mod proposal;
mod schemas;

pub use answer::{Answer, Instance, Listed, Planned};
pub use certificate::HostCertificate;
pub use client::Client;
pub use connection::Connection;
pub use error::Error;
pub use plugin::Plugin;
pub use process::{Lines, Process};
pub use schemas::{Capabilities, IdentityAttribute, Metadata, Schemas};

/// Name and value of the environment variable that distinguishes a plugin from
/// a program started by the user.
pub const COOKIE: (&str, &str) = crate::protocol::COOKIE;

//! Providers.

use async_trait::async_trait;

use crate::action::Action;
use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostic::Diagnostics;
use crate::function::Function;
use crate::list::ListResource;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// A provider: its configuration, resources, data sources, list resources, actions
/// and functions.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Data that resources and data sources share: clients, credentials, settings.
    type Data: Send + Sync + 'static;

    /// Returns the short name, such as `soci`. Part of `TF_LOG_PROVIDER_SOCI`.
    fn name(&self) -> &str;

    /// Returns the full address in a registry, such as
    /// `registry.terraform.io/example/soci`. `-debug` prints it for Terraform.
    fn address(&self) -> String;

    /// Returns the schema of the provider block.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Unknown values must pass.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Configures the provider, before any resource is planned or read. Values
    /// may be unknown during a plan. Should not connect to anything, as an unused
    /// provider is configured too.
    async fn configure(&self, cx: &Context<()>, config: Value) -> Result<Self::Data, Diagnostics>;

    /// Returns the managed resources, the same at every call.
    fn resources(&self) -> Vec<Box<dyn Resource<Self::Data>>>;

    /// Returns the data sources, the same at every call.
    fn data_sources(&self) -> Vec<Box<dyn DataSource<Self::Data>>> {
        Vec::new()
    }

    /// Returns the list resources, the same at every call.
    fn list_resources(&self) -> Vec<Box<dyn ListResource<Self::Data>>> {
        Vec::new()
    }

    /// Returns the actions, the same at every call.
    fn actions(&self) -> Vec<Box<dyn Action<Self::Data>>> {
        Vec::new()
    }

    /// Returns the functions, the same at every call.
    fn functions(&self) -> Vec<Box<dyn Function>> {
        Vec::new()
    }
}

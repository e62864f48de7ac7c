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

/// A provider: its configuration, resources, data sources, list resources,
/// actions and functions.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// Data that resources and data sources share: clients, credentials, settings.
    type Data: Send + Sync + 'static;

    /// Returns the short name, such as `soci`, which also determines the name
    /// of the variable `TF_LOG_PROVIDER_SOCI`.
    fn name(&self) -> &str;

    /// Returns the full address in a registry, such as
    /// `registry.terraform.io/example/soci`. `-debug` prints it for Terraform.
    fn address(&self) -> String;

    /// Returns the schema of the provider block.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Must accept unknown values.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Configures the provider before any resource is planned or read. Values
    /// may be unknown during a plan. Should not open connections, because
    /// unused providers are configured too.
    async fn configure(&self, cx: &Context<()>, config: Value) -> Result<Self::Data, Diagnostics>;

    /// Returns the managed resources, which must be the same for every call.
    fn resources(&self) -> Vec<Box<dyn Resource<Self::Data>>>;

    /// Returns the data sources, which must be the same for every call.
    fn data_sources(&self) -> Vec<Box<dyn DataSource<Self::Data>>> {
        Vec::new()
    }

    /// Returns the list resources, which must be the same for every call.
    fn list_resources(&self) -> Vec<Box<dyn ListResource<Self::Data>>> {
        Vec::new()
    }

    /// Returns the actions, which must be the same for every call.
    fn actions(&self) -> Vec<Box<dyn Action<Self::Data>>> {
        Vec::new()
    }

    /// Returns the functions, which must be the same for every call.
    fn functions(&self) -> Vec<Box<dyn Function>> {
        Vec::new()
    }
}

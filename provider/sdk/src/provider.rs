//! Providers.

use async_trait::async_trait;

use crate::context::Context;
use crate::data_source::DataSource;
use crate::diagnostic::Diagnostics;
use crate::function::Function;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::value::Value;

/// A provider: its configuration, and what it offers.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// What resources and data sources share: clients, credentials, settings.
    type Data: Send + Sync + 'static;

    /// The short name, such as `soci`; also part of `TF_LOG_PROVIDER_SOCI`.
    fn name(&self) -> &str;

    /// The full address in a registry, such as
    /// `registry.terraform.io/example/soci`; `-debug` tells it to Terraform.
    fn address(&self) -> String;

    /// The schema of the provider block.
    fn schema(&self) -> Schema;

    /// Checks that take more than one attribute. Values may be unknown, and
    /// must pass then.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Takes the configuration, before anything does work. Values may be
    /// unknown during a plan. Should not connect to anything: an unused
    /// provider gets configured too.
    async fn configure(&self, cx: &Context<()>, config: Value) -> Result<Self::Data, Diagnostics>;

    /// The managed resources; the same at every call.
    fn resources(&self) -> Vec<Box<dyn Resource<Self::Data>>>;

    /// The data sources; the same at every call.
    fn data_sources(&self) -> Vec<Box<dyn DataSource<Self::Data>>> {
        Vec::new()
    }

    /// The functions; the same at every call.
    fn functions(&self) -> Vec<Box<dyn Function>> {
        Vec::new()
    }
}

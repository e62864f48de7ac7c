//! The provider itself: its configuration and what it offers.

use tfplugin_sdk::{
    Context, Diagnostic, Diagnostics, Provider, Resource, Schema, Value, async_trait,
};

use crate::index::Index;

/// The provider `soci`.
pub(crate) struct SociProvider;

/// What the resources share.
pub(crate) struct Shared {
    /// Connections to registries.
    pub client: soci::Client,
}

#[async_trait]
impl Provider for SociProvider {
    type Data = Shared;

    fn name(&self) -> &str {
        "soci"
    }

    fn address(&self) -> String {
        "registry.terraform.io/soci/soci".to_owned()
    }

    fn schema(&self) -> Schema {
        Schema::new().description(
            "Builds SOCI (Seekable OCI) indexes, with which container hosts start large images \
             before they have downloaded them.",
        )
    }

    async fn configure(&self, _: &Context<()>, _: Value) -> Result<Shared, Diagnostics> {
        let client = soci::Client::new().map_err(|error| {
            Diagnostic::error(
                "Cannot connect to registries",
                format!("{error}. Check that the system's CA certificates are installed."),
            )
        })?;
        Ok(Shared { client })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Shared>>> {
        vec![Box::new(Index)]
    }
}

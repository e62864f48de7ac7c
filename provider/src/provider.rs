//! The provider itself: its configuration and what it offers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use soci::ImageReference;
use tfplugin_sdk::{
    Context, DataSource, Diagnostic, Diagnostics, Provider, Resource, Schema, Value, async_trait,
};
use tokio::sync::OwnedMutexGuard;

use crate::aws::Aws;
use crate::index::{Index, IndexData, Uses};

/// The provider `soci`.
pub(crate) struct SociProvider;

/// What the resources share.
pub(crate) struct Shared {
    /// Connections to registries.
    pub client: soci::Client,
    /// The AWS account.
    #[expect(dead_code, reason = "the resources that need it come next")]
    pub aws: Aws,
    /// What the resources know of each other.
    pub uses: Uses,
    /// One lock for each repository, by name.
    repositories: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Shared {
    /// Waits for a turn to change a repository: what is to be removed must not be published
    /// by another resource at the same time.
    pub(crate) async fn turn(&self, image: &ImageReference) -> OwnedMutexGuard<()> {
        let repository = {
            let mut repositories = self
                .repositories
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(repositories.entry(image.name()).or_default())
        };
        repository.lock_owned().await
    }
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

    async fn configure(&self, _: &Context<()>, config: Value) -> Result<Shared, Diagnostics> {
        let client = soci::Client::new().map_err(|error| {
            Diagnostic::error(
                "Cannot connect to registries",
                format!("{error}. Check that the system's CA certificates are installed."),
            )
        })?;
        Ok(Shared {
            client,
            aws: Aws::new(&config)?,
            uses: Uses::default(),
            repositories: Mutex::default(),
        })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Shared>>> {
        vec![Box::new(Index)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Shared>>> {
        vec![Box::new(IndexData)]
    }
}

//! The provider itself: its configuration and what it offers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use soci::ImageReference;
use tfplugin_sdk::{
    Context, DataSource, Diagnostic, Diagnostics, Function, Provider, Resource, Schema, Value,
    async_trait,
};
use tokio::sync::OwnedMutexGuard;

use crate::aws::{self, Aws};
use crate::builder::IndexBuilder;
use crate::credentials::{self, RegistryCredentials};
use crate::functions::{FilterMatches, ParseImage};
use crate::index::{Index, IndexData, Uses};

/// The provider `soci`.
pub(crate) struct SociProvider;

/// What the resources share.
pub(crate) struct Shared {
    /// Connections to registries.
    pub client: soci::Client,
    /// The AWS account.
    pub aws: Aws,
    /// Who asks which registry.
    pub credentials: RegistryCredentials,
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
        aws::schema::add_to(Schema::new())
            .block("registry_auth", credentials::block())
            .description(
                "Builds SOCI (Seekable OCI) indexes, with which container hosts start large \
                 images before they have downloaded them.",
            )
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = aws::schema::validate(config);
        found.extend(credentials::validate(config));
        found
    }

    async fn configure(&self, _: &Context<()>, config: Value) -> Result<Shared, Diagnostics> {
        let aws = Aws::new(&config)?;
        let client = match aws.root_certificates() {
            Some(pem) => soci::Client::with_root_certificates(pem),
            None => soci::Client::new(),
        };
        let client = client.map_err(|error| {
            Diagnostic::error(
                "Cannot connect to registries",
                format!("{error}. Check that the system's CA certificates are installed."),
            )
        })?;
        Ok(Shared {
            client,
            aws,
            credentials: RegistryCredentials::new(&config),
            uses: Uses::default(),
            repositories: Mutex::default(),
        })
    }

    fn resources(&self) -> Vec<Box<dyn Resource<Shared>>> {
        vec![Box::new(Index), Box::new(IndexBuilder)]
    }

    fn functions(&self) -> Vec<Box<dyn Function>> {
        vec![Box::new(FilterMatches), Box::new(ParseImage)]
    }

    fn data_sources(&self) -> Vec<Box<dyn DataSource<Shared>>> {
        vec![Box::new(IndexData)]
    }
}

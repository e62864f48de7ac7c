//! Who asks a registry: in this order, `registry_auth` of the provider, Docker's configuration,
//! the AWS credentials for Amazon ECR, nobody.
//!
//! Each is looked at only when the one before has nothing, and only for the registry at hand:
//! what is kept for one registry is shown to no other.

mod ecr;
mod registry_auth;

use std::future::Future;
use std::time::Duration;

use soci::{Credentials, ImageReference};
use tfplugin_sdk::{Diagnostic, Value};

use crate::aws::Aws;
use crate::diagnose::diagnose;
use ecr::Host;
use registry_auth::Entries;
pub(crate) use registry_auth::{block, validate};

/// A credential helper is a program of its own, and may wait for a person.
const HELPER_TIMEOUT: Duration = Duration::from_secs(60);

/// The credentials of all registries.
pub(crate) struct RegistryCredentials {
    configured: Entries,
    tokens: ecr::Tokens,
}

impl RegistryCredentials {
    pub(crate) fn new(config: &Value) -> Self {
        Self {
            configured: Entries::read(config),
            tokens: ecr::Tokens::default(),
        }
    }

    /// The credentials for the registry of an image.
    pub(crate) async fn find(
        &self,
        aws: &Aws,
        image: &ImageReference,
    ) -> Result<Credentials, Diagnostic> {
        if let Some(found) = self.configured.find(image).await? {
            tracing::debug!(registry = image.registry(), "credentials of registry_auth");
            return Ok(found);
        }
        let found = of_docker(image, Credentials::from_docker_config(image)).await?;
        if found != Credentials::Anonymous {
            tracing::debug!(registry = image.registry(), "credentials of Docker");
            return Ok(found);
        }
        let Some(host) = Host::of(image.registry()) else {
            tracing::debug!(registry = image.registry(), "no credentials");
            return Ok(found);
        };
        tracing::debug!(registry = image.registry(), "credentials of AWS");
        self.tokens.find(aws, &host, image).await
    }
}

/// What a configuration of Docker's form has.
async fn of_docker(
    image: &ImageReference,
    work: impl Future<Output = soci::Result<Credentials>>,
) -> Result<Credentials, Diagnostic> {
    let name = image.to_string();
    let credentials = tokio::time::timeout(HELPER_TIMEOUT, work).await;
    let credentials = credentials.map_err(|_| {
        let detail = format!(
            "While looking up credentials for {name}: the credential helper of Docker's \
             configuration did not answer within {} seconds.\n\nTry it by hand: docker login {}",
            HELPER_TIMEOUT.as_secs(),
            image.registry()
        );
        Diagnostic::error("Registry credentials not available", detail).at("image")
    })?;
    credentials.map_err(|error| diagnose("looking up credentials for", &name, &error))
}

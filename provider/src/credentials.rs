//! Credentials of registries: in this order, `registry_auth` of the provider, Docker's
//! configuration, the AWS credentials for Amazon ECR, anonymous.
//!
//! Each source is tried only if the previous one has nothing, and only for the registry at hand:
//! credentials of one registry are never sent to another.

mod docker;
mod ecr;
mod registry_auth;

use soci::{Credentials, ImageReference};
use tfplugin_sdk::{Diagnostic, Value};

use crate::aws::Aws;
use ecr::Host;
use registry_auth::Entries;
pub(crate) use registry_auth::{block, validate};

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

    /// Finds the credentials for the registry of an image.
    pub(crate) async fn find(
        &self,
        aws: &Aws,
        image: &ImageReference,
    ) -> Result<Credentials, Diagnostic> {
        if let Some(found) = self.configured.find(image).await? {
            tracing::debug!(registry = image.registry(), "credentials of registry_auth");
            return Ok(found);
        }
        let found = docker::look_up(image, Credentials::from_docker_config(image)).await?;
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

//! Access to registries: credentials and connections.
//!
//! If there is a `registry_auth` block with credentials for the registry, only those are used.
//! Otherwise, they are looked for where other programs store their logins. After that come a token
//! from AWS (for Amazon ECR) and anonymous access. If a source has no credentials, fails, or has
//! some that the registry rejects, the next one is tried. Credentials for one registry are never
//! sent to another.

mod clients;
mod ecr;
mod registry_auth;

use std::sync::Arc;

use soci::{CredentialChain, ImageReference, RegistryImage};
use tfplugin_sdk::{Diagnostic, Value};

use crate::aws::Aws;
use crate::diagnose::diagnose;
use clients::Clients;
use ecr::{EcrToken, Host, Tokens};
use registry_auth::Entries;
pub(crate) use registry_auth::{block, validate};

/// All registries.
pub(crate) struct Registries {
    configured: Entries,
    clients: Clients,
    aws: Arc<Aws>,
    tokens: Arc<Tokens>,
}

impl Registries {
    /// Reads the provider configuration. Does not connect to anything yet.
    ///
    /// # Errors
    /// If certificate authorities cannot be loaded.
    pub(crate) fn new(config: &Value, aws: &Arc<Aws>) -> Result<Self, Diagnostic> {
        Ok(Self {
            configured: Entries::read(config),
            clients: Clients::new(aws.root_certificates())?,
            aws: Arc::clone(aws),
            tokens: Arc::default(),
        })
    }

    /// Opens an image in its registry.
    ///
    /// # Errors
    /// If credentials are configured but cannot be obtained, or certificate authorities cannot be
    /// read.
    pub(crate) async fn open(&self, image: &ImageReference) -> Result<RegistryImage, Diagnostic> {
        let client = self.clients.find(&self.configured, image)?;
        let credentials = self.credentials(image).await?;
        Ok(client.image(image.clone(), credentials))
    }

    /// Finds the credentials for the registry of an image.
    async fn credentials(&self, image: &ImageReference) -> Result<CredentialChain, Diagnostic> {
        let registry = image.registry();
        if let Some(found) = self.configured.find(image).await? {
            tracing::debug!(registry, "credentials of registry_auth");
            return Ok(found);
        }
        let local = CredentialChain::local_only(image).await;
        let local = local
            .map_err(|error| diagnose("looking up credentials for", &image.to_string(), &error))?;
        let Some(host) = Host::of(registry) else {
            return Ok(local.then_anonymous());
        };
        let (found, failed) = local.first(image).await;
        // Private registries allow no anonymous access, so without a token there is nothing to try.
        if found.is_none() && host != Host::Public {
            let token = self.tokens.find(&self.aws, &host, image).await;
            token.map_err(|mut diagnostic| {
                let failed = failed.iter().filter(|tried| tried.failure().is_some());
                for tried in failed {
                    diagnostic
                        .detail
                        .push_str(&format!("\n\nTried before: {tried}."));
                }
                diagnostic
            })?;
        }
        let token = EcrToken {
            aws: Arc::clone(&self.aws),
            tokens: Arc::clone(&self.tokens),
            host,
        };
        Ok(local.then(token).then_anonymous())
    }
}

//! State shared by all resources of a configured provider.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use soci::{ImageReference, MemoryBudget};
use tfplugin_sdk::{Diagnostic, Value};
use tokio::sync::OwnedMutexGuard;

use crate::aws::Aws;
use crate::credentials::Registries;
use crate::memory;
use crate::planned_builders::PlannedBuilders;
use crate::planned_tags::PlannedTags;

/// State shared by all resources.
pub(crate) struct Shared {
    /// The AWS account.
    pub aws: Arc<Aws>,
    /// Registries, with the credentials for them.
    pub registries: Registries,
    /// Memory budget for all layers that are indexed.
    pub memory: MemoryBudget,
    /// Tags that resources plan to publish.
    pub planned_tags: PlannedTags,
    /// Builders that resources plan.
    pub planned_builders: PlannedBuilders,
    /// One lock per repository, by name.
    repositories: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A call from Terraform to a resource or data source.
pub(crate) type CallContext<'a> = crate::call::CallContext<'a, Shared>;
/// A call with its AWS account and clients.
pub(crate) type Session<'a> = crate::aws::Session<'a, Shared>;

impl Shared {
    /// Reads the provider configuration. Does not connect to anything yet.
    ///
    /// # Errors
    /// If certificate authorities cannot be loaded.
    pub(crate) fn new(config: &Value) -> Result<Self, Diagnostic> {
        let aws = Arc::new(Aws::new(config)?);
        Ok(Self {
            registries: Registries::new(config, &aws)?,
            aws,
            memory: memory::budget(config)?,
            planned_tags: PlannedTags::default(),
            planned_builders: PlannedBuilders::default(),
            repositories: Mutex::default(),
        })
    }

    /// Waits for exclusive access to a repository, so that one resource does not remove what
    /// another is publishing.
    pub(crate) async fn lock_repository(&self, image: &ImageReference) -> OwnedMutexGuard<()> {
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

//! What the resources of one configuration know of each other.
//!
//! Terraform tells a provider of one resource at a time, and Terraform's state is not the
//! provider's to read. So this is what came by in this process: enough to see two resources
//! that would take a tag from each other, and to leave what another has just taken over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use soci::Digest;

use super::record::Build;
use super::settings::Settings;

/// Who uses what.
#[derive(Default)]
pub(crate) struct Uses(Mutex<State>);

#[derive(Default)]
struct State {
    /// Tags, by their full names, with what is planned to be published under them.
    tags: BTreeMap<String, Planned>,
    /// What each resource uses of a repository.
    documents: BTreeMap<(String, String), BTreeSet<Digest>>,
}

#[derive(Clone, PartialEq, Eq)]
struct Planned {
    image: String,
    recipe: String,
}

impl Uses {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole in itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is planned for the settings' tag. If that is something else for another
    /// resource, returns the tag's name and the image that the other is about.
    pub(super) fn plan_tag(&self, settings: &Settings) -> Option<(String, String)> {
        let tag = settings.tag.as_ref()?;
        let name = format!("{}:{tag}", settings.image.name());
        let planned = Planned {
            image: settings.image.to_string(),
            recipe: settings.recipe(),
        };
        let mut state = self.lock();
        let first = state
            .tags
            .entry(name.clone())
            .or_insert_with(|| planned.clone());
        (*first != planned).then(|| (name, first.image.clone()))
    }

    /// Notes what a resource uses now.
    pub(super) fn set(&self, repository: String, resource: &str, build: &Build) {
        let documents = build.documents.iter().copied().collect();
        let key = (repository, resource.to_owned());
        self.lock().documents.insert(key, documents);
    }

    /// What the other resources use of a repository.
    pub(super) fn of_others(&self, repository: &str, resource: &str) -> Vec<Digest> {
        let state = self.lock();
        let others = state
            .documents
            .iter()
            .filter(|((its, other), _)| its == repository && other != resource);
        others
            .flat_map(|(_, documents)| documents)
            .copied()
            .collect()
    }
}

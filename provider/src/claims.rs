//! Manifests and tags that the resources of one run rely on.
//!
//! Terraform shows a provider one resource at a time, and the state is not the provider's to
//! read. These claims are what this process has seen: enough to detect two resources that would
//! take a tag from each other, and to keep what another resource has just taken over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use soci::Digest;

/// The claims of all resources.
#[derive(Default)]
pub(crate) struct Claims(Mutex<State>);

#[derive(Default)]
struct State {
    /// Planned content of tags, by their full names.
    tags: BTreeMap<String, PlannedTag>,
    /// Claims by repository and resource.
    claims: BTreeMap<(String, String), Claim>,
}

/// What one resource relies on in a repository.
#[derive(Clone, Default)]
pub(crate) struct Claim {
    pub manifests: BTreeSet<Digest>,
    pub tags: BTreeSet<String>,
}

/// What a resource plans to publish under a tag.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PlannedTag {
    /// The source image.
    pub image: String,
    /// The options of the build.
    pub recipe: String,
}

impl Claims {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is complete in itself, so a panic in between spoils nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what a resource plans for a tag, by its full name. Returns the image of another
    /// resource that plans something else for it.
    pub(crate) fn plan_tag(&self, name: &str, planned: &PlannedTag) -> Option<String> {
        let mut state = self.lock();
        let first = state
            .tags
            .entry(name.to_owned())
            .or_insert_with(|| planned.clone());
        (first != planned).then(|| first.image.clone())
    }

    /// Replaces the claim of a resource.
    pub(crate) fn set(&self, repository: &str, resource: &str, claim: Claim) {
        let key = (repository.to_owned(), resource.to_owned());
        self.lock().claims.insert(key, claim);
    }

    /// Returns all that resources other than `resource` claim in the repository.
    pub(crate) fn of_others(&self, repository: &str, resource: &str) -> Claim {
        let mut all = Claim::default();
        for ((its, other), claim) in &self.lock().claims {
            if its == repository && other != resource {
                all.manifests.extend(&claim.manifests);
                all.tags.extend(claim.tags.iter().cloned());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(image: &str) -> PlannedTag {
        PlannedTag {
            image: image.to_owned(),
            recipe: "V2".to_owned(),
        }
    }

    #[test]
    fn two_resources_that_disagree_on_a_tag() {
        let claims = Claims::default();
        assert_eq!(claims.plan_tag("r.test/a:x", &planned("r.test/a:1")), None);
        // Terraform may plan a resource twice.
        assert_eq!(claims.plan_tag("r.test/a:x", &planned("r.test/a:1")), None);
        assert_eq!(claims.plan_tag("r.test/a:y", &planned("r.test/a:2")), None);
        assert_eq!(claims.plan_tag("r.test/b:x", &planned("r.test/b:2")), None);
        let other = claims.plan_tag("r.test/a:x", &planned("r.test/a:2"));
        assert_eq!(other.as_deref(), Some("r.test/a:1"));
    }

    #[test]
    fn claims_of_others_in_the_same_repository() {
        let claims = Claims::default();
        let digest = Digest::of(b"index");
        let claim = Claim {
            manifests: [digest].into(),
            tags: ["x".to_owned()].into(),
        };
        claims.set("r.test/a", "one", claim);
        assert!(claims.of_others("r.test/a", "one").manifests.is_empty());
        let others = claims.of_others("r.test/a", "two");
        assert!(others.manifests.contains(&digest) && others.tags.contains("x"));
        assert!(claims.of_others("r.test/b", "two").manifests.is_empty());
    }
}

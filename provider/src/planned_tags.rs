//! Tags that the resources of a run plan to publish.
//!
//! Terraform shows a provider one resource at a time. These plans are what this process has seen,
//! which is enough to detect two resources that would take a tag from each other.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The planned content of tags, by their full names.
#[derive(Default)]
pub(crate) struct PlannedTags(Mutex<BTreeMap<String, PlannedTag>>);

/// Content that a resource plans to publish under a tag.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PlannedTag {
    /// The source image.
    pub image: String,
    /// The options of the build.
    pub recipe: String,
}

impl PlannedTags {
    /// Records what a resource plans for a tag, by its full name. Returns the image of another
    /// resource with a different plan for it, if any.
    pub(crate) fn plan(&self, name: &str, planned: &PlannedTag) -> Option<String> {
        // Each change is complete in itself, so a panic in between corrupts nothing.
        let mut tags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = tags
            .entry(name.to_owned())
            .or_insert_with(|| planned.clone());
        (first != planned).then(|| first.image.clone())
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
        let tags = PlannedTags::default();
        assert_eq!(tags.plan("r.test/a:x", &planned("r.test/a:1")), None);
        // Terraform may plan a resource twice.
        assert_eq!(tags.plan("r.test/a:x", &planned("r.test/a:1")), None);
        assert_eq!(tags.plan("r.test/a:y", &planned("r.test/a:2")), None);
        assert_eq!(tags.plan("r.test/b:x", &planned("r.test/b:2")), None);
        let other = tags.plan("r.test/a:x", &planned("r.test/a:2"));
        assert_eq!(other.as_deref(), Some("r.test/a:1"));
    }
}

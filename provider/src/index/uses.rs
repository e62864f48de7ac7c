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
    used: BTreeMap<(String, String), Used>,
}

/// What a resource uses of a repository.
#[derive(Clone, Default)]
pub(super) struct Used {
    pub documents: BTreeSet<Digest>,
    pub tags: BTreeSet<String>,
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
    pub(super) fn set(&self, settings: &Settings, resource: &str, build: &Build) {
        let used = Used {
            documents: build.documents.iter().copied().collect(),
            tags: settings.tag.iter().cloned().collect(),
        };
        let key = (settings.image.name(), resource.to_owned());
        self.lock().used.insert(key, used);
    }

    /// What the other resources use of the repository.
    pub(super) fn of_others(&self, settings: &Settings, resource: &str) -> Used {
        let repository = settings.image.name();
        let mut all = Used::default();
        for ((its, other), used) in &self.lock().used {
            if *its == repository && other != resource {
                all.documents.extend(&used.documents);
                all.tags.extend(used.tags.iter().cloned());
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use tfplugin_sdk::Value;

    use super::*;

    fn settings(image: &str, tag: &str) -> Settings {
        let arguments = [("image", image.into()), ("tag", tag.into())];
        Settings::read(&Value::object(arguments)).expect("valid")
    }

    #[test]
    fn two_that_do_not_agree_on_a_tag() {
        let uses = Uses::default();
        assert_eq!(uses.plan_tag(&settings("r.test/a:1", "x")), None);
        // Terraform may plan a resource twice.
        assert_eq!(uses.plan_tag(&settings("r.test/a:1", "x")), None);
        assert_eq!(uses.plan_tag(&settings("r.test/a:2", "y")), None);
        assert_eq!(uses.plan_tag(&settings("r.test/b:2", "x")), None);
        let (tag, other) = uses
            .plan_tag(&settings("r.test/a:2", "x"))
            .expect("a conflict");
        assert_eq!((&*tag, &*other), ("r.test/a:x", "r.test/a:1"));
    }

    #[test]
    fn what_others_use() {
        let uses = Uses::default();
        let digest = Digest::of(b"index");
        let build = Build {
            digest: Some(digest),
            source: Digest::of(b"image"),
            indexes: Vec::new(),
            documents: vec![digest],
            adopted: false,
            tags: Vec::new(),
            recipe: String::new(),
        };
        let here = settings("r.test/a:1", "x");
        uses.set(&here, "one", &build);
        assert!(uses.of_others(&here, "one").documents.is_empty());
        let used = uses.of_others(&here, "two");
        assert!(used.documents.contains(&digest) && used.tags.contains("x"));
        let elsewhere = settings("r.test/b:1", "x");
        assert!(uses.of_others(&elsewhere, "two").documents.is_empty());
    }
}

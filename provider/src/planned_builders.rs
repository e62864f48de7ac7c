//! Builders planned by the resources of a run.
//!
//! Terraform shows a provider one resource at a time, without its address. These plans are what
//! this process has seen for one account, which is enough to detect two resources that want the
//! same builder.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The resources that plan a builder, by the builder's name and region.
#[derive(Default)]
pub(crate) struct PlannedBuilders(Mutex<BTreeMap<String, Option<String>>>);

impl PlannedBuilders {
    /// Records that a resource plans this builder. The resource is identified by its unique name,
    /// which it has once it is created and keeps while a replacement is planned; Terraform plans a
    /// new resource once. Returns whether another resource plans the same builder.
    pub(crate) fn plan(&self, builder: &str, resource: Option<&str>) -> bool {
        // Each change is complete in itself, so a panic in between corrupts nothing.
        let mut planned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let resource = resource.map(str::to_owned);
        match planned.get(builder) {
            Some(first) => first.is_none() || *first != resource,
            None => {
                planned.insert(builder.to_owned(), resource);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_resources_of_one_name() {
        for (first, second, two) in [
            (None, None, true),
            (None, Some("a"), true),
            (Some("a"), None, true),
            (Some("a"), Some("b"), true),
            // An existing resource is planned again as its own replacement.
            (Some("a"), Some("a"), false),
        ] {
            let planned = PlannedBuilders::default();
            assert!(!planned.plan("x", first));
            assert!(!planned.plan("y", second));
            assert_eq!(planned.plan("x", second), two, "{first:?}, {second:?}");
        }
    }
}

//! Planning.
//!
//! Terraform plans again while it applies, and known planned values must come out the same. So
//! nothing here depends on the registry: a refresh resolves the image's tag, once, and Terraform
//! keeps the result beside the plan. A plan can then promise the digest that will be indexed, and
//! the apply keeps the promise.

use soci::{Digest, Version};
use tfplugin_sdk::{Context, Diagnostic, Diagnostics, Plan, Value};

use super::build::Build;
use super::private_state::PrivateState;
use super::settings::{Settings, planned_tag};
use crate::claims::PlannedTag;
use crate::shared::Shared;

/// Refines the plan of a create or an update.
pub(super) fn modify(cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
    let tag = match plan.config().get("tag") {
        Value::Null => planned_tag(plan.planned()),
        set => set.clone(),
    };
    let private = PrivateState::load(cx);
    // Whether an apply would read the image: only then can computed attributes change.
    let mut applies = plan.planned().get("digest").is_unknown();
    if !applies && let Some(prior) = plan.prior() {
        let source = prior.get("source_digest").as_str();
        let drifted = |build: &Build| !build.is_in(prior);
        let moved = |seen: &Digest| Some(seen.to_string().as_str()) != source;
        if *prior.get("tag") != tag
            || private.current.as_ref().is_some_and(drifted)
            || private.seen.as_ref().is_some_and(moved)
        {
            plan.mark_computed_unknown();
            applies = true;
        }
    }
    if plan.config().get("tag").is_null() {
        plan.set("tag", tag);
    }
    let Ok(settings) = Settings::read(plan.planned()) else {
        // Something is not known yet.
        return Ok(());
    };
    if let Some(tag) = &settings.tag {
        let tag = format!("{}:{tag}", settings.image.name());
        let planned = PlannedTag {
            image: settings.image.to_string(),
            recipe: settings.recipe(),
        };
        if let Some(other) = cx.data().claims.plan_tag(&tag, &planned) {
            return Err(two_on_one_tag(&settings, &tag, &other).into());
        }
    }
    if !applies {
        return Ok(());
    }
    plan.set("id", settings.id());
    let promised = match (settings.image.digest(), plan.prior()) {
        (Some(digest), _) => Some(digest),
        // Whatever changed a trigger may also push the image.
        (None, Some(prior)) if same(plan.planned(), prior, &["image", "triggers"]) => private.seen,
        (None, _) => None,
    };
    if let Some(source) = promised {
        plan.set("source_digest", source.to_string());
        if settings.version == Version::V1 {
            plan.set("image_uri", format!("{}@{source}", settings.image.name()));
        }
    }
    Ok(())
}

fn same(one: &Value, other: &Value, names: &[&str]) -> bool {
    names.iter().all(|name| one.get(name) == other.get(name))
}

fn two_on_one_tag(settings: &Settings, tag: &str, other: &str) -> Diagnostic {
    let detail = format!(
        "Two resources would publish different SOCI-enabled images as {tag}, one of {other} and \
         one of {}. Each apply would move the tag from one to the other. Remove one of them, give \
         both the same arguments, or choose another tag for one with the argument tag.",
        settings.image
    );
    Diagnostic::error("Two resources on one tag", detail).at("tag")
}

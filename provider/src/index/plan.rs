//! What an apply would do.
//!
//! Terraform plans again while it applies, and what was planned known must come out the same;
//! so nothing here may depend on what the registry has at the moment. What a tag names is
//! looked up when the state is read, which Terraform does once and keeps beside the plan. A
//! plan can then promise the digest that will be indexed, and the apply keeps to it.

use soci::Version;
use tfplugin_sdk::{Context, Diagnostic, Diagnostics, Plan, Value};

use super::record::Record;
use super::settings::{Settings, planned_tag};
use crate::provider::Shared;

/// Refines the plan of a create or an update.
pub(super) fn modify(cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
    let tag = match plan.config().get("tag") {
        Value::Null => planned_tag(plan.planned()),
        set => set.clone(),
    };
    let record = Record::load(cx);
    // Whether an apply would look at the image: only then can computed attributes change.
    let mut makes = plan.planned().get("digest").is_unknown();
    if !makes && let Some(prior) = plan.prior() {
        let source = prior.get("source_digest").as_str();
        let drifted = |build: &super::record::Build| !build.is_shown(prior);
        let moved = |seen: &soci::Digest| Some(seen.to_string().as_str()) != source;
        if *prior.get("tag") != tag
            || record.current.as_ref().is_some_and(drifted)
            || record.seen.as_ref().is_some_and(moved)
        {
            plan.mark_computed_unknown();
            makes = true;
        }
    }
    if plan.config().get("tag").is_null() {
        plan.set("tag", tag);
    }
    let Ok(settings) = Settings::read(plan.planned()) else {
        // Something is not known yet; the apply will tell.
        return Ok(());
    };
    if let Some((tag, other)) = cx.data().uses.plan_tag(&settings) {
        return Err(two_on_one_tag(&settings, &tag, &other).into());
    }
    if !makes {
        return Ok(());
    }
    plan.set("id", settings.id());
    let promised = match (settings.image.digest(), plan.prior()) {
        (Some(digest), _) => Some(digest),
        // What triggers a change may well push the image before that.
        (None, Some(prior)) if same(plan.planned(), prior, &["image", "triggers"]) => record.seen,
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
        "Two resources would publish a SOCI-enabled image as {tag}, one of {other} and one of \
         {}, and they do not agree on its content. Each apply would take the tag from one and \
         give it to the other. Remove one of them, give them the same arguments, or give one \
         another tag with the argument tag.",
        settings.image
    );
    Diagnostic::error("Two resources on one tag", detail).at("tag")
}

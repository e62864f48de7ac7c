//! Planning.
//!
//! Terraform plans again during an apply, and known planned values must come out the same. None of
//! them therefore depends on the registry: a refresh resolves the image's tag once, and Terraform
//! keeps the result with the plan. A plan can then promise the digest that will be indexed, and the
//! apply keeps the promise.

use std::time::Duration;

use soci::{Digest, RegistryError, Version};
use tfplugin_sdk::{Context, Diagnostic, Diagnostics, Plan, Value};

use super::build::Build;
use super::private_state::PrivateState;
use super::registry::open;
use super::settings::{Settings, planned_tag};
use crate::diagnose::diagnose;
use crate::planned_tags::PlannedTag;
use crate::shared::{CallContext, Shared};

/// Time limit for contacting the registry.
const LOOK: Duration = Duration::from_secs(10);

/// Refines the plan of a create or update.
pub(super) fn modify(cx: &Context<Shared>, plan: &mut Plan) -> Result<(), Diagnostics> {
    let tag = match plan.config().get("tag") {
        Value::Null => planned_tag(plan.planned()),
        set => set.clone(),
    };
    let private = PrivateState::load(cx, plan.prior().unwrap_or(&Value::Null));
    // Whether an apply would read the image, which is the only way for computed attributes to
    // change.
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
        // Some value is not known yet.
        return Ok(());
    };
    if let Some(tag) = &settings.tag {
        let tag = format!("{}:{tag}", settings.image.name());
        let planned = PlannedTag {
            image: settings.image.to_string(),
            recipe: settings.recipe(),
        };
        if let Some(other) = cx.data().planned_tags.plan(&tag, &planned) {
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

/// Checks that the registry of a new image can be reached and accepts the login, so that an apply
/// does not create other resources and then fail on this one. If the image replaces another one,
/// also checks that it exists, unless something applied along with it may push it.
///
/// Everything else is left to the apply, which may itself push the image of a new resource, create
/// its repository, start the registry, or create what the provider configuration depends on.
///
/// # Errors
/// If the registry rejects the login, has an untrusted certificate or uses plain HTTP, or if the
/// image does not exist.
pub(super) async fn look(cx: &Context<Shared>, plan: &Plan) -> Result<(), Diagnostic> {
    let known = |prior| same(plan.planned(), prior, &["image"]);
    let Ok(settings) = Settings::read(plan.planned()) else {
        return Ok(());
    };
    if plan.prior().is_some_and(known) {
        return Ok(());
    }
    let look = async {
        let image = open(cx.data(), &settings.image).await.ok()?;
        Some(image.resolve(settings.source_name()).await)
    };
    let call = CallContext::new(cx, LOOK);
    let image = settings.image.to_string();
    let error = match call.within(Box::pin(look)).await {
        Ok(Some(Ok(None))) => return expect_pushed(plan, &image),
        Ok(Some(Err(error))) => error,
        _ => return Ok(()),
    };
    if error.is_not_found() {
        return expect_pushed(plan, &image);
    }
    let fails_always = |error: &RegistryError| {
        error.refuses_log_in() || error.is_untrusted() || error.is_plain_http()
    };
    if error.registry().is_some_and(fails_always) {
        return Err(diagnose("looking for", &image, &error));
    }
    Ok(())
}

/// Accepts that an image does not exist when it is planned.
///
/// # Errors
/// If it replaces another image and nothing suggests that the apply pushes it.
fn expect_pushed(plan: &Plan, image: &str) -> Result<(), Diagnostic> {
    let Some(prior) = plan.prior() else {
        return Ok(());
    };
    if !same(plan.planned(), prior, &["triggers"]) {
        return Ok(());
    }
    let before = prior.get("image").as_str().unwrap_or_default();
    let detail = format!(
        "{image} does not exist, so it cannot replace {before}, whose index stays as it is. Check \
         the tag. If the same apply pushes the image, add an attribute of the resource that \
         pushes it, such as its digest, to triggers."
    );
    Err(Diagnostic::error("Image not found", detail).at("image"))
}

fn same(one: &Value, other: &Value, names: &[&str]) -> bool {
    names.iter().all(|name| one.get(name) == other.get(name))
}

fn two_on_one_tag(settings: &Settings, tag: &str, other: &str) -> Diagnostic {
    let detail = format!(
        "Two resources would publish different SOCI-enabled images as {tag}, one of {other} and \
         one of {}. Each apply would move the tag from one to the other. Remove one of them, give \
         both the same arguments, or set the argument tag to another value in one of them.",
        settings.image
    );
    Diagnostic::error("Two resources on one tag", detail).at("tag")
}

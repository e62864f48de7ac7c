//! Import of an index that Terraform does not know yet.

use soci::{
    CompleteIndex, Digest, ImageReference, Inspection, RegistryImage, Version, complete_indexes,
    inspect, one_per_platform,
};
use tfplugin_sdk::{Context, Diagnostic, Value};

use super::exported::{Exported, entries};
use super::seen_options::SeenOptions;
use super::settings::Settings;
use super::validate::check_tag;
use crate::shared::Shared;

/// Parses an import ID: version, image, and a tag if it is not the default one.
pub(super) fn parse(id: &str) -> Result<Value, Diagnostic> {
    let invalid = || invalid_id(id);
    let (version, rest) = id.split_once('/').ok_or_else(invalid)?;
    let (image, tag) = match rest.split_once(',') {
        Some((image, tag)) => (image, Some(tag)),
        None => (rest, None),
    };
    let is_tag = |tag| version == "V2" && check_tag(tag).is_ok();
    if !["V1", "V2"].contains(&version)
        || image.parse::<ImageReference>().is_err()
        || !tag.is_none_or(is_tag)
    {
        return Err(invalid());
    }
    let mut state = Value::object([
        ("image", image.into()),
        ("index_version", version.into()),
        ("tag", tag.into()),
        ("keep_on_destroy", false.into()),
    ]);
    let settings = Settings::read(&state)?;
    if settings.version == Version::V2 && settings.tag.is_none() {
        let detail = format!(
            "The SOCI-enabled image of {image} has no tag by default, so it cannot be found by \
             the image's name. If it has a tag, add it to the import ID after a comma. If not, \
             apply instead of importing: an index that already exists is adopted."
        );
        return Err(Diagnostic::error("Image without a tag", detail));
    }
    state.set("tag", settings.tag.clone());
    state.set("id", settings.id());
    Ok(state)
}

fn invalid_id(id: &str) -> Diagnostic {
    let detail = format!(
        "Got {id:?}. Want the index version and the image, such as \
         V2/registry.example.com/app:1.0 or V1/registry.example.com/app:1.0. If the tag of the \
         SOCI-enabled image is not the image's tag followed by \"-soci\", add it after a comma: \
         V2/registry.example.com/app:1.0,lazy."
    );
    Diagnostic::error("Invalid import ID", detail)
}

/// An index that can be imported.
pub(super) struct Importable {
    /// The image.
    source: Inspection,
    /// The carrier of the index: the image itself (V1), or the SOCI-enabled image.
    found: Inspection,
    /// Digest of the SOCI-enabled image (V2).
    enabled: Option<Digest>,
    indexes: Vec<CompleteIndex>,
}

/// Looks for an index that can be imported. Returns `None` if there is no
/// complete one.
///
/// # Errors
/// If the registry refuses the request or cannot be reached.
pub(super) async fn find(
    image: &RegistryImage,
    settings: &Settings,
    source: Digest,
) -> soci::Result<Option<Importable>> {
    let source = inspect(&image.at(source)).await?;
    let (found, enabled) = match settings.version {
        Version::V1 => (source.clone(), None),
        Version::V2 => {
            let tag = settings.tag.clone().unwrap_or_default();
            let Some(now) = image.resolve(&tag).await? else {
                return Ok(None);
            };
            let found = inspect(&image.at(now.digest)).await?;
            (found, Some(now.digest))
        }
    };
    let indexes = complete_indexes(image, settings.version, &found).await?;
    let indexes = one_per_platform(indexes);
    Ok((!indexes.is_empty()).then_some(Importable {
        source,
        found,
        enabled,
        indexes,
    }))
}

/// Fills in the state of an import. Returns `None` if there is no complete
/// index.
///
/// # Errors
/// If the registry refuses the request or cannot be reached.
pub(super) async fn import(
    cx: &Context<Shared>,
    image: &RegistryImage,
    settings: &Settings,
    mut state: Value,
    source: Digest,
) -> soci::Result<Option<Value>> {
    let Some(importable) = find(image, settings, source).await? else {
        return Ok(None);
    };
    let Importable {
        source,
        found,
        enabled,
        indexes,
    } = importable;
    let mut seen = SeenOptions::of(&found, settings.version);
    let memory = &cx.data().memory;
    seen.look_closer(image, &source, &found, memory).await?;
    let is_fresh = source.has_layers_of(&found) && seen.rebuilds(image, &source, &found).await?;
    let exported = Exported {
        source: source.root,
        enabled,
        indexes: entries(&indexes),
    };
    if exported.write(&mut state, settings).is_err() {
        return Ok(None);
    }
    if !is_fresh {
        // It was built from an older image or with other options. The next apply rebuilds it.
        state.set("source_digest", None::<String>);
    }
    state.set("indexed", true);
    seen.write(&mut state);
    if let Some(warning) = seen.warning(settings) {
        cx.warn(warning);
    }
    Ok(Some(state))
}

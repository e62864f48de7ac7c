//! Finding an index in the registry: what there is now, for a state or for an import.

use soci::{Destination, Digest, RegistryImage, Version, inspect};
use tfplugin_sdk::{Context, Diagnostics, Value};

use super::attributes::{Built, IndexLine, Settings, set_lines};
use super::open;
use crate::diagnose::diagnose;
use crate::provider::Shared;

/// The state as the registry has it now; nothing if the index is gone.
pub(super) async fn find(
    cx: &Context<Shared>,
    mut state: Value,
) -> Result<Option<Value>, Diagnostics> {
    let settings = Settings::read(&state)?;
    let image = open(cx, &settings.image).await?;
    let found = tokio::select! {
        () = cx.cancelled() => {
            let detail = format!("Reading the index of {} was interrupted.", settings.image);
            return Err(tfplugin_sdk::Diagnostic::error("Interrupted", detail).into());
        }
        found = look(&image, &settings, &mut state) => found,
    };
    match found {
        Ok(true) => {
            if Built::remembered(cx).is_none() {
                Built::of(&state).remember(cx);
            }
            Ok(Some(state))
        }
        Ok(false) => Ok(None),
        Err(error) => {
            let image = settings.image.to_string();
            Err(diagnose("reading the index of", &image, &error).into())
        }
    }
}

/// Brings the state up to date. Returns whether there is still an index.
async fn look(image: &RegistryImage, settings: &Settings, state: &mut Value) -> soci::Result<bool> {
    let imported = state.get("source_digest").is_null();
    if imported {
        // What the index was built from cannot be asked; the next plan compares.
        let Some(source) = image.resolve(settings.source_name()).await? else {
            return Ok(false);
        };
        state.set("source_digest", source.digest.to_string());
    }
    let source: Digest = parsed(state.get("source_digest"))?;
    if state.get("indexed").as_bool() == Some(false) {
        return Ok(image.resolve(source).await?.is_some());
    }
    match settings.version {
        Version::V1 => look_v1(image, state, source, imported).await,
        Version::V2 => look_v2(image, settings, state, imported).await,
    }
}

async fn look_v1(
    image: &RegistryImage,
    state: &mut Value,
    source: Digest,
    imported: bool,
) -> soci::Result<bool> {
    if image.resolve(source).await?.is_none() {
        return Ok(false);
    }
    let known = Built::of(state);
    let mut lines = lines(&image.at(source), Version::V1, state).await?;
    // Others may have indexes of the same image; ours are those that the state names.
    if !imported {
        lines.retain(|line| known.has(&line.digest));
    }
    let Some(first) = lines.first() else {
        return Ok(false);
    };
    if imported {
        state.set("digest", first.digest.clone());
        settle_import(state, image, source);
    }
    Ok(set_lines(state, &lines).is_ok())
}

async fn look_v2(
    image: &RegistryImage,
    settings: &Settings,
    state: &mut Value,
    imported: bool,
) -> soci::Result<bool> {
    let name = match settings.output_tag() {
        Some(tag) => tag,
        // Without a tag the image is known by its digest alone, which an import lacks.
        None => match state.get("digest").as_str() {
            Some(digest) => digest.to_owned(),
            None => return Ok(false),
        },
    };
    let Some(now) = image.resolve(&name).await? else {
        return Ok(false);
    };
    let moved = state.get("digest").as_str() != Some(&now.digest.to_string());
    if moved && !imported {
        // Whatever the tag names now, it is not ours.
        state.set("digest", now.digest.to_string());
        return Ok(set_lines(state, &[]).is_ok());
    }
    let lines = lines(&image.at(now.digest), Version::V2, state).await?;
    if imported {
        if lines.is_empty() {
            return Ok(false);
        }
        state.set("digest", now.digest.to_string());
        settle_import(state, image, now.digest);
    }
    Ok(set_lines(state, &lines).is_ok())
}

/// What an import cannot find out is taken to be as the defaults have it.
fn settle_import(state: &mut Value, image: &RegistryImage, deploy: Digest) {
    let uri = format!("{}@{deploy}", image.reference().name());
    state.set("image_uri", uri);
    state.set("indexed", true);
    if state.get("min_layer_size").is_null() {
        state.set("min_layer_size", soci::Options::default().min_layer_size);
    }
}

/// The complete indexes of an image. One that lacks a zTOC is as good as gone.
async fn lines(
    image: &RegistryImage,
    version: Version,
    state: &mut Value,
) -> soci::Result<Vec<IndexLine>> {
    let mut lines = Vec::new();
    for platform in inspect(image).await?.platforms {
        for index in platform.indexes {
            if index.version != version {
                continue;
            }
            let mut whole = true;
            for ztoc in &index.ztocs {
                whole &= image.has_blob(ztoc.descriptor.digest).await?;
            }
            if !whole {
                continue;
            }
            let span_size = index.ztocs.iter().find_map(|ztoc| ztoc.span_size);
            if let Some(span_size) = span_size
                && state.get("span_size").is_null()
            {
                state.set("span_size", span_size);
            }
            lines.push(IndexLine {
                platform: platform.platform.clone(),
                manifest_digest: platform.manifest.to_string(),
                digest: index.digest.to_string(),
                size: index.size,
                ztoc_count: index.ztocs.len(),
                skipped_layers: platform.layers.len().saturating_sub(index.ztocs.len()),
            });
        }
    }
    Ok(lines)
}

fn parsed(digest: &Value) -> soci::Result<Digest> {
    Ok(digest.as_str().unwrap_or_default().parse()?)
}

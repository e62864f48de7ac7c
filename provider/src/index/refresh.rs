//! Refresh of the state of a resource that Terraform knows.

use soci::{Digest, RegistryImage, Version, complete_indexes, inspect};
use tfplugin_sdk::Value;

use super::exported::{IndexEntry, entries, write_indexes};
use super::private_state::PrivateState;
use super::settings::Settings;

/// Returns the state according to the registry, or `None` if nothing of it is
/// left.
///
/// # Errors
/// If the registry refuses the request or cannot be reached.
pub(super) async fn refresh(
    image: &RegistryImage,
    settings: &Settings,
    private: &PrivateState,
    mut state: Value,
) -> soci::Result<Option<Value>> {
    if state.get("indexed").as_bool() == Some(false) {
        let source = parse(state.get("source_digest"))?;
        let exists = image.resolve(source).await?.is_some();
        return Ok(exists.then_some(state));
    }
    let indexes = match settings.version {
        Version::V1 => refresh_v1(image, private, &state).await?,
        Version::V2 => refresh_v2(image, settings, &mut state).await?,
    };
    if let Some(indexes) = indexes {
        return Ok(with_indexes(state, &indexes));
    }
    // Gone, unless something is left that a destroy has to remove.
    for build in private.builds() {
        let is_elsewhere = !build.is_beside(&settings.image);
        if !build.adopted && (is_elsewhere || build.exists(image).await?) {
            state.set("digest", None::<String>);
            return Ok(with_indexes(state, &[]));
        }
    }
    Ok(None)
}

async fn refresh_v1(
    image: &RegistryImage,
    private: &PrivateState,
    state: &Value,
) -> soci::Result<Option<Vec<IndexEntry>>> {
    let source = parse(state.get("source_digest"))?;
    if image.resolve(source).await?.is_none() {
        return Ok(None);
    }
    let found = match inspect(&image.at(source)).await {
        Ok(found) => found,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut indexes = entries(&complete_indexes(image, Version::V1, &found).await?);
    // The image may have indexes from other sources.
    if let Some(current) = &private.current {
        indexes.retain(|entry| {
            let mut built = current.indexes.iter();
            built.any(|(index, _)| index.to_string() == entry.digest)
        });
    }
    Ok((!indexes.is_empty()).then_some(indexes))
}

async fn refresh_v2(
    image: &RegistryImage,
    settings: &Settings,
    state: &mut Value,
) -> soci::Result<Option<Vec<IndexEntry>>> {
    let digest = state.get("digest").as_str().map(str::to_owned);
    let Some(name) = settings.tag.clone().or_else(|| digest.clone()) else {
        return Ok(None);
    };
    let Some(now) = image.resolve(&name).await? else {
        return Ok(None);
    };
    let now = now.digest;
    if digest != Some(now.to_string()) {
        // Whatever the tag names now was not published by this resource.
        state.set("digest", now.to_string());
        state.set("image_uri", format!("{}@{now}", settings.image.name()));
        return Ok(Some(Vec::new()));
    }
    match inspect(&image.at(now)).await {
        Ok(found) => {
            let indexes = complete_indexes(image, Version::V2, &found).await?;
            Ok(Some(entries(&indexes)))
        }
        // A manifest of the image is missing; rebuilding restores it.
        Err(error) if error.is_not_found() => Ok(Some(Vec::new())),
        Err(error) => Err(error),
    }
}

/// Returns the state with these indexes, which always have the attribute's
/// type.
fn with_indexes(mut state: Value, indexes: &[IndexEntry]) -> Option<Value> {
    write_indexes(&mut state, indexes).is_ok().then_some(state)
}

fn parse(digest: &Value) -> soci::Result<Digest> {
    Ok(digest.as_str().unwrap_or_default().parse()?)
}

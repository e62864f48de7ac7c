//! Reading of an index from the registry, for a refresh or an import.

use soci::{Digest, RegistryImage};
use tfplugin_sdk::{Diagnostics, Value};

use super::build::Build;
use super::private_state::PrivateState;
use super::registry::open;
use super::settings::Settings;
use super::{import, refresh, warnings};
use crate::diagnose::diagnose;
use crate::shared::CallContext;

/// Returns the state according to the registry, or `None` if the index is gone.
pub(super) async fn read(
    call: &CallContext<'_>,
    state: Value,
) -> Result<Option<Value>, Diagnostics> {
    let settings = Settings::read(&state)?;
    let name = settings.image.to_string();
    let is_import = state.get("image_uri").is_null();
    let loaded = PrivateState::load(call.cx, &state);
    let work = async {
        let image = open(call.cx.data(), &settings.image).await?;
        observe(call, &image, &settings, &loaded, state, is_import)
            .await
            .map_err(|error| diagnose("reading the index of", &name, &error))
    };
    let doing = format!("reading the index of {name}");
    let observed = call.run(&doing, "Nothing was changed.", work).await?;
    if let Some(state) = &observed.state {
        let mut private = match is_import {
            // The existing content is taken as the desired one.
            true => PrivateState {
                current: Build::imported(state),
                ..PrivateState::new()
            },
            false => loaded,
        };
        // A missing image is no reason to build anything, but is worth a warning.
        if !is_import && observed.source.is_none() {
            warnings::of_missing_image(call.cx, &settings);
        }
        private.seen = observed.source.or(private.seen);
        private.save(call.cx);
    }
    Ok(observed.state)
}

/// The image and its index as found in the registry.
struct Observed {
    state: Option<Value>,
    /// The manifest that the image's reference names.
    source: Option<Digest>,
}

async fn observe(
    call: &CallContext<'_>,
    image: &RegistryImage,
    settings: &Settings,
    private: &PrivateState,
    state: Value,
    is_import: bool,
) -> soci::Result<Observed> {
    let source = image.resolve(settings.source_name()).await?;
    let source = source.map(|source| source.digest);
    let state = match (is_import, source) {
        (false, _) => refresh::refresh(image, settings, private, state).await?,
        (true, Some(source)) => import::import(call.cx, image, settings, state, source).await?,
        (true, None) => None,
    };
    Ok(Observed { state, source })
}

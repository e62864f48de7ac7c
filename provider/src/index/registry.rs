//! The repository of an image, with the credentials for it.

use soci::{ImageReference, RegistryImage};
use tfplugin_sdk::Diagnostic;

use crate::shared::Shared;

/// Opens an image in its registry.
///
/// # Errors
/// If credentials are configured but cannot be obtained.
pub(super) async fn open(
    shared: &Shared,
    image: &ImageReference,
) -> Result<RegistryImage, Diagnostic> {
    Box::pin(shared.registries.open(image)).await
}

//! Credentials in configuration files of Docker's format, and of their credential helpers.

use std::future::Future;
use std::time::Duration;

use soci::{Credentials, ImageReference};
use tfplugin_sdk::Diagnostic;

use crate::diagnose::diagnose;

/// A credential helper is a program of its own and may wait for a person.
const HELPER_TIMEOUT: Duration = Duration::from_secs(60);

/// Awaits the lookup of an image's credentials and diagnoses what goes wrong.
pub(super) async fn look_up(
    image: &ImageReference,
    lookup: impl Future<Output = soci::Result<Credentials>>,
) -> Result<Credentials, Diagnostic> {
    let name = image.to_string();
    let credentials = tokio::time::timeout(HELPER_TIMEOUT, lookup).await;
    let credentials = credentials.map_err(|_| {
        let detail = format!(
            "While looking up credentials for {name}: the credential helper of Docker's \
             configuration did not answer within {} seconds.\n\nTry it by hand: docker login {}",
            HELPER_TIMEOUT.as_secs(),
            image.registry()
        );
        Diagnostic::error("Registry credentials not available", detail).at("image")
    })?;
    credentials.map_err(|error| diagnose("looking up credentials for", &name, &error))
}

//! Deletion of manifests.

use reqwest::Method;

use super::auth::Operation::Delete;
use super::image::RegistryImage;
use crate::error::Result;

impl RegistryImage {
    /// Deletes a manifest by its digest, or a tag. Returns whether it existed.
    ///
    /// # Errors
    /// If the registry refuses the request; status 405 means that it never deletes. A 404 without a
    /// reason counts as a refusal as long as the manifest still exists.
    pub async fn delete_manifest(&self, name: impl ToString) -> Result<bool> {
        let name = name.to_string();
        let request = self.manifest_request(Method::DELETE, &name)?;
        let Err(error) = self.connection.send(Delete, &request).await else {
            return Ok(true);
        };
        let is_gone = error.is_not_found()
            || error.status_code() == Some(404) && self.resolve(&name).await?.is_none();
        match is_gone {
            true => Ok(false),
            false => Err(error.into()),
        }
    }
}

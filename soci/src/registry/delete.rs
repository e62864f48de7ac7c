//! Deleting manifests.

use reqwest::Method;

use super::auth::Operation::Delete;
use super::image::RegistryImage;
use crate::error::Result;

impl RegistryImage {
    /// Deletes a manifest by its digest, or a tag. Returns whether it existed.
    ///
    /// # Errors
    /// If the registry refuses; status 405 means that it never deletes.
    pub async fn delete_manifest(&self, name: impl ToString) -> Result<bool> {
        let request = self.manifest_request(Method::DELETE, &name.to_string())?;
        match self.connection.send(Delete, &request).await {
            Ok(_) => Ok(true),
            Err(error) if error.status_code() == Some(404) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

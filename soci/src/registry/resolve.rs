//! Resolving tags and digests.

use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;

use super::auth::Operation::Pull;
use super::image::RegistryImage;
use super::manifest::content_type;
use crate::error::Result;
use crate::oci::Descriptor;

impl RegistryImage {
    /// Returns what a tag or digest of this repository names now; `None` if it does not exist.
    ///
    /// Only the registry itself can say that it does not exist: a 404 that does not say so in the
    /// registry's own words, such as a proxy's, is an error.
    ///
    /// # Errors
    /// If the registry refuses or cannot be reached.
    pub async fn resolve(&self, name: impl ToString) -> Result<Option<Descriptor>> {
        let name = name.to_string();
        if let Some(described) = self.describe(&name).await? {
            return Ok(Some(described));
        }
        // A response to HEAD has no body that could say why, and not every registry describes a
        // manifest in its headers.
        match self.pull(&name, None).await {
            Ok(manifest) => Ok(Some(manifest.descriptor)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads what the response to HEAD says of a manifest; `None` if it says too little, or refuses
    /// for another reason than who asks.
    pub(super) async fn describe(&self, name: &str) -> Result<Option<Descriptor>> {
        let request = self.manifest_request(Method::HEAD, name)?;
        let response = match self.connection.send(Pull, &request).await {
            Ok(response) => response,
            // Some registries refuse HEAD where they serve GET, which says more in any case.
            Err(error) if error.is_answered() && error.status_code() != Some(401) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let digest = header("docker-content-digest").and_then(|digest| digest.parse().ok());
        let size = header(CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok());
        let (Some(digest), Some(size)) = (digest, size) else {
            return Ok(None);
        };
        let media_type = content_type(response.headers());
        Ok(Some(Descriptor::new(&media_type, digest, size)))
    }
}

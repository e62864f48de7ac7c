//! Resolution of tags and digests.

use reqwest::Method;
use reqwest::header::CONTENT_LENGTH;

use super::auth::Operation::Pull;
use super::image::RegistryImage;
use super::manifest::content_type;
use crate::error::Result;
use crate::oci::Descriptor;

impl RegistryImage {
    /// Returns what a tag or digest of this repository currently names, or `None` if it does not
    /// exist.
    ///
    /// Only the registry itself can report that it does not exist. A 404 without the registry's own
    /// error, such as one from a proxy, is an error.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub async fn resolve(&self, name: impl ToString) -> Result<Option<Descriptor>> {
        let name = name.to_string();
        if let Some(described) = self.describe(&name).await? {
            return Ok(Some(described));
        }
        // A response to HEAD has no body that could give a reason, and not every registry describes
        // a manifest in its headers.
        match self.pull(&name, None).await {
            Ok(manifest) => Ok(Some(manifest.descriptor)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the description of a manifest from the response to HEAD. Returns `None` if the
    /// response is incomplete, or refuses the request for a reason other than credentials.
    pub(super) async fn describe(&self, name: &str) -> Result<Option<Descriptor>> {
        let request = self.manifest_request(Method::HEAD, name)?;
        let response = match self.connection.send(Pull, &request).await {
            Ok(response) => response,
            // Some registries refuse HEAD but serve GET, which is more informative in any case.
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

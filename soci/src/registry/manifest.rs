//! Requests for manifests.

use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::connection::Request;
use super::image::RegistryImage;
use crate::error::RegistryError;
use crate::oci::media_type;

impl RegistryImage {
    /// Builds a request for a manifest of the repository.
    pub(super) fn manifest_request(
        &self,
        method: Method,
        name: &str,
    ) -> Result<Request, RegistryError> {
        let mut request = Request::new(method, self.connection.url(&format!("manifests/{name}"))?);
        let accept = HeaderValue::try_from(media_type::MANIFESTS.join(", "));
        let accept = accept.expect("media types are ASCII");
        request.headers.insert(ACCEPT, accept);
        Ok(request)
    }
}

/// Returns the media type of a response, without parameters; empty if it has none.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = value.split(';').next().unwrap_or("");
    media_type.trim().to_owned()
}

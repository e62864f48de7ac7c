//! Pushing blobs and manifests.

use bytes::Bytes;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode};

use super::auth::Operation::{Pull, Push};
use super::connection::{Request, Upload};
use super::image::RegistryImage;
use super::retry::MAX_ATTEMPTS;
use crate::error::RegistryError;
use crate::error::{Error, Result};
use crate::oci::{Digest, Manifest};

impl RegistryImage {
    /// Stores a manifest under a tag or its digest.
    pub(crate) async fn put_manifest(&self, manifest: &Manifest, name: &str) -> Result<Response> {
        let mut request = self.manifest_request(Method::PUT, name)?;
        let content_type =
            HeaderValue::from_str(&manifest.descriptor.media_type).map_err(|_| {
                let reason = "its media type is not printable";
                Error::manifest(manifest.descriptor.digest, reason)
            })?;
        request.headers.insert(CONTENT_TYPE, content_type);
        request.body = Some(manifest.bytes.clone());
        Ok(self.connection.send(Push, &request).await?)
    }

    /// Stores a manifest under its digest, unless it is already there.
    pub(super) async fn push_missing(&self, manifest: &Manifest) -> Result<()> {
        let digest = manifest.descriptor.digest.to_string();
        if self.describe(&digest).await?.is_none() {
            self.put_manifest(manifest, &digest).await?;
        }
        Ok(())
    }

    /// Tags a manifest unless it already has the tag. A registry refuses even a push of the same
    /// content to an immutable tag.
    pub(super) async fn put_tag(&self, manifest: &Manifest, tag: &str) -> Result<()> {
        match self.resolve(tag).await? {
            Some(now) if now.digest == manifest.descriptor.digest => Ok(()),
            _ => self.move_tag(manifest, tag).await,
        }
    }

    /// Tags a manifest like [`put_tag`](Self::put_tag). If the tag names something else, the
    /// manifest is stored first, so that it can still be given another tag if this one cannot be
    /// moved.
    pub(super) async fn put_tag_and_manifest(&self, manifest: &Manifest, tag: &str) -> Result<()> {
        match self.resolve(tag).await? {
            Some(now) if now.digest == manifest.descriptor.digest => return Ok(()),
            Some(_) => self.push_missing(manifest).await?,
            None => {}
        }
        self.move_tag(manifest, tag).await
    }

    /// Tags a manifest that does not have the tag yet. With an immutable tag, a retry is refused if
    /// the response to the first request was lost.
    async fn move_tag(&self, manifest: &Manifest, tag: &str) -> Result<()> {
        let Err(error) = self.put_manifest(manifest, tag).await else {
            return Ok(());
        };
        match self.resolve(tag).await {
            Ok(Some(now)) if now.digest == manifest.descriptor.digest => Ok(()),
            _ => Err(error),
        }
    }

    /// Returns whether the repository has a blob.
    pub(super) async fn stat_blob(&self, digest: Digest) -> Result<bool> {
        let url = self.connection.url(&format!("blobs/{digest}"))?;
        let mut request = Request::new(Method::HEAD, url);
        let Err(refused) = self.connection.send(Pull, &request).await else {
            return Ok(true);
        };
        if refused.status_code() == Some(404) {
            return Ok(false);
        }
        if !refused.is_answered() || refused.status_code() == Some(401) {
            return Err(refused.into());
        }
        // Some registries, and the storage behind them, refuse HEAD but serve GET.
        request.method = Method::GET;
        request
            .headers
            .insert(RANGE, HeaderValue::from_static("bytes=0-0"));
        match self.connection.send(Pull, &request).await {
            Ok(_) => Ok(true),
            Err(error) if error.status_code() == Some(404) => Ok(false),
            // An empty blob has no first byte.
            Err(error) if error.status_code() == Some(416) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Uploads a blob unless it already exists. `body` returns the body for each attempt, or `None`
    /// if it cannot be sent again. Each attempt uses a new session: one that broke off cannot be
    /// continued, and one whose response was lost may have succeeded.
    pub(super) async fn upload(
        &self,
        digest: Digest,
        size: u64,
        mut body: impl FnMut() -> Option<reqwest::Body> + Send,
    ) -> Result<()> {
        let mut attempt = 1;
        let mut next = body();
        loop {
            if self.stat_blob(digest).await? {
                return Ok(());
            }
            let Some(mut request) = self.start_upload(digest).await? else {
                return Ok(());
            };
            request.headers.insert(CONTENT_LENGTH, size.into());
            let upload = Upload {
                body: next.take().unwrap_or_default(),
                size,
            };
            let sent = self.connection.send_once(Push, &request, Some(upload));
            let Err(failure) = sent.await else {
                return Ok(());
            };
            // The registry does not recognize an expired session, and a token may expire too.
            let expired = match failure.error.status_code() {
                Some(404) => true,
                Some(401) => attempt == 1,
                _ => false,
            };
            let worth_it = failure.error.is_temporary() || expired;
            next = body();
            if !worth_it || next.is_none() || attempt == MAX_ATTEMPTS {
                return Err(failure.error.into());
            }
            failure.pause(attempt).await;
            attempt += 1;
        }
    }

    /// Starts the upload of a blob. Returns the request that carries the body and completes it, or
    /// `None` if the registry has found the blob in the meantime.
    async fn start_upload(&self, digest: Digest) -> Result<Option<Request>> {
        let uploads = self.connection.url("blobs/uploads/")?;
        let mut start = Request::new(Method::POST, uploads.clone());
        start.body = Some(Bytes::new());
        let response = self.connection.send(Push, &start).await?;
        // 201 before any data was sent: a registry that shares blobs between repositories may do
        // this.
        if response.status() == StatusCode::CREATED && self.stat_blob(digest).await? {
            return Ok(None);
        }
        // The location may be relative, and may have its own query.
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let mut session = location
            .and_then(|location| self.connection.join(response.url(), location))
            .ok_or_else(|| {
                let reason = "the answer has no usable Location";
                RegistryError::answer(&Method::POST, &uploads, reason)
            })?;
        session
            .query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        let mut upload = Request::new(Method::PUT, session);
        let octets = HeaderValue::from_static("application/octet-stream");
        upload.headers.insert(CONTENT_TYPE, octets);
        Ok(Some(upload))
    }
}

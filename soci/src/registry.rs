//! Images in an OCI registry.
//!
//! References are `oci-client`'s. The requests themselves are made here, because every one of
//! them needs what that client leaves out: bodies read within bounds (those of errors too),
//! URLs without their secrets in messages, retries, downloads that continue where they broke,
//! deletion.

mod auth;
mod error;
mod http;
mod referrers;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE,
};
use reqwest::{Method, Response, StatusCode, Url};

use auth::Operation::{Delete, Pull, Push};
pub use error::{Detail, RegistryError};
pub use http::Client;
use http::{Connection, Request};

use crate::oci::{Descriptor, media_type};
use crate::reference::ImageReference;
use crate::store::{ByteStream, Destination, Document, MAX_DOCUMENT, Source, verify};
use crate::{Credentials, Digest, Error, Result};

/// One image of a registry, to read and to write beside.
///
/// Cheap to clone; clones share connections and tokens.
#[derive(Clone)]
pub struct RegistryImage {
    reference: ImageReference,
    connection: Arc<Connection>,
}

impl Client {
    /// The image of a reference, reached with these credentials.
    pub fn image(&self, reference: ImageReference, credentials: Credentials) -> RegistryImage {
        let connection = Connection::new(self, &reference, credentials);
        RegistryImage {
            reference,
            connection: Arc::new(connection),
        }
    }
}

impl RegistryImage {
    /// The reference.
    pub fn reference(&self) -> &ImageReference {
        &self.reference
    }

    /// The image of the same repository that a digest names.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self {
            reference: self.reference.with_digest(digest),
            connection: Arc::clone(&self.connection),
        }
    }

    /// What a tag or digest of this repository names now; nothing if it does not exist.
    ///
    /// That it does not exist is taken from no one but the registry: a 404 that does not say
    /// so in the registry's own words, such as a proxy's, is an error.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached.
    pub async fn resolve(&self, name: impl ToString) -> Result<Option<Descriptor>> {
        let name = name.to_string();
        if let Some(described) = self.describe(&name).await? {
            return Ok(Some(described));
        }
        // An answer to HEAD has no body to tell by, and not every registry describes a
        // manifest in its headers.
        match self.fetch(&name, None).await {
            Ok(document) => Ok(Some(document.descriptor)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the answer to HEAD says of a manifest; nothing if it says too little, or 404.
    async fn describe(&self, name: &str) -> Result<Option<Descriptor>> {
        let request = self.manifest_request(Method::HEAD, name)?;
        let response = match self.connection.send(Pull, &request).await {
            Ok(response) => response,
            Err(error) if error.status_code() == Some(404) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let header = |name: &str| response.headers().get(name)?.to_str().ok();
        let digest = header("docker-content-digest").and_then(|digest| digest.parse().ok());
        let size = header(CONTENT_LENGTH.as_str()).and_then(|size| size.parse().ok());
        let (Some(digest), Some(size)) = (digest, size) else {
            return Ok(None);
        };
        let mut descriptor = Descriptor::of(&content_type(response.headers()), b"");
        descriptor.digest = digest;
        descriptor.size = size;
        Ok(Some(descriptor))
    }

    /// The manifest that a tag or digest of this repository names.
    ///
    /// # Errors
    /// When there is none, or it is not what the digest says.
    pub async fn document(&self, name: impl ToString) -> Result<Document> {
        let name = name.to_string();
        let digest = name.parse().ok();
        self.fetch(&name, digest).await
    }

    /// Deletes a manifest by its digest, or a tag. Returns whether there was one.
    ///
    /// # Errors
    /// When the registry refuses; status 405 means that it never deletes.
    pub async fn delete_manifest(&self, name: impl ToString) -> Result<bool> {
        let request = self.manifest_request(Method::DELETE, &name.to_string())?;
        match self.connection.send(Delete, &request).await {
            Ok(_) => Ok(true),
            Err(error) if error.status_code() == Some(404) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The tags of the repository; none if it does not exist.
    ///
    /// # Errors
    /// When the registry refuses or cannot be reached, or lists too many.
    pub async fn tags(&self) -> Result<Vec<String>> {
        #[derive(serde::Deserialize)]
        struct Page {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let what = format!("tags of {}", self.reference.name());
        let url = self.connection.url("tags/list?n=1000")?;
        match self.pages::<Page>(&what, url).await? {
            Ok(pages) => Ok(pages
                .into_iter()
                .flat_map(|p| p.tags.unwrap_or_default())
                .collect()),
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }

    /// The pages of a list, which counts as endless when it grows too large. What the
    /// registry has against the first page is the caller's to judge; a list that breaks off
    /// later is never taken for whole.
    async fn pages<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        url: Url,
    ) -> Result<Result<Vec<T>, RegistryError>> {
        const MAX_PAGES: usize = 1000;
        const MAX_LIST: usize = 64 << 20;
        let mut pages = Vec::new();
        let mut size = 0;
        let mut next = Some(url);
        while let Some(url) = next {
            let request = Request::new(Method::GET, url);
            let answer = match self.connection.read(Pull, &request, MAX_DOCUMENT).await {
                Ok(answer) => answer,
                Err(error) if pages.is_empty() => return Ok(Err(error)),
                Err(error) => return Err(error.into()),
            };
            next = answer.next_page()?;
            let bytes = answer.body.ok_or_else(|| Error::TooLarge {
                what: what.to_owned(),
                limit: MAX_DOCUMENT,
            })?;
            size += bytes.len();
            if size > MAX_LIST || pages.len() == MAX_PAGES {
                return Err(Error::document(what, "the list does not end"));
            }
            let page = serde_json::from_slice(&bytes);
            pages.push(page.map_err(|error| Error::document(what, error))?);
        }
        Ok(Ok(pages))
    }

    fn manifest_request(&self, method: Method, name: &str) -> Result<Request> {
        let mut request = Request::new(method, self.connection.url(&format!("manifests/{name}"))?);
        let accept = HeaderValue::from_str(&media_type::MANIFESTS.join(", "));
        request
            .headers
            .insert(ACCEPT, accept.map_err(|e| Error::document("header", e))?);
        Ok(request)
    }

    async fn fetch(&self, name: &str, want: Option<Digest>) -> Result<Document> {
        let request = self.manifest_request(Method::GET, name)?;
        let answer = self.connection.read(Pull, &request, MAX_DOCUMENT).await?;
        let header_type = content_type(&answer.headers);
        let what = || format!("manifest {}@{name}", self.reference.name());
        let bytes = answer.body.ok_or_else(|| Error::TooLarge {
            what: what(),
            limit: MAX_DOCUMENT,
        })?;
        let digest = Digest::of(&bytes);
        if let Some(want) = want.filter(|want| *want != digest) {
            return Err(Error::DigestMismatch {
                what: what(),
                got: digest,
                want,
            });
        }
        let mut descriptor = Descriptor::of(&header_type, b"");
        descriptor.digest = digest;
        descriptor.size = bytes.len() as u64;
        Ok(Document { descriptor, bytes })
    }

    /// Stores a manifest under a tag or its digest.
    pub(crate) async fn put_manifest(&self, document: &Document, name: &str) -> Result<Response> {
        let mut request = self.manifest_request(Method::PUT, name)?;
        let content_type = HeaderValue::from_str(&document.descriptor.media_type)
            .map_err(|error| Error::document(document.descriptor.digest, error))?;
        request.headers.insert(CONTENT_TYPE, content_type);
        request.body = Some(document.bytes.clone());
        Ok(self.connection.send(Push, &request).await?)
    }

    /// Uploads a blob, unless it is there. Each attempt is a session of its own: one that
    /// broke off cannot be gone on with, and one whose answer was lost may have ended well.
    async fn upload(
        &self,
        digest: Digest,
        size: u64,
        mut body: impl FnMut() -> reqwest::Body + Send,
    ) -> Result<()> {
        let mut attempt = 1;
        loop {
            if self.has_blob(digest).await? {
                return Ok(());
            }
            let mut upload = self.start_upload(digest).await?;
            upload.headers.insert(CONTENT_LENGTH, size.into());
            let body = body();
            let replayable = body.as_bytes().is_some();
            let sent = self
                .connection
                .send_once(Push, &upload, Some((body, size)))
                .await;
            let Err((error, wait)) = sent else {
                return Ok(());
            };
            // A session that expired is unknown to the registry, and a token may expire too.
            let expired = match error.status_code() {
                Some(404) => true,
                Some(401) => attempt == 1,
                _ => false,
            };
            let worth_it = error.is_temporary() || expired;
            if !worth_it || !replayable || attempt == http::MAX_ATTEMPTS {
                return Err(error.into());
            }
            http::pause(&error, wait, attempt).await;
            attempt += 1;
        }
    }

    /// Begins the upload of a blob. Returns the request that takes the body and ends it.
    async fn start_upload(&self, digest: Digest) -> Result<Request> {
        let uploads = self.connection.url("blobs/uploads/")?;
        let mut start = Request::new(Method::POST, uploads.clone());
        start.body = Some(Bytes::new());
        let response = self.connection.send(Push, &start).await?;
        // The location may be relative, and may carry a query of its own.
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let mut session = location
            .and_then(|location| response.url().join(location).ok())
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
        Ok(upload)
    }

    /// Asks for the bytes of a blob from an offset on.
    async fn open(&self, descriptor: &Descriptor, range: &Range<u64>) -> Result<Opened> {
        let url = self
            .connection
            .url(&format!("blobs/{}", descriptor.digest))?;
        let mut request = Request::new(Method::GET, url.clone());
        if *range != (0..descriptor.size) {
            let value = format!("bytes={}-{}", range.start, range.end - 1);
            let value = HeaderValue::from_str(&value).map_err(|e| Error::document("header", e))?;
            request.headers.insert(RANGE, value);
        }
        let response = self.connection.send(Pull, &request).await?;
        let skip = if response.status() == StatusCode::PARTIAL_CONTENT {
            let found = response.headers().get("content-range");
            let want = format!("bytes {}-", range.start);
            let found = found.and_then(|found| found.to_str().ok()).unwrap_or("");
            if !found.starts_with(&want) {
                let reason = "the answer's Content-Range is not the one asked for";
                return Err(RegistryError::answer(&Method::GET, &url, reason).into());
            }
            0
        } else {
            if let Some(length) = response.content_length()
                && length != descriptor.size
            {
                return Err(Error::SizeMismatch {
                    what: format!("blob {}", descriptor.digest),
                    got: length,
                    want: descriptor.size,
                });
            }
            // The whole blob comes, whatever was asked for.
            range.start
        };
        let url = response.url().clone();
        let body = response
            .bytes_stream()
            .map(move |piece| {
                piece.map_err(|error| RegistryError::transport(&Method::GET, &url, &error))
            })
            .boxed();
        Ok(Opened { body, skip })
    }
}

/// A download that has begun.
struct Opened {
    body: stream::BoxStream<'static, Result<Bytes, RegistryError>>,
    /// Bytes to drop, because the registry sends more than was asked for.
    skip: u64,
}

/// A download that begins again where it broke.
struct Download {
    image: RegistryImage,
    descriptor: Descriptor,
    range: Range<u64>,
    opened: Option<Opened>,
    failures: u32,
    /// Where the last failure was.
    failed_at: u64,
}

impl Download {
    const MAX_FAILURES: u32 = 5;
    /// After this many bytes, earlier failures are forgotten.
    const PROGRESS: u64 = 16 << 20;

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.range.is_empty() {
            let opened = match &mut self.opened {
                Some(opened) => opened,
                none => none.insert(self.image.open(&self.descriptor, &self.range).await?),
            };
            match opened.body.next().await {
                Some(Ok(mut piece)) => {
                    let drop = opened.skip.min(piece.len() as u64);
                    opened.skip -= drop;
                    let _ = piece.split_to(drop as usize);
                    let wanted = self.range.end - self.range.start;
                    piece.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
                    self.range.start += piece.len() as u64;
                    if !piece.is_empty() {
                        return Ok(Some(piece));
                    }
                }
                Some(Err(error)) if error.is_temporary() => self.fail(error.into()).await?,
                Some(Err(error)) => return Err(error.into()),
                None => {
                    let got = self.range.start;
                    self.fail(Error::SizeMismatch {
                        what: format!("blob {}", self.descriptor.digest),
                        got,
                        want: self.descriptor.size,
                    })
                    .await?;
                }
            }
        }
        Ok(None)
    }

    /// Waits before the next try, or gives up.
    async fn fail(&mut self, error: Error) -> Result<()> {
        if self.range.start - self.failed_at >= Self::PROGRESS {
            self.failures = 0;
        }
        self.failed_at = self.range.start;
        self.failures += 1;
        if self.failures > Self::MAX_FAILURES {
            return Err(error);
        }
        tracing::warn!(%error, offset = self.range.start, "download broke, continuing");
        self.opened = None;
        tokio::time::sleep(http::backoff(self.failures)).await;
        Ok(())
    }
}

#[async_trait]
impl Source for RegistryImage {
    async fn root(&self) -> Result<Document> {
        match (self.reference.digest(), self.reference.tag()) {
            (Some(digest), _) => self.fetch(&digest.to_string(), Some(digest)).await,
            (None, tag) => self.fetch(tag.unwrap_or("latest"), None).await,
        }
    }

    async fn manifest(&self, descriptor: &Descriptor) -> Result<Bytes> {
        let name = descriptor.digest.to_string();
        let document = self.fetch(&name, Some(descriptor.digest)).await?;
        verify(&format!("manifest {name}"), &document.bytes, descriptor)?;
        Ok(document.bytes)
    }

    async fn blob(&self, descriptor: &Descriptor, range: Range<u64>) -> Result<ByteStream> {
        let download = Download {
            image: self.clone(),
            descriptor: descriptor.clone(),
            failed_at: range.start,
            range,
            opened: None,
            failures: 0,
        };
        let pieces = stream::try_unfold(download, |mut download| async move {
            let piece = download.next().await?;
            Ok(piece.map(|piece| (piece, download)))
        });
        Ok(pieces.boxed())
    }

    async fn referrers(&self, subject: Digest) -> Result<Vec<Descriptor>> {
        Ok(self.list_referrers(subject).await?.0)
    }
}

#[async_trait]
impl Destination for RegistryImage {
    async fn has_blob(&self, digest: Digest) -> Result<bool> {
        let url = self.connection.url(&format!("blobs/{digest}"))?;
        let request = Request::new(Method::HEAD, url);
        match self.connection.send(Pull, &request).await {
            Ok(_) => Ok(true),
            Err(error) if error.status_code() == Some(404) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn push_blob(&self, digest: Digest, bytes: Bytes) -> Result<()> {
        self.upload(digest, bytes.len() as u64, || bytes.clone().into())
            .await
    }

    async fn push_stream(&self, descriptor: &Descriptor, pieces: ByteStream) -> Result<()> {
        let mut body = Some(reqwest::Body::wrap_stream(pieces));
        // A stream can be sent only once: on a second attempt there is nothing left to send.
        let next = || body.take().unwrap_or_default();
        self.upload(descriptor.digest, descriptor.size, next).await
    }

    async fn push_manifest(&self, document: &Document) -> Result<()> {
        let digest = document.descriptor.digest;
        if self.describe(&digest.to_string()).await?.is_none() {
            self.put_manifest(document, &digest.to_string()).await?;
        }
        Ok(())
    }

    async fn push_referrer(&self, document: &Document, subject: &Descriptor) -> Result<()> {
        let digest = document.descriptor.digest;
        let (present, kept_here) = self.list_referrers(subject.digest).await?;
        if present.iter().any(|referrer| referrer.digest == digest)
            && self.describe(&digest.to_string()).await?.is_some()
        {
            return Ok(());
        }
        let response = self.put_manifest(document, &digest.to_string()).await?;
        // A registry that keeps referrers itself says so; for others the client does.
        if kept_here || response.headers().contains_key("oci-subject") {
            return Ok(());
        }
        self.add_referrer(&document.descriptor, subject.digest)
            .await
    }

    async fn tag(&self, document: &Document, tag: &str) -> Result<()> {
        // An immutable tag refuses even the content it has.
        let now = self.resolve(tag).await?;
        if now.is_none_or(|now| now.digest != document.descriptor.digest) {
            self.put_manifest(document, tag).await?;
        }
        Ok(())
    }
}

/// The media type of an answer, without parameters; empty if it has none.
fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE);
    let value = value.and_then(|value| value.to_str().ok()).unwrap_or("");
    let media_type = value.split(';').next().unwrap_or("");
    media_type.trim().to_owned()
}

//! Blob downloads that resume where they broke off.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::header::{CONTENT_RANGE, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use super::auth::Operation::Pull;
use super::connection::Request;
use super::image::RegistryImage;
use super::pace;
use super::retry::backoff;
use crate::error::RegistryError;
use crate::error::{Error, Result};
use crate::oci::Descriptor;
use crate::store::ByteStream;

impl RegistryImage {
    /// Streams a part of a blob.
    pub(super) fn download(&self, descriptor: &Descriptor, range: Range<u64>) -> ByteStream {
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
        pieces.boxed()
    }

    /// Requests a range of a blob.
    async fn open(&self, descriptor: &Descriptor, range: &Range<u64>) -> Result<Opened> {
        let url = self
            .connection
            .url(&format!("blobs/{}", descriptor.digest))?;
        let mut request = Request::new(Method::GET, url.clone());
        if *range != (0..descriptor.size) {
            let value = format!("bytes={}-{}", range.start, range.end - 1);
            let value = HeaderValue::try_from(value).expect("a range is ASCII");
            request.headers.insert(RANGE, value);
        }
        let response = self.connection.send(Pull, &request).await?;
        let skip = if response.status() == StatusCode::PARTIAL_CONTENT {
            let found = response.headers().get(CONTENT_RANGE);
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
            // The whole blob arrives, whatever range was requested.
            range.start
        };
        Ok(Opened {
            body: pace::body(response),
            skip,
        })
    }
}

/// A response that is being read.
struct Opened {
    body: stream::BoxStream<'static, Result<Bytes, RegistryError>>,
    /// Number of bytes to drop, because the registry sends more than was requested.
    skip: u64,
}

/// A download in progress.
struct Download {
    image: RegistryImage,
    descriptor: Descriptor,
    range: Range<u64>,
    opened: Option<Opened>,
    failures: u32,
    /// Position of the last failure.
    failed_at: u64,
}

impl Download {
    const MAX_FAILURES: u32 = 5;
    /// Number of bytes after which earlier failures are forgotten.
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

    /// Waits before the next attempt, or gives up.
    async fn fail(&mut self, error: Error) -> Result<()> {
        if self.range.start - self.failed_at >= Self::PROGRESS {
            self.failures = 0;
        }
        self.failed_at = self.range.start;
        self.failures += 1;
        if self.failures > Self::MAX_FAILURES {
            return Err(error);
        }
        tracing::warn!(%error, offset = self.range.start, "download broke off, continuing");
        self.opened = None;
        tokio::time::sleep(backoff(self.failures)).await;
        Ok(())
    }
}

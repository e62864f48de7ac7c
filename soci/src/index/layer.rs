//! The way of a layer from its source to its zTOC.
//!
//! ```text
//!              ┌─► hasher thread: SHA-256 of the whole blob ─► the descriptor's digest?
//! source ─► pump
//!              └─► builder thread: inflate, spans, tar ─► zTOC
//! ```
//!
//! The pump hands every piece to both threads (pieces are counted references, not copies)
//! through short queues. Reading waits only when the slower of the two is behind by a full
//! queue, so a few pieces per layer are all that is ever in memory. The zTOC counts only
//! after the whole blob has turned out to be what its descriptor says.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::build::Observer;
use crate::oci::Descriptor;
use crate::store::Source;
use crate::ztoc::{Builder, Compression, CorruptLayer, Limits, Outcome, SkipReason};
use crate::{Digest, Error, Result};

/// Pieces that may wait for a thread.
const QUEUE: usize = 16;

/// How a layer's bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// The media type says how.
    Known(Compression),
    /// The first bytes tell; Docker's older media type says nothing of compression.
    Sniff,
}

impl Format {
    /// What a layer's media type says, or why it can have no zTOC.
    pub(crate) fn of(media_type: &str) -> Result<Self, SkipReason> {
        let oci = media_type
            .strip_prefix("application/vnd.oci.image.layer.v1.tar")
            .or_else(|| {
                media_type.strip_prefix("application/vnd.oci.image.layer.nondistributable.v1.tar")
            });
        let docker = media_type
            .strip_prefix("application/vnd.docker.image.rootfs.diff.tar")
            .or_else(|| {
                media_type.strip_prefix("application/vnd.docker.image.rootfs.foreign.diff.tar")
            });
        match (oci, docker) {
            (Some("+gzip"), _) | (_, Some(".gzip")) => Ok(Self::Known(Compression::Gzip)),
            (Some(""), _) => Ok(Self::Known(Compression::None)),
            (_, Some("")) => Ok(Self::Sniff),
            _ => Err(SkipReason::new(format_args!(
                "its media type {media_type:?} is neither plain nor gzip-compressed tar"
            ))),
        }
    }
}

/// Reads a whole layer, verifies it and builds its zTOC.
pub(crate) async fn build_ztoc(
    source: &(impl Source + ?Sized),
    layer: &Descriptor,
    format: Format,
    limits: Limits,
    observer: &(impl Observer + ?Sized),
) -> Result<Outcome> {
    let (to_hasher, mut pieces) = mpsc::channel::<Bytes>(QUEUE);
    let hasher = spawn_blocking(move || {
        let mut hasher = Sha256::new();
        while let Some(piece) = pieces.blocking_recv() {
            hasher.update(&piece);
        }
        Digest::from(hasher)
    });
    let (to_builder, pieces) = mpsc::channel::<Bytes>(QUEUE);
    let builder = spawn_blocking(move || run_builder(pieces, format, limits));

    let mut stream = source.blob(layer, 0..layer.size).await?;
    let mut size = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        observer.layer_read(layer, piece.len() as u64);
        // A builder that has given up takes no more; the digest still tells why.
        let _ = to_builder.send(piece.clone()).await;
        let _ = to_hasher.send(piece).await;
    }
    drop((to_builder, to_hasher));

    let what = || format!("layer {}", layer.digest);
    if size != layer.size {
        return Err(Error::SizeMismatch {
            what: what(),
            got: size,
            want: layer.size,
        });
    }
    let got = joined(hasher).await;
    if got != layer.digest {
        return Err(Error::DigestMismatch {
            what: what(),
            got,
            want: layer.digest,
        });
    }
    joined(builder).await.map_err(|source| Error::CorruptLayer {
        layer: layer.digest,
        source,
    })
}

/// What a thread returned; its panic goes on in the caller.
async fn joined<T>(task: tokio::task::JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn run_builder(
    mut pieces: mpsc::Receiver<Bytes>,
    format: Format,
    limits: Limits,
) -> Result<Outcome, CorruptLayer> {
    let mut head = BytesMut::new();
    let compression = match format {
        Format::Known(compression) => compression,
        Format::Sniff => {
            while head.len() < 4
                && let Some(piece) = pieces.blocking_recv()
            {
                head.extend_from_slice(&piece);
            }
            if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
                return Ok(Outcome::Skipped(SkipReason::new(
                    "it is compressed with zstd",
                )));
            }
            if head.starts_with(&[0x1f, 0x8b]) {
                Compression::Gzip
            } else {
                Compression::None
            }
        }
    };
    let mut builder = Builder::new(compression, limits);
    builder.push(&head)?;
    drop(head);
    while let Some(piece) = pieces.blocking_recv() {
        builder.push(&piece)?;
    }
    builder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        let gzip = Ok(Format::Known(Compression::Gzip));
        let plain = Ok(Format::Known(Compression::None));
        for (media_type, want) in [
            ("application/vnd.oci.image.layer.v1.tar+gzip", gzip.clone()),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar",
                plain.clone(),
            ),
            (
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                gzip,
            ),
            ("application/vnd.oci.image.layer.v1.tar", plain),
            (
                "application/vnd.docker.image.rootfs.diff.tar",
                Ok(Format::Sniff),
            ),
        ] {
            assert_eq!(Format::of(media_type), want, "{media_type}");
        }
        for media_type in [
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
            "application/vnd.docker.image.rootfs.diff.tar.zstd",
            "application/vnd.in-toto+json",
        ] {
            assert!(Format::of(media_type).is_err(), "{media_type}");
        }
    }
}

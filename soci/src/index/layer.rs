//! One layer, from its source to its zTOC.
//!
//! ```text
//!              ┌─► hasher thread: SHA-256 of the whole blob ─► the descriptor's digest?
//! source ─► pump
//!              └─► builder thread: inflate, spans, tar ─► zTOC
//! ```
//!
//! The pump hands every piece to both threads through short queues; pieces are reference-counted,
//! not copied. Reading waits only when the slower thread is behind by a full queue, so no more than
//! a few pieces per layer are in memory. The zTOC is used only after the whole blob was verified.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::progress::Progress;
use crate::error::{Error, Result};
use crate::oci::{Descriptor, Digest};
use crate::store::BlobSource;
use crate::ztoc::{Builder, Compression, CorruptLayer, Options, Outcome, SkipReason};

/// Length of a thread's queue, in pieces.
const QUEUE: usize = 16;

/// Reads a whole layer, verifies it and builds its zTOC. Without a compression, its first bytes
/// decide. A layer that has its digest and size fails nothing, whatever its bytes are.
pub(crate) async fn build_ztoc(
    source: &(impl BlobSource + ?Sized),
    layer: &Descriptor,
    compression: Option<Compression>,
    options: Options,
    progress: &(impl Progress + ?Sized),
) -> Result<Outcome> {
    let what = || format!("layer {}", layer.digest);
    if layer.size == 0 {
        // There is nothing to ask for.
        return match Digest::of(b"") {
            empty if empty == layer.digest => Ok(Outcome::Skipped(SkipReason::Empty)),
            got => Err(Error::DigestMismatch {
                what: what(),
                got,
                want: layer.digest,
            }),
        };
    }
    let (to_hasher, mut pieces) = mpsc::channel::<Bytes>(QUEUE);
    let hasher = spawn_blocking(move || {
        let mut hasher = Sha256::new();
        while let Some(piece) = pieces.blocking_recv() {
            hasher.update(&piece);
        }
        Digest::from(hasher)
    });
    let (to_builder, pieces) = mpsc::channel::<Bytes>(QUEUE);
    let builder = spawn_blocking(move || run_builder(pieces, compression, options));

    let mut stream = source.blob(layer, 0..layer.size).await?;
    let mut size = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        progress.layer_read(layer, piece.len() as u64);
        // A builder that failed receives no more, but the digest may explain the failure.
        let _ = to_builder.send(piece.clone()).await;
        let _ = to_hasher.send(piece).await;
    }
    drop((to_builder, to_hasher));

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
    let built = joined(builder).await;
    Ok(built.unwrap_or_else(|corrupt| Outcome::Skipped(corrupt.into())))
}

/// Returns the result of a thread, or continues its panic.
async fn joined<T>(task: tokio::task::JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn run_builder(
    mut pieces: mpsc::Receiver<Bytes>,
    compression: Option<Compression>,
    options: Options,
) -> Result<Outcome, CorruptLayer> {
    let mut head = BytesMut::new();
    while head.len() < Compression::HEAD
        && let Some(piece) = pieces.blocking_recv()
    {
        head.extend_from_slice(&piece);
    }
    let compression = match Compression::checked(compression, &head) {
        Ok(compression) => compression,
        Err(reason) => return Ok(Outcome::Skipped(reason)),
    };
    let mut builder = Builder::new(compression, options);
    builder.push(&head)?;
    drop(head);
    while let Some(piece) = pieces.blocking_recv() {
        builder.push(&piece)?;
    }
    builder.finish()
}

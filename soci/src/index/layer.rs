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
//! A layer that cannot have one is read on for its digest alone.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use super::progress::Progress;
use crate::error::{Error, Result};
use crate::memory::Share;
use crate::oci::{Descriptor, Digest};
use crate::store::BlobSource;
use crate::ztoc::{Builder, BuiltZtoc, Compression, Options, SkipReason};

/// Length of a thread's queue, in pieces.
const QUEUE: usize = 16;
/// Maximum size of a piece in a queue, in bytes.
const PIECE: usize = 64 << 10;

/// Outcome of reading a layer.
pub(crate) enum Outcome {
    /// It has a zTOC.
    Built(BuiltZtoc),
    /// It cannot have one.
    Skipped(SkipReason),
    /// Others hold the memory that it needs: it is to be read again alone.
    Postponed,
}

/// Reads a whole layer, verifies it and builds its zTOC, which takes memory of the share. Without a
/// compression, its first bytes decide. A layer that has its digest and size fails nothing, whatever
/// its bytes are.
pub(crate) async fn build_ztoc(
    source: &(impl BlobSource + ?Sized),
    layer: &Descriptor,
    compression: Option<Compression>,
    options: Options,
    share: Share,
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
    let builder = spawn_blocking(move || run_builder(pieces, compression, options, share));
    let mut building = Building::Runs(to_builder, builder);

    let mut stream = source.blob(layer, 0..layer.size).await?;
    let mut size = 0;
    while let Some(piece) = stream.next().await {
        let mut piece = piece?;
        size += piece.len() as u64;
        progress.layer_read(layer, piece.len() as u64);
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(PIECE));
            building = building.send(part.clone()).await;
            if matches!(building, Building::Ended(Outcome::Postponed)) {
                return Ok(Outcome::Postponed);
            }
            let _ = to_hasher.send(part).await;
        }
    }
    drop(to_hasher);
    if size != layer.size {
        return Err(Error::SizeMismatch {
            what: what(),
            got: size,
            want: layer.size,
        });
    }
    // A layer that is not what it should be may have been skipped for that.
    let got = joined(hasher).await;
    if got != layer.digest {
        return Err(Error::DigestMismatch {
            what: what(),
            got,
            want: layer.digest,
        });
    }
    Ok(building.end().await)
}

/// The builder's thread, or what it left.
enum Building {
    Runs(mpsc::Sender<Bytes>, JoinHandle<Outcome>),
    Ended(Outcome),
}

impl Building {
    /// Hands on a piece. A builder that has made up its mind receives no more.
    async fn send(self, piece: Bytes) -> Self {
        match self {
            Self::Runs(sender, builder) if sender.send(piece).await.is_err() => {
                Self::Ended(joined(builder).await)
            }
            building => building,
        }
    }

    /// Waits for the outcome.
    async fn end(self) -> Outcome {
        match self {
            Self::Runs(sender, builder) => {
                drop(sender);
                joined(builder).await
            }
            Self::Ended(outcome) => outcome,
        }
    }
}

/// Returns the result of a thread, or continues its panic.
async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn run_builder(
    mut pieces: mpsc::Receiver<Bytes>,
    compression: Option<Compression>,
    options: Options,
    share: Share,
) -> Outcome {
    let mut head = BytesMut::new();
    while head.len() < Compression::HEAD
        && let Some(piece) = pieces.blocking_recv()
    {
        head.extend_from_slice(&piece);
    }
    let compression = match Compression::checked(compression, &head) {
        Ok(compression) => compression,
        Err(reason) => return Outcome::Skipped(reason),
    };
    let mut builder = Builder::with_share(compression, options, share);
    let mut next = Some(head.freeze());
    while let Some(piece) = next {
        if let Err(reason) = builder.push(&piece) {
            return if builder.is_crowded() {
                Outcome::Postponed
            } else {
                Outcome::Skipped(reason)
            };
        }
        next = pieces.blocking_recv();
    }
    match builder.finish() {
        Ok(built) => Outcome::Built(built),
        Err(reason) => Outcome::Skipped(reason),
    }
}

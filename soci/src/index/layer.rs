//! One layer, from its source to its zTOC.
//!
//! ```text
//! source ─► pump ─► builder thread: inflate, tar ─► what the zTOC needs ──┐
//!                      └─► hasher thread: SHA-256 of the whole blob, ─────┴─► zTOC
//!                          which must be the descriptor's, and of the spans
//! ```
//!
//! Pieces pass from thread to thread through short queues; they are reference-counted, not copied.
//! The builder knows where spans begin once it has inflated a piece, and hands both on. Reading
//! waits only if a thread falls behind by a full queue, so only a few pieces per layer are in
//! memory. The zTOC is assembled only after the whole blob has been verified. If a layer cannot
//! have a zTOC, the rest is still read to verify its digest.

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
use crate::ztoc::{Border, Builder, BuiltZtoc, Compression, Options, SkipReason, SpanHasher};

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
    /// Others hold the memory that it needs, so it must be read again alone.
    Postponed,
}

/// Reads a whole layer, verifies it and builds its zTOC, accounting its memory to the share. If no
/// compression is given, the first bytes decide. A layer that matches its digest and size never
/// causes an error, whatever its bytes are.
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
        // An empty range cannot be requested.
        return match Digest::of(b"") {
            empty if empty == layer.digest => Ok(Outcome::Skipped(SkipReason::Empty)),
            got => Err(Error::DigestMismatch {
                what: what(),
                got,
                want: layer.digest,
            }),
        };
    }
    let (to_hasher, read) = mpsc::channel::<Read>(QUEUE);
    let hasher = spawn_blocking(move || run_hasher(read));
    let (to_builder, pieces) = mpsc::channel::<Bytes>(QUEUE);
    let builder =
        spawn_blocking(move || run_builder(pieces, &to_hasher, compression, options, share));

    let mut stream = source.blob(layer, 0..layer.size).await?;
    let mut size = 0;
    while let Some(piece) = stream.next().await {
        let mut piece = piece?;
        size += piece.len() as u64;
        progress.layer_read(layer, piece.len() as u64);
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(PIECE));
            if to_builder.send(part).await.is_err() {
                // The builder reads a layer to its end unless it has to be read again or the
                // builder panicked.
                joined(builder).await;
                return Ok(Outcome::Postponed);
            }
        }
    }
    drop(to_builder);
    if size != layer.size {
        return Err(Error::SizeMismatch {
            what: what(),
            got: size,
            want: layer.size,
        });
    }
    let scanned = match joined(builder).await {
        Scanned::Whole(builder) => Ok(builder),
        Scanned::Skipped(reason) => Err(reason),
        Scanned::Postponed => return Ok(Outcome::Postponed),
    };
    // A layer that fails verification may have been skipped because of that.
    let hashed = joined(hasher).await;
    if hashed.layer != layer.digest {
        return Err(Error::DigestMismatch {
            what: what(),
            got: hashed.layer,
            want: layer.digest,
        });
    }
    let built = match scanned {
        Ok(builder) => joined(spawn_blocking(move || builder.finish_with(hashed.spans))).await,
        Err(reason) => Err(reason),
    };
    Ok(match built {
        Ok(built) => Outcome::Built(built),
        Err(reason) => Outcome::Skipped(reason),
    })
}

/// A piece that the builder has read, with the span borders in it.
struct Read {
    piece: Bytes,
    borders: Vec<Border>,
}

/// The digests of a layer and of its spans so far.
struct Hashed {
    layer: Digest,
    spans: Vec<Digest>,
}

/// Outcome of the builder thread.
enum Scanned {
    /// The layer was read to its end, and may have a zTOC.
    Whole(Box<Builder>),
    Skipped(SkipReason),
    Postponed,
}

/// Returns the result of a thread, or resumes its panic.
async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn run_hasher(mut read: mpsc::Receiver<Read>) -> Hashed {
    let mut layer = Sha256::new();
    let mut spans = SpanHasher::default();
    while let Some(Read { piece, borders }) = read.blocking_recv() {
        layer.update(&piece);
        spans.push(&piece, &borders);
    }
    Hashed {
        layer: layer.into(),
        spans: spans.finish(),
    }
}

fn run_builder(
    mut pieces: mpsc::Receiver<Bytes>,
    to_hasher: &mpsc::Sender<Read>,
    compression: Option<Compression>,
    options: Options,
    share: Share,
) -> Scanned {
    let mut head = BytesMut::new();
    while head.len() < Compression::HEAD
        && let Some(piece) = pieces.blocking_recv()
    {
        head.extend_from_slice(&piece);
    }
    let head = head.freeze();
    let compression = Compression::checked(compression, &head);
    let mut builder =
        compression.map(|compression| Box::new(Builder::with_share(compression, options, share)));
    let mut next = Some(head);
    while let Some(piece) = next {
        let mut borders = Vec::new();
        if let Ok(building) = &mut builder {
            match building.push(&piece) {
                Ok(()) => borders = building.take_borders(),
                Err(_) if building.is_crowded() => return Scanned::Postponed,
                // The memory that the builder held becomes available to others.
                Err(reason) => builder = Err(reason),
            }
        }
        // The hasher ends only after this.
        let _ = to_hasher.blocking_send(Read { piece, borders });
        next = pieces.blocking_recv();
    }
    match builder {
        Ok(builder) => Scanned::Whole(builder),
        Err(reason) => Scanned::Skipped(reason),
    }
}

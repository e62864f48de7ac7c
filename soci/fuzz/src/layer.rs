//! Single layers and their zTOCs.

use bytes::Bytes;
use soci::oci::Descriptor;
use soci::ztoc::{Builder, BuiltZtoc, Compression, FileMetadata, Options, SkipReason, Ztoc};
use soci::{LayerReader, MemoryBudget};

use super::limits::MAX_MEMORY;
use super::memory_image::{MemoryImage, block_on};

/// Maximum size of layers of invented content, in bytes.
const MAX_LAYER: u64 = 1 << 20;

/// Builds the zTOC of a layer, and checks that it does not depend on the size of pieces. The first
/// byte says how to build, the rest is the blob.
pub fn layer(data: &[u8]) -> bool {
    let Some((&how, blob)) = data.split_first() else {
        return false;
    };
    let compression = if how & 1 == 0 {
        Compression::GZIP
    } else {
        Compression::NONE
    };
    let span_size = [1, 700, 65_536, 4 << 20][usize::from(how >> 1 & 3)];
    let piece = [61, 512, 4096, 100_000][usize::from(how >> 3 & 3)];
    let whole = build(blob, compression, span_size, usize::MAX);
    let in_pieces = build(blob, compression, span_size, piece);
    match (&whole, &in_pieces) {
        // Where in the stream an error is noticed may depend on the pieces.
        (Err(SkipReason::Corrupt(_)), Err(SkipReason::Corrupt(_))) => {}
        _ => assert_eq!(whole, in_pieces, "the pieces show in the result"),
    }
    let Ok(built) = whole else {
        return false;
    };
    assert!(built.size <= MAX_MEMORY, "over the limit");
    let bytes = built.to_bytes();
    let ztoc = Ztoc::parse(&bytes).expect("own bytes");
    assert!(ztoc.to_bytes() == bytes, "another zTOC");
    lookups(&ztoc);
    true
}

/// Builds the zTOC of a layer.
fn build(
    blob: &[u8],
    compression: Compression,
    span_size: u64,
    piece: usize,
) -> Result<BuiltZtoc, SkipReason> {
    let options = Options::default()
        .with_span_size(span_size)
        .with_memory(MemoryBudget::new(MAX_MEMORY));
    let mut builder = Builder::new(compression, options);
    for piece in blob.chunks(piece) {
        builder.push(piece)?;
    }
    builder.finish()
}

/// Parses a zTOC, and checks that it is the same when written again and that lookups end.
pub fn ztoc(data: &[u8]) -> bool {
    let Ok(ztoc) = Ztoc::parse(data) else {
        return false;
    };
    let again = Ztoc::parse(&ztoc.to_bytes()).expect("own bytes");
    assert!(again == ztoc, "another zTOC");
    lookups(&ztoc);
    read_back(&ztoc);
    true
}

fn lookups(ztoc: &Ztoc) {
    let points = &ztoc.checkpoints;
    let mut end = 0;
    for span in 0..points.spans() {
        let range = points.span(span, ztoc.compressed_size);
        assert!(range.start <= range.end, "span {span}: {range:?}");
        assert!(range.end <= ztoc.compressed_size, "span {span}: {range:?}");
        // Spans share one byte at most.
        assert!(
            range.start + 1 >= end,
            "span {span}: a gap before {range:?}"
        );
        end = range.end;
    }
    for offset in [0, 1, ztoc.uncompressed_size, u64::MAX] {
        let _ = points.span_of(offset);
    }
    for name in names(&ztoc.files) {
        let _ = ztoc.file(&name);
    }
}

/// Returns a few of the names.
fn names(files: &[FileMetadata]) -> impl Iterator<Item = String> {
    let step = files.len() / 8 + 1;
    let names = files.iter().step_by(step).map(|file| &file.name);
    names.map(|name| String::from_utf8_lossy(name).into_owned())
}

/// Reads through the zTOC from a layer that does not match it.
fn read_back(ztoc: &Ztoc) {
    if ztoc.compressed_size > MAX_LAYER {
        return;
    }
    let layer = vec![0; ztoc.compressed_size as usize];
    let descriptor = Descriptor::of("", &layer);
    let source = MemoryImage::of_blob(descriptor.digest, Bytes::from(layer));
    let reader = LayerReader::new(&source, &descriptor, ztoc).expect("the same size");
    block_on(async {
        for name in names(&ztoc.files) {
            let _ = reader.read_file(&name, MAX_LAYER).await;
        }
        let ranges = [(0, 1), (ztoc.uncompressed_size / 2, 5000), (u64::MAX, 2)];
        for (offset, size) in ranges {
            let _ = reader.read_range(offset, size, &mut |_| {}).await;
        }
    });
}

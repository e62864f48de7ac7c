//! What the fuzz targets do with their input.
//!
//! It stands apart from the targets so that `tests/mutations` runs the same code, over the
//! corpora and over mutated golden vectors, without a fuzzer. Every function takes any bytes,
//! and says whether they were sound enough to reach its end.

mod image;
#[path = "../../tests/support/memory.rs"]
mod memory;

use bytes::Bytes;
use soci::oci::Descriptor;
use soci::ztoc::{Builder, Compression, FileMetadata, Limits, Options, Outcome, Ztoc};
use soci::{ImageReference, LayerReader};

pub use image::image;

/// The limit for one zTOC here, in bytes. It is small, so that running over it is quick.
pub const MAX_ZTOC: u64 = 4 << 20;

/// Layers of made-up content are not longer than this, in bytes.
const MAX_LAYER: u64 = 1 << 20;

/// A layer: one byte that says how to build, then the blob. Pushed whole and in pieces it must
/// give the same, and a zTOC must be one.
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
    assert_eq!(whole, in_pieces, "the pieces show in the result");
    let Some(Outcome::Built(built)) = whole else {
        return false;
    };
    assert!(built.bytes.len() as u64 <= MAX_ZTOC, "over the limit");
    let ztoc = Ztoc::parse(&built.bytes).expect("own bytes");
    assert!(ztoc.to_bytes() == built.bytes, "another zTOC");
    lookups(&ztoc);
    true
}

/// What becomes of a layer; nothing, if it is corrupt.
fn build(blob: &[u8], compression: Compression, span_size: u64, piece: usize) -> Option<Outcome> {
    let options = Options::default()
        .with_span_size(span_size)
        .with_limits(Limits::default().with_max_ztoc_size(MAX_ZTOC));
    let mut builder = Builder::new(compression, options);
    for piece in blob.chunks(piece) {
        builder.push(piece).ok()?;
    }
    builder.finish().ok()
}

/// A zTOC: written again it must be the same, and looking things up in it must end.
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

/// A few of the names.
fn names(files: &[FileMetadata]) -> impl Iterator<Item = String> {
    let step = files.len() / 8 + 1;
    let names = files.iter().step_by(step).map(|file| &file.name);
    names.map(|name| String::from_utf8_lossy(name).into_owned())
}

/// Reads through the zTOC from a layer that is surely another one.
fn read_back(ztoc: &Ztoc) {
    if ztoc.compressed_size > MAX_LAYER {
        return;
    }
    let layer = vec![0; ztoc.compressed_size as usize];
    let descriptor = Descriptor::of("", &layer);
    let source = image::MemoryImage::of_blob(descriptor.digest, Bytes::from(layer));
    let reader = LayerReader::new(&source, &descriptor, ztoc).expect("the same size");
    image::block_on(async {
        for name in names(&ztoc.files) {
            let _ = reader.read_file(&name).await;
        }
        let ranges = [(0, 1), (ztoc.uncompressed_size / 2, 5000), (u64::MAX, 2)];
        for (offset, size) in ranges {
            let _ = reader.read_range(offset, size, &mut |_| {}).await;
        }
    });
}

/// An image reference: printed, it must be read as the same one.
pub fn reference(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(reference) = text.parse::<ImageReference>() else {
        return false;
    };
    let printed = reference.to_string();
    let again: ImageReference = printed.parse().expect("what was printed");
    assert_eq!(again, reference, "{printed}");
    let _ = reference.with_tag("v1").expect("a tag for any repository");
    true
}

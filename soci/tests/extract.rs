//! Reading back: every range through a zTOC is what plain decompression gives.

use std::io::Read;
use std::path::Path;

use soci::oci::Descriptor;
use soci::ztoc::{Builder, Compression, EntryType, FileMetadata, Limits, Outcome, Ztoc};
use soci::{LayerReader, LayoutImage};

/// A layout directory that holds just this blob.
fn layout(blob: &[u8]) -> (tempfile::TempDir, Descriptor) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let descriptor = Descriptor::of("application/vnd.oci.image.layer.v1.tar+gzip", blob);
    let blobs = directory.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).expect("a directory");
    std::fs::write(blobs.join(descriptor.digest.hex()), blob).expect("a file");
    (directory, descriptor)
}

fn ztoc(layer: &[u8], compression: Compression, span_size: u64) -> Option<Ztoc> {
    let limits = Limits {
        span_size,
        ..Limits::default()
    };
    let mut builder = Builder::new(compression, limits);
    builder.push(layer).ok()?;
    match builder.finish().ok()? {
        Outcome::Built(built) => Some(Ztoc::parse(&built.bytes).expect("own bytes")),
        Outcome::Skipped(_) => None,
    }
}

#[tokio::test]
async fn every_file_and_many_ranges() {
    let layers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/layers");
    let mut read = 0;
    for entry in std::fs::read_dir(layers).expect("the vectors") {
        let path = entry.expect("a vector").path();
        let layer = std::fs::read(&path).expect("a layer");
        let plain = path.extension().is_some_and(|e| e == "tar");
        let (compression, span_sizes) = if plain {
            (Compression::None, [1000, 65536])
        } else {
            (Compression::Gzip, [1, 65536])
        };
        for span_size in span_sizes {
            let Some(ztoc) = ztoc(&layer, compression, span_size) else {
                continue;
            };
            let mut content = Vec::new();
            if plain {
                content.clone_from(&layer);
            } else {
                flate2::read::MultiGzDecoder::new(&layer[..])
                    .read_to_end(&mut content)
                    .expect("a sound layer");
            }
            let (directory, descriptor) = layout(&layer);
            let source = LayoutImage::new(directory.path());
            let reader = LayerReader::new(&source, &descriptor, &ztoc).expect("one layer");
            let size = content.len() as u64;
            for (offset, length) in [
                (0, size),
                (size / 3, size / 2),
                (size / 2, size.min(1)),
                (size, 0),
            ] {
                let mut got = Vec::new();
                reader
                    .read_range(offset, length, &mut |piece| got.extend_from_slice(piece))
                    .await
                    .unwrap_or_else(|e| panic!("{}: {offset}+{length}: {e}", path.display()));
                let want = &content[offset as usize..(offset + length) as usize];
                assert!(got == want, "{}: {offset}+{length}", path.display());
            }
            for file in ztoc.files.iter().filter(|f| f.kind == EntryType::Regular) {
                let Ok(name) = std::str::from_utf8(&file.name) else {
                    continue;
                };
                let later = |other: &&FileMetadata| other.name == file.name;
                let last = ztoc.files.iter().rev().find(later).expect("itself");
                let got = reader.read_file(name).await.expect(name);
                let at = last.offset as usize;
                let want = &content[at..at + last.size as usize];
                assert!(got == want, "{}: {name}", path.display());
                read += 1;
            }
            let past_the_end = reader.read_range(size, 1, &mut |_| {}).await;
            assert!(past_the_end.is_err(), "{}", path.display());
        }
    }
    assert!(read > 1000, "{read} files were read");
}

#[tokio::test]
async fn a_changed_layer_is_noticed() {
    let layers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/layers");
    let mut layer = std::fs::read(layers.join("ustar.tar.gz")).expect("a layer");
    let ztoc = ztoc(&layer, Compression::Gzip, 65536).expect("a zTOC");
    let last = layer.len() - 100;
    layer[last] ^= 1;
    let (directory, descriptor) = layout(&layer);
    let source = LayoutImage::new(directory.path());
    let reader = LayerReader::new(&source, &descriptor, &ztoc).expect("sizes agree");
    let error = reader
        .read_range(ztoc.uncompressed_size - 1, 1, &mut |_| {})
        .await
        .expect_err("the last span was changed");
    assert!(error.to_string().contains("digest mismatch"), "{error}");
}

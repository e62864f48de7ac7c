//! Reading a layer through its zTOC, synchronously: every range is what decompressing all of it
//! gives. Needs none of the crate's features.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use soci::ztoc::{
    Builder, Compression, EntryType, ExtractError, FileMetadata, Options, WINDOW, Ztoc,
};

fn ztoc(layer: &[u8], compression: Compression, span_size: u64) -> Option<Ztoc> {
    let options = Options::default().with_span_size(span_size);
    let mut builder = Builder::new(compression, options);
    builder.push(layer).ok()?;
    let built = builder.finish().ok()?;
    Some(Ztoc::parse(&built.to_bytes()).expect("own bytes"))
}

#[test]
fn every_file_and_many_ranges() {
    let layers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/layers");
    let mut read = 0;
    for entry in std::fs::read_dir(layers).expect("the vectors") {
        let path = entry.expect("a vector").path();
        let layer = std::fs::read(&path).expect("a layer");
        let plain = path.extension().is_some_and(|e| e == "tar");
        let (compression, span_sizes) = if plain {
            (Compression::NONE, [1000, 65536])
        } else {
            (Compression::GZIP, [1, 65536])
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
            let mut blob = Cursor::new(&layer);
            let size = content.len() as u64;
            for (offset, length) in [
                (0, size),
                (size / 3, size / 2),
                (size / 2, size.min(1)),
                (size, 0),
            ] {
                let mut got = Vec::new();
                let mut keep = |piece: &[u8]| got.extend_from_slice(piece);
                ztoc.read_range(&mut blob, offset, length, &mut keep)
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
                let got = ztoc.read_file(&mut blob, name, size).expect(name);
                let at = last.offset as usize;
                let want = &content[at..at + last.size as usize];
                assert!(got == want, "{}: {name}", path.display());
                read += 1;
            }
            let past_the_end = ztoc.read_range(&mut blob, size, 1, &mut |_| {});
            assert!(past_the_end.is_err(), "{}", path.display());
        }
    }
    assert!(read > 1000, "{read} files were read");
}

#[test]
fn a_changed_layer_is_noticed() {
    let layers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/layers");
    let mut layer = std::fs::read(layers.join("ustar.tar.gz")).expect("a layer");
    let ztoc = ztoc(&layer, Compression::GZIP, 65536).expect("a zTOC");
    let last = layer.len() - 100;
    layer[last] ^= 1;
    let last = ztoc.uncompressed_size - 1;
    let error = ztoc
        .read_range(&mut Cursor::new(&layer), last, 1, &mut |_| {})
        .expect_err("the last span was changed");
    assert!(error.to_string().contains("digest mismatch"), "{error}");
}

#[test]
fn a_layer_of_another_size_is_refused() {
    let layers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/layers");
    let mut layer = std::fs::read(layers.join("ustar.tar.gz")).expect("a layer");
    let ztoc = ztoc(&layer, Compression::GZIP, 65536).expect("a zTOC");
    layer.push(0);
    let error = ztoc
        .read_range(&mut Cursor::new(&layer), 0, 1, &mut |_| {})
        .expect_err("one byte too many");
    assert!(error.to_string().contains("size mismatch"), "{error}");
}

/// Returns a layer of two files, the second of 64 MiB of zeros, and its zTOC.
fn zeros() -> (Vec<u8>, Ztoc) {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, size) in [("small", 1_u64), ("zeros", 64 << 20)] {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        let content = std::io::repeat(0).take(size);
        tar.append_data(&mut header, name, content).expect("tar");
    }
    let tar = tar.into_inner().expect("tar");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&tar).expect("memory");
    let layer = gzip.finish().expect("memory");
    let ztoc = ztoc(&layer, Compression::GZIP, 1 << 20).expect("a zTOC");
    (layer, ztoc)
}

#[test]
fn a_file_is_no_larger_than_asked_for() {
    let (layer, mut ztoc) = zeros();
    let mut layer = Cursor::new(&layer);
    let content = ztoc.read_file(&mut layer, "zeros", 64 << 20);
    assert_eq!(content.expect("it fits").len(), 64 << 20);
    let refused = ztoc.read_file(&mut layer, "zeros", (64 << 20) - 1);
    assert!(matches!(refused, Err(ExtractError::FileTooLarge { .. })));
    // A lie is found before it has been believed.
    ztoc.files[1].size = 1 << 40;
    let mut copied = 0;
    let mut count = |piece: &[u8]| copied += piece.len();
    let lie = ztoc.copy_file(&mut layer, "zeros", &mut count);
    assert!(matches!(lie, Err(ExtractError::Corrupt)), "{lie:?}");
    assert!(copied <= 65 << 20, "{copied} bytes of a layer of 64 MiB");
}

#[test]
fn a_span_that_inflates_to_more_than_it_should_is_refused() {
    let (layer, ztoc) = zeros();
    let mut bytes = ztoc.to_bytes();
    let points = ztoc.checkpoints.as_bytes();
    let at = bytes.windows(64).position(|found| found == &points[..64]);
    // The second checkpoint's position in the output: behind count, span size, and the first one.
    let at = at.expect("the checkpoints") + 12 + (17 + WINDOW) + 8;
    let true_position = ztoc.checkpoints.get(1).uncompressed;
    assert_eq!(bytes[at..at + 8], true_position.to_le_bytes());
    bytes[at..at + 8].copy_from_slice(&1000_u64.to_le_bytes());
    let lying = Ztoc::parse(&bytes).expect("it could be true");
    let mut copied = 0;
    let mut count = |piece: &[u8]| copied += piece.len();
    let lie = lying.read_range(&mut Cursor::new(&layer), 0, 2 << 20, &mut count);
    assert!(matches!(lie, Err(ExtractError::Corrupt)), "{lie:?}");
    assert!(copied <= 128 << 10, "{copied} bytes");
}

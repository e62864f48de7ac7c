//! Reading a layer through its zTOC, synchronously: every range is what decompressing all of it
//! gives. Needs none of the crate's features.

use std::io::{Cursor, Read};
use std::path::Path;

use soci::ztoc::{Builder, Compression, EntryType, FileMetadata, Options, Ztoc};

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

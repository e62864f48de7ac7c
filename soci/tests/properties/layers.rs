//! One layer: what is read through its zTOC is what is in it.

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use soci::LayerReader;
use soci::ztoc::{Builder, BuiltZtoc, Compression, EntryType, Options, PaxRecord, Ztoc};

use crate::archive::{Archive, ArchiveDraft, archive};
use crate::archive_writer;
use crate::cases;
use crate::encoding::{Encoding, encoding};
use crate::source::{MemoryImage, cut};

/// Span sizes: every border, a few borders, hardly any.
pub(crate) fn span_size() -> impl Strategy<Value = u64> {
    prop_oneof![
        1 => Just(1_u64),
        3 => 2..5_000_u64,
        3 => 5_000..200_000_u64,
        1 => Just(4 << 20),
    ]
}

/// Sizes of pieces: from single bytes to all at once.
pub(crate) fn pieces() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![
        1 => 1..8_usize,
        3 => 8..3_000_usize,
        2 => 3_000..70_000_usize,
    ];
    prop_oneof![
        1 => Just(Vec::new()),
        5 => prop::collection::vec(size, 1..6),
    ]
}

pub(crate) fn compression(encoding: &Encoding) -> Compression {
    match encoding {
        Encoding::Plain => Compression::NONE,
        Encoding::Gzip(_) => Compression::GZIP,
    }
}

/// The zTOC of a layer that can have one.
pub(crate) fn build(
    layer: &Bytes,
    compression: Compression,
    span_size: u64,
    pieces: &[usize],
) -> BuiltZtoc {
    let options = Options::default().with_span_size(span_size);
    let mut builder = Builder::new(compression, options);
    for piece in cut(layer.clone(), pieces) {
        builder.push(&piece).expect("a sound layer");
    }
    builder.finish().expect("a sound layer")
}

/// The records of an entry as pairs.
fn records(records: &[PaxRecord]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pair = |record: &PaxRecord| (record.key.clone(), record.value.clone());
    records.iter().map(pair).collect()
}

fn check_files(archive: &Archive, ztoc: &Ztoc) {
    assert_eq!(ztoc.files.len(), archive.entries.len());
    assert_eq!(ztoc.uncompressed_size, archive.end as u64);
    for (got, want) in ztoc.files.iter().zip(&archive.entries) {
        let got = got.clone();
        assert_eq!(
            (got.name, got.kind, got.linkname, got.uname),
            (
                want.name.clone(),
                want.kind,
                want.linkname.clone(),
                want.uname.clone()
            )
        );
        assert_eq!(
            (got.offset, got.size, got.mode, got.uid, got.gid),
            (
                want.offset as i64,
                want.data.len() as i64,
                want.mode,
                want.uid,
                want.gid
            )
        );
        assert_eq!(
            (got.devmajor, got.devminor, records(&got.xattrs)),
            (want.devmajor, want.devminor, want.records.clone())
        );
    }
}

/// Reads every file, and the given ranges, and compares them with the archive.
async fn check_reading(archive: &Archive, layer: &Bytes, ztoc: &Ztoc, case: &Case) {
    let mut source = MemoryImage {
        pieces: case.read_pieces.clone(),
        ..MemoryImage::default()
    };
    let descriptor = source.add("a layer", layer.to_vec());
    let reader = LayerReader::new(&source, &descriptor, ztoc).expect("one layer");
    for entry in &archive.entries {
        let Ok(name) = std::str::from_utf8(&entry.name) else {
            continue;
        };
        let got = reader.read_file(name, u64::MAX).await;
        match archive.resolve(&entry.name) {
            Some(want) => assert!(got.expect(name) == want.data, "{name}"),
            None => assert!(got.is_err(), "{name} is no file, and links to none"),
        }
    }
    let size = archive.bytes.len();
    let ranges = case.ranges.iter().map(|(a, b)| {
        let (a, b) = (a.index(size + 1), b.index(size + 1));
        a.min(b)..a.max(b)
    });
    let files = archive.entries.iter();
    let files = files.filter(|entry| entry.kind == EntryType::Regular);
    let files = files.map(|entry| entry.offset..entry.offset + entry.data.len());
    for range in ranges.chain(files).chain(std::iter::once(0..size)) {
        let mut got = Vec::new();
        let length = range.len() as u64;
        reader
            .read_range(range.start as u64, length, &mut |piece| {
                got.extend_from_slice(piece);
            })
            .await
            .unwrap_or_else(|error| panic!("{range:?}: {error}"));
        assert!(got == archive.bytes[range.clone()], "{range:?}");
    }
    let past_the_end = reader.read_range(size as u64, 1, &mut |_| {}).await;
    assert!(past_the_end.is_err(), "there is nothing at {size}");
}

#[derive(Debug, Clone)]
struct Case {
    archive: ArchiveDraft,
    encoding: Encoding,
    span_size: u64,
    pieces: Vec<usize>,
    read_pieces: Vec<usize>,
    ranges: Vec<(Index, Index)>,
}

fn case() -> impl Strategy<Value = Case> {
    (
        archive(12),
        encoding(),
        span_size(),
        pieces(),
        pieces(),
        prop::collection::vec(any::<(Index, Index)>(), 0..4),
    )
        .prop_map(
            |(archive, encoding, span_size, pieces, read_pieces, ranges)| Case {
                archive,
                encoding,
                span_size,
                pieces,
                read_pieces,
                ranges,
            },
        )
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn what_is_read_through_a_ztoc_is_what_is_in_the_layer(case in case()) {
        let archive = archive_writer::write(&case.archive);
        let layer = Bytes::from(case.encoding.encode(&archive.bytes));
        let compression = compression(&case.encoding);
        let built = build(&layer, compression, case.span_size, &[]);
        let in_pieces = build(&layer, compression, case.span_size, &case.pieces);
        prop_assert!(built == in_pieces, "the pieces show in the result");
        let ztoc = Ztoc::parse(&built.to_bytes()).expect("own bytes");
        prop_assert!(ztoc.to_bytes() == built.to_bytes(), "write∘parse is the identity");
        prop_assert_eq!(built.spans, ztoc.checkpoints.spans());
        check_files(&archive, &ztoc);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(check_reading(&archive, &layer, &ztoc, &case));
    }
}

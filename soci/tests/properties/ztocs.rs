//! zTOCs on their own: parse∘write is the identity.

use proptest::prelude::*;
use soci::Digest;
use soci::ztoc::{Checkpoints, EntryType, FileMetadata, PaxRecord, Ztoc};

use crate::cases;
use crate::encoding::gzip;
use crate::layers::{build, compression, span_size};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..40)
}

fn record() -> impl Strategy<Value = PaxRecord> {
    (bytes(), bytes()).prop_map(|(key, value)| PaxRecord { key, value })
}

fn file() -> impl Strategy<Value = FileMetadata> {
    let kind = prop::sample::select(vec![
        EntryType::Regular,
        EntryType::Directory,
        EntryType::Symlink,
        EntryType::Hardlink,
        EntryType::CharDevice,
        EntryType::BlockDevice,
        EntryType::Fifo,
    ]);
    let number = || prop_oneof![Just(0_i64), any::<i64>()];
    let owner = || prop_oneof![Just(0_u32), any::<u32>()];
    (
        (kind, bytes(), bytes(), bytes(), bytes(), ".{0,30}"),
        (number(), number(), number(), number(), number()),
        (owner(), owner()),
        prop::collection::vec(record(), 0..4),
    )
        .prop_map(|(texts, numbers, owner, xattrs)| FileMetadata {
            kind: texts.0,
            name: texts.1,
            linkname: texts.2,
            uname: texts.3,
            gname: texts.4,
            mod_time: texts.5,
            offset: numbers.0,
            size: numbers.1,
            mode: numbers.2,
            devmajor: numbers.3,
            devminor: numbers.4,
            uid: owner.0,
            gid: owner.1,
            xattrs,
        })
}

/// Checkpoints with the compressed size that they are for. Those of gzip come out of a layer,
/// because there is no other way to make them.
fn checkpoints() -> impl Strategy<Value = (Checkpoints, u64)> {
    let plain = (1..=i64::MAX as u64, 0..20_u64).prop_flat_map(|(span_size, spans)| {
        let most = span_size.saturating_mul(spans).min(i64::MAX as u64);
        let least = most.saturating_sub(span_size - 1).min(most);
        (least..=most).prop_map(move |size| (Checkpoints::uncompressed(span_size, size), size))
    });
    let gzip = (
        gzip(),
        span_size(),
        prop::collection::vec(any::<u8>(), 0..30_000),
    )
        .prop_map(|(encoding, span_size, junk)| {
            // An empty archive, then anything.
            let content = [vec![0; 1024], junk].concat();
            let layer = encoding.encode(&content).into();
            let built = build(&layer, compression(&encoding), span_size, &[]);
            let ztoc = Ztoc::parse(&built.to_bytes()).expect("own bytes");
            (ztoc.checkpoints, ztoc.compressed_size)
        });
    prop_oneof![plain, gzip]
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_ztoc_that_was_written_parses_to_itself(
        build_tool in bytes(),
        uncompressed_size in 0..=i64::MAX as u64,
        files in prop::collection::vec(file(), 0..20),
        (checkpoints, compressed_size) in checkpoints(),
    ) {
        let digest = |span: usize| Digest::of(span.to_le_bytes());
        let span_digests = (0..checkpoints.spans()).map(digest).collect();
        let ztoc = Ztoc {
            build_tool,
            compressed_size,
            uncompressed_size,
            files,
            checkpoints,
            span_digests,
        };
        let bytes = ztoc.to_bytes();
        let parsed = Ztoc::parse(&bytes).expect("own bytes");
        prop_assert_eq!(&parsed, &ztoc);
        prop_assert!(parsed.to_bytes() == bytes, "write∘parse is the identity");
    }
}

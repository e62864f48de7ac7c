//! Layers that cannot be read lazily: left out, whatever is wrong with them, as long as they have
//! their digest and size.

use soci::ztoc::{Builder, Compression};
use soci::{Error, LayoutImage, MemoryBudget, Version, inspect, verify_indexes};

use crate::layout::{GZIP_LAYER, Layout, gzip, tar};
use crate::{all, case, publish, published, skipped};

const PLAIN_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

#[test]
fn an_odd_layer_does_not_cost_the_image() {
    let sound = gzip(&tar(b"content"));
    let mut zeros = sound.clone();
    zeros.extend([0; 512]);
    let cut_off = &sound[..sound.len() - 3];
    let zstd = [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0];
    for (media_type, odd, want) in [
        (
            GZIP_LAYER,
            &zstd[..],
            "its media type says gzip, but it is zstd",
        ),
        (
            GZIP_LAYER,
            &tar(b"a"),
            "its media type says gzip, but it is not",
        ),
        (
            PLAIN_LAYER,
            &sound,
            "its media type says plain tar, but it is gzip",
        ),
        (
            PLAIN_LAYER,
            &zstd,
            "its media type says plain tar, but it is zstd",
        ),
        (GZIP_LAYER, b"", "it is empty"),
        (PLAIN_LAYER, b"", "it is empty"),
        (
            GZIP_LAYER,
            &zeros,
            "it cannot be decompressed: corrupt gzip stream",
        ),
        (
            GZIP_LAYER,
            cut_off,
            "it cannot be decompressed: corrupt gzip stream",
        ),
        (
            GZIP_LAYER,
            b"\x1f\x8b",
            "it cannot be decompressed: corrupt gzip stream",
        ),
    ] {
        let layout = Layout::new();
        let layers = [
            layout.blob(media_type, odd),
            layout.blob(GZIP_LAYER, &sound),
        ];
        layout.list(&[layout.manifest("amd64", &layers)]);
        for version in [Version::V1, Version::V2] {
            let (report, _) = publish(&layout.image(), &all(version)).expect(want);
            let reasons = skipped(&report);
            assert!(
                matches!(&reasons[..], [reason] if reason.starts_with(want)),
                "{want}: {reasons:?}"
            );
            assert_eq!(report.indexes[0].ztocs.len(), 1, "{want}");
        }
    }
}

#[test]
fn a_layer_of_another_digest_or_size_fails_the_image() {
    let sound = gzip(&tar(b"content"));
    let size = sound.len();
    for (size, content) in [
        (size, gzip(&tar(b"CONTENT"))),
        (size + 1, sound.clone()),
        (size - 1, sound.clone()),
        (0, sound.clone()),
    ] {
        let layout = Layout::new();
        let mut odd = layout.blob(GZIP_LAYER, &sound);
        odd["size"] = size.into();
        let digest = soci::Digest::of(&sound);
        let path = layout.path().join("blobs/sha256").join(digest.hex());
        std::fs::write(path, content).expect("written");
        layout.list(&[layout.manifest("amd64", &[odd])]);
        let Err(error) = publish(&layout.image(), &all(Version::V2)) else {
            panic!("{size} bytes: no error");
        };
        assert!(
            matches!(
                error,
                Error::DigestMismatch { .. } | Error::SizeMismatch { .. }
            ),
            "{size} bytes: {error}"
        );
    }
}

#[test]
fn inputs_with_an_odd_layer() {
    for (name, want) in [
        (
            "trailing-zeros-layer",
            "it cannot be decompressed: corrupt gzip stream",
        ),
        (
            "zstd-mislabelled-gzip",
            "its media type says gzip, but it is zstd",
        ),
    ] {
        let (report, _) = published(name, &all(Version::V2)).expect(name);
        let reasons = skipped(&report);
        assert!(
            matches!(&reasons[..], [reason] if reason.starts_with(want)),
            "{name}: {reasons:?}"
        );
        assert_eq!(report.indexes[0].ztocs.len(), 1, "{name}");
    }
}

#[test]
fn a_layer_that_cannot_be_indexed_is_not_inflated_further() {
    // A header that is none; the rest would fail in another way.
    let layer = [gzip(&[1; 512]), vec![0; 100]].concat();
    let mut builder = Builder::new(Compression::GZIP, Default::default());
    let reason = builder.push(&layer).expect_err("no tar");
    assert!(reason.to_string().contains("wrong checksum"), "{reason}");
    assert_eq!(builder.push(b"anything"), Err(reason.clone()));
    assert_eq!(builder.finish().expect_err("no tar"), reason);
}

#[test]
fn single_layers() {
    let build = |name: &str| {
        let layer = std::fs::read(case("layers").join(name)).expect("a layer");
        let mut builder = Builder::new(Compression::GZIP, Default::default());
        builder.push(&layer).and_then(|()| builder.finish())
    };
    build("trailing-zeros.tar.gz").expect_err("zeros are no member");
    match build("two-members.tar.gz") {
        Ok(built) => assert!(built.several_members),
        other => panic!("{other:?}"),
    }
}

/// An image with one layer of one member and one of two.
fn two_members() -> Layout {
    let layout = Layout::new();
    let two = std::fs::read(case("layers/two-members.tar.gz")).expect("a layer");
    let layers = [
        layout.blob(GZIP_LAYER, &gzip(&tar(b"content"))),
        layout.blob(GZIP_LAYER, &two),
    ];
    layout.list(&[layout.manifest("amd64", &layers)]);
    layout
}

#[test]
fn layers_of_several_members_are_indexed_on_request() {
    let layout = two_members();
    let (report, _) = publish(&layout.image(), &all(Version::V2)).expect("one layer");
    assert_eq!(report.indexes[0].ztocs.len(), 1);
    let reasons = skipped(&report);
    assert!(
        reasons[0].starts_with("it has several gzip members"),
        "{reasons:?}"
    );
    let included = all(Version::V2).with_multi_member_layers(true);
    let (report, _) = publish(&layout.image(), &included).expect("both layers");
    assert_eq!(
        (report.indexes[0].ztocs.len(), skipped(&report).len()),
        (2, 0)
    );
}

#[tokio::test]
async fn layers_of_several_members_are_named() {
    let layout = two_members();
    let image = layout.image();
    let included = all(Version::V2).with_multi_member_layers(true);
    let built = soci::index(&image, &image, &included, &(), &()).await;
    let built = built.expect("both layers");
    built.publish(&image, Some("1-soci")).await.expect("stored");

    let enabled = LayoutImage::named(layout.path(), "1-soci");
    let found = inspect(&enabled).await.expect("an index");
    let verified = verify_indexes(&enabled, &found, &MemoryBudget::default())
        .await
        .expect("read");
    assert_eq!(verified.findings, []);
    let [note] = &verified.notes[..] else {
        panic!("{:?}", verified.notes);
    };
    assert!(note.what.contains("several gzip members"), "{note}");

    let platform = &found.platforms[0];
    let mut several = Vec::new();
    for (ztoc, layer) in platform.indexes[0].ztocs.iter().zip(&platform.layers) {
        let read = ztoc
            .read(&enabled, &MemoryBudget::default())
            .await
            .expect("a zTOC");
        let found = ztoc.has_several_members(&enabled, layer, &read).await;
        several.push(found.expect("a layer"));
    }
    assert_eq!(several, [false, true]);
}

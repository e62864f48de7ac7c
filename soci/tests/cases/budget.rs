//! A budget of memory that is short: what comes out depends on the budget, not on what else is read.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use soci::oci::Descriptor;
use soci::{Error, ImageSource, MemoryBudget, Options, Progress, Report, Version, index};

use crate::layout::{GZIP_LAYER, Layout, gzip};
use crate::memory::MemoryStore;
use crate::{all, skipped};

const MIB: u64 = 1 << 20;

/// Counts layers that are read again.
#[derive(Default)]
struct Postponed(AtomicUsize);

impl Progress for Postponed {
    fn layer_postponed(&self, _: &Descriptor) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Returns a layer of `files` empty files. Each takes some 280 bytes.
fn files(files: usize, seed: usize) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for number in 0..files {
        let mut header = tar::Header::new_ustar();
        header.set_size(0);
        tar.append_data(&mut header, format!("{seed}/{number}"), &[][..])
            .expect("tar");
    }
    gzip(&tar.into_inner().expect("tar"))
}

/// An image of four layers of which each takes most of 16 MiB, and one that takes more.
fn image() -> Layout {
    let layout = Layout::new();
    let sizes = [20_000, 20_000, 40_000, 20_000, 20_000];
    let layers = sizes.iter().enumerate();
    let layers = layers.map(|(seed, size)| layout.blob(GZIP_LAYER, &files(*size, seed)));
    let layers: Vec<_> = layers.collect();
    layout.list(&[layout.manifest("amd64", &layers)]);
    layout
}

async fn run(
    source: &impl ImageSource,
    options: &Options,
    progress: &Postponed,
) -> (Report, MemoryStore) {
    let store = MemoryStore::default();
    let indexed = index(source, &store, options, &(), progress).await;
    (indexed.expect("indexed").report().clone(), store)
}

fn options(bytes: u64, concurrency: usize) -> Options {
    let mut options = all(Version::V2).with_concurrency(concurrency);
    options.ztoc.memory = MemoryBudget::new(bytes);
    options
}

#[tokio::test]
async fn layers_that_do_not_fit_together_are_read_again_alone() {
    let layout = image();
    let progress = Postponed::default();
    let (whole, all) = run(&layout.image(), &options(1 << 30, 5), &progress).await;
    assert_eq!(skipped(&whole), [""; 0]);
    assert_eq!(progress.0.load(Ordering::Relaxed), 0, "there is enough");
    for concurrency in [1, 2, 5] {
        let progress = Postponed::default();
        let postponed = || progress.0.load(Ordering::Relaxed) > 0;
        // Whether two layers are in memory at once is up to the machine.
        let attempts = if concurrency > 1 { 50 } else { 1 };
        for _ in 0..attempts {
            let options = options(16 * MIB, concurrency);
            let (report, store) = run(&layout.image(), &options, &progress).await;
            let want = "indexing it takes more memory than the limit of 16777216 bytes";
            assert_eq!(skipped(&report), [want], "{concurrency} at a time");
            assert_eq!(store.blobs().len(), 4);
            for (digest, bytes) in store.blobs() {
                assert_eq!(all.blobs().get(&digest), Some(&bytes), "{concurrency}");
            }
            if postponed() {
                break;
            }
        }
        assert_eq!(postponed(), concurrency > 1, "{concurrency} at a time");
    }
}

#[tokio::test]
async fn images_that_share_a_budget_wait_for_each_other() {
    let layout = image();
    let options = options(24 * MIB, 4);
    let (want, store) = run(&layout.image(), &options, &Postponed::default()).await;
    assert_eq!(skipped(&want), [""; 0]);
    let progress = Postponed::default();
    let sources = vec![layout.image(); 6];
    let runs = sources
        .iter()
        .map(|source| run(source, &options, &progress));
    for (report, own) in join_all(runs).await {
        assert_eq!(report, want);
        assert_eq!(own.blobs(), store.blobs());
    }
    assert!(progress.0.load(Ordering::Relaxed) > 0, "memory is short");
}

#[tokio::test]
async fn the_manifests_of_an_image_are_bounded_together() {
    let layout = Layout::new();
    let layer = layout.blob(GZIP_LAYER, &files(1, 0));
    let manifest = layout.manifest("amd64", std::slice::from_ref(&layer));
    let large = |number: usize| {
        let layers = vec![layer.clone(); 6000 + number];
        let mut manifest = layout.manifest("arm64", &layers);
        manifest["platform"] = serde_json::json!({"os": "linux", "architecture": "arm64"});
        manifest
    };
    for (count, fits) in [(10, true), (20, false)] {
        let manifests: Vec<_> = (0..count).map(large).chain([manifest.clone()]).collect();
        layout.list(&[layout.index(&manifests)]);
        let store = MemoryStore::default();
        let options = all(Version::V2);
        let indexed = index(&layout.image(), &store, &options, &(), &()).await;
        match indexed {
            Ok(_) => assert!(fits, "{count} manifests"),
            Err(Error::TooLarge { what, limit }) => {
                assert!(!fits && what.contains("its manifests together"), "{what}");
                assert_eq!(limit, 16 * MIB);
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn the_manifests_that_are_copied_are_bounded_together() {
    for (count, fits) in [(10, true), (20, false)] {
        let layout = Layout::new();
        let layer = layout.blob(GZIP_LAYER, &files(1, 0));
        // Nothing needs to know what they are until they are copied.
        let documents = (0..count).map(|number: u8| {
            let padding = " ".repeat(MIB as usize + usize::from(number));
            layout.blob(
                "application/vnd.example+json",
                format!("{{}}{padding}").as_bytes(),
            )
        });
        let mut manifests = vec![layout.manifest("amd64", &[layer])];
        manifests.extend(documents);
        layout.list(&[layout.index(&manifests)]);
        let (source, store) = (layout.image(), MemoryStore::default());
        let indexed = index(&source, &store, &all(Version::V2), &(), &()).await;
        let indexed = indexed.expect("indexed");
        match indexed.copy_content(&source, &store).await {
            Ok(()) => {
                assert!(fits, "{count} documents");
                assert_eq!(store.manifests().len(), usize::from(count));
            }
            Err(Error::TooLarge { what, limit }) => {
                assert!(
                    !fits && what.contains("the manifests that are copied"),
                    "{what}"
                );
                assert_eq!(limit, 16 * MIB);
                assert!(
                    store.manifests().is_empty(),
                    "nothing refers to anything yet"
                );
            }
            Err(error) => panic!("{error}"),
        }
    }
}

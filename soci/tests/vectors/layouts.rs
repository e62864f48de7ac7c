//! Golden vectors: every document the reference implementation writes for whole images.

use std::collections::BTreeMap;

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use soci::{Error, LayoutImage, Options, Report, Version, index};

use crate::knowledge::{Read, Remembered};
use crate::memory::MemoryStore;

#[derive(Deserialize)]
struct Vector {
    results: Vec<String>,
    documents: BTreeMap<String, String>,
}

/// Where the documents differ from the reference's, and why.
const DIFFERENT_ON_PURPOSE: &[(&str, &str)] = &[
    (
        "attestations V2",
        "the attestation keeps its annotations and names the rewritten manifest",
    ),
    (
        "corrupt-layer",
        "the layer that cannot be decompressed is left out, the other is indexed",
    ),
    (
        "one-bad-layer",
        "the layer that cannot be indexed is left out, the other is indexed",
    ),
];

fn options(key: &str) -> Options {
    let mut options = Options::default();
    for word in key.split(' ').skip(1) {
        match word.split_once('=') {
            Some(("span", n)) => {
                options.ztoc.span_size = n.parse().expect("a span size");
            }
            Some(("min", n)) => options.min_layer_size = n.parse().expect("a size"),
            _ => match word {
                "V1" => options.version = Version::V1,
                "V2" => options.version = Version::V2,
                "xattr" => options.optimize_xattrs = true,
                // One file of each layer that the reference's results have spans of.
                "prefetch" => {
                    options.ztoc.prefetch_files = ["/usr/bin/tool5", "big", "./dir0/file00000"]
                        .map(str::to_owned)
                        .to_vec();
                }
                "default" => {}
                _ => panic!("unknown option {word:?} in {key:?}"),
            },
        }
    }
    options
}

async fn run(key: &str) -> (Result<Report, Error>, BTreeMap<String, String>) {
    let layout = key.split(' ').next().expect("a layout");
    let source = LayoutImage::new(crate::fixtures::directory().join("layouts").join(layout));
    let store = MemoryStore::default();
    let report = async {
        let (options, remembered) = (options(key), Remembered::default());
        let indexed = index(&source, &store, &options, &remembered, &()).await?;
        // Once more, from what is known: all of it again, and no layer read.
        let read = Read::default();
        let known = index(&source, &store, &options, &remembered, &read).await?;
        assert_eq!(
            read.count(),
            0,
            "{key}: layers read although they are known"
        );
        assert_eq!(
            known.manifests(),
            indexed.manifests(),
            "{key}: known layers"
        );
        known.publish(&store, Some("tag")).await?;
        Ok(indexed.report().clone())
    };
    let report = report.await;
    let documents = store.manifests().into_iter().map(|(digest, document)| {
        let text = String::from_utf8(document.bytes.to_vec()).expect("JSON");
        (digest.to_string(), text)
    });
    let documents = documents.collect();
    if let Ok(report) = &report {
        assert_eq!(
            store.tags().get("tag").copied(),
            report.digest,
            "{key}: the tag"
        );
    }
    (report, documents)
}

fn check(
    vector: &Vector,
    report: &Result<Report, Error>,
    documents: &BTreeMap<String, String>,
) -> Result<String, String> {
    let error = vector.results.iter().find(|line| line.starts_with("error"));
    match (error, report) {
        (Some(error), Ok(report)) if error.contains("no ztocs created") => {
            if report.is_empty() && report.digest.is_none() && documents.is_empty() {
                Ok("empty, nothing stored".to_owned())
            } else {
                Err(format!("want nothing, got {report:?}"))
            }
        }
        (Some(_), Err(error)) => Ok(format!("error: {error}")),
        (None, Err(error)) if vector.documents.is_empty() => Ok(format!("error: {error}")),
        (None, Ok(report)) => {
            let lines = vector.results.len();
            let got = report.indexes.iter().filter(|i| i.digest.is_some()).count();
            if report.version == Version::V1 && got != lines {
                return Err(format!("{got} indexes, want {lines}"));
            }
            for (digest, want) in &vector.documents {
                match documents.get(digest) {
                    Some(got) if got == want => {}
                    _ => {
                        let all = documents.values().cloned().collect::<Vec<_>>().join("\n  ");
                        return Err(format!("missing\n  {want}\namong\n  {all}"));
                    }
                }
            }
            if documents.len() != vector.documents.len() {
                return Err("more documents than the reference has".to_owned());
            }
            Ok(format!("equal, {} documents", documents.len()))
        }
        (error, report) => Err(format!("reference: {error:?}, here: {report:?}")),
    }
}

fn test(key: &str, vector: &Vector) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (report, documents) = runtime.block_on(run(key));
    println!("{}", check(vector, &report, &documents)?);
    Ok(())
}

/// One test for each layout and set of options.
pub(crate) fn trials() -> Vec<Trial> {
    let table = crate::fixtures::table::<Vector>("layouts.json");
    assert_eq!(table.len(), 44, "the table is whole");
    let mut own = crate::fixtures::table::<Vector>("layouts-own.json");
    let trials = table.into_iter().map(|(key, vector)| {
        let different = DIFFERENT_ON_PURPOSE
            .iter()
            .find(|(k, _)| key.starts_with(k));
        let (vector, kind) = match different {
            Some((_, why)) => (
                own.remove(&key),
                format!("image, different on purpose: {why}"),
            ),
            None => (Some(vector), "image".to_owned()),
        };
        let vector = vector.expect("documents of our own where we differ");
        Trial::test(key.clone(), move || test(&key, &vector)).with_kind(kind)
    });
    trials.collect()
}

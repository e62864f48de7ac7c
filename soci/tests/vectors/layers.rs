//! Golden vectors: what the reference implementation makes of every layer.

use libtest_mimic::{Failed, Trial};
use serde::Deserialize;
use soci::ztoc::{Builder, BuiltZtoc, Compression, Options, SkipReason, Ztoc};

#[derive(Deserialize)]
struct Vector {
    digest: Option<String>,
    size: Option<usize>,
    files: Option<usize>,
    max_span_id: Option<i64>,
    error: Option<String>,
}

type Outcome = Result<BuiltZtoc, SkipReason>;

/// Builds the zTOC of a layer, pushed in pieces of `piece` bytes.
fn build(layer: &[u8], name: &str, span_size: u64, piece: usize) -> Outcome {
    let compression = if name.ends_with(".tar") {
        Compression::NONE
    } else {
        Compression::GZIP
    };
    let options = Options::default().with_span_size(span_size);
    let mut builder = Builder::new(compression, options);
    for piece in layer.chunks(piece) {
        builder.push(piece)?;
    }
    builder.finish()
}

/// Layers that the reference indexes although no consumer can mount the result.
const SKIPPED_ON_PURPOSE: &[(&str, &str)] = &[(
    "pax-sparse-1.0.tar.gz",
    "the reference lists a sparse file's stored bytes as its content",
)];

fn check(key: &str, vector: &Vector, outcome: &Outcome) -> Result<String, String> {
    let name = key.split('@').next().unwrap_or(key);
    if let Some((_, reason)) = SKIPPED_ON_PURPOSE.iter().find(|(layer, _)| *layer == name) {
        return match outcome {
            Err(skip) => Ok(format!("differs on purpose ({reason}): {skip}")),
            other => Err(format!("want a skip, got {other:?}")),
        };
    }
    match (&vector.error, outcome) {
        // A layer that cannot be indexed is skipped where the reference fails.
        (Some(_), Err(reason)) => Ok(format!("skipped: {reason}")),
        (None, Ok(built)) => same(vector, built),
        (_, other) => Err(format!("reference: {:?}, here: {other:?}", vector.error)),
    }
}

fn same(vector: &Vector, built: &BuiltZtoc) -> Result<String, String> {
    let got = (
        Some(built.digest.to_string()),
        Some(built.size as usize),
        Some(built.files),
        Some(built.spans as i64 - 1),
    );
    let want = (
        vector.digest.clone(),
        vector.size,
        vector.files,
        vector.max_span_id,
    );
    if got != want {
        return Err(format!("got {got:?}, want {want:?}"));
    }
    let bytes = built.to_bytes();
    let parsed = Ztoc::parse(&bytes).map_err(|e| format!("own bytes: {e}"))?;
    if parsed.to_bytes() != bytes {
        return Err("parsing and writing again gives other bytes".into());
    }
    Ok(format!("equal, {}", built.digest))
}

fn test(key: &str, vector: &Vector) -> Result<(), Failed> {
    let (name, span_size) = key.split_once('@').ok_or("want file@span size")?;
    let span_size = span_size.parse()?;
    let layer = std::fs::read(crate::fixtures::directory().join("layers").join(name))?;
    let whole = build(&layer, name, span_size, usize::MAX);
    println!("{}", check(key, vector, &whole)?);
    for piece in [1, 7, 4096] {
        let pieces = build(&layer, name, span_size, piece);
        match (&whole, &pieces) {
            // Where in the stream an error is noticed may depend on the pieces.
            (Err(SkipReason::Corrupt(_)), Err(SkipReason::Corrupt(_))) => {}
            _ if whole == pieces => {}
            _ => return Err(format!("pieces of {piece} bytes give something else").into()),
        }
    }
    Ok(())
}

/// One test for each layer and span size.
pub(crate) fn trials() -> Vec<Trial> {
    let table = crate::fixtures::table::<Vector>("layers.json");
    assert_eq!(table.len(), 92, "the table is whole");
    let trials = table.into_iter().map(|(key, vector)| {
        let on_purpose = SKIPPED_ON_PURPOSE
            .iter()
            .find(|(layer, _)| key.starts_with(layer));
        let kind = match (on_purpose, &vector.error) {
            (Some((_, why)), _) => format!("layer, skipped on purpose: {why}"),
            (None, Some(error)) if !error.contains("gzip") => {
                "layer, skipped on purpose: the reference fails the image".to_owned()
            }
            _ => "layer".to_owned(),
        };
        Trial::test(key.clone(), move || test(&key, &vector)).with_kind(kind)
    });
    trials.collect()
}

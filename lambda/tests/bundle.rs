//! The bundle that is embedded in the provider under test: that of the debug build, or the one that
//! `SOCI_BUNDLE_DIR` names, as where the shipped one is tested.

use std::io::{Cursor, Read};
use std::path::PathBuf;

use anyhow::{Context, Result};
use lambda::bundle::{Build, Bundle, FUNCTIONS, LIST, check, zip};
use tests::binaries;
use tests::image::sha256;

/// The glibc of Lambda's runtime `provided.al2023`.
const LAMBDA_GLIBC: &str = "2.34";

fn directory() -> Result<PathBuf> {
    match std::env::var_os("SOCI_BUNDLE_DIR") {
        Some(directory) => Ok(directory.into()),
        None => Ok(binaries::directory()?.join("functions")),
    }
}

fn bundle() -> Result<(Bundle, Build)> {
    let list = directory()?.join(LIST);
    let text = std::fs::read(&list).with_context(|| {
        let list = list.display();
        format!("{list}: cannot read: make it with `make test`")
    })?;
    let bundle: Bundle = serde_json::from_slice(&text)?;
    let (version, _) = bundle.version.split_once('+').context("no version")?;
    let builds = [Build::Shipped, Build::Debug];
    let build = builds
        .into_iter()
        .find(|build| build.version() == version)
        .with_context(|| format!("a bundle of another version: {version}"))?;
    Ok((bundle, build))
}

#[test]
fn the_list_matches_the_zips() -> Result<()> {
    let (bundle, build) = bundle()?;
    if build == Build::Shipped {
        assert_eq!(bundle.glibc, LAMBDA_GLIBC);
    }
    assert!(!bundle.functions.is_empty());
    for pair in bundle.functions.chunks(2) {
        let functions: Vec<&str> = pair.iter().map(|packed| packed.function.as_str()).collect();
        assert_eq!(functions, FUNCTIONS);
        assert_eq!(pair[0].architecture, pair[1].architecture);
    }
    for packed in &bundle.functions {
        let file = std::fs::read(directory()?.join(&packed.file))?;
        assert_eq!(file.len() as u64, packed.size, "{}", packed.file);
        assert_eq!(sha256(&file)?, format!("sha256:{}", packed.sha256));
    }
    Ok(())
}

#[test]
fn the_programs_run_where_they_are_for() -> Result<()> {
    let (bundle, build) = bundle()?;
    for packed in &bundle.functions {
        let file = std::fs::read(directory()?.join(&packed.file))?;
        let mut archive = ::zip::ZipArchive::new(Cursor::new(&file))?;
        let mut program = Vec::new();
        archive.by_name("bootstrap")?.read_to_end(&mut program)?;
        check(&program, build, &packed.architecture, &bundle.glibc)
            .with_context(|| packed.file.clone())?;
        // Packing it again gives the same bytes.
        assert!(
            zip(&program, build)? == file,
            "{}: other bytes",
            packed.file
        );
    }
    Ok(())
}

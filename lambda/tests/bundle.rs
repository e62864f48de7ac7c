//! The bundle that is embedded in the provider, as `make bundle` builds it.

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use lambda::bundle::{Bundle, FUNCTIONS, LIST, check, zip};
use tests::image::sha256;

/// The glibc of Lambda's runtime `provided.al2023`.
const GLIBC: &str = "2.34";

fn directory() -> PathBuf {
    match std::env::var_os("SOCI_BUNDLE_DIR") {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bundle"),
    }
}

fn bundle() -> Result<Bundle> {
    let list = directory().join(LIST);
    let text = std::fs::read(&list).with_context(|| {
        let list = list.display();
        format!("{list}: cannot read: make it with `make bundle`")
    })?;
    Ok(serde_json::from_slice(&text)?)
}

#[test]
fn the_list_matches_the_zips() -> Result<()> {
    let bundle = bundle()?;
    assert_eq!(bundle.glibc, GLIBC);
    let version = bundle.version.split_once('+').context("no version")?;
    assert_eq!(version.0, env!("CARGO_PKG_VERSION"));
    assert!(!bundle.functions.is_empty());
    for pair in bundle.functions.chunks(2) {
        let functions: Vec<&str> = pair.iter().map(|packed| packed.function.as_str()).collect();
        assert_eq!(functions, FUNCTIONS);
        assert_eq!(pair[0].architecture, pair[1].architecture);
    }
    for packed in &bundle.functions {
        let file = std::fs::read(directory().join(&packed.file))?;
        assert_eq!(file.len() as u64, packed.size, "{}", packed.file);
        assert_eq!(sha256(&file)?, format!("sha256:{}", packed.sha256));
    }
    Ok(())
}

#[test]
fn lambda_can_run_the_programs() -> Result<()> {
    for packed in bundle()?.functions {
        let file = std::fs::read(directory().join(&packed.file))?;
        let mut archive = ::zip::ZipArchive::new(Cursor::new(&file))?;
        let mut program = Vec::new();
        archive.by_name("bootstrap")?.read_to_end(&mut program)?;
        check(&program, &packed.architecture, GLIBC).context(packed.file.clone())?;
        // Packing it again gives the same bytes.
        assert!(zip(&program)? == file, "{}: other bytes", packed.file);
    }
    Ok(())
}

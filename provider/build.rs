//! Embeds the bundle of the Lambda functions, if there is one.
//!
//! It is looked for in the directory that `SOCI_BUNDLE_DIR` names. Otherwise a debug build takes
//! its own functions, from `target/debug/functions`, and any other build those that are shipped, from
//! `target/bundle`, where `make bundle` leaves them. A provider without a bundle works, but for the
//! resource that deploys it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

const DIRECTORY: &str = "SOCI_BUNDLE_DIR";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={DIRECTORY}");
    let directory = match env::var_os(DIRECTORY) {
        Some(directory) => PathBuf::from(directory),
        None => default_directory(Path::new(&env::var("OUT_DIR")?), &env::var("TARGET")?),
    };
    // Cargo can only watch what exists. An empty directory is no bundle yet.
    fs::create_dir_all(&directory)?;
    println!("cargo::rerun-if-changed={}", directory.display());

    let list = directory.join("bundle.json");
    let bundle = if list.is_file() {
        let embedded = embed(&directory, &fs::read(&list)?);
        embedded.map_err(|error| {
            format!(
                "{}: {error}; run `make bundle`, or `scripts/bundle.sh debug` for a debug build",
                list.display()
            )
        })?
    } else {
        "None".to_owned()
    };
    let out = PathBuf::from(env::var("OUT_DIR")?).join("bundle.rs");
    fs::write(out, format!("const BUNDLE: Option<Bundle> = {bundle};\n"))?;
    Ok(())
}

/// Returns the directory of the bundle. `out` is `target[/TRIPLE]/PROFILE/build/PACKAGE/out`.
fn default_directory(out: &Path, triple: &str) -> PathBuf {
    let ancestor = |n| out.ancestors().nth(n).unwrap_or(out);
    match ancestor(3) {
        profile if profile.ends_with("debug") => profile.join("functions"),
        _ if ancestor(4).ends_with(triple) => ancestor(5).join("bundle"),
        _ => ancestor(4).join("bundle"),
    }
}

/// Copies the zips that the list names, each of which must be what the list says, to where the
/// compiler takes them from. Returns the bundle as an expression.
fn embed(directory: &Path, list: &[u8]) -> Result<String, Box<dyn Error>> {
    let list: Value = serde_json::from_slice(list)?;
    let functions = list["functions"].as_array().ok_or("no list of functions")?;
    let mut content = Sha256::new();
    let mut zips = String::new();
    let mut count = BTreeMap::<&str, usize>::new();
    for entry in functions {
        let text = |name: &str| entry[name].as_str().ok_or(format!("no {name} in {entry}"));
        let (architecture, file) = (text("architecture")?, text("file")?);
        let function = match text("function")? {
            "event-filter" => "EventFilter",
            "index-generator" => "IndexGenerator",
            other => return Err(format!("unknown function {other:?}").into()),
        };
        if !["x86_64", "arm64"].contains(&architecture) || file.contains(['/', '\\']) {
            return Err(format!("unexpected {entry}").into());
        }
        *count.entry(architecture).or_default() += 1;
        let zip = fs::read(directory.join(file)).map_err(|error| format!("{file}: {error}"))?;
        let digest = Sha256::digest(&zip);
        let got: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let want = text("sha256")?;
        if got != want {
            return Err(format!("{file}: digest mismatch: got {got}, want {want}").into());
        }
        content.update(format!("{file} {want}\n"));
        fs::write(PathBuf::from(env::var("OUT_DIR")?).join(file), &zip)?;
        let sha256 = STANDARD.encode(digest);
        write!(
            zips,
            "(Function::{function}, {architecture:?}, Zip {{ bytes: include_bytes!(concat!(\
             env!(\"OUT_DIR\"), \"/{file}\")), sha256: {sha256:?} }}), "
        )?;
    }
    if count.is_empty() || count.values().any(|functions| *functions != 2) {
        return Err(format!("want both functions for each architecture, got {count:?}").into());
    }
    let content: String = content.finalize()[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let versions = ["", "-debug"].map(|build| {
        let version = env!("CARGO_PKG_VERSION");
        format!("{version}{build}+{content}")
    });
    let version = list["version"].as_str().unwrap_or_default();
    if !versions.iter().any(|known| known == version) {
        return Err(format!("version: got {version:?}, want {:?}", versions[0]).into());
    }
    Ok(format!(
        "Some(Bundle {{ version: {version:?}, zips: &[{zips}] }})"
    ))
}

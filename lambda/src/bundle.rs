//! Packs the functions: one zip per function and architecture, and `bundle.json`, which lists them.
//!
//! A zip contains a program named `bootstrap`, as the runtime `provided.al2023` expects. Equal
//! programs give equal bytes, so a digest shows whether anything has changed.

mod build;
mod program;

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

pub use build::Build;
pub use program::{InvalidProgram, check};

/// Names of the programs.
pub const FUNCTIONS: [&str; 2] = ["event-filter", "index-generator"];
/// File name of a bundle's list.
pub const LIST: &str = "bundle.json";

/// The content of `bundle.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The version of this crate, followed by `-debug` if the programs are not built for shipping,
    /// `+`, and twelve hex digits that depend on the content.
    pub version: String,
    /// The newest version of glibc that the programs need.
    pub glibc: String,
    /// The zips.
    pub functions: Vec<Packed>,
}

/// One zip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    /// One of [`FUNCTIONS`].
    pub function: String,
    /// The architecture, as Lambda calls it: `x86_64` or `arm64`.
    pub architecture: String,
    /// Name of the file.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
}

/// Reasons why no bundle could be packed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// A program would not run on Lambda.
    #[error("{path}: {source}")]
    Program {
        /// The program.
        path: String,
        /// The reason.
        source: InvalidProgram,
    },
    /// A zip cannot be written.
    #[error("cannot pack {path}: {source}")]
    Zip {
        /// The program.
        path: String,
        /// The reason.
        source: zip::result::ZipError,
    },
}

/// Packs the programs of each architecture, given with its directory, into the directory `output`.
/// Files that would not change are not rewritten.
///
/// # Errors
/// If a program is missing, would not run with this version of glibc, or is larger than its build
/// allows.
pub fn pack(
    output: &Path,
    build: Build,
    glibc: &str,
    built: &[(String, PathBuf)],
) -> Result<Bundle, Error> {
    fs::create_dir_all(output).map_err(|source| io(output, source))?;
    let mut functions = Vec::new();
    let mut content = Sha256::new();
    for (architecture, directory) in built {
        for function in FUNCTIONS {
            let path = directory.join(function);
            let program = fs::read(&path).map_err(|source| io(&path, source))?;
            check(&program, build, architecture, glibc).map_err(|source| Error::Program {
                path: path.display().to_string(),
                source,
            })?;
            let zip = zip(&program, build).map_err(|source| Error::Zip {
                path: path.display().to_string(),
                source,
            })?;
            let file = format!("{function}-{architecture}.zip");
            let sha256 = hex::encode(Sha256::digest(&zip));
            content.update(format!("{file} {sha256}\n"));
            write_if_changed(&output.join(&file), &zip)?;
            functions.push(Packed {
                function: function.to_owned(),
                architecture: architecture.clone(),
                file,
                size: zip.len() as u64,
                sha256,
            });
        }
    }
    let content = hex::encode(content.finalize());
    let bundle = Bundle {
        version: format!("{}+{}", build.version(), &content[..12]),
        glibc: glibc.to_owned(),
        functions,
    };
    let list = serde_json::to_string_pretty(&bundle).unwrap_or_default();
    write_if_changed(&output.join(LIST), format!("{list}\n").as_bytes())?;
    Ok(bundle)
}

/// Zips a program.
///
/// # Errors
/// If the program is too large for a zip.
pub fn zip(program: &[u8], build: Build) -> zip::result::ZipResult<Vec<u8>> {
    let level = match build {
        Build::Shipped => 9,
        Build::Debug => 6,
    };
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(level))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(program)?;
    Ok(zip.finish()?.into_inner())
}

/// Preserves the modification time of an unchanged file, because builds that depend on it use that.
fn write_if_changed(path: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|source| io(path, source))
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io {
        path: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_is_reproducible() {
        let program = b"program".repeat(10_000);
        let one = zip(&program, Build::Shipped).unwrap();
        assert_eq!(one, zip(&program, Build::Shipped).unwrap());
        assert!(one.len() < program.len() / 10);
        let mut archive = zip::ZipArchive::new(Cursor::new(one)).unwrap();
        assert_eq!(archive.len(), 1);
        let entry = archive.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(entry.last_modified(), Some(DateTime::default()));
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let directory = std::env::temp_dir();
        let built = [("x86_64".to_owned(), directory.join("no-such-directory"))];
        let error = pack(&directory, Build::Shipped, "2.34", &built)
            .unwrap_err()
            .to_string();
        assert!(error.contains("no-such-directory"), "{error}");
    }
}

//! Lookup of programs: the binaries of this workspace, and those of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace;

/// Environment variable that overrides the directory of the binaries under test.
pub const DIRECTORY_VARIABLE: &str = "SOCI_TEST_BIN_DIR";

/// Returns the path of a binary of this workspace, in the profile of the running program.
///
/// `cargo test` does not build the binaries of other packages, so this may be an older build. `make
/// test` builds them first.
pub fn built(name: &str) -> Result<PathBuf> {
    let path = directory()?.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        bail!(
            "{} is missing: build it with `cargo build --workspace --bins` (or `make build`, for \
             the release profile), or set {DIRECTORY_VARIABLE}",
            path.display()
        );
    }
    Ok(path)
}

/// Returns the path of a copy of a binary without its symbols, creating it if there is none of this
/// build. Terraform hashes a provider's whole file on every run, so half the size is half the work.
pub fn stripped(name: &str) -> Result<PathBuf> {
    let built = built(name)?;
    let modified = |path: &Path| path.metadata().and_then(|file| file.modified());
    let folder = built.with_file_name("stripped");
    let copy = folder.join(built.file_name().context("a path without a name")?);
    if modified(&copy).is_ok_and(|copied| modified(&built).is_ok_and(|built| built < copied)) {
        return Ok(copy);
    }
    fs::create_dir_all(&folder)?;
    // Others may be doing the same, so a file with the final name must always be complete.
    let temporary = tempfile::NamedTempFile::new_in(&folder)?.into_temp_path();
    let status = Command::new("strip")
        .arg("-o")
        .args([temporary.as_ref() as &Path, &built])
        .status()
        .context("strip: cannot run: install binutils")?;
    ensure!(status.success(), "strip {}: {status}", built.display());
    temporary.persist(&copy)?;
    Ok(copy)
}

/// Returns the path of the Python that has the packages of `tests/requirements.txt` and
/// `tests/requirements-test.txt`.
pub fn python() -> Result<PathBuf> {
    let path = workspace::root().join("target/python/bin/python");
    if !path.is_file() {
        bail!(
            "{} is missing: run `scripts/setup.sh test` (`make test` does)",
            path.display()
        );
    }
    Ok(path)
}

/// Looks up a program on `PATH`.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
}

/// Returns the directory of the binaries of this workspace.
pub fn directory() -> Result<PathBuf> {
    if let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) {
        return Ok(directory.into());
    }
    let program = std::env::current_exe().context("the running program has no path")?;
    let parent = program.parent().unwrap_or(Path::new("."));
    // Tests are in <profile>/deps, binaries are in <profile>.
    let profile = if parent.ends_with("deps") {
        parent.parent()
    } else {
        Some(parent)
    };
    Ok(profile.unwrap_or(parent).to_path_buf())
}

//! The pages for the command `soci`, which it generates itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::interrupt::Interrupt;
use crate::{binaries, process, wait, workspace};

/// Directory of the pages.
pub(super) const DIRECTORY: &str = "docs/cli";

/// Returns the pages that are out of date, each with its correct text. Fails if a page belongs to
/// no command.
pub fn stale() -> Result<Vec<(PathBuf, String)>> {
    let written = tempfile::tempdir()?;
    let mut command = Command::new(binaries::built("soci")?);
    command.args(["man", "--markdown"]).arg(written.path());
    process::run(&mut command, wait::SOON, &Interrupt::default())?.success()?;

    let directory = workspace::root().join(DIRECTORY);
    fs::create_dir_all(&directory)?;
    let mut stale = Vec::new();
    for entry in fs::read_dir(written.path())? {
        let entry = entry?;
        let page = directory.join(entry.file_name());
        let rendered = fs::read_to_string(entry.path())?;
        if !page.is_file() || fs::read_to_string(&page)? != rendered {
            stale.push((page, rendered));
        }
    }
    for entry in fs::read_dir(&directory)? {
        let page = entry?;
        let known = written.path().join(page.file_name()).is_file();
        ensure!(known, "{}: of no command: delete it", page.path().display());
    }
    stale.sort();
    Ok(stale)
}

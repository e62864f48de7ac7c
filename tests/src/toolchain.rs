//! Files of the Rust toolchain. Every machine that runs the demo has them, in all sizes, with both
//! code and data.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::interrupt::Interrupt;
use crate::{process, wait};

/// A file of this machine and its path in the image.
#[derive(Clone, Debug)]
pub struct HostFile {
    /// Path in the image.
    pub path: String,
    /// Path on this machine.
    pub source: PathBuf,
    /// Size in bytes.
    pub size: u64,
}

/// Lists all files.
pub fn all() -> Result<Vec<HostFile>> {
    let library = library()?;
    let mut all = Vec::new();
    walk(&library, &library, &mut all)?;
    Ok(all)
}

/// Picks files of at least `bytes` in total, smallest first, so that there are many.
pub fn files(bytes: u64) -> Result<Vec<HostFile>> {
    let mut all = all()?;
    all.sort_by(|a, b| (a.size, &a.path).cmp(&(b.size, &b.path)));
    let mut total = 0;
    let mut files: Vec<_> = all
        .into_iter()
        .take_while(|file| {
            let wanted = total < bytes;
            total += file.size;
            wanted
        })
        .collect();
    let found: u64 = files.iter().map(|file| file.size).sum();
    ensure!(
        found >= bytes,
        "{}: {found} bytes of files, want {bytes}",
        library()?.display()
    );
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Returns the file whose size is closest to `size`.
pub fn nearest(files: &[HostFile], size: u64) -> Option<&HostFile> {
    files.iter().min_by_key(|file| file.size.abs_diff(size))
}

fn library() -> Result<PathBuf> {
    let mut command = Command::new("rustc");
    command.args(["--print", "sysroot"]);
    let output = process::run(&mut command, wait::SOON, &Interrupt::default())?.success()?;
    Ok(Path::new(output.stdout.trim_end()).join("lib"))
}

fn walk(root: &Path, directory: &Path, files: &mut Vec<HostFile>) -> Result<()> {
    let context = || format!("{}: cannot list", directory.display());
    for entry in std::fs::read_dir(directory).with_context(context)? {
        let entry = entry.with_context(context)?;
        let source = entry.path();
        let metadata = entry.metadata().with_context(context)?;
        if metadata.is_dir() {
            walk(root, &source, files)?;
        } else if metadata.is_file() && metadata.len() > 0 {
            let relative = source.strip_prefix(root)?.to_string_lossy();
            let path = format!("usr/local/lib/{relative}");
            files.push(HostFile {
                path,
                size: metadata.len(),
                source,
            });
        }
    }
    Ok(())
}

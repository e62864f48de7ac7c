//! `soci ztoc build`.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use bytes::Bytes;
use soci::ztoc::{Builder, Compression, Options, SkipReason};
use tempfile::NamedTempFile;

use crate::args::Compression as Choice;
use crate::exit::{Exit, UsageError};
use crate::location::same_path;
use crate::output::{note, print};

/// Number of bytes of a layer that are read at once.
const PIECE: usize = 1 << 20;

/// Builds the zTOC of a layer.
pub(super) fn run(layer: &Path, output: &Path, options: Options, choice: Choice) -> Result<Exit> {
    let output = Output::new(layer, output)?;
    let name = match layer.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => layer.display().to_string(),
    };
    let reading = || format!("reading {name}");
    let mut input: Box<dyn Read> = if is_standard(layer) {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(File::open(layer).with_context(reading)?)
    };
    let mut piece = vec![0; PIECE];
    let mut read = fill(&mut *input, &mut piece).with_context(reading)?;
    let compression = match choice {
        Choice::Gzip => Compression::GZIP,
        Choice::None => Compression::NONE,
        Choice::Auto => match Compression::of_first_bytes(&piece[..read]) {
            Ok(compression) => compression,
            Err(reason) => bail!("{name}: no zTOC: {reason}"),
        },
    };
    let mut builder = Builder::new(compression, options);
    let skipped = |reason| match reason {
        SkipReason::Corrupt(error) => Error::new(error).context(name.clone()),
        reason => anyhow!("{name}: no zTOC: {reason}"),
    };
    while read > 0 {
        builder.push(&piece[..read]).map_err(skipped)?;
        read = fill(&mut *input, &mut piece).with_context(reading)?;
    }
    let built = builder.finish().map_err(skipped)?;
    output.write(&built.pieces)?;
    let line = format!("{} {}", built.digest, built.size);
    match output {
        Output::Standard => note(&line),
        _ => print(line + "\n")?,
    }
    Ok(Exit::Success)
}

/// Reads until the buffer is full or the input ends. A pipe returns less than requested.
fn fill(input: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Where a zTOC is written.
enum Output {
    /// Standard output.
    Standard,
    /// A regular file, which is created or replaced atomically.
    File(PathBuf),
    /// A device or a pipe.
    Device(PathBuf),
}

impl Output {
    fn new(layer: &Path, output: &Path) -> Result<Self> {
        if is_standard(output) {
            return Ok(Self::Standard);
        }
        if !is_standard(layer) && same_path(layer, output) {
            bail!(UsageError::new(format!(
                "{}: the output is the same file as the layer",
                output.display()
            )));
        }
        match output.metadata() {
            Ok(metadata) if metadata.is_dir() => {
                bail!(UsageError::new(format!(
                    "{}: a directory",
                    output.display()
                )))
            }
            Ok(metadata) if !metadata.is_file() => Ok(Self::Device(output.to_owned())),
            // A link remains a link, pointing to the new file.
            Ok(_) => Ok(Self::File(output.canonicalize()?)),
            // It does not exist, or creating it will report the reason.
            Err(_) => Ok(Self::File(output.to_owned())),
        }
    }

    fn write(&self, pieces: &[Bytes]) -> Result<()> {
        match self {
            Self::Standard => pieces.iter().try_for_each(print),
            Self::Device(path) => File::create(path)
                .and_then(|file| write_all(file, pieces))
                .with_context(|| format!("writing {}", path.display())),
            Self::File(path) => {
                replace(path, pieces).with_context(|| format!("writing {}", path.display()))
            }
        }
    }
}

/// Writes a file so that no reader sees part of it, and a failure leaves the old one in place.
fn replace(path: &Path, pieces: &[Bytes]) -> Result<()> {
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut partial = new_file(directory)?;
    write_all(&mut partial, pieces)?;
    partial.as_file().sync_all()?;
    partial.persist(path)?;
    Ok(())
}

fn write_all(mut to: impl Write, pieces: &[Bytes]) -> std::io::Result<()> {
    pieces.iter().try_for_each(|piece| to.write_all(piece))
}

fn new_file(directory: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".soci-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file, the process's umask restricts the permissions.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(directory)
}

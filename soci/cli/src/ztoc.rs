//! `soci ztoc`: commands for a single layer.

mod build;
mod extract;
mod info;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use soci::ztoc::{Options, Ztoc};

use crate::args;
use crate::exit::Exit;

/// Maximum size of a zTOC, in bytes.
const MAX_ZTOC: u64 = 1 << 30;

/// Runs a command.
pub(crate) fn run(command: args::Ztoc) -> Result<Exit> {
    match command {
        args::Ztoc::Build {
            layer,
            output,
            span_size,
            build_tool,
            compression,
        } => {
            let options = Options::default()
                .with_span_size(span_size.span_size)
                .with_build_tool(build_tool.build_tool);
            build::run(&layer, &output, options, compression)
        }
        args::Ztoc::Info { ztoc, json } => info::run(&ztoc, json),
        args::Ztoc::Extract { ztoc, layer, path } => extract::run(&ztoc, &layer, &path),
    }
}

/// A zTOC in a file, and its bytes.
struct Parsed {
    ztoc: Ztoc,
    bytes: Vec<u8>,
}

fn read(path: &Path) -> Result<Parsed> {
    let reading = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    File::open(path)
        .with_context(reading)?
        .take(MAX_ZTOC + 1)
        .read_to_end(&mut bytes)
        .with_context(reading)?;
    if bytes.len() as u64 > MAX_ZTOC {
        bail!(
            "{}: larger than the {MAX_ZTOC} bytes allowed",
            path.display()
        );
    }
    let ztoc = Ztoc::parse(&bytes).with_context(|| format!("{}: not a zTOC", path.display()))?;
    Ok(Parsed { ztoc, bytes })
}

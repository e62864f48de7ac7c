//! `soci ztoc`: commands for a single layer.

mod build;
mod extract;
mod info;
mod parsed;

use anyhow::Result;
use soci::MemoryBudget;
use soci::ztoc::Options;

use crate::args;
use crate::exit::Exit;

/// Runs a command.
pub(crate) fn run(command: args::Ztoc, memory: &MemoryBudget) -> Result<Exit> {
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
                .with_build_tool(build_tool.build_tool)
                .with_memory(memory.clone());
            build::run(&layer, &output, options, compression)
        }
        args::Ztoc::Info { ztoc, json } => info::run(&ztoc, json, memory),
        args::Ztoc::Extract { ztoc, layer, path } => extract::run(&ztoc, &layer, &path, memory),
    }
}

//! The commands, their arguments, and what they exit with: 0 for success, 1 for failure,
//! 2 for a command line that makes no sense.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use soci::oci::Platform;
use soci::ztoc::{DEFAULT_BUILD_TOOL, DEFAULT_SPAN_SIZE};
use soci::{Options, Version};

use crate::place::Access;
use crate::{image, ztoc};

/// Build, inspect and verify SOCI (Seekable OCI) indexes of container images.
///
/// SOURCE and DESTINATION are an image in a registry (host/repository:tag) or an OCI image
/// layout directory (oci:DIR for its first image, oci:DIR:NAME for another).
#[derive(Parser)]
#[command(name = "soci", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Build the index of an image (V1): it refers to the image, which stays as it is
    Create {
        /// The image
        source: String,
        #[command(flatten)]
        build: Build,
        #[command(flatten)]
        access: Access,
    },
    /// Make a SOCI-enabled image (V2): a copy that carries its index
    Convert {
        /// The image
        source: String,
        /// Where the SOCI-enabled image goes [default: beside the source, tagged <tag>-soci]
        destination: Option<String>,
        #[command(flatten)]
        build: Build,
        #[command(flatten)]
        access: Access,
    },
    /// Show the indexes of an image as a tree
    Inspect {
        /// The image
        source: String,
        #[command(flatten)]
        access: Access,
    },
    /// Compare the indexes of an image with the image itself
    Verify {
        /// The image
        source: String,
        #[command(flatten)]
        access: Access,
    },
    /// Work with the zTOC of a single layer
    #[command(subcommand)]
    Ztoc(Ztoc),
}

/// How an image is indexed.
#[derive(Args)]
pub(crate) struct Build {
    /// Index only this platform, such as linux/arm64 (may be repeated) [default: all]
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<Platform>,
    /// Bytes of a decompressed layer between two points at which reading can start
    #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_SPAN_SIZE, value_parser = clap::value_parser!(u64).range(1..))]
    span_size: u64,
    /// Leave out layers of fewer compressed bytes
    #[arg(long, value_name = "BYTES", default_value_t = Options::default().min_layer_size)]
    min_layer_size: u64,
    /// What to name as the builder; part of every digest
    #[arg(long, value_name = "NAME", default_value = DEFAULT_BUILD_TOOL)]
    build_tool: String,
    /// Turn on an optimization (may be repeated)
    #[arg(long = "optimization", value_name = "NAME")]
    optimizations: Vec<Optimization>,
    /// List the spans of this file for prefetching (may be repeated)
    #[arg(long = "prefetch-file", value_name = "PATH")]
    prefetch_files: Vec<String>,
    /// How many layers are read at the same time
    #[arg(long, value_name = "N", default_value_t = Options::default().concurrency as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
    concurrency: u64,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Optimization {
    /// Mark layers that can be mounted without extended attributes
    Xattr,
}

impl Build {
    pub(crate) fn options(&self, version: Version) -> Options {
        let mut options = Options {
            version,
            min_layer_size: self.min_layer_size,
            platforms: self.platforms.clone(),
            optimize_xattrs: self.optimizations.contains(&Optimization::Xattr),
            concurrency: self.concurrency as usize,
            ..Options::default()
        };
        options.ztoc.span_size = self.span_size;
        options.ztoc.build_tool.clone_from(&self.build_tool);
        options.ztoc.prefetch_files.clone_from(&self.prefetch_files);
        options
    }
}

#[derive(Subcommand)]
pub(crate) enum Ztoc {
    /// Build the zTOC of a layer in a file, and print its digest and size
    Build {
        /// The layer blob
        layer: PathBuf,
        /// Where the zTOC goes
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Bytes of the decompressed layer between two points at which reading can start
        #[arg(long, value_name = "BYTES", default_value_t = DEFAULT_SPAN_SIZE, value_parser = clap::value_parser!(u64).range(1..))]
        span_size: u64,
        /// What to name as the builder; part of the digest
        #[arg(long, value_name = "NAME", default_value = DEFAULT_BUILD_TOOL)]
        build_tool: String,
        /// How the layer is compressed
        #[arg(long, value_enum, default_value_t = Compression::Auto)]
        compression: Compression,
    },
    /// Show what a zTOC holds
    Info {
        /// The zTOC
        ztoc: PathBuf,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a file of a layer to standard output, reading only the spans that hold it
    Extract {
        /// The layer's zTOC
        ztoc: PathBuf,
        /// The layer blob
        layer: PathBuf,
        /// Path of the file in the layer
        path: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    /// As the first bytes tell
    Auto,
    /// gzip
    Gzip,
    /// Plain tar
    None,
}

pub(crate) fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("soci: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output. A reader that has seen enough is no failure.
pub(crate) fn print(text: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_ref())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("writing to standard output"))
        }
        _ => Ok(()),
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Create {
                source,
                build,
                access,
            } => image::create(&source, &build, access).await,
            Command::Convert {
                source,
                destination,
                build,
                access,
            } => image::convert(&source, destination.as_deref(), &build, access).await,
            Command::Inspect { source, access } => image::inspect(&source, access).await,
            Command::Verify { source, access } => image::verify(&source, access).await,
            Command::Ztoc(command) => ztoc::run(command).await,
        }
    })
}

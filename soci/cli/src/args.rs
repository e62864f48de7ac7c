//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use soci::oci::Platform;
use soci::ztoc::DEFAULT_BUILD_TOOL;
use soci::{ImageReference, MemoryBudget, Options, Version};

use crate::access::{Access, Sides};
use crate::exit::EXIT_CODES;
use crate::location::Location;
use crate::output::Verbosity;
use crate::size;

/// Smaller spans make a zTOC larger than what it saves; larger ones make reads slow.
const SPAN_SIZES: std::ops::RangeInclusive<u64> = 64 << 10..=1 << 30;

/// Amounts of memory with which something can be done.
const MEMORY: std::ops::RangeInclusive<u64> = 96 << 20..=1 << 40;

/// Build, inspect and verify SOCI (Seekable OCI) indexes of container images
///
/// SOURCE and DESTINATION are images in a registry (HOST/REPOSITORY:TAG), in an OCI image layout
/// (oci:DIR is its first image, oci:DIR:NAME the image of that name), or in a tar archive
/// (oci-archive:FILE, docker-archive:FILE, each optionally with :NAME). An existing path needs no
/// prefix.
#[derive(Parser)]
#[command(name = "soci", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Print results and errors only
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// List every skipped layer, and log every request
    #[arg(long, short, global = true)]
    verbose: bool,
    /// Maximum memory to use: 96MiB to 1TiB. Layers wait for free memory; one that needs more is skipped
    #[arg(long, global = true, value_name = "SIZE", default_value = "1GiB", value_parser = |text: &str| size::parse(text, MEMORY))]
    memory: u64,
}

#[derive(Subcommand)]
#[expect(clippy::large_enum_variant, reason = "a process has one")]
pub(crate) enum Command {
    /// Create the index of an image (V1), which refers to the image and leaves it unchanged
    Create {
        /// Image to index
        source: Location,
        #[command(flatten)]
        build: Build,
        #[command(flatten)]
        access: Access,
    },
    /// Convert an image to a SOCI-enabled image (V2): a copy that contains its index
    Convert {
        /// Image to convert
        source: Location,
        /// Where to write the SOCI-enabled image [default: beside SOURCE, tagged <tag>-soci;
        /// untagged if SOURCE is given by its digest alone; for FILE.tar, in FILE-soci.tar]
        destination: Option<Location>,
        /// Allow DESTINATION to be SOURCE or an existing archive, which is then replaced
        #[arg(long)]
        replace: bool,
        /// Convert Docker layer media types to OCI, as skopeo and podman require
        #[arg(long)]
        oci_layer_types: bool,
        #[command(flatten)]
        build: Build,
        #[command(flatten)]
        access: Access,
        #[command(flatten)]
        sides: Sides,
    },
    /// Show the indexes of an image
    Inspect {
        /// Image to inspect
        source: Location,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        access: Access,
    },
    /// Verify the indexes of an image against its layers
    Verify {
        /// Image to verify
        source: Location,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        access: Access,
    },
    /// Wait until an image that was pushed has its index, and print the reference to deploy
    ///
    /// For an image that something else indexes when it is pushed. With a digest
    /// (HOST/REPOSITORY:TAG@sha256:…), waits for that image, not a later push of its tag. Gives up after 15
    /// minutes, or after --timeout.
    Wait {
        /// Image that was pushed, in a registry
        image: ImageReference,
        /// Version of the index to wait for
        #[arg(long, value_enum, default_value_t = IndexVersion::V2)]
        index_version: IndexVersion,
        #[command(flatten)]
        enabled: EnabledTag,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        access: Access,
    },
    /// Tell whether container hosts will load an image lazily, and if not, why
    ///
    /// Reads manifests, zTOCs and the ends of layers. `verify` compares an index with whole layers.
    Doctor {
        /// Image in a registry: the source, or a SOCI-enabled image
        image: ImageReference,
        #[command(flatten)]
        enabled: EnabledTag,
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        access: Access,
    },
    /// Work with the zTOC of a single layer
    #[command(subcommand)]
    Ztoc(Ztoc),
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete for
        shell: clap_complete::Shell,
    },
    /// Write the manual pages to a directory
    Man {
        /// Directory to write to; it must exist
        directory: PathBuf,
        /// Write them in Markdown
        #[arg(long)]
        markdown: bool,
    },
}

/// How an image is indexed.
#[derive(Args)]
pub(crate) struct Build {
    /// Index this platform only, such as linux/arm64; may be repeated [default: all]
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<Platform>,
    #[command(flatten)]
    span_size: SpanSize,
    /// Skip layers smaller than this when compressed
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = |text: &str| size::parse(text, 0..=u64::MAX))]
    min_layer_size: u64,
    #[command(flatten)]
    build_tool: BuildTool,
    /// Turn on an optimization; may be repeated
    #[arg(long = "optimization", value_name = "NAME")]
    optimizations: Vec<Optimization>,
    /// Index layers with several gzip members, which soci-snapshotter before v0.14.0 reads incorrectly
    #[arg(long)]
    multi_member_layers: bool,
    /// Have container hosts prefetch this file; may be repeated
    #[arg(long = "prefetch-file", value_name = "PATH")]
    prefetch_files: Vec<String>,
    /// Reuse the zTOCs of this image, which must have an index, instead of reading the layers; may be
    /// repeated. Name only images that you trust
    #[arg(long, value_name = "IMAGE")]
    pub(crate) reuse_from: Vec<Location>,
    /// Number of layers to read at the same time
    #[arg(long, value_name = "N", default_value_t = Options::default().concurrency as u64, value_parser = clap::value_parser!(u64).range(1..=64))]
    concurrency: u64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct SpanSize {
    /// Span size in decompressed bytes, the granularity at which layers can be read: 64KiB to 1GiB
    #[arg(long, value_name = "SIZE", default_value = "4MiB", value_parser = |text: &str| size::parse(text, SPAN_SIZES))]
    pub(crate) span_size: u64,
}

#[derive(Args)]
pub(crate) struct BuildTool {
    /// Build tool to record in each zTOC; changes the digests
    #[arg(long, value_name = "NAME", default_value = DEFAULT_BUILD_TOOL)]
    pub(crate) build_tool: String,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum IndexVersion {
    /// An index that refers to the image
    #[value(name = "V1", alias = "v1")]
    V1,
    /// A SOCI-enabled image
    #[value(name = "V2", alias = "v2")]
    V2,
}

impl From<IndexVersion> for Version {
    fn from(version: IndexVersion) -> Self {
        match version {
            IndexVersion::V1 => Self::V1,
            IndexVersion::V2 => Self::V2,
        }
    }
}

/// Where the SOCI-enabled image of an image is.
#[derive(Args)]
pub(crate) struct EnabledTag {
    /// Tag of the SOCI-enabled image (V2) [default: the image's tag followed by -soci]
    #[arg(long, value_name = "TAG", value_parser = tag)]
    tag: Option<String>,
}

impl EnabledTag {
    /// Returns the tag of the SOCI-enabled image of `image`; none if neither has one.
    pub(crate) fn of(self, image: &ImageReference) -> Option<String> {
        self.tag.or_else(|| image.tag().map(default_tag))
    }
}

/// Returns the tag of a SOCI-enabled image where none is given.
pub(crate) fn default_tag(source: &str) -> String {
    format!("{source}-soci")
}

/// Parses the tag of an image.
fn tag(text: &str) -> Result<String, String> {
    let reference = format!("localhost/image:{text}").parse::<ImageReference>();
    match reference.map(|reference| (reference.tag() == Some(text), reference.digest())) {
        Ok((true, None)) => Ok(text.to_owned()),
        _ => Err("want the tag alone, such as 1.4-soci".to_owned()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Optimization {
    /// Mark layers that can be mounted without extended attributes
    Xattr,
}

impl Build {
    pub(crate) fn options(&self, version: Version, memory: &MemoryBudget) -> Options {
        let ztoc = soci::ztoc::Options::default()
            .with_span_size(self.span_size.span_size)
            .with_build_tool(&self.build_tool.build_tool)
            .with_prefetch_files(self.prefetch_files.clone())
            .with_memory(memory.clone());
        Options::default()
            .with_version(version)
            .with_ztoc(ztoc)
            .with_min_layer_size(self.min_layer_size)
            .with_platforms(self.platforms.clone())
            .with_optimize_xattrs(self.optimizations.contains(&Optimization::Xattr))
            .with_multi_member_layers(self.multi_member_layers)
            .with_concurrency(self.concurrency as usize)
    }
}

#[derive(Subcommand)]
pub(crate) enum Ztoc {
    /// Build the zTOC of a layer, and print its digest and size
    ///
    /// With `-` as the output, digest and size go to standard error.
    Build {
        /// Layer blob, or - for standard input
        layer: PathBuf,
        /// File to write the zTOC to, or - for standard output
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        span_size: SpanSize,
        #[command(flatten)]
        build_tool: BuildTool,
        /// Compression of the layer
        #[arg(long, value_enum, default_value_t = Compression::Auto)]
        compression: Compression,
    },
    /// Show what a zTOC contains
    Info {
        /// zTOC to show
        ztoc: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a file of a layer to standard output, reading only the spans that hold it
    Extract {
        /// zTOC of the layer
        ztoc: PathBuf,
        /// Layer blob
        layer: PathBuf,
        /// Path of the file in the layer
        path: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    /// Detect from the first bytes
    Auto,
    /// gzip
    Gzip,
    /// Plain tar
    None,
}

impl Cli {
    /// Returns the memory for all that the command does.
    pub(crate) fn memory(&self) -> MemoryBudget {
        MemoryBudget::of_process(self.memory)
    }

    pub(crate) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

impl Command {
    /// Returns how long the command may take, if that is limited.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Create { access, .. }
            | Self::Convert { access, .. }
            | Self::Inspect { access, .. }
            | Self::Doctor { access, .. }
            | Self::Verify { access, .. } => access.timeout,
            // It says itself that its time is up.
            Self::Wait { .. } | Self::Ztoc(_) | Self::Completions { .. } | Self::Man { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use soci::ztoc::DEFAULT_SPAN_SIZE;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let parsed = Cli::try_parse_from(["soci", "create", "oci:a"]).expect("valid");
        let Command::Create { build, .. } = parsed.command else {
            panic!("another command");
        };
        let want = Options::default();
        let got = build.options(Version::V1, &want.ztoc.memory);
        assert_eq!(got.ztoc, want.ztoc);
        assert_eq!(got.ztoc.span_size, DEFAULT_SPAN_SIZE);
        assert_eq!(got.min_layer_size, want.min_layer_size);
        assert_eq!(got.concurrency, want.concurrency);
    }
}

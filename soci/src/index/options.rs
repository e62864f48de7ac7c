//! Options for indexing an image.

use crate::oci::Platform;
use crate::version::Version;
use crate::ztoc;

/// Options for indexing an image.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// Version of the index.
    pub version: Version,
    /// Options for the zTOCs.
    pub ztoc: ztoc::Options,
    /// Minimum size of layers that get a zTOC, in compressed bytes.
    pub min_layer_size: u64,
    /// Platforms to index; all if empty.
    pub platforms: Vec<Platform>,
    /// Whether an image may lack some of the platforms, which are then reported. Otherwise a
    /// missing platform is an error, because it may be misspelled.
    pub allow_missing_platforms: bool,
    /// Whether to mark layers that can be mounted without extended attributes.
    pub optimize_xattrs: bool,
    /// Whether to index layers with several gzip members, such as those of eStargz, which
    /// soci-snapshotter before v0.14.0 reads incorrectly.
    pub multi_member_layers: bool,
    /// Whether to replace Docker's media types of layers with OCI's in a SOCI-enabled image (V2).
    /// Otherwise they are kept, as in the reference implementation.
    pub oci_layer_types: bool,
    /// Maximum number of layers read concurrently; at least 1.
    pub concurrency: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version: Version::default(),
            ztoc: ztoc::Options::default(),
            min_layer_size: 10 << 20,
            platforms: Vec::new(),
            allow_missing_platforms: false,
            optimize_xattrs: false,
            multi_member_layers: false,
            oci_layer_types: false,
            concurrency: 4,
        }
    }
}

impl Options {
    /// Sets the version of the index.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Sets the options for the zTOCs.
    #[must_use]
    pub fn with_ztoc(mut self, options: ztoc::Options) -> Self {
        self.ztoc = options;
        self
    }

    /// Sets the minimum size of layers that get a zTOC, in compressed bytes.
    #[must_use]
    pub fn with_min_layer_size(mut self, bytes: u64) -> Self {
        self.min_layer_size = bytes;
        self
    }

    /// Sets the platforms to index; all if empty.
    #[must_use]
    pub fn with_platforms(mut self, platforms: Vec<Platform>) -> Self {
        self.platforms = platforms;
        self
    }

    /// Sets whether an image may lack some of the platforms.
    #[must_use]
    pub fn with_allow_missing_platforms(mut self, allow: bool) -> Self {
        self.allow_missing_platforms = allow;
        self
    }

    /// Sets whether to mark layers that can be mounted without extended attributes.
    #[must_use]
    pub fn with_optimize_xattrs(mut self, optimize: bool) -> Self {
        self.optimize_xattrs = optimize;
        self
    }

    /// Sets whether to index layers with several gzip members.
    #[must_use]
    pub fn with_multi_member_layers(mut self, include: bool) -> Self {
        self.multi_member_layers = include;
        self
    }

    /// Sets whether to replace Docker's media types of layers with OCI's (V2).
    #[must_use]
    pub fn with_oci_layer_types(mut self, rename: bool) -> Self {
        self.oci_layer_types = rename;
        self
    }

    /// Sets the maximum number of layers read concurrently.
    #[must_use]
    pub fn with_concurrency(mut self, layers: usize) -> Self {
        self.concurrency = layers;
        self
    }

    /// Returns whether Docker's media types of layers are replaced with OCI's.
    pub(crate) fn renames_layer_types(&self) -> bool {
        self.oci_layer_types && self.version == Version::V2
    }

    /// Returns whether a platform is to be indexed. For V2, an incomplete platform is not: the
    /// manifest that the image index would list for it could not be pulled.
    pub(crate) fn wants(&self, platform: &Platform) -> bool {
        if self.version == Version::V2 && !platform.is_complete() {
            return false;
        }
        let mut wanted = self.platforms.iter();
        self.platforms.is_empty() || wanted.any(|wanted| platform.matches(wanted))
    }
}

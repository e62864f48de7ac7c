//! Options that an existing index was built with, as far as they can be determined.

use std::collections::HashMap;

use soci::oci::{Descriptor, annotation};
use soci::ztoc::Compression;
use soci::{Digest, Inspection, MemoryBudget, Options, PlatformInspection, RegistryImage, Version};
use tfplugin_sdk::{Diagnostic, Value};

use super::settings::Settings;

/// The options of an index, read from the index.
pub(super) struct SeenOptions {
    version: Version,
    span_size: u64,
    min_layer_size: u64,
    /// The platforms with an index; `None` if no platform was left out.
    platforms: Option<Vec<String>>,
    /// Whether layers are marked as free of extended attributes.
    optimizes_xattrs: bool,
    /// Whether files are prefetched. The index does not name the files.
    prefetches: bool,
    /// Whether layers were skipped that are not smaller than all indexed ones.
    skips_larger: bool,
    /// Whether a layer with several gzip members is indexed.
    has_multi_members: bool,
    /// Whether layers have different media types than in the source.
    renames_layer_types: bool,
}

impl SeenOptions {
    /// Reads the options of the indexes of this version.
    pub(super) fn of(found: &Inspection, version: Version) -> Self {
        let defaults = Options::default();
        let indexes = || {
            let indexes = found.platforms.iter().flat_map(|found| &found.indexes);
            indexes.filter(move |index| index.version == version)
        };
        let ztocs = || indexes().flat_map(|index| &index.ztocs);
        let has_index = |platform: &&PlatformInspection| {
            let mut indexes = platform.indexes.iter();
            indexes.any(|index| index.version == version)
        };
        let indexed = found.platforms.iter().filter(has_index);
        let is_indexed = |digest| ztocs().any(|ztoc| ztoc.layer == digest);
        let (mut smallest, mut largest_skipped) = (u64::MAX, None);
        for layer in indexed.clone().flat_map(|platform| &platform.layers) {
            if is_indexed(layer.digest) {
                smallest = smallest.min(layer.size);
            } else if may_be_indexed(&layer.media_type) {
                largest_skipped = largest_skipped.max(Some(layer.size));
            }
        }
        let default = defaults.min_layer_size;
        let fits_default = smallest >= default && largest_skipped.is_none_or(|size| size < default);
        let skips_larger = largest_skipped.is_some_and(|size| size >= smallest);
        let min_layer_size = match largest_skipped {
            _ if fits_default => default,
            None => 0,
            Some(_) if skips_larger => default.min(smallest),
            Some(_) => smallest,
        };
        let left_out = |platform: &PlatformInspection| {
            let mut layers = platform.layers.iter();
            !has_index(&platform)
                && layers
                    .any(|layer| layer.size >= min_layer_size && may_be_indexed(&layer.media_type))
        };
        let platforms = found.platforms.iter().any(left_out);
        let names = || indexed.map(|platform| platform.platform.clone());
        Self {
            version,
            span_size: ztocs()
                .find_map(|ztoc| ztoc.span_size)
                .unwrap_or(defaults.ztoc.span_size),
            min_layer_size,
            platforms: platforms.then(|| names().collect()),
            optimizes_xattrs: ztocs().any(|ztoc| {
                let annotations = &ztoc.descriptor.annotations;
                annotations.contains_key(annotation::DISABLE_XATTRS)
            }),
            prefetches: indexes().any(|index| !index.prefetch.is_empty()),
            skips_larger,
            has_multi_members: false,
            renames_layer_types: false,
        }
    }

    /// Reads the options that only the zTOCs, the layers and the source reveal.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub(super) async fn look_closer(
        &mut self,
        image: &RegistryImage,
        source: &Inspection,
        found: &Inspection,
        memory: &MemoryBudget,
    ) -> soci::Result<()> {
        let layers = |image: &Inspection| -> HashMap<Digest, Descriptor> {
            let layers = image.platforms.iter().flat_map(|platform| &platform.layers);
            let layers = layers.map(|layer| (layer.digest, layer.clone()));
            layers.collect()
        };
        let (theirs, own) = (layers(source), layers(found));
        let renamed = |(digest, layer): (&Digest, &Descriptor)| {
            let before = theirs.get(digest);
            before.is_some_and(|before| before.media_type != layer.media_type)
        };
        self.renames_layer_types = self.version == Version::V2 && own.iter().any(renamed);
        let indexes = found.platforms.iter().flat_map(|found| &found.indexes);
        let indexes = indexes.filter(|index| index.version == self.version);
        for inspected in indexes.flat_map(|index| &index.ztocs) {
            let Some(layer) = own.get(&inspected.layer) else {
                continue;
            };
            let several = async {
                let ztoc = inspected.read(image, memory).await?;
                inspected.has_several_members(image, layer, &ztoc).await
            };
            match several.await {
                Ok(true) => {
                    self.has_multi_members = true;
                    break;
                }
                // An invalid zTOC says nothing about these options.
                Ok(false) | Err(soci::Error::Ztoc { .. }) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Returns whether indexing the image with these options gives the existing index. This is
    /// assumed if only reading the layers could tell.
    ///
    /// # Errors
    /// If the registry refuses the request or cannot be reached.
    pub(super) async fn rebuilds(
        &self,
        image: &RegistryImage,
        source: &Inspection,
        found: &Inspection,
    ) -> soci::Result<bool> {
        if self.optimizes_xattrs || self.prefetches || self.skips_larger {
            return Ok(true);
        }
        let mut options = Options::default();
        options.version = self.version;
        options.min_layer_size = self.min_layer_size;
        options.ztoc.span_size = self.span_size;
        options.multi_member_layers = self.has_multi_members;
        options.oci_layer_types = self.renames_layer_types;
        for platform in self.platforms.iter().flatten() {
            options.platforms.extend(platform.parse().ok());
        }
        soci::is_fresh(&image.at(source.root), image, found, &options, &()).await
    }

    /// Writes the options to a state.
    pub(super) fn write(&self, state: &mut Value) {
        state.set("span_size", self.span_size);
        state.set("min_layer_size", self.min_layer_size);
        if let Some(platforms) = &self.platforms {
            state.set("platforms", platforms.clone());
        }
        for (name, is_on) in [
            ("multi_member_layers", self.has_multi_members),
            ("oci_layer_types", self.renames_layer_types),
        ] {
            if is_on {
                state.set(name, true);
            }
        }
        if self.optimizes_xattrs {
            state.set("optimizations", vec!["xattr".to_owned()]);
        }
        if self.prefetches {
            // Differs from any list and from none, so the next apply builds what the configuration
            // specifies.
            state.set("prefetch_files", Vec::<String>::new());
        }
    }

    /// Returns a warning about options that the index does not reveal.
    pub(super) fn warning(&self, settings: &Settings) -> Option<Diagnostic> {
        let mut unseen = Vec::new();
        if self.prefetches {
            unseen.push(
                "prefetch_files: the index prefetches files, but does not name them. The next \
                 apply builds it again with those of the configuration."
                    .to_owned(),
            );
        }
        if self.skips_larger || self.min_layer_size != Options::default().min_layer_size {
            unseen.push(format!(
                "min_layer_size: assumed to be {}, judging by the sizes of the layers that are \
                 indexed and of those that are not.",
                self.min_layer_size
            ));
        }
        if unseen.is_empty() {
            return None;
        }
        let detail = format!(
            "The index of {} does not record all options that it was built with:\n  - {}",
            settings.image,
            unseen.join("\n  - ")
        );
        Some(Diagnostic::warning("Options not fully known", detail))
    }
}

/// Returns whether layers of this media type can have a zTOC.
fn may_be_indexed(layer: &str) -> bool {
    Compression::of_media_type(layer).is_ok()
}

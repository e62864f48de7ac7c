//! Knowledge of layers from existing indexes.

use std::collections::HashMap;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::known::{Knowledge, KnownKey, KnownLayer, KnownZtoc};
use super::options::Options;
use crate::error::{Error, Result};
use crate::inspect::{ZtocInspection, inspect};
use crate::oci::{Descriptor, Digest};
use crate::store::{Destination, ImageSource};
use crate::ztoc::BuiltZtoc;

/// Source of results for the layers of images that are already indexed, taken from their zTOCs.
///
/// The index is trusted to assign each zTOC to the right layer: no layer is read, except for the
/// end of one that may have several gzip members. The images must therefore be trusted. A zTOC
/// built by another build tool or with another span size does not count.
pub struct EarlierIndexes<'a> {
    destination: &'a dyn Destination,
    options: Options,
    ztocs: HashMap<Digest, Earlier<'a>>,
    /// Limits the number of zTOCs in memory to the number of layers that are read concurrently.
    reading: Semaphore,
}

struct Earlier<'a> {
    source: &'a dyn ImageSource,
    layer: Descriptor,
    ztoc: ZtocInspection,
}

impl<'a> EarlierIndexes<'a> {
    /// Finds the indexes of the images. Their zTOCs are read when needed, and stored in the
    /// destination.
    ///
    /// # Errors
    /// If an image cannot be read or has no index.
    pub async fn find(
        images: &[&'a dyn ImageSource],
        destination: &'a dyn Destination,
        options: &Options,
    ) -> Result<Self> {
        let mut ztocs = HashMap::new();
        for &source in images {
            let found = inspect(source).await?;
            if found.platforms.iter().all(|p| p.indexes.is_empty()) {
                return Err(Error::manifest(found.root, "the image has no SOCI index"));
            }
            for platform in found.platforms {
                let listed = platform.indexes.iter().flat_map(|index| &index.ztocs);
                for ztoc in listed.filter(|z| z.span_size == Some(options.ztoc.span_size)) {
                    let mut layers = platform.layers.iter();
                    let Some(layer) = layers.find(|layer| layer.digest == ztoc.layer) else {
                        continue;
                    };
                    ztocs.entry(layer.digest).or_insert_with(|| Earlier {
                        source,
                        layer: layer.clone(),
                        ztoc: ztoc.clone(),
                    });
                }
            }
        }
        Ok(Self {
            destination,
            options: options.clone(),
            ztocs,
            reading: Semaphore::new(options.concurrency.max(1)),
        })
    }

    /// Reads a zTOC and stores it in the destination. Returns `None` if it is not one that would be
    /// built.
    async fn reuse(&self, earlier: &Earlier<'a>) -> Result<Option<KnownLayer>> {
        let Earlier {
            source,
            layer,
            ztoc: listed,
        } = earlier;
        let options = &self.options.ztoc;
        let ztoc = listed.read(*source, &options.memory).await?;
        if ztoc.check_layer_size(layer.size).is_err()
            || ztoc.build_tool != options.build_tool.as_bytes()
        {
            return Ok(None);
        }
        if !self.options.multi_member_layers
            && listed.has_several_members(*source, layer, &ztoc).await?
        {
            return Ok(None);
        }
        // Another writer may have serialized the same content differently.
        let (ztoc, share) = ztoc.into_parts();
        let Ok(built) = BuiltZtoc::of(&ztoc, &options.prefetch_files, share) else {
            return Ok(None);
        };
        drop(ztoc);
        if built.digest != listed.descriptor.digest {
            return Ok(None);
        }
        let known = KnownLayer::Indexed(KnownZtoc::of(&built));
        let digest = built.digest;
        self.destination
            .push_blob(digest, built.pieces.clone())
            .await?;
        Ok(Some(known))
    }
}

#[async_trait]
impl Knowledge for EarlierIndexes<'_> {
    async fn recall(&self, key: &KnownKey) -> Option<KnownLayer> {
        let earlier = self.ztocs.get(&key.layer)?;
        let _one_of_few = self.reading.acquire().await;
        match self.reuse(earlier).await {
            Ok(known) => known,
            Err(error) => {
                let layer = key.layer;
                tracing::warn!(%layer, %error, "its earlier zTOC cannot be used, reading the layer");
                None
            }
        }
    }
}

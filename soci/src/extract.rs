//! Reading of files from an image's layers.

use futures_util::StreamExt;

use crate::error::Result;
use crate::oci::Descriptor;
use crate::store::BlobSource;
use crate::ztoc::{SpanReader, Ztoc};

/// A layer that is read through its zTOC, fetching only the spans that are needed.
pub struct LayerReader<'a, S: ?Sized> {
    source: &'a S,
    layer: &'a Descriptor,
    ztoc: &'a Ztoc,
}

impl<'a, S: BlobSource + ?Sized> LayerReader<'a, S> {
    /// Creates a reader of `layer` with the zTOC `ztoc`.
    ///
    /// # Errors
    /// If their sizes differ, so that they cannot belong together.
    pub fn new(source: &'a S, layer: &'a Descriptor, ztoc: &'a Ztoc) -> Result<Self> {
        ztoc.check_layer_size(layer.size)?;
        Ok(Self {
            source,
            layer,
            ztoc,
        })
    }

    /// Reads the regular file at `path`, up to `limit` bytes, following links within the layer.
    ///
    /// # Errors
    /// If the layer has no such file, the file is larger than `limit`, or the layer is not the one
    /// that the zTOC describes.
    pub async fn read_file(&self, path: &str, limit: u64) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        let mut keep = |piece: &[u8]| content.extend_from_slice(piece);
        self.read(SpanReader::of_file(self.ztoc, path, limit)?, &mut keep)
            .await?;
        Ok(content)
    }

    /// Reads `size` bytes of the decompressed layer starting at `offset`, and passes them to
    /// `sink`.
    ///
    /// # Errors
    /// If the range extends past the end of the layer, or the layer is not the one that the zTOC
    /// describes.
    pub async fn read_range(
        &self,
        offset: u64,
        size: u64,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<()> {
        self.read(SpanReader::new(self.ztoc, offset, size)?, sink)
            .await
    }

    async fn read(
        &self,
        mut reader: SpanReader<'_>,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<()> {
        let needed = reader.needed();
        if !needed.is_empty() {
            let mut stream = self.source.blob(self.layer, needed).await?;
            while let Some(piece) = stream.next().await {
                reader.push(&piece?, sink)?;
            }
        }
        Ok(reader.finish()?)
    }
}

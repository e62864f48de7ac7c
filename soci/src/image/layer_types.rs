//! Conversion of Docker's media types of layers to OCI's.

use std::collections::HashMap;

use futures_util::StreamExt;

use crate::error::Result;
use crate::oci::{Descriptor, Digest};
use crate::store::BlobSource;
use crate::ztoc::{Compression, SkipReason};

/// Docker's media types without the compression, each paired with OCI's.
const BASES: [(&str, &str); 2] = [
    (
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.oci.image.layer.v1.tar",
    ),
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
    ),
];

/// Converts the media types of layers. Reads the first bytes of layers whose type does not name the
/// compression; layers that cannot be read are left alone.
pub(super) async fn rename(
    source: &(impl BlobSource + ?Sized),
    layers: impl Iterator<Item = &mut Descriptor>,
) -> Result<()> {
    let mut sniffed: HashMap<Digest, Option<&'static str>> = HashMap::new();
    for layer in layers {
        let docker = BASES.iter().find_map(|(docker, oci)| {
            let suffix = layer.media_type.strip_prefix(docker)?;
            Some((*oci, suffix.to_owned()))
        });
        let Some((oci, suffix)) = docker else {
            continue;
        };
        let suffix = match suffix.as_str() {
            ".gzip" => Some("+gzip"),
            ".zstd" => Some("+zstd"),
            "" => match sniffed.get(&layer.digest) {
                Some(suffix) => *suffix,
                None => {
                    let suffix = sniff(source, layer).await?;
                    sniffed.insert(layer.digest, suffix);
                    suffix
                }
            },
            _ => None,
        };
        if let Some(suffix) = suffix {
            layer.media_type = format!("{oci}{suffix}");
        }
    }
    Ok(())
}

/// Returns the suffix that names a layer's compression, or `None` if the layer does not exist.
async fn sniff(
    source: &(impl BlobSource + ?Sized),
    layer: &Descriptor,
) -> Result<Option<&'static str>> {
    let end = layer.size.min(Compression::HEAD as u64);
    let mut head = Vec::new();
    if end > 0 {
        let mut pieces = match source.blob(layer, 0..end).await {
            Ok(pieces) => pieces,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        while let Some(piece) = pieces.next().await {
            head.extend_from_slice(&piece?);
        }
    }
    Ok(match Compression::of_first_bytes(&head) {
        Ok(found) if found == Compression::GZIP => Some("+gzip"),
        Ok(_) => Some(""),
        Err(SkipReason::Compression { name: "zstd" }) => Some("+zstd"),
        Err(_) => None,
    })
}

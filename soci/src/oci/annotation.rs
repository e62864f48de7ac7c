//! Annotation keys that SOCI consumers read.

/// On an image manifest: the digest of its SOCI index (V2).
pub const INDEX_DIGEST: &str = "com.amazon.soci.index-digest";
/// On the descriptor of a SOCI index: the digest of its image manifest (V2).
pub const IMAGE_MANIFEST_DIGEST: &str = "com.amazon.soci.image-manifest-digest";
/// On the descriptor of a zTOC: the digest of its layer.
pub const LAYER_DIGEST: &str = "com.amazon.soci.image-layer-digest";
/// On the descriptor of a zTOC: the media type of its layer.
pub const LAYER_MEDIA_TYPE: &str = "com.amazon.soci.image-layer-mediaType";
/// On the descriptor of a zTOC: the span size it was built with, in bytes.
pub const SPAN_SIZE: &str = "com.amazon.soci.span-size";
/// On the descriptor of a zTOC: `true` if its layer can be mounted without extended attributes.
pub const DISABLE_XATTRS: &str = "com.amazon.soci.disable-xattrs";
/// On a SOCI index: the tool that built it.
pub const BUILD_TOOL: &str = "com.amazon.soci.build-tool-identifier";
/// On the descriptor of an attestation: the digest of the manifest it describes.
pub const ATTESTATION_SUBJECT: &str = "vnd.docker.reference.digest";
/// On the descriptor of an attestation: its type, which marks it as one.
pub const ATTESTATION_TYPE: &str = "vnd.docker.reference.type";

//! Compression formats of layers.
//!
//! Everything that depends on how a layer is compressed is in this directory, behind one trait,
//! [`Codec`](codec::Codec): how the layer is recognized by its media type and first bytes, how
//! checkpoints are made in one pass, how they are serialized, where spans begin and end, and how a
//! span is decompressed.
//!
//! To add a compression:
//!
//! 1. Add a file here with a type that implements `Codec`; `plain` is the smallest example. If
//!    images already use the compression, remove its magic number from `UNSUPPORTED` below.
//! 2. Register it: add a constant for it to [`Compression`], and the constant to
//!    [`Compression::ALL`].
//!
//! Nothing else needs to change: the builder, the serialized form, lookups, extraction,
//! verification and the command line reach compression formats only through this list.

mod codec;
mod gzip;
mod inflate;
mod plain;

pub use codec::{Checkpoint, Checkpoints, Compression};
pub(super) use codec::{Corrupt, Scanner, SpanDecoder};
pub use gzip::WINDOW;

use super::skip::SkipReason;

impl Compression {
    /// gzip, with one or more members.
    pub const GZIP: Self = Self::new(&gzip::Gzip);
    /// No compression.
    pub const NONE: Self = Self::new(&plain::Plain);

    /// All supported formats. `NONE`, whose first bytes can be anything, comes last.
    pub const ALL: [Self; 2] = [Self::GZIP, Self::NONE];

    /// Recognizes the compression of a layer by its media type. Returns `None` if the first bytes
    /// decide, because Docker's older media type does not name the compression.
    ///
    /// # Errors
    /// If it is not the media type of a layer that can have a zTOC.
    pub fn of_media_type(media_type: &str) -> Result<Option<Self>, SkipReason> {
        const OCI: [&str; 2] = [
            "application/vnd.oci.image.layer.v1.tar",
            "application/vnd.oci.image.layer.nondistributable.v1.tar",
        ];
        const DOCKER: [&str; 2] = [
            "application/vnd.docker.image.rootfs.diff.tar",
            "application/vnd.docker.image.rootfs.foreign.diff.tar",
        ];
        let suffix = |bases: [&str; 2]| bases.iter().find_map(|base| media_type.strip_prefix(base));
        let (oci, docker) = (suffix(OCI), suffix(DOCKER));
        if docker == Some("") {
            return Ok(None);
        }
        let named = Self::ALL.into_iter().find(|compression| {
            let codec = compression.codec();
            oci == Some(codec.oci_suffix()) || (docker.is_some() && docker == codec.docker_suffix())
        });
        named.map(Some).ok_or_else(|| SkipReason::MediaType {
            media_type: media_type.to_owned(),
        })
    }

    /// Recognizes the compression of a layer by its first bytes, of which [`HEAD`](Self::HEAD) are
    /// needed.
    ///
    /// # Errors
    /// If they belong to an unsupported compression.
    pub fn of_first_bytes(head: &[u8]) -> Result<Self, SkipReason> {
        for (name, magic) in UNSUPPORTED {
            if head.starts_with(magic) {
                return Err(SkipReason::Compression { name });
            }
        }
        let matches = |compression: &Self| head.starts_with(compression.codec().magic());
        Ok(Self::ALL.into_iter().find(matches).unwrap_or(Self::NONE))
    }

    /// Checks the compression named by a layer's media type against the layer's first bytes. If
    /// none is named, the first bytes decide.
    ///
    /// # Errors
    /// If they belong to another compression, or to an unsupported one.
    #[cfg(feature = "images")]
    pub(crate) fn checked(named: Option<Self>, head: &[u8]) -> Result<Self, SkipReason> {
        let found = Self::of_first_bytes(head);
        let Some(named) = named else {
            return found;
        };
        let found = match found {
            Ok(found) if found == named => return Ok(named),
            Ok(found) if found == Self::NONE => "not",
            Ok(found) => found.name(),
            Err(SkipReason::Compression { name }) => name,
            Err(reason) => return Err(reason),
        };
        let named = if named == Self::NONE {
            "plain tar"
        } else {
            named.name()
        };
        Err(SkipReason::Mislabelled { named, found })
    }

    /// Number of bytes that [`of_first_bytes`](Self::of_first_bytes) needs; a shorter layer is
    /// passed whole.
    pub const HEAD: usize = 4;

    /// Returns the compression with the given number in zTOCs.
    pub(super) fn of_number(number: i8) -> Option<Self> {
        let matches = |compression: &Self| compression.codec().number() == number;
        Self::ALL.into_iter().find(matches)
    }
}

/// Names and magic numbers of compression formats that images use but that are not supported.
const UNSUPPORTED: [(&str, &[u8]); 1] = [("zstd", &[0x28, 0xb5, 0x2f, 0xfd])];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        let gzip = Ok(Some(Compression::GZIP));
        let plain = Ok(Some(Compression::NONE));
        for (media_type, want) in [
            ("application/vnd.oci.image.layer.v1.tar+gzip", gzip.clone()),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar",
                plain.clone(),
            ),
            (
                "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                gzip,
            ),
            ("application/vnd.oci.image.layer.v1.tar", plain),
            ("application/vnd.docker.image.rootfs.diff.tar", Ok(None)),
        ] {
            assert_eq!(Compression::of_media_type(media_type), want, "{media_type}");
        }
        for media_type in [
            "application/vnd.oci.image.layer.v1.tar+zstd",
            "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
            "application/vnd.docker.image.rootfs.diff.tar.zstd",
            "application/vnd.in-toto+json",
        ] {
            assert!(
                Compression::of_media_type(media_type).is_err(),
                "{media_type}"
            );
        }
    }

    #[test]
    fn first_bytes() {
        for (head, want) in [
            (&[0x1f, 0x8b, 8, 0][..], Ok(Compression::GZIP)),
            (b"etc/", Ok(Compression::NONE)),
            (b"", Ok(Compression::NONE)),
            (
                &[0x28, 0xb5, 0x2f, 0xfd],
                Err(SkipReason::Compression { name: "zstd" }),
            ),
        ] {
            assert_eq!(Compression::of_first_bytes(head), want, "{head:?}");
        }
    }

    #[cfg(feature = "images")]
    #[test]
    fn labels() {
        let wrong = |named, found| Err(SkipReason::Mislabelled { named, found });
        let (gzip, plain) = (Some(Compression::GZIP), Some(Compression::NONE));
        for (named, head, want) in [
            (gzip, &[0x1f, 0x8b, 8, 0][..], Ok(Compression::GZIP)),
            (gzip, b"etc/", wrong("gzip", "not")),
            (gzip, &[0x28, 0xb5, 0x2f, 0xfd], wrong("gzip", "zstd")),
            (plain, b"etc/", Ok(Compression::NONE)),
            (plain, &[0x1f, 0x8b, 8, 0], wrong("plain tar", "gzip")),
            (None, &[0x1f, 0x8b, 8, 0], Ok(Compression::GZIP)),
        ] {
            assert_eq!(Compression::checked(named, head), want, "{head:?}");
        }
    }
}

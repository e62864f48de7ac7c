//! Verification of an image's indexes against the image.
//!
//! Every claim of an index is checked against the image's own bytes: each layer is read in full,
//! its zTOC is rebuilt with the span size that the index states, and the two are compared.

use std::fmt;

use crate::error::{Error, Result};
use crate::index::{Outcome, build_ztoc};
use crate::inspect::{Inspection, PlatformInspection, ZtocInspection};
use crate::memory::MemoryBudget;
use crate::oci::{Digest, annotation};
use crate::store::BlobSource;
use crate::text::printable;
use crate::ztoc::{Compression, FileMetadata, Options, Ztoc};

/// Description of a layer that older readers cannot handle.
const SEVERAL_MEMBERS: &str =
    "it has several gzip members, which soci-snapshotter before v0.14.0 reads wrong";

/// A claim of an index that does not hold for its image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The SOCI index.
    pub index: Digest,
    /// The zTOC, if the claim concerns one.
    pub ztoc: Option<Digest>,
    /// Description of the difference.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SOCI index {}: ", self.index)?;
        if let Some(ztoc) = self.ztoc {
            write!(f, "zTOC {ztoc}: ")?;
        }
        f.write_str(&self.what)
    }
}

/// The result of verifying an image's indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The claims that do not hold.
    pub findings: Vec<Finding>,
    /// Facts that are correct but that some readers misread.
    pub notes: Vec<Finding>,
}

/// Verifies every index of an image, one zTOC at a time. There are no findings if all claims hold.
///
/// # Errors
/// If the image cannot be read, does not match its digests, or there is not enough memory.
pub async fn verify_indexes(
    source: &(impl BlobSource + ?Sized),
    inspection: &Inspection,
    memory: &MemoryBudget,
) -> Result<Verification> {
    let mut verification = Verification::default();
    for platform in &inspection.platforms {
        for index in &platform.indexes {
            for ztoc in &index.ztocs {
                let of_ztoc = |what| Finding {
                    index: index.digest,
                    ztoc: Some(ztoc.descriptor.digest),
                    what,
                };
                let verified = verify_ztoc(source, platform, ztoc, memory).await?;
                let Verified { wrong, note } = verified;
                verification.findings.extend(wrong.into_iter().map(of_ztoc));
                verification.notes.extend(note.map(of_ztoc));
            }
            let mut wrong = |what: String| {
                verification.findings.push(Finding {
                    index: index.digest,
                    ztoc: None,
                    what,
                });
            };
            if index.ztocs.is_empty() {
                wrong("it has no zTOC".to_owned());
            }
            if index.manifest != Some(platform.manifest) {
                wrong(format!(
                    "it does not say that it belongs to {}",
                    platform.manifest
                ));
            }
        }
    }
    Ok(verification)
}

/// The result of comparing a zTOC with its layer.
#[derive(Default)]
struct Verified {
    wrong: Vec<String>,
    note: Option<String>,
}

async fn verify_ztoc(
    source: &(impl BlobSource + ?Sized),
    platform: &PlatformInspection,
    inspected: &ZtocInspection,
    memory: &MemoryBudget,
) -> Result<Verified> {
    let one = |what: String| {
        let wrong = vec![what];
        Ok(Verified { wrong, note: None })
    };
    let mut layers = platform.layers.iter();
    let Some(layer) = layers.find(|layer| layer.digest == inspected.layer) else {
        return one(format!("the image has no layer {}", inspected.layer));
    };
    // The zTOC's author chose the span size, which may be tiny.
    let mut share = memory.alone().await;
    let claimed = match inspected.read_within(source, &mut share).await {
        Ok(ztoc) => ztoc,
        Err(error) if error.is_not_found() => return one("it does not exist".to_owned()),
        Err(
            error
            @ (Error::Ztoc { .. } | Error::DigestMismatch { .. } | Error::SizeMismatch { .. }),
        ) => return one(error.to_string()),
        Err(error) => return Err(error),
    };
    let compression = match Compression::of_media_type(&layer.media_type) {
        Ok(compression) => compression,
        Err(reason) => return one(format!("its layer can have none: {reason}")),
    };
    let span_size = claimed.checkpoints.span_size();
    let Verified {
        mut wrong,
        mut note,
    } = Verified::default();
    if inspected.span_size.is_some_and(|named| named != span_size) {
        wrong.push("its span size is not the one that the index names".to_owned());
    }
    if claimed.compressed_size != layer.size {
        let (got, want) = (claimed.compressed_size, layer.size);
        wrong.push(format!("compressed size: got {got} bytes, want {want}"));
        return Ok(Verified { wrong, note });
    }
    let options = Options::default()
        .with_span_size(span_size)
        .with_build_tool(String::from_utf8_lossy(&claimed.build_tool))
        .with_memory(memory.clone());
    let annotation = |key| {
        inspected
            .descriptor
            .annotations
            .get(key)
            .map(String::as_str)
    };
    if annotation(annotation::LAYER_MEDIA_TYPE) != Some(&*layer.media_type) {
        wrong.push("the index names another media type than the image".to_owned());
    }
    let without_xattrs = annotation(annotation::DISABLE_XATTRS) == Some("true");
    match build_ztoc(source, layer, compression, options, share, &()).await? {
        Outcome::Skipped(reason) => wrong.push(format!("its layer can have none: {reason}")),
        // No other layer holds any of the memory.
        Outcome::Postponed => unreachable!("a layer that is alone"),
        Outcome::Built(built) => {
            if built.several_members {
                note = Some(format!("layer {}: {SEVERAL_MEMBERS}", layer.digest));
            }
            if without_xattrs && built.needs_xattrs {
                wrong.push("extended attributes are turned off, but the layer has some".to_owned());
            }
            let digest = built.digest;
            if digest != inspected.descriptor.digest {
                match built.parse() {
                    Ok((real, _share)) => compare(&claimed, &real, &mut wrong),
                    Err(error) => wrong.push(format!("not compared with {digest}: {error}")),
                }
            }
        }
    }
    Ok(Verified { wrong, note })
}

fn compare(claimed: &Ztoc, real: &Ztoc, wrong: &mut Vec<String>) {
    let mut sizes = |name: &str, claimed: u64, real: u64| {
        if claimed != real {
            wrong.push(format!("{name}: got {claimed} bytes, want {real}"));
        }
    };
    sizes(
        "uncompressed size",
        claimed.uncompressed_size,
        real.uncompressed_size,
    );
    if claimed.files.len() != real.files.len() {
        let (got, want) = (claimed.files.len(), real.files.len());
        wrong.push(format!("files: got {got}, want {want}"));
    } else if let Some((got, want)) = first_difference(&claimed.files, &real.files) {
        let name = |file: &FileMetadata| printable(&file.name);
        let (got, want) = (name(got), name(want));
        wrong.push(format!(
            "file {got}: not as the layer has it (there: {want})"
        ));
    }
    if claimed.span_digests.len() != real.span_digests.len() {
        let (got, want) = (claimed.span_digests.len(), real.span_digests.len());
        wrong.push(format!("spans: got {got}, want {want}"));
    } else if let Some((got, want)) = first_difference(&claimed.span_digests, &real.span_digests) {
        wrong.push(format!("span digest: got {got}, want {want}"));
    }
    if claimed.checkpoints != real.checkpoints {
        wrong.push("checkpoints: not those of the layer".to_owned());
    }
}

fn first_difference<'a, T: PartialEq>(got: &'a [T], want: &'a [T]) -> Option<(&'a T, &'a T)> {
    got.iter().zip(want).find(|(got, want)| got != want)
}

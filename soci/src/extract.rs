//! Reading files out of a layer through its zTOC.
//!
//! Only the spans that hold the file are fetched, in one ranged read. Each is compared with
//! its digest before a byte of it is inflated, so what comes out is what the zTOC's author
//! saw, however the bytes travelled.

use std::collections::HashMap;

use bytes::BytesMut;
use futures_util::StreamExt;

use crate::inflate::{Corrupt, Inflater, StopAt, Wrapping};
use crate::oci::Descriptor;
use crate::store::Source;
use crate::ztoc::{Checkpoints, EntryType, FileMetadata, Ztoc};
use crate::{Digest, Error, Result};

/// Links followed before a chain of them counts as a loop.
const MAX_LINKS: usize = 40;
/// A span is verified whole before any of it is used, so it must fit in memory.
const MAX_SPAN: u64 = 256 << 20;
/// Bytes of a gzip member's CRC-32 and length.
const TRAILER: usize = 8;

/// A layer that is read through its zTOC.
pub struct LayerReader<'a, S: ?Sized> {
    source: &'a S,
    layer: &'a Descriptor,
    ztoc: &'a Ztoc,
}

impl<'a, S: Source + ?Sized> LayerReader<'a, S> {
    /// A reader of `layer`, whose zTOC is `ztoc`.
    ///
    /// # Errors
    /// When the two are not of the same size, so that they cannot belong together.
    pub fn new(source: &'a S, layer: &'a Descriptor, ztoc: &'a Ztoc) -> Result<Self> {
        if layer.size != ztoc.compressed_size {
            return Err(Error::SizeMismatch {
                what: "layer, compared with its zTOC".to_owned(),
                got: layer.size,
                want: ztoc.compressed_size,
            });
        }
        Ok(Self {
            source,
            layer,
            ztoc,
        })
    }

    /// The content of a regular file; links of this layer are followed.
    ///
    /// # Errors
    /// When there is no such file in the layer, or the layer is not what the zTOC says.
    pub async fn read_file(&self, path: &str) -> Result<Vec<u8>> {
        let file = find(&self.ztoc.files, path)?;
        let refuse = |reason: &str| Error::Extract {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let (Ok(offset), Ok(size)) = (u64::try_from(file.offset), u64::try_from(file.size)) else {
            return Err(refuse("its place in the layer is negative"));
        };
        let mut content = Vec::new();
        self.read_range(offset, size, &mut |piece| content.extend_from_slice(piece))
            .await?;
        Ok(content)
    }

    /// Passes `size` bytes of the decompressed layer from `offset` on to `sink`.
    ///
    /// # Errors
    /// When the layer ends before, or is not what the zTOC says.
    pub async fn read_range(
        &self,
        offset: u64,
        size: u64,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<()> {
        if size == 0 {
            return Ok(());
        }
        let corrupt = || Error::Extract {
            path: "layer".to_owned(),
            reason: "it does not inflate to what its zTOC says".to_owned(),
        };
        let end = offset
            .checked_add(size)
            .filter(|&end| i64::try_from(end).is_ok())
            .ok_or_else(corrupt)?;
        let points = &self.ztoc.checkpoints;
        let (first, last) = (points.span_of(offset), points.span_of(end - 1));
        if last >= points.spans() {
            return Err(corrupt());
        }
        let whole =
            points.span(first, self.layer.size).start..points.span(last, self.layer.size).end;
        let mut stream = self.source.blob(self.layer, whole).await?;
        let mut decoder = Decoder::at(points, first);
        let mut position = points.get(first).uncompressed;
        // What was fetched and not yet used; a span may share a byte with the one before.
        let mut fetched = BytesMut::new();
        for index in first..=last {
            let span = points.span(index, self.layer.size);
            let length = span.end - span.start;
            if length > MAX_SPAN {
                return Err(Error::TooLarge {
                    what: format!("span {index} of the layer"),
                    limit: MAX_SPAN,
                });
            }
            let length = length as usize;
            while fetched.len() < length {
                let piece = stream.next().await.ok_or_else(corrupt)??;
                fetched.extend_from_slice(&piece);
            }
            let bytes = &fetched[..length];
            let (got, want) = (Digest::of(bytes), self.ztoc.span_digests[index]);
            if got != want {
                return Err(Error::DigestMismatch {
                    what: format!("span {index} of the layer"),
                    got,
                    want,
                });
            }
            // The byte that a span shares with the one before has been inflated with that.
            let shared = usize::from(index > first && points.get(index).bits != 0);
            let inflated = decoder.push(&bytes[shared..], &mut |output| {
                let from = offset.clamp(position, position + output.len() as u64) - position;
                let to = end.clamp(position, position + output.len() as u64) - position;
                sink(&output[from as usize..to as usize]);
                position += output.len() as u64;
                position < end
            });
            inflated.map_err(|Corrupt| corrupt())?;
            let keep = usize::from(index < last && points.get(index + 1).bits != 0);
            let _ = fetched.split_to(length - keep);
        }
        if position < end {
            return Err(corrupt());
        }
        Ok(())
    }
}

/// A layer's file of this path, links followed.
///
/// # Errors
/// When there is none, or it is no regular file.
pub fn find<'a>(files: &'a [FileMetadata], path: &str) -> Result<&'a FileMetadata> {
    let refuse = |reason: &str| Error::Extract {
        path: path.to_owned(),
        reason: reason.to_owned(),
    };
    // Where a name occurs twice, the later entry is the one that is mounted.
    let by_name: HashMap<Vec<u8>, &FileMetadata> =
        files.iter().map(|file| (clean(&file.name), file)).collect();
    let mut name = clean(path.as_bytes());
    for _ in 0..MAX_LINKS {
        let file = by_name
            .get(&name)
            .ok_or_else(|| refuse("no such file in the layer"))?;
        name = match file.kind {
            EntryType::Regular => return Ok(file),
            EntryType::Hardlink => clean(&file.linkname),
            EntryType::Symlink if file.linkname.starts_with(b"/") => clean(&file.linkname),
            EntryType::Symlink => {
                let directory = name.iter().rposition(|&b| b == b'/').unwrap_or(0);
                clean(&[&name[..directory], b"/", &file.linkname].concat())
            }
            other => return Err(refuse(&format!("not a regular file, but {other}"))),
        };
    }
    Err(refuse("a loop of links"))
}

/// A path without `.`, `..`, empty components and a slash at either end.
fn clean(path: &[u8]) -> Vec<u8> {
    let mut components: Vec<&[u8]> = Vec::new();
    for component in path.split(|&b| b == b'/') {
        match component {
            b"" | b"." => {}
            b".." => drop(components.pop()),
            _ => components.push(component),
        }
    }
    components.join(&b'/')
}

/// Decompression that started in the middle.
enum Decoder {
    Plain,
    Gzip {
        inflater: Inflater,
        /// The first byte, of which only some bits are to be used, is still to come.
        split: Option<u8>,
        window: Vec<u8>,
        /// What of the first member's trailer is still to be dropped.
        trailer: Option<usize>,
        /// Whether the first, headless member is over.
        wrapped: bool,
    },
}

impl Decoder {
    fn at(points: &Checkpoints, span: usize) -> Self {
        if matches!(points, Checkpoints::Uncompressed { .. }) {
            return Self::Plain;
        }
        let point = points.get(span);
        let mut inflater = Inflater::new(Wrapping::Raw);
        if point.bits == 0 {
            inflater.resume(0, 0, point.window);
        }
        Self::Gzip {
            inflater,
            split: (point.bits != 0).then_some(point.bits),
            window: point.window.to_vec(),
            trailer: None,
            wrapped: false,
        }
    }

    /// Inflates bytes into `sink` until it wants no more.
    fn push(
        &mut self,
        mut bytes: &[u8],
        sink: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), Corrupt> {
        let Self::Gzip {
            inflater,
            split,
            window,
            trailer,
            wrapped,
        } = self
        else {
            sink(bytes);
            return Ok(());
        };
        if let (Some(bits), Some((&first, rest))) = (*split, bytes.split_first()) {
            inflater.resume(bits, first, window);
            *split = None;
            bytes = rest;
        }
        let mut output = vec![0; 64 << 10];
        loop {
            if let Some(left) = trailer {
                let dropped = bytes.len().min(*left);
                bytes = &bytes[dropped..];
                *left -= dropped;
                if *left > 0 || bytes.is_empty() {
                    return Ok(());
                }
                *trailer = None;
                inflater.reset(Wrapping::Gzip);
            }
            let step = inflater.step(bytes, &mut output, StopAt::Never)?;
            bytes = &bytes[step.consumed..];
            if !sink(&output[..step.produced]) {
                return Ok(());
            }
            if step.ended {
                // Later members are read with their header and trailer.
                *trailer = Some(if *wrapped { 0 } else { TRAILER });
                *wrapped = true;
            } else if step.produced < output.len() {
                return if bytes.is_empty() {
                    Ok(())
                } else {
                    Err(Corrupt)
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (path, want) in [("/a/./b//c/", "a/b/c"), ("a/../../b", "b"), ("", "")] {
            assert_eq!(clean(path.as_bytes()), want.as_bytes(), "{path}");
        }
    }
}

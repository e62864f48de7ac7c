//! The push parser.

use std::borrow::Cow;

use super::entry::{Entry, EntryType, Records};
use super::header::{self, BLOCK, Header};
use super::pax;
use crate::text::printable;

/// Maximum size of a special header (long names, PAX records) in bytes.
const MAX_SPECIAL: u64 = 1 << 20;

/// Reason why an archive cannot be indexed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TarError {
    /// The archive violates the format.
    #[error("malformed tar at byte {at}: {what}")]
    Malformed {
        /// Position in the decompressed stream, in bytes.
        at: u64,
        /// The violation.
        what: &'static str,
    },
    /// An entry has a type that zTOCs cannot describe.
    #[error("tar entry {name:?} has the unsupported type {kind:?}")]
    UnsupportedType {
        /// Path of the entry, printable.
        name: String,
        /// Type flag in the header.
        kind: char,
    },
    /// An entry is a sparse file.
    #[error("tar entry {name:?} is a sparse file, which cannot be mounted lazily")]
    Sparse {
        /// Path of the entry, printable.
        name: String,
    },
}

enum State {
    /// Collecting a header block.
    Header,
    /// Collecting the block after a zero block.
    AfterZeroBlock,
    /// Skipping data and its padding.
    Data { data: u64, padding: u64 },
    /// Collecting the content of a special header.
    Special { kind: u8, left: u64, padding: u64 },
    /// Past the end marker.
    End,
}

/// A push parser for one archive.
pub(crate) struct TarReader {
    state: State,
    /// Bytes consumed so far.
    position: u64,
    /// Position of the last header block, for errors.
    header_at: u64,
    block: [u8; BLOCK],
    filled: usize,
    special: Vec<u8>,
    /// Records for the next entry, packed.
    records: Vec<u8>,
    long_name: Vec<u8>,
    long_link: Vec<u8>,
}

impl TarReader {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Header,
            position: 0,
            header_at: 0,
            block: [0; BLOCK],
            filled: 0,
            special: Vec::new(),
            records: Vec::new(),
            long_name: Vec::new(),
            long_link: Vec::new(),
        }
    }

    /// Parses the next bytes and passes on each completed entry, until one is rejected.
    pub(crate) fn push<E: From<TarError>>(
        &mut self,
        mut bytes: &[u8],
        entries: &mut impl FnMut(&Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            let taken = match &mut self.state {
                State::End => return Ok(()),
                State::Data { data, padding } => {
                    let taken = take(data, bytes.len());
                    let padded = take(padding, bytes.len() - taken);
                    if *data == 0 && *padding == 0 {
                        self.state = State::Header;
                    }
                    taken + padded
                }
                State::Special { left, padding, .. } => {
                    let taken = take(left, bytes.len());
                    self.special.extend_from_slice(&bytes[..taken]);
                    if *left == 0 {
                        let padding = *padding;
                        self.end_special()?;
                        self.skip(0, padding);
                    }
                    taken
                }
                State::Header | State::AfterZeroBlock => {
                    let taken = bytes.len().min(BLOCK - self.filled);
                    self.block[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
                    self.filled += taken;
                    taken
                }
            };
            self.position += taken as u64;
            bytes = &bytes[taken..];
            if self.filled == BLOCK {
                self.filled = 0;
                self.header_at = self.position - BLOCK as u64;
                self.end_block(entries)?;
            }
        }
        Ok(())
    }

    /// Ends the archive and returns the position at which its end was recognized.
    pub(crate) fn finish(&self) -> Result<u64, TarError> {
        match self.state {
            State::Data { data: 0, .. } | State::End => Ok(self.position),
            State::Header | State::AfterZeroBlock if self.filled == 0 => Ok(self.position),
            _ => Err(TarError::Malformed {
                at: self.position,
                what: "unexpected end",
            }),
        }
    }

    fn end_block<E: From<TarError>>(
        &mut self,
        entries: &mut impl FnMut(&Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let block = self.block;
        let zero = block.iter().all(|&b| b == 0);
        if matches!(self.state, State::AfterZeroBlock) {
            if !zero {
                return Err(self.malformed("a single zero block between entries").into());
            }
            self.state = State::End;
            return Ok(());
        }
        if zero {
            self.state = State::AfterZeroBlock;
            return Ok(());
        }
        let header = Header::parse(&block).map_err(|what| self.malformed(what))?;
        let data = self.data_size(&header)?;
        match header.kind {
            kind @ (b'x' | b'L' | b'K') => {
                if data > MAX_SPECIAL {
                    return Err(self.malformed("a special header over 1 MiB").into());
                }
                self.special.clear();
                let padding = padding(data);
                self.state = State::Special {
                    kind,
                    left: data,
                    padding,
                };
                if data == 0 {
                    self.end_special()?;
                }
                Ok(())
            }
            _ => self.entry(header, entries),
        }
    }

    fn end_special(&mut self) -> Result<(), TarError> {
        if let State::Special { kind, .. } = self.state {
            let content = std::mem::take(&mut self.special);
            match kind {
                b'x' => {
                    self.records = pax::parse(&content).map_err(|what| self.malformed(what))?;
                }
                b'L' => self.long_name = header::until_nul(&content).to_vec(),
                _ => self.long_link = header::until_nul(&content).to_vec(),
            }
        }
        self.state = State::Header;
        Ok(())
    }

    fn entry<E: From<TarError>>(
        &mut self,
        header: Header<'_>,
        entries: &mut impl FnMut(&Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let packed = std::mem::take(&mut self.records);
        let long_name = std::mem::take(&mut self.long_name);
        let long_link = std::mem::take(&mut self.long_link);
        let records = Records::Packed(&packed);
        let mut header = header;
        pax::merge(&mut header, records).map_err(|what| self.malformed(what))?;
        if !long_name.is_empty() {
            header.name = Cow::Borrowed(&long_name);
        }
        if !long_link.is_empty() {
            header.linkname = &long_link;
        }
        if header.kind == 0 {
            header.kind = if header.name.ends_with(b"/") {
                b'5'
            } else {
                b'0'
            };
        }
        // The records may have changed the size, and the name may have changed the type.
        let data = self.data_size(&header)?;
        let name = || printable(&header.name);
        if header.kind == b'S' || pax::is_sparse(records) {
            return Err(TarError::Sparse { name: name() }.into());
        }
        let kind =
            EntryType::from_typeflag(header.kind).ok_or_else(|| TarError::UnsupportedType {
                name: name(),
                kind: char::from(header.kind),
            })?;
        entries(&Entry {
            name: &header.name,
            kind,
            offset: self.position as i64,
            size: header.size,
            linkname: header.linkname,
            mode: header.mode,
            // Go reads these as ints, and a zTOC stores the lower 32 bits.
            uid: header.uid as u32,
            gid: header.gid as u32,
            uname: header.uname,
            gname: header.gname,
            mod_time: &header.mtime.to_rfc3339(),
            devmajor: header.devmajor,
            devminor: header.devminor,
            records,
        })?;
        self.skip(data, padding(data));
        Ok(())
    }

    fn skip(&mut self, data: u64, padding: u64) {
        self.state = if data == 0 && padding == 0 {
            State::Header
        } else {
            State::Data { data, padding }
        };
    }

    fn data_size(&self, header: &Header<'_>) -> Result<u64, TarError> {
        if matches!(header.kind, b'1'..=b'6') {
            return Ok(0);
        }
        u64::try_from(header.size).map_err(|_| self.malformed("a negative size"))
    }

    fn malformed(&self, what: &'static str) -> TarError {
        TarError::Malformed {
            at: self.header_at,
            what,
        }
    }
}

/// Subtracts up to `available` from `left`, and returns the amount subtracted.
fn take(left: &mut u64, available: usize) -> usize {
    let taken = usize::try_from(*left).map_or(available, |left| left.min(available));
    *left -= taken as u64;
    taken
}

/// Returns the number of bytes that pad `size` bytes of data to whole blocks.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a V7 header with a correct checksum.
    fn header(name: &str, kind: u8, size: &str) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..124 + size.len()].copy_from_slice(size.as_bytes());
        block[156] = kind;
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&b| u32::from(b)).sum();
        block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        block[154] = 0;
        block
    }

    /// Type, offset and size of each entry, and the position of the end.
    type Found = (Vec<(EntryType, i64, i64)>, u64);

    fn read(bytes: &[u8], piece: usize) -> Result<Found, TarError> {
        let mut reader = TarReader::new();
        let mut entries = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece, &mut |entry: &Entry<'_>| {
                entries.push((entry.kind, entry.offset, entry.size));
                Ok::<_, TarError>(())
            })?;
        }
        Ok((entries, reader.finish()?))
    }

    #[test]
    fn the_size_of_pieces_does_not_matter() {
        let mut tar = Vec::new();
        tar.extend(header("dir/", 0, "0"));
        tar.extend(header("file", b'0', "1001"));
        tar.extend([7; 513 + 511]);
        tar.extend([0; 1024]);
        tar.extend(b"junk after the end");
        let whole = read(&tar, usize::MAX).unwrap();
        assert_eq!(whole.1, 512 * 6);
        let file = (EntryType::Regular, 1024, 513);
        assert_eq!(whole.0, [(EntryType::Directory, 512, 0), file]);
        for piece in [1, 3, 511, 512, 513] {
            assert_eq!(read(&tar, piece).unwrap(), whole, "pieces of {piece}");
        }
    }

    #[test]
    fn truncated_archives() {
        let file = [&header("file", b'0', "1")[..], &[7]].concat();
        // The padding may be missing, but not the data.
        assert_eq!(read(&file, 64).unwrap().1, 513);
        for cut in [512, 100] {
            assert_eq!(
                read(&file[..cut], 64),
                Err(TarError::Malformed {
                    at: cut as u64,
                    what: "unexpected end"
                })
            );
        }
        assert_eq!(read(&[], 64).unwrap().1, 0);
        assert_eq!(read(&[0; 512], 64).unwrap().1, 512);
    }

    #[test]
    fn unsupported_archives() {
        for (block, want) in [
            (
                header("x", b'7', "0"),
                "tar entry \"x\" has the unsupported type '7'",
            ),
            (
                header("x", b'g', "0"),
                "tar entry \"x\" has the unsupported type 'g'",
            ),
            (
                header("x", b'0', "8"),
                "malformed tar at byte 0: a number that is not one",
            ),
            (
                header("x", b'x', "7777777"),
                "malformed tar at byte 0: a special header over 1 MiB",
            ),
            (
                [1; BLOCK],
                "malformed tar at byte 0: a header with a wrong checksum",
            ),
        ] {
            assert_eq!(read(&block, 512).unwrap_err().to_string(), want);
        }
    }
}

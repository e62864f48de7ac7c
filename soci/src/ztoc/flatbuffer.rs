//! The zTOC's FlatBuffers schema: slot numbers, and a reader for untrusted buffers.
//!
//! The `flatbuffers` crate reads through `unsafe` accessors and requires every string to be UTF-8,
//! which tar names need not be. Reading takes so little code that it is done here, with every
//! position checked.

/// Positions in a vtable, per table. Slots count from 0 and start after two lengths.
macro_rules! slots {
    ($($table:ident { $($name:ident = $slot:literal),* $(,)? })*) => {$(
        pub(super) mod $table {
            $(pub(in crate::ztoc) const $name: u16 = 4 + 2 * $slot;)*
        }
    )*};
}

slots! {
    ztoc {
        VERSION = 0, BUILD_TOOL = 1, COMPRESSED_SIZE = 2, UNCOMPRESSED_SIZE = 3, TOC = 4,
        COMPRESSION = 5,
    }
    toc { METADATA = 0 }
    file {
        NAME = 0, TYPE = 1, OFFSET = 2, SIZE = 3, LINKNAME = 4, MODE = 5, UID = 6, GID = 7,
        UNAME = 8, GNAME = 9, MOD_TIME = 10, DEVMAJOR = 11, DEVMINOR = 12, XATTRS = 13,
    }
    xattr { KEY = 0, VALUE = 1 }
    compression { ALGORITHM = 0, MAX_SPAN_ID = 1, SPAN_DIGESTS = 2, CHECKPOINTS = 3 }
    tar_info { VERSION = 0, SPAN_SIZE = 1, SIZE = 2 }
}

/// Compression algorithm that is omitted when written.
pub(super) const DEFAULT_ALGORITHM: i8 = 1;

/// The byte position at which a buffer violates the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    pub at: usize,
}

type Result<T> = std::result::Result<T, Broken>;

fn bytes<const N: usize>(buffer: &[u8], at: usize) -> Result<[u8; N]> {
    let found = buffer.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().ok_or(Broken { at })
}

/// Follows the offset stored at `at`.
pub(super) fn follow(buffer: &[u8], at: usize) -> Result<usize> {
    let offset = u32::from_le_bytes(bytes(buffer, at)?) as usize;
    at.checked_add(offset)
        .filter(|&target| offset != 0 && target < buffer.len())
        .ok_or(Broken { at })
}

/// A table in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    buffer: &'a [u8],
    at: usize,
    /// The table's vtable: two lengths, then the positions of its fields.
    vtable: &'a [u8],
}

impl<'a> Table<'a> {
    pub(super) fn root(buffer: &'a [u8]) -> Result<Self> {
        Self::new(buffer, follow(buffer, 0)?)
    }

    fn new(buffer: &'a [u8], at: usize) -> Result<Self> {
        let back = i64::from(i32::from_le_bytes(bytes(buffer, at)?));
        let start = usize::try_from(at as i64 - back).map_err(|_| Broken { at })?;
        let length = usize::from(u16::from_le_bytes(bytes(buffer, start)?));
        let vtable = start
            .checked_add(length)
            .and_then(|end| buffer.get(start..end))
            .filter(|vtable| vtable.len() >= 4 && vtable.len().is_multiple_of(2))
            .ok_or(Broken { at: start })?;
        Ok(Self { buffer, at, vtable })
    }

    /// Returns the position of a field's value, or `None` if it is absent.
    pub(super) fn field(&self, slot: u16) -> Option<usize> {
        let entry = self.vtable.get(usize::from(slot)..)?.first_chunk()?;
        match u16::from_le_bytes(*entry) {
            0 => None,
            offset => Some(self.at + usize::from(offset)),
        }
    }

    fn scalar<const N: usize, T>(
        &self,
        slot: u16,
        default: T,
        read: fn([u8; N]) -> T,
    ) -> Result<T> {
        match self.field(slot) {
            Some(at) => Ok(read(bytes(self.buffer, at)?)),
            None => Ok(default),
        }
    }

    pub(super) fn i8(&self, slot: u16, default: i8) -> Result<i8> {
        self.scalar(slot, default, i8::from_le_bytes)
    }

    pub(super) fn i32(&self, slot: u16) -> Result<i32> {
        self.scalar(slot, 0, i32::from_le_bytes)
    }

    pub(super) fn u32(&self, slot: u16) -> Result<u32> {
        self.scalar(slot, 0, u32::from_le_bytes)
    }

    pub(super) fn i64(&self, slot: u16) -> Result<i64> {
        self.scalar(slot, 0, i64::from_le_bytes)
    }

    pub(super) fn table(&self, slot: u16) -> Result<Option<Self>> {
        self.field(slot)
            .map(|at| Self::new(self.buffer, follow(self.buffer, at)?))
            .transpose()
    }

    /// Reads a string or a vector of bytes; empty if it is absent.
    pub(super) fn bytes(&self, slot: u16) -> Result<&'a [u8]> {
        match self.field(slot) {
            Some(at) => elements(self.buffer, follow(self.buffer, at)?, 1),
            None => Ok(&[]),
        }
    }

    /// Reads a vector of offsets as the positions of their targets.
    fn offsets(&self, slot: u16) -> Result<impl ExactSizeIterator<Item = Result<usize>> + use<'a>> {
        let buffer = self.buffer;
        let (start, count) = match self.field(slot) {
            Some(at) => {
                let vector = follow(buffer, at)?;
                (vector + 4, elements(buffer, vector, 4)?.len() / 4)
            }
            None => (0, 0),
        };
        Ok((0..count).map(move |index| follow(buffer, start + 4 * index)))
    }

    pub(super) fn tables(
        &self,
        slot: u16,
    ) -> Result<impl ExactSizeIterator<Item = Result<Self>> + use<'a>> {
        let buffer = self.buffer;
        Ok(self.offsets(slot)?.map(move |at| Self::new(buffer, at?)))
    }

    pub(super) fn strings(
        &self,
        slot: u16,
    ) -> Result<impl ExactSizeIterator<Item = Result<&'a [u8]>> + use<'a>> {
        let buffer = self.buffer;
        Ok(self.offsets(slot)?.map(move |at| elements(buffer, at?, 1)))
    }
}

/// Returns the content of the vector at `at`, whose elements are `size` bytes each.
fn elements(buffer: &[u8], at: usize, size: usize) -> Result<&[u8]> {
    let count = u32::from_le_bytes(bytes(buffer, at)?) as usize;
    count
        .checked_mul(size)
        .and_then(|length| buffer.get(at + 4..)?.get(..length))
        .ok_or(Broken { at })
}

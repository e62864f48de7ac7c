//! Parsing of zTOCs, which are untrusted.

use bytes::Bytes;

use super::compression::{Checkpoints, Compression};
use super::error::InvalidZtoc;
use super::flatbuffer::{DEFAULT_ALGORITHM, Table, compression, file, toc, xattr, ztoc};
use super::model::Ztoc;
use crate::memory::{MemoryBudget, Share, Short};
use crate::oci::Digest;
use crate::tar::{EntryType, FileMetadata, PaxRecord};

fn size(value: i64, want: &'static str) -> Result<u64, InvalidZtoc> {
    u64::try_from(value).map_err(|_| InvalidZtoc::Want(want))
}

impl Ztoc {
    /// Parses a zTOC. Allocates at most a fixed multiple of the length of `bytes`.
    ///
    /// # Errors
    /// If the bytes are not a FlatBuffer of this schema, or the checkpoints are impossible for a
    /// layer of the size stated in the zTOC.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidZtoc> {
        let bytes = Bytes::copy_from_slice(bytes);
        Self::parse_within(&bytes, &mut MemoryBudget::new(u64::MAX).share())
    }

    /// Parses a zTOC without copying its checkpoints. Fails if it needs more memory than the budget
    /// has.
    ///
    /// # Errors
    /// Like [`parse`](Self::parse).
    pub fn parse_in(bytes: &Bytes, memory: &MemoryBudget) -> Result<Self, InvalidZtoc> {
        Self::parse_within(bytes, &mut memory.share())
    }

    /// Parses a zTOC without copying its checkpoints. All other memory is taken from the share.
    pub(crate) fn parse_within(bytes: &Bytes, share: &mut Share) -> Result<Self, InvalidZtoc> {
        let root = Table::root(bytes)?;
        let compressed_size = size(
            root.i64(ztoc::COMPRESSED_SIZE)?,
            "a compressed size that is not negative",
        )?;
        let uncompressed_size = size(
            root.i64(ztoc::UNCOMPRESSED_SIZE)?,
            "an uncompressed size that is not negative",
        )?;
        let toc = root
            .table(ztoc::TOC)?
            .ok_or(InvalidZtoc::Want("a table of contents"))?;
        let info = root
            .table(ztoc::COMPRESSION)?
            .ok_or(InvalidZtoc::Want("compression information"))?;
        let mut budget = Budget::for_buffer(bytes, share);
        let tables = toc.tables(toc::METADATA)?;
        budget.take(tables.len() * size_of::<FileMetadata>())?;
        let files = tables
            .map(|table| read_file(&table?, &mut budget))
            .collect::<Result<_, _>>()?;
        let checkpoints = read_checkpoints(&info, bytes, compressed_size)?;
        let digests = info.strings(compression::SPAN_DIGESTS)?;
        budget.take(digests.len() * size_of::<Digest>())?;
        let span_digests: Vec<_> = digests
            .map(|digest| {
                std::str::from_utf8(digest?)
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .ok_or(InvalidZtoc::Want("span digests of SHA-256"))
            })
            .collect::<Result<_, _>>()?;
        if span_digests.len() != checkpoints.spans() {
            return Err(InvalidZtoc::Want("one digest per span"));
        }
        if i64::from(info.i32(compression::MAX_SPAN_ID)?) != span_digests.len() as i64 - 1 {
            return Err(InvalidZtoc::Want("the last span's number as max_span_id"));
        }
        Ok(Self {
            build_tool: root.bytes(ztoc::BUILD_TOOL)?.to_vec(),
            compressed_size,
            uncompressed_size,
            files,
            checkpoints,
            span_digests,
        })
    }
}

fn read_checkpoints(
    info: &Table<'_>,
    bytes: &Bytes,
    compressed_size: u64,
) -> Result<Checkpoints, InvalidZtoc> {
    let bytes = bytes.slice_ref(info.bytes(compression::CHECKPOINTS)?);
    let number = info.i8(compression::ALGORITHM, DEFAULT_ALGORITHM)?;
    let compression =
        Compression::of_number(number).ok_or(InvalidZtoc::Want("a known compression"))?;
    compression.codec().parse(bytes, compressed_size)
}

/// Remaining heap allowance in bytes. Many offsets may point to the same place, so a small buffer
/// could otherwise expand into a huge structure.
struct Budget<'a> {
    left: usize,
    share: &'a mut Share,
}

impl<'a> Budget<'a> {
    /// Ratio of heap to buffer size that no writer reaches, however much it shares.
    const TIMES: usize = 16;
    /// Overhead of an allocation in bytes.
    const ALLOCATION: usize = 16;

    fn for_buffer(bytes: &[u8], share: &'a mut Share) -> Self {
        Self {
            left: bytes.len().saturating_mul(Self::TIMES),
            share,
        }
    }

    fn take(&mut self, cost: usize) -> Result<(), InvalidZtoc> {
        self.left = self
            .left
            .checked_sub(cost)
            .ok_or(InvalidZtoc::Want("no more content than fits in its bytes"))?;
        Ok(self.share.grow(cost as u64)?)
    }

    fn copy(&mut self, bytes: &[u8]) -> Result<Vec<u8>, InvalidZtoc> {
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        self.take(bytes.len() + Self::ALLOCATION)?;
        Ok(bytes.to_vec())
    }
}

fn read_file(table: &Table<'_>, budget: &mut Budget<'_>) -> Result<FileMetadata, InvalidZtoc> {
    let mut text = |slot| budget.copy(table.bytes(slot)?);
    Ok(FileMetadata {
        name: text(file::NAME)?,
        linkname: text(file::LINKNAME)?,
        uname: text(file::UNAME)?,
        gname: text(file::GNAME)?,
        mod_time: String::from_utf8(text(file::MOD_TIME)?)
            .map_err(|_| InvalidZtoc::Want("times in text"))?,
        kind: EntryType::from_name(table.bytes(file::TYPE)?)
            .ok_or(InvalidZtoc::Want("a known type of every file"))?,
        offset: table.i64(file::OFFSET)?,
        size: table.i64(file::SIZE)?,
        mode: table.i64(file::MODE)?,
        uid: table.u32(file::UID)?,
        gid: table.u32(file::GID)?,
        devmajor: table.i64(file::DEVMAJOR)?,
        devminor: table.i64(file::DEVMINOR)?,
        xattrs: {
            let records = table.tables(file::XATTRS)?;
            budget.take(records.len() * size_of::<PaxRecord>())?;
            let read = records.map(|record| {
                let record = record?;
                Ok(PaxRecord {
                    key: budget.copy(record.bytes(xattr::KEY)?)?,
                    value: budget.copy(record.bytes(xattr::VALUE)?)?,
                })
            });
            read.collect::<Result<_, InvalidZtoc>>()?
        },
    })
}

impl From<Short> for InvalidZtoc {
    fn from(Short { limit }: Short) -> Self {
        Self::TooMuchMemory { limit }
    }
}

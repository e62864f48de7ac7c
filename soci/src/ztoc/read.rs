//! Parsing zTOCs, which are untrusted.

use super::compression::{Checkpoints, Compression};
use super::error::InvalidZtoc;
use super::flatbuffer::{DEFAULT_ALGORITHM, Table, compression, file, toc, xattr, ztoc};
use super::model::Ztoc;
use crate::tar::{EntryType, FileMetadata, PaxRecord};

fn size(value: i64, want: &'static str) -> Result<u64, InvalidZtoc> {
    u64::try_from(value).map_err(|_| InvalidZtoc::Want(want))
}

impl Ztoc {
    /// Parses a zTOC. Allocates no more than a multiple of the length of `bytes`.
    ///
    /// # Errors
    /// If the bytes are not a FlatBuffer of this schema, or the checkpoints cannot be those of a
    /// layer of the size that the zTOC names.
    pub fn parse(bytes: &[u8]) -> Result<Self, InvalidZtoc> {
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
        let mut budget = Budget::for_buffer(bytes);
        let files = toc
            .tables(toc::METADATA)?
            .map(|table| read_file(&table?, &mut budget))
            .collect::<Result<_, _>>()?;
        let checkpoints = read_checkpoints(&info, compressed_size)?;
        let span_digests: Vec<_> = info
            .strings(compression::SPAN_DIGESTS)?
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

fn read_checkpoints(info: &Table<'_>, compressed_size: u64) -> Result<Checkpoints, InvalidZtoc> {
    let bytes = info.bytes(compression::CHECKPOINTS)?;
    let number = info.i8(compression::ALGORITHM, DEFAULT_ALGORITHM)?;
    let compression =
        Compression::of_number(number).ok_or(InvalidZtoc::Want("a known compression"))?;
    compression.codec().parse(bytes, compressed_size)
}

/// Bytes that may still be copied. Many offsets may point at one place, so that a small buffer
/// could unfold into a huge one.
struct Budget(usize);

impl Budget {
    /// Ratio of copies to buffer that no writer reaches, however much it shares.
    const TIMES: usize = 16;

    fn for_buffer(bytes: &[u8]) -> Self {
        Self(bytes.len().saturating_mul(Self::TIMES))
    }

    fn take(&mut self, cost: usize) -> Result<(), InvalidZtoc> {
        self.0 = self
            .0
            .checked_sub(cost)
            .ok_or(InvalidZtoc::Want("no more content than fits in its bytes"))?;
        Ok(())
    }

    fn copy(&mut self, bytes: &[u8]) -> Result<Vec<u8>, InvalidZtoc> {
        self.take(bytes.len())?;
        Ok(bytes.to_vec())
    }
}

fn read_file(table: &Table<'_>, budget: &mut Budget) -> Result<FileMetadata, InvalidZtoc> {
    budget.take(size_of::<FileMetadata>())?;
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
        xattrs: table
            .tables(file::XATTRS)?
            .map(|record| {
                let record = record?;
                budget.take(size_of::<PaxRecord>())?;
                Ok(PaxRecord {
                    key: budget.copy(record.bytes(xattr::KEY)?)?,
                    value: budget.copy(record.bytes(xattr::VALUE)?)?,
                })
            })
            .collect::<Result<_, InvalidZtoc>>()?,
    })
}

//! Reading zTOCs that anyone may have written.

use super::checkpoint::{Checkpoints, GzipCheckpoints};
use super::flatbuffer::{Broken, Table, algorithm, compression, file, tar_info, toc, xattr, ztoc};
use super::{EntryType, FileMetadata, Ztoc};

/// The bytes are no zTOC, or one that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidZtoc {
    /// The FlatBuffer is broken at a byte position.
    #[error("broken FlatBuffer at byte {0}")]
    Broken(usize),
    /// A part that must be there, or must be otherwise.
    #[error("want {0}")]
    Want(&'static str),
}

impl From<Broken> for InvalidZtoc {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.at)
    }
}

fn size(value: i64, want: &'static str) -> Result<u64, InvalidZtoc> {
    u64::try_from(value).map_err(|_| InvalidZtoc::Want(want))
}

impl Ztoc {
    /// Parses a zTOC. What it allocates is bounded by the length of `bytes`.
    ///
    /// # Errors
    /// When the bytes are no FlatBuffer of this schema, or the checkpoints cannot be true of
    /// a layer of the size that the zTOC names.
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
    match info.i8(compression::ALGORITHM, algorithm::GZIP)? {
        algorithm::GZIP => GzipCheckpoints::parse(bytes, compressed_size)
            .map(Checkpoints::Gzip)
            .map_err(InvalidZtoc::Want),
        algorithm::UNCOMPRESSED => {
            let table = Table::root(bytes)?;
            let span_size = size(table.i64(tar_info::SPAN_SIZE)?, "a positive span size")?;
            if span_size == 0 {
                return Err(InvalidZtoc::Want("a positive span size"));
            }
            let layer = size(table.i64(tar_info::SIZE)?, "the layer's size")?;
            if layer != compressed_size {
                return Err(InvalidZtoc::Want("one size of the layer"));
            }
            Ok(Checkpoints::Uncompressed {
                span_size,
                size: layer,
            })
        }
        _ => Err(InvalidZtoc::Want("gzip or no compression")),
    }
}

/// What copies may still cost. Offsets may point at one place many times, so that a small
/// buffer could unfold into a huge one.
struct Budget(usize);

impl Budget {
    /// No writer shares so much that its files take this many times the buffer.
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
                budget.take(size_of::<(Vec<u8>, Vec<u8>)>())?;
                Ok((
                    budget.copy(record.bytes(xattr::KEY)?)?,
                    budget.copy(record.bytes(xattr::VALUE)?)?,
                ))
            })
            .collect::<Result<_, InvalidZtoc>>()?,
    })
}

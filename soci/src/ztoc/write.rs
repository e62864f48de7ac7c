//! Writing a zTOC.
//!
//! FlatBuffers leave the order of objects to the writer, and a zTOC is known by its digest:
//! everything here happens in the order in which the reference implementation does it.

use flatbuffers::{FlatBufferBuilder, Table, WIPOffset};

use super::checkpoint::Checkpoints;
use super::flatbuffer::{algorithm, compression, file, tar_info, toc, xattr, ztoc};
use super::{FileMetadata, VERSION, Ztoc};

type TableOffset<'b> = WIPOffset<Table<'b>>;

impl Ztoc {
    /// The bytes of this zTOC.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Close enough that the buffer seldom grows; it would double, and be copied.
        let digests = self.span_digests.len() * 80;
        let checkpoints = match &self.checkpoints {
            Checkpoints::Gzip(list) => list.as_bytes().len(),
            Checkpoints::Uncompressed { .. } => 64,
        };
        let files: usize = self.files.iter().map(FileMetadata::weight).sum();
        let mut builder = FlatBufferBuilder::with_capacity(checkpoints + digests + files + 1024);

        let version = builder.create_string(VERSION);
        let build_tool = builder.create_byte_string(&self.build_tool);

        let mut metadata: Vec<TableOffset<'_>> = Vec::with_capacity(self.files.len());
        for entry in self.files.iter().rev() {
            metadata.push(write_file(&mut builder, entry));
        }
        metadata.reverse();
        let metadata = builder.create_vector(&metadata);
        let table = builder.start_table();
        builder.push_slot_always(toc::METADATA, metadata);
        let toc = builder.end_table(table);

        let compression = self.write_compression(&mut builder);

        let table = builder.start_table();
        builder.push_slot_always(ztoc::VERSION, version);
        builder.push_slot_always(ztoc::BUILD_TOOL, build_tool);
        builder.push_slot_always(ztoc::TOC, toc);
        builder.push_slot(ztoc::COMPRESSED_SIZE, self.compressed_size as i64, 0);
        builder.push_slot(ztoc::UNCOMPRESSED_SIZE, self.uncompressed_size as i64, 0);
        builder.push_slot_always(ztoc::COMPRESSION, compression);
        let root = builder.end_table(table);
        builder.finish_minimal(root);
        let (mut buffer, head) = builder.collapse();
        buffer.drain(..head);
        buffer
    }

    fn write_compression<'b>(&self, builder: &mut FlatBufferBuilder<'b>) -> TableOffset<'b> {
        let (algorithm, checkpoints) = match &self.checkpoints {
            Checkpoints::Gzip(list) => (algorithm::GZIP, builder.create_vector(list.as_bytes())),
            Checkpoints::Uncompressed { span_size, size } => {
                let info = tar_info(*span_size, *size);
                (algorithm::UNCOMPRESSED, builder.create_vector(&info))
            }
        };
        let mut digests = Vec::with_capacity(self.span_digests.len());
        for digest in &self.span_digests {
            digests.push(builder.create_string(&digest.to_string()));
        }
        let digests = builder.create_vector(&digests);
        let table = builder.start_table();
        let max_span_id = self.span_digests.len() as i32 - 1;
        builder.push_slot(compression::MAX_SPAN_ID, max_span_id, 0);
        builder.push_slot_always(compression::SPAN_DIGESTS, digests);
        builder.push_slot_always(compression::CHECKPOINTS, checkpoints);
        builder.push_slot(compression::ALGORITHM, algorithm, algorithm::GZIP);
        let compression = builder.end_table(table);
        WIPOffset::new(compression.value())
    }
}

fn write_file<'b>(builder: &mut FlatBufferBuilder<'b>, entry: &FileMetadata) -> TableOffset<'b> {
    let name = builder.create_byte_string(&entry.name);
    let kind = builder.create_string(entry.kind.name());
    let linkname = builder.create_byte_string(&entry.linkname);
    let uname = builder.create_byte_string(&entry.uname);
    let gname = builder.create_byte_string(&entry.gname);
    let mod_time = builder.create_string(&entry.mod_time);
    let mut xattrs: Vec<TableOffset<'b>> = Vec::with_capacity(entry.xattrs.len());
    for (key, value) in &entry.xattrs {
        let key = builder.create_byte_string(key);
        let value = builder.create_byte_string(value);
        let table = builder.start_table();
        builder.push_slot_always(xattr::KEY, key);
        builder.push_slot_always(xattr::VALUE, value);
        let record = builder.end_table(table);
        xattrs.push(WIPOffset::new(record.value()));
    }
    let xattrs = builder.create_vector(&xattrs);
    let table = builder.start_table();
    builder.push_slot_always(file::NAME, name);
    builder.push_slot_always(file::TYPE, kind);
    builder.push_slot(file::OFFSET, entry.offset, 0);
    builder.push_slot(file::SIZE, entry.size, 0);
    builder.push_slot_always(file::LINKNAME, linkname);
    builder.push_slot(file::MODE, entry.mode, 0);
    builder.push_slot(file::UID, entry.uid, 0);
    builder.push_slot(file::GID, entry.gid, 0);
    builder.push_slot_always(file::UNAME, uname);
    builder.push_slot_always(file::GNAME, gname);
    builder.push_slot_always(file::MOD_TIME, mod_time);
    builder.push_slot(file::DEVMAJOR, entry.devmajor, 0);
    builder.push_slot(file::DEVMINOR, entry.devminor, 0);
    builder.push_slot_always(file::XATTRS, xattrs);
    let written = builder.end_table(table);
    WIPOffset::new(written.value())
}

/// The checkpoints of a plain tar: a FlatBuffer of its own.
fn tar_info(span_size: u64, size: u64) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::with_capacity(64);
    let table = builder.start_table();
    builder.push_slot(tar_info::VERSION, 2_i32, 0);
    builder.push_slot(tar_info::SPAN_SIZE, span_size as i64, 0);
    builder.push_slot(tar_info::SIZE, size as i64, 0);
    let root = builder.end_table(table);
    builder.finish_minimal(root);
    builder.finished_data().to_vec()
}

impl FileMetadata {
    /// Roughly the bytes that this entry takes in a zTOC; a little more than less.
    pub(super) fn weight(&self) -> usize {
        // Table, vtable reference, eight strings' lengths and padding.
        const FIXED: usize = 200;
        const RECORD: usize = 40;
        let records = self.xattrs.iter();
        FIXED
            + self.name.len()
            + self.linkname.len()
            + self.uname.len()
            + self.gname.len()
            + records
                .map(|(k, v)| RECORD + k.len() + v.len())
                .sum::<usize>()
    }
}

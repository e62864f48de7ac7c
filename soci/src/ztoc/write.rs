//! Serializing zTOCs.
//!
//! FlatBuffers leave the order of objects to the writer, and a zTOC is identified by its digest.
//! So objects are written in the order of the reference implementation.

use flatbuffers::{FlatBufferBuilder, Table, WIPOffset};

use super::flatbuffer::{DEFAULT_ALGORITHM, compression, file, toc, xattr, ztoc};
use super::model::Ztoc;
use super::weight;
use crate::tar::{FileMetadata, PaxRecord};

/// The version that every zTOC carries.
const VERSION: &str = "0.9";

type TableOffset<'b> = WIPOffset<Table<'b>>;

impl Ztoc {
    /// Serializes the zTOC.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Close enough that the buffer seldom grows, which would double and copy it.
        let digests = self.span_digests.len() * weight::DIGEST;
        let checkpoints = self.checkpoints.as_bytes().len();
        let files: usize = self.files.iter().map(weight::of_entry).sum();
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
        let algorithm = self.checkpoints.compression().codec().number();
        let checkpoints = builder.create_vector(self.checkpoints.as_bytes());
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
        builder.push_slot(compression::ALGORITHM, algorithm, DEFAULT_ALGORITHM);
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
    for PaxRecord { key, value } in &entry.xattrs {
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

//! Serialization of zTOCs.
//!
//! FlatBuffers leave the order of objects to the writer, and a zTOC is identified by its digest.
//! Objects are therefore written in the order of the reference implementation.

use bytes::Bytes;
use flatbuffers::{FlatBufferBuilder, Table as Written, WIPOffset};

use super::compression::Compression;
use super::flatbuffer::{DEFAULT_ALGORITHM, Table, compression, file, follow, toc, xattr, ztoc};
use super::model::Ztoc;
use super::weight;
use crate::oci::Digest;
use crate::tar::Entry;

/// The version stated in every zTOC.
const VERSION: &str = "0.9";

/// Largest alignment in a zTOC, in bytes.
const ALIGNMENT: usize = 8;

type TableOffset<'b> = WIPOffset<Written<'b>>;

/// Everything in a zTOC except its files.
pub(super) struct Parts<'a> {
    pub build_tool: &'a [u8],
    pub compressed_size: u64,
    pub uncompressed_size: u64,
    pub compression: Compression,
    /// The serialized checkpoints, in pieces.
    pub checkpoints: Vec<Bytes>,
    pub span_digests: &'a [Digest],
    /// Number of files.
    pub files: usize,
    /// Maximum serialized size of the files in bytes.
    pub files_size: u64,
}

impl Ztoc {
    /// Serializes the zTOC.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_pieces().concat()
    }

    /// Serializes the zTOC without copying its checkpoints.
    pub(super) fn to_pieces(&self) -> Vec<Bytes> {
        let parts = Parts {
            build_tool: &self.build_tool,
            compressed_size: self.compressed_size,
            uncompressed_size: self.uncompressed_size,
            compression: self.checkpoints.compression(),
            checkpoints: vec![self.checkpoints.as_bytes().clone()],
            span_digests: &self.span_digests,
            files: self.files.len(),
            files_size: self.files_size(),
        };
        write(parts, |visit| {
            for file in self.files.iter().rev() {
                visit(&file.as_entry());
            }
        })
    }

    fn files_size(&self) -> u64 {
        let files = self.files.iter();
        files.map(|f| weight::of_entry(&f.as_entry()) as u64).sum()
    }

    /// Returns the maximum number of bytes that serialization takes, excluding the checkpoints.
    #[cfg(feature = "images")]
    pub(super) fn written(&self) -> u64 {
        let spans = self.span_digests.len() * weight::SPAN;
        self.files_size() + (self.files.len() * weight::OFFSET + spans) as u64
    }
}

/// Writes a zTOC as pieces, last file first.
///
/// Most of a zTOC is checkpoints, which the FlatBuffer builder would copy. Instead it gets a
/// stand-in vector that is shorter by a multiple of every alignment. This changes only the length
/// of the vector and the three offsets that cross it.
pub(super) fn write(
    parts: Parts<'_>,
    files: impl FnOnce(&mut dyn FnMut(&Entry<'_>)),
) -> Vec<Bytes> {
    let digests = parts.span_digests.len() * weight::DIGEST;
    // Large enough that the buffer never grows, which would double and copy it.
    let capacity = parts.files_size as usize + digests + parts.build_tool.len() + 1024;
    let mut builder = FlatBufferBuilder::with_capacity(capacity);

    let version = builder.create_string(VERSION);
    let build_tool = builder.create_byte_string(parts.build_tool);

    let mut metadata: Vec<TableOffset<'_>> = Vec::with_capacity(parts.files);
    files(&mut |entry| metadata.push(write_file(&mut builder, entry)));
    metadata.reverse();
    let metadata = builder.create_vector(&metadata);
    let table = builder.start_table();
    builder.push_slot_always(toc::METADATA, metadata);
    let toc = builder.end_table(table);

    let length: usize = parts.checkpoints.iter().map(Bytes::len).sum();
    let stand_in = length % ALIGNMENT;
    let compression = write_compression(&mut builder, &parts, stand_in);

    let table = builder.start_table();
    builder.push_slot_always(ztoc::VERSION, version);
    builder.push_slot_always(ztoc::BUILD_TOOL, build_tool);
    builder.push_slot_always(ztoc::TOC, toc);
    builder.push_slot(ztoc::COMPRESSED_SIZE, parts.compressed_size as i64, 0);
    builder.push_slot(ztoc::UNCOMPRESSED_SIZE, parts.uncompressed_size as i64, 0);
    builder.push_slot_always(ztoc::COMPRESSION, compression);
    let root = builder.end_table(table);
    builder.finish_minimal(root);
    let (mut buffer, head) = builder.collapse();

    let vector = put_length(&mut buffer[head..], length, stand_in) + head;
    let buffer = Bytes::from(buffer);
    let mut pieces = vec![buffer.slice(head..vector + 4)];
    pieces.extend(parts.checkpoints);
    pieces.push(buffer.slice(vector + 4 + stand_in..));
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Sets the length of the checkpoints vector to `length` bytes, of which only the first `stand_in`
/// are present. Returns the vector's position.
fn put_length(buffer: &mut [u8], length: usize, stand_in: usize) -> usize {
    const OWN: &str = "a zTOC that was just written";
    let field = |table: &Table<'_>, slot| table.field(slot).expect(OWN);
    let root = Table::root(buffer).expect(OWN);
    let across = [ztoc::VERSION, ztoc::BUILD_TOOL, ztoc::TOC].map(|slot| field(&root, slot));
    let compression = root.table(ztoc::COMPRESSION).expect(OWN).expect(OWN);
    let vector = follow(buffer, field(&compression, compression::CHECKPOINTS)).expect(OWN);
    let mut add = |at: usize, more: usize| {
        let word = buffer[at..].first_chunk_mut().expect(OWN);
        let number = u32::from_le_bytes(*word) as usize + more;
        *word = (number as u32).to_le_bytes();
    };
    for at in across.into_iter().chain([vector]) {
        add(at, length - stand_in);
    }
    vector
}

fn write_compression<'b>(
    builder: &mut FlatBufferBuilder<'b>,
    parts: &Parts<'_>,
    stand_in: usize,
) -> TableOffset<'b> {
    let algorithm = parts.compression.codec().number();
    let checkpoints = builder.create_vector(&[0_u8; ALIGNMENT][..stand_in]);
    let mut digests = Vec::with_capacity(parts.span_digests.len());
    for digest in parts.span_digests {
        digests.push(builder.create_string(&digest.to_string()));
    }
    let digests = builder.create_vector(&digests);
    let table = builder.start_table();
    let max_span_id = parts.span_digests.len() as i32 - 1;
    builder.push_slot(compression::MAX_SPAN_ID, max_span_id, 0);
    builder.push_slot_always(compression::SPAN_DIGESTS, digests);
    builder.push_slot_always(compression::CHECKPOINTS, checkpoints);
    builder.push_slot(compression::ALGORITHM, algorithm, DEFAULT_ALGORITHM);
    let compression = builder.end_table(table);
    WIPOffset::new(compression.value())
}

fn write_file<'b>(builder: &mut FlatBufferBuilder<'b>, entry: &Entry<'_>) -> TableOffset<'b> {
    let name = builder.create_byte_string(entry.name);
    let kind = builder.create_string(entry.kind.name());
    let linkname = builder.create_byte_string(entry.linkname);
    let uname = builder.create_byte_string(entry.uname);
    let gname = builder.create_byte_string(entry.gname);
    let mod_time = builder.create_string(entry.mod_time);
    let mut xattrs: Vec<TableOffset<'b>> = Vec::new();
    for (key, value) in entry.records.iter() {
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

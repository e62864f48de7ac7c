//! Small input that unfolds to a great deal: refused, in little memory.

use flate2::{Compress, Compression, FlushCompress};
use soci::MemoryBudget;
use soci::ztoc::{Builder, Checkpoints, EntryType, FileMetadata, Options, SkipReason, Ztoc};

use crate::bodies::MAX_MEMORY;
use crate::ceiling::Meter;
use crate::vectors::ztoc_ceiling;

/// Inflated size of the bombs in bytes.
const PLAIN: usize = 4 << 30;

/// A gzip header, and nothing optional in it.
const GZIP: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// DEFLATE blocks of `content`, complete and without a look back before them, so that they may
/// stand any number of times.
fn blocks(content: &[u8]) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let mut blocks = Vec::with_capacity(content.len() / 2 + 1000);
    for flush in [FlushCompress::None, FlushCompress::Full] {
        let rest = &content[deflate.total_in() as usize..];
        deflate
            .compress_vec(rest, &mut blocks, flush)
            .expect("compressing");
    }
    assert_eq!(deflate.total_in() as usize, content.len());
    blocks
}

/// One member whose blocks inflate to `content` until there are `PLAIN` bytes. It has no end:
/// nobody gets there.
fn skips(meter: &Meter, content: &[u8], span_size: u64) {
    let blocks = blocks(content);
    let times = PLAIN / content.len();
    println!("{} bytes inflate to {PLAIN}", blocks.len() * times);
    let pieces = std::iter::once(&GZIP[..]).chain(std::iter::repeat_n(&blocks[..], times));
    check(meter, span_size, pieces);
}

fn check<'a>(meter: &Meter, span_size: u64, pieces: impl Iterator<Item = &'a [u8]>) {
    let options = Options::default()
        .with_span_size(span_size)
        .with_memory(MemoryBudget::new(MAX_MEMORY));
    let (pushed, peak) = meter.peak_of(|| {
        let mut builder = Builder::new(soci::ztoc::Compression::GZIP, options);
        let pushed = pieces.map(|piece| builder.push(piece)).find(Result::is_err);
        assert_eq!(pushed.clone().and_then(Result::err), builder.finish().err());
        pushed
    });
    println!("{pushed:?}; at most {peak} bytes");
    let limit = MAX_MEMORY;
    assert_eq!(pushed, Some(Err(SkipReason::TooMuchMemory { limit })));
    assert!(peak as u64 <= limit, "{peak} bytes of memory");
}

fn header(name: &str, kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

/// A special header with its content.
fn special(kind: u8, mut content: Vec<u8>) -> Vec<u8> {
    let header = header("special", kind, content.len());
    content.resize(content.len().next_multiple_of(512), 0);
    [header, content].concat()
}

#[test]
fn nothing_but_zeros() {
    let meter = Meter::alone();
    // The end of an archive, and then junk, all of which needs checkpoints.
    skips(&meter, &vec![0; 1 << 20], 1 << 16);
}

#[test]
fn many_empty_files() {
    let meter = Meter::alone();
    skips(&meter, &header("", b'0', 0).repeat(2048), 4 << 20);
}

#[test]
fn long_names() {
    let meter = Meter::alone();
    let name = special(b'L', vec![b'x'; 1 << 20]);
    skips(&meter, &[name, header("y", b'0', 0)].concat(), 4 << 20);
}

#[test]
fn many_small_records() {
    let meter = Meter::alone();
    // As many different keys as fit into one extended header.
    let records = (0..100_000).map(|number| format!("{:02} {number:05}=\n", 10));
    let records: String = records.collect();
    let records = special(b'x', records.into_bytes());
    skips(&meter, &[records, header("y", b'0', 0)].concat(), 4 << 20);
}

#[test]
fn many_borders_without_output() {
    let meter = Meter::alone();
    // Empty stored blocks: each is a border, and before any output each has a checkpoint.
    let blocks = [0, 0, 0, 0xff, 0xff].repeat(1000);
    let blocks = std::iter::repeat_n(&blocks[..], 1000);
    check(&meter, 4 << 20, std::iter::once(&GZIP[..]).chain(blocks));
}

/// Follows the offset at `at`.
fn follow(bytes: &[u8], at: usize) -> usize {
    at + word(bytes, at)
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize
}

/// Where a table's field stands.
fn field(bytes: &[u8], table: usize, slot: usize) -> usize {
    let vtable = table - word(bytes, table);
    let entry = vtable + 4 + 2 * slot;
    table + usize::from(u16::from_le_bytes([bytes[entry], bytes[entry + 1]]))
}

#[test]
fn one_file_many_times() {
    let meter = Meter::alone();
    let file = |name: Vec<u8>| FileMetadata {
        name,
        kind: EntryType::Regular,
        offset: 0,
        size: 0,
        linkname: Vec::new(),
        mode: 0,
        uid: 0,
        gid: 0,
        uname: Vec::new(),
        gname: Vec::new(),
        mod_time: String::new(),
        devmajor: 0,
        devminor: 0,
        xattrs: Vec::new(),
    };
    for (length, count) in [(30_000, 20_000), (0, 20_000), (1_000_000, 1_000)] {
        let mut files = vec![file(Vec::new()); count];
        files[0] = file(vec![b'x'; length]);
        let ztoc = Ztoc {
            build_tool: Vec::new(),
            compressed_size: 0,
            uncompressed_size: 0,
            files,
            checkpoints: Checkpoints::uncompressed(1, 0),
            span_digests: Vec::new(),
        };
        let mut bytes = ztoc.to_bytes();
        let toc = follow(&bytes, field(&bytes, follow(&bytes, 0), 4));
        let list = follow(&bytes, field(&bytes, toc, 0));
        assert_eq!(word(&bytes, list), count, "the vector of files");
        // Every offset leads to the first file, whose name is long.
        let first = follow(&bytes, list + 4);
        for at in (list + 4..).step_by(4).take(count) {
            bytes[at..at + 4].copy_from_slice(&((first - at) as u32).to_le_bytes());
        }
        let (parsed, peak) = meter.peak_of(|| Ztoc::parse(&bytes).is_ok());
        let size = bytes.len();
        println!("{size} bytes with {count} times {length}: {parsed}, {peak} bytes");
        assert_eq!(parsed, length == 0, "{count} names of {length} bytes");
        assert!(peak <= ztoc_ceiling(size), "{peak} bytes of memory");
    }
}

//! A tar writer of several dialects.
//!
//! It is written against the formats' descriptions and shares nothing with the reader, so that
//! the two check each other.

use soci::ztoc::EntryType;

use crate::archive::{Archive, ArchiveDraft, Dialect, End, Entry, next};

const BLOCK: usize = 512;

/// Writes the entries of a draft, noting where each one's data starts.
pub(crate) fn write(draft: &ArchiveDraft) -> Archive {
    let (mut entries, end) = (draft.settle(), &draft.end);
    let mut bytes = Vec::new();
    for entry in &mut entries {
        write_entry(&mut bytes, entry);
    }
    let mut stop = bytes.len();
    match end {
        End::Nothing => {}
        End::HalfMarker => {
            bytes.resize(stop + BLOCK, 0);
            stop += BLOCK;
        }
        End::Marker { more } => {
            stop += 2 * BLOCK;
            bytes.resize(stop + usize::from(*more) * BLOCK, 0);
        }
        End::Junk { size } => {
            stop += 2 * BLOCK;
            bytes.resize(stop, 0);
            let mut state = u64::from(*size);
            bytes.extend((0..*size).map(|_| next(&mut state) as u8));
        }
    }
    Archive {
        bytes,
        entries,
        end: stop,
    }
}

fn write_entry(bytes: &mut Vec<u8>, entry: &mut Entry) {
    // What a dialect cannot say, another one says for it.
    if !fits(entry) {
        entry.dialect = Dialect::Gnu;
    }
    let old = matches!(entry.dialect, Dialect::V7 | Dialect::Gnu);
    if entry.dialect == Dialect::V7 {
        entry.uname.clear();
    }
    if entry.dialect != Dialect::Pax {
        entry.records.clear();
    }
    if entry.dialect == Dialect::Pax {
        let mut records = vec![
            (b"path".to_vec(), entry.name.clone()),
            (b"size".to_vec(), text(entry.data.len())),
            (b"uid".to_vec(), text(entry.uid)),
            (b"gid".to_vec(), text(entry.gid)),
            (b"mtime".to_vec(), text(entry.mtime)),
        ];
        if !entry.linkname.is_empty() {
            records.push((b"linkpath".to_vec(), entry.linkname.clone()));
        }
        records.append(&mut entry.records);
        records.sort();
        records.dedup_by(|later, first| later.0 == first.0);
        let content: Vec<u8> = records.iter().flat_map(|(k, v)| record(k, v)).collect();
        let mut header = Header::new(b'x', b"././@PaxHeader", content.len());
        header.ustar();
        header.write(bytes, &content);
        entry.records = records;
    }
    if old && entry.dialect == Dialect::Gnu {
        for (kind, name) in [(b'L', &entry.name), (b'K', &entry.linkname)] {
            if name.len() > 100 {
                let mut content = name.clone();
                content.push(0);
                let mut header = Header::new(kind, b"././@LongLink", content.len());
                header.gnu();
                header.write(bytes, &content);
            }
        }
    }
    let header = header(entry);
    header.write(bytes, &[]);
    entry.offset = bytes.len();
    bytes.extend_from_slice(&entry.data);
    bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
}

/// Whether the entry can be said in its dialect alone.
fn fits(entry: &Entry) -> bool {
    let numbers = entry.uid < 1 << 21
        && entry.gid < 1 << 21
        && entry.devmajor < 1 << 21
        && (0..1 << 33).contains(&entry.mtime);
    let device = entry.devmajor != 0 || entry.devminor != 0;
    match entry.dialect {
        Dialect::V7 => numbers && entry.name.len() <= 100 && entry.linkname.len() <= 100 && !device,
        Dialect::Ustar => numbers && split(&entry.name).is_some() && entry.linkname.len() <= 100,
        Dialect::Gnu | Dialect::Pax => true,
    }
}

/// A name as USTAR's prefix and name.
fn split(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((b"", name));
    }
    let mut slashes = (0..name.len()).filter(|&at| name[at] == b'/');
    let at =
        slashes.find(|at| (1..=155).contains(at) && (1..=100).contains(&(name.len() - at - 1)));
    at.map(|at| (&name[..at], &name[at + 1..]))
}

fn header(entry: &Entry) -> Header {
    let kind = match entry.kind {
        EntryType::Regular if entry.dialect == Dialect::V7 => 0,
        EntryType::Regular => b'0',
        EntryType::Hardlink => b'1',
        EntryType::Symlink => b'2',
        EntryType::CharDevice => b'3',
        EntryType::BlockDevice => b'4',
        // In the oldest dialect only the slash tells.
        EntryType::Directory if entry.dialect == Dialect::V7 => 0,
        EntryType::Directory => b'5',
        EntryType::Fifo => b'6',
    };
    let pax = entry.dialect == Dialect::Pax;
    let (prefix, name) = match entry.dialect {
        Dialect::Ustar => split(&entry.name).expect("it fits"),
        _ => (&b""[..], &entry.name[..entry.name.len().min(100)]),
    };
    // The records count; the header of a PAX entry may say anything that is well-formed.
    let size = if pax { 0 } else { entry.data.len() };
    let mut header = Header::new(kind, name, size);
    header.number(100..108, entry.mode);
    if !pax {
        header.number(108..116, i64::from(entry.uid));
        header.number(116..124, i64::from(entry.gid));
        header.number(136..148, entry.mtime);
    }
    let linkname = &entry.linkname[..entry.linkname.len().min(100)];
    header.text(157, linkname);
    match entry.dialect {
        Dialect::V7 => return header,
        Dialect::Gnu => header.gnu(),
        Dialect::Ustar | Dialect::Pax => header.ustar(),
    }
    header.text(265, &entry.uname);
    header.number(329..337, entry.devmajor);
    header.number(337..345, entry.devminor);
    header.text(345, prefix);
    header
}

struct Header([u8; BLOCK]);

impl Header {
    fn new(kind: u8, name: &[u8], size: usize) -> Self {
        let mut header = Self([0; BLOCK]);
        header.text(0, name);
        header.number(100..108, 0o644);
        header.number(108..116, 0);
        header.number(116..124, 0);
        header.number(124..136, size as i64);
        header.number(136..148, 0);
        header.0[156] = kind;
        header
    }

    fn ustar(&mut self) {
        self.text(257, b"ustar\x0000");
    }

    fn gnu(&mut self) {
        self.text(257, b"ustar  \0");
    }

    fn text(&mut self, at: usize, text: &[u8]) {
        self.0[at..at + text.len()].copy_from_slice(text);
    }

    /// Octal digits where they suffice, else base 256.
    fn number(&mut self, field: std::ops::Range<usize>, value: i64) {
        let field = &mut self.0[field];
        let digits = field.len() - 1;
        if value >= 0 && value >> (3 * digits) == 0 {
            let text = format!("{value:0digits$o}");
            field[..digits].copy_from_slice(text.as_bytes());
            return;
        }
        let wide = i128::from(value).to_be_bytes();
        let length = field.len();
        field.copy_from_slice(&wide[16 - length..]);
        field[0] |= 0x80;
    }

    fn write(mut self, bytes: &mut Vec<u8>, content: &[u8]) {
        self.0[148..156].fill(b' ');
        let sum: u32 = self.0.iter().map(|&byte| u32::from(byte)).sum();
        self.text(148, format!("{sum:06o}\0").as_bytes());
        bytes.extend_from_slice(&self.0);
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
    }
}

fn text(number: impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// One PAX record, whose length counts its own digits.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key, b"=", value, b"\n"].concat();
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    [length.to_string().as_bytes(), &rest].concat()
}

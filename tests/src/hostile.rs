//! Layers designed to use as much memory as possible, and their measured costs.

use std::io::{self, Write};
use std::process::Command;

use tar::{EntryType, Header};

use crate::cost::{self, Cost};
use crate::gzip::{Blocks, Member};

/// Span size of the layers, in bytes: the minimum.
pub const SPAN_SIZE: u64 = 64 << 10;

/// A layer that repeats a single part.
pub struct Hostile {
    /// Human-readable name.
    pub name: &'static str,
    part: Vec<u8>,
    /// Approximate memory that a part takes, in bytes.
    pub weight: u64,
    /// Whether each part is its own gzip member.
    members: bool,
}

/// Returns layers that each use memory in a different way.
pub fn all() -> Vec<Hostile> {
    let file = header("f", EntryType::Regular, 0);
    let long_name = special(EntryType::GNULongName, vec![b'x'; 1 << 20]);
    let mut long_record = b"1048576 k=".to_vec();
    long_record.resize((1 << 20) - 1, b'v');
    long_record.push(b'\n');
    let long_record = special(EntryType::XHeader, long_record);
    let records = (0..100_000).map(|number| format!("10 {number:05}=\n"));
    let records = special(EntryType::XHeader, records.collect::<String>().into());
    let one = |name, part: Vec<u8>, weight| Hostile {
        name,
        part,
        weight,
        members: false,
    };
    vec![
        one("tiny files", file.repeat(1000), 1000 * 275),
        one("long names", [&long_name[..], &file].concat(), 2 << 20),
        one("long records", [&long_record[..], &file].concat(), 2 << 20),
        one("small records", [&records[..], &file].concat(), 5_300_000),
        one("spans", vec![0; 96 << 10], 33_000),
        Hostile {
            members: true,
            ..one("members", vec![0; 96 << 10], 33_000)
        },
    ]
}

impl Hostile {
    fn write(&self, to: impl Write, parts: u64) -> io::Result<()> {
        let blocks = Blocks::of(&self.part);
        let mut member = Member::start(to)?;
        for _ in 0..parts {
            member.repeat(&blocks, 1)?;
            if self.members {
                member = Member::start(member.finish()?)?;
            }
        }
        member.repeat(&Blocks::of(&[0; 1024]), 1)?;
        member.finish().map(drop)
    }

    /// Passes a layer of `parts` parts to `soci ztoc build` with a limit of `memory` bytes. Returns
    /// its costs, and the reason if the layer cannot be indexed.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn build(&self, soci: &str, parts: u64, memory: u64) -> io::Result<(Cost, Option<String>)> {
        let mut command = Command::new(soci);
        command
            .args(["ztoc", "build", "-", "--output", "/dev/null"])
            .args(["--span-size", &SPAN_SIZE.to_string()])
            .args(["--memory", &memory.to_string()]);
        cost::feed(&mut command, |to| self.write(to, parts))
    }
}

fn header(name: &str, kind: EntryType, size: usize) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_path(name).expect("a short name");
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// Returns a special header with its content.
fn special(kind: EntryType, mut content: Vec<u8>) -> Vec<u8> {
    let header = header("special", kind, content.len());
    content.resize(content.len().next_multiple_of(512), 0);
    [header, content].concat()
}

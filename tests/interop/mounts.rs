//! The mount table of a process.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// Where filesystems of this kind and source are mounted in the mount namespace of a process.
pub(crate) fn of_process(pid: u32, kind: &str, source: &str) -> Result<Vec<PathBuf>> {
    let file = format!("/proc/{pid}/mountinfo");
    let table = fs::read_to_string(&file).with_context(|| format!("{file}: cannot read"))?;
    Ok(points(&table, kind, source))
}

/// proc(5): the fields before ` - ` differ in number; the fifth is the mount point. Behind it come
/// the type, which may have a subtype after a dot, and the source.
fn points(table: &str, kind: &str, source: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in table.lines() {
        let Some((before, after)) = line.split_once(" - ") else {
            continue;
        };
        let mut after = after.split(' ');
        let its_kind = after.next().unwrap_or_default();
        let its_kind = its_kind.split_once('.').map_or(its_kind, |(kind, _)| kind);
        if its_kind == kind && after.next() == Some(source) {
            found.extend(before.split(' ').nth(4).map(PathBuf::from));
        }
    }
    found
}

#[test]
fn mounts_are_found_by_type_and_source() {
    let table = "\
        22 1 0:20 / /proc rw,nosuid shared:5 - proc proc rw\n\
        41 22 0:44 / /a/b ro - fuse.rawBridge soci rw,user_id=0\n\
        42 22 0:45 / /a/c ro shared:1 master:2 - fuse soci rw\n\
        43 22 0:46 / /a/d ro - fuse sshfs rw\n";
    let want = [PathBuf::from("/a/b"), PathBuf::from("/a/c")];
    assert_eq!(points(table, "fuse", "soci"), want);
}

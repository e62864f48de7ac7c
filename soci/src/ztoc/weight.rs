//! How many bytes the parts of a zTOC take, estimated rather too high than too low.

use crate::tar::FileMetadata;

/// Weight of a span digest: the text, its length and padding, and an offset.
pub(super) const DIGEST: usize = 88;

/// Returns the weight of an entry.
pub(super) fn of_entry(entry: &FileMetadata) -> usize {
    // Table, vtable reference, eight strings' lengths and padding.
    const FIXED: usize = 200;
    const RECORD: usize = 40;
    let records = entry.xattrs.iter();
    FIXED
        + entry.name.len()
        + entry.linkname.len()
        + entry.uname.len()
        + entry.gname.len()
        + records
            .map(|record| RECORD + record.key.len() + record.value.len())
            .sum::<usize>()
}

//! Upper estimates of the memory that the parts of a layer take during indexing, in bytes.

use crate::tar::Entry;

/// Fixed weight of any layer: the inflater, its output, the pieces in transit, and an extended
/// header of 1 MiB that is split into records of a few bytes each.
pub(crate) const LAYER: u64 = 8 << 20;

/// Weight of an offset in a zTOC being written, in addition to the zTOC itself.
pub(super) const OFFSET: usize = 4;

/// Weight of a span digest in a zTOC: the text, its length and padding, and an offset.
pub(super) const DIGEST: usize = 88;

/// Weight of a span: its digest and position, in vectors that may be growing, and its digest in the
/// zTOC.
pub(super) const SPAN: usize = 2 * (32 + 8) + DIGEST + OFFSET;

/// Returns the weight of an entry in a zTOC.
pub(super) fn of_entry(entry: &Entry<'_>) -> usize {
    // Table, vtable reference, and the lengths and padding of seven strings and vectors.
    const FIXED: usize = 200;
    const RECORD: usize = 40;
    let texts = [entry.name, entry.linkname, entry.uname, entry.gname];
    let records = entry.records.iter();
    FIXED
        + texts.iter().map(|text| text.len()).sum::<usize>()
        + entry.mod_time.len()
        + records
            .map(|(key, value)| RECORD + key.len() + value.len())
            .sum::<usize>()
}

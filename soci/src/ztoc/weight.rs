//! How many bytes the parts of a layer take while it is indexed, rather too many than too few.

use crate::tar::Entry;

/// Weight of a layer whatever is in it: the inflater, its output, the pieces on their way, and an
/// extended header of 1 MiB that is taken apart into records of a few bytes each.
pub(crate) const LAYER: u64 = 8 << 20;

/// Weight of an offset in a zTOC that is being written, beside the zTOC's own.
pub(super) const OFFSET: usize = 4;

/// Weight of a span digest in a zTOC: the text, its length and padding, and an offset.
pub(super) const DIGEST: usize = 88;

/// Weight of a span: its digest and its position, in vectors that may just be growing; its digest in the
/// zTOC.
pub(super) const SPAN: usize = 2 * (32 + 8) + DIGEST + OFFSET;

/// Returns the weight of an entry in a zTOC.
pub(super) fn of_entry(entry: &Entry<'_>) -> usize {
    // Table, vtable reference, seven strings' and vectors' lengths and padding.
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

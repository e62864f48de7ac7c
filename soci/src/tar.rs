//! Reading a layer's tar as it streams past.
//!
//! Bytes are pushed in, in pieces of any size; entries come out as soon as their header is
//! complete, with the position at which their data starts. File data is skipped, never kept. The
//! rules are those of Go's `archive/tar`, because the consumers of a zTOC were written against
//! them: V7, USTAR, STAR, GNU and PAX, names kept verbatim, trailing junk allowed after the end
//! marker.
//!
//! The room uses no other room of this crate.

mod entry;
mod header;
mod packed;
mod pax;
mod reader;

pub(crate) use entry::Entry;
#[cfg(test)]
pub(crate) use entry::Records;
pub use entry::{EntryType, FileMetadata, PaxRecord};
pub(crate) use packed::Unpack;
pub use reader::TarError;
pub(crate) use reader::TarReader;

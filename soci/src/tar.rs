//! Streaming parser for a layer's tar.
//!
//! Bytes are pushed in pieces of any size. Each entry is emitted as soon as its header is complete,
//! with the position at which its data starts. File data is skipped, never kept. The rules are
//! those of Go's `archive/tar`, because consumers of zTOCs were written against them: V7, USTAR,
//! STAR, GNU and PAX formats, names kept verbatim, trailing junk allowed after the end marker.
//!
//! This module depends on no other module of this crate.

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

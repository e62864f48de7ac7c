//! The entries of a layer, kept packed until its zTOC is written.

use super::weight;
use crate::memory::{Share, Short};
use crate::tar::{Entry, Unpack};

/// Size of the pieces in which entries are kept, in bytes. A larger entry has a piece to itself.
const PIECE: usize = 64 << 10;

/// The entries of a layer, in the order of its tar.
#[derive(Default)]
pub(super) struct Entries {
    pieces: Vec<Vec<u8>>,
    count: usize,
    written: u64,
}

impl Entries {
    /// Adds an entry and reserves the memory that it needs, here and in the zTOC.
    pub(super) fn add(&mut self, entry: &Entry<'_>, share: &mut Share) -> Result<(), Short> {
        let size = entry.packed_size();
        let written = weight::of_entry(entry) as u64;
        share.grow(written + weight::OFFSET as u64)?;
        let fits = |piece: &Vec<u8>| piece.capacity() - piece.len() >= size;
        if !self.pieces.last().is_some_and(fits) {
            let capacity = size.max(PIECE);
            share.grow((capacity + 2 * size_of::<Vec<u8>>()) as u64)?;
            self.pieces.push(Vec::with_capacity(capacity));
        }
        if let Some(piece) = self.pieces.last_mut() {
            entry.pack(piece);
        }
        self.count += 1;
        self.written += written;
        Ok(())
    }

    /// Returns the number of entries.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns the maximum number of bytes that the entries take in a zTOC.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Visits the entries in order.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&Entry<'_>)) {
        for piece in &self.pieces {
            let mut unpack = Unpack(piece);
            while !unpack.0.is_empty() {
                visit(&unpack.entry());
            }
        }
    }

    /// Visits the entries in reverse order, freeing their memory along the way.
    pub(super) fn each_from_the_last(mut self, visit: &mut dyn FnMut(&Entry<'_>)) {
        while let Some(piece) = self.pieces.pop() {
            let mut starts = Vec::new();
            let mut unpack = Unpack(&piece);
            while !unpack.0.is_empty() {
                starts.push(piece.len() - unpack.0.len());
                unpack.entry();
            }
            for start in starts.into_iter().rev() {
                visit(&Unpack(&piece[start..]).entry());
            }
        }
    }
}

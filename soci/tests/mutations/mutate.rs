//! Mutations, each known by its number.

use std::ops::Range;

/// A source of numbers that look random: SplitMix64.
pub(crate) struct Dice(pub u64);

impl Dice {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    /// A number below `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.word() % end.max(1) as u64) as usize
    }

    fn range(&mut self, length: usize, longest: usize) -> Range<usize> {
        let start = self.below(length + 1);
        let size = self.below(longest.min(length - start) + 1);
        start..start + size
    }
}

/// Values at which things overflow.
const EDGES: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// Changes `bytes` in a few ways; `others` is where foreign parts come from.
pub(crate) fn mutate(bytes: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice) {
    let most = [1, 1, 2, 8][dice.below(4)];
    for _ in 0..=dice.below(most) {
        let at = dice.below(bytes.len());
        match dice.below(10) {
            0..=2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.below(8);
                }
            }
            3 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = dice.word() as u8;
                }
            }
            4 => bytes.truncate(dice.below(bytes.len() + 1)),
            5 => {
                let other = &others[dice.below(others.len())];
                let part = dice.range(other.len(), 2000);
                let place = dice.range(bytes.len(), 2000);
                bytes.splice(place, other[part].iter().copied());
            }
            6 => {
                let part = dice.range(bytes.len(), 2000);
                bytes.extend_from_within(part);
            }
            7 => drop(bytes.drain(dice.range(bytes.len(), 2000))),
            // A length: little-endian, of four or eight bytes, mostly where such stand.
            8 => {
                let at = at / 4 * 4;
                let edge = EDGES[dice.below(EDGES.len())].wrapping_add(dice.word() % 3);
                let width = [4, 8][dice.below(2)];
                if let Some(field) = bytes.get_mut(at..at + width) {
                    field.copy_from_slice(&edge.to_le_bytes()[..width]);
                }
            }
            // A length as tar writes it.
            _ => {
                let digits = format!("{:011o}", EDGES[dice.below(EDGES.len())] & 0x1_ffff_ffff);
                let at = at / 512 * 512 + 124;
                if let Some(field) = bytes.get_mut(at..at + 11) {
                    field.copy_from_slice(digits.as_bytes());
                }
            }
        }
    }
}

/// Makes the checksums of what looks like tar headers right again: otherwise no mutation of a
/// header would get past them.
pub(crate) fn repair_checksums(tar: &mut [u8]) {
    for block in tar.chunks_exact_mut(512) {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        }
    }
}

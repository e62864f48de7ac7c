//! Compact encoding of sequences of numbers and byte strings.
//!
//! Millions of entries are kept while a layer is read. A vector for each string would take many
//! times the memory of the strings themselves.

/// Appends a number, seven bits per byte, lowest first.
pub(crate) fn put_number(to: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Appends bytes, preceded by their length.
pub(crate) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_number(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// Decodes packed data. Accepts only what this module has packed.
pub(crate) struct Unpack<'a>(pub &'a [u8]);

impl<'a> Unpack<'a> {
    /// Returns the next number.
    pub(crate) fn number(&mut self) -> u64 {
        let mut number = 0;
        let mut shift = 0;
        loop {
            let byte = self.0[0];
            self.0 = &self.0[1..];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return number;
            }
            shift += 7;
        }
    }

    /// Returns the next bytes.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = self.number() as usize;
        let (bytes, rest) = self.0.split_at(length);
        self.0 = rest;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let numbers = [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX];
        let mut packed = Vec::new();
        for number in numbers {
            put_number(&mut packed, number);
            put_bytes(&mut packed, number.to_string().as_bytes());
        }
        let mut unpack = Unpack(&packed);
        for number in numbers {
            assert_eq!(unpack.number(), number);
            assert_eq!(unpack.bytes(), number.to_string().as_bytes());
        }
        assert!(unpack.0.is_empty());
    }
}

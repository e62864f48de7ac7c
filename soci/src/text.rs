//! Texts that come from outside, made fit to be shown.

use std::fmt::Write;

/// More characters of a name are not shown.
const MAX: usize = 200;

/// A name as text: no control characters that a terminal would obey, and no more than fits a
/// line or two.
pub(crate) fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(&name[..name.len().min(4 * MAX)]);
    let mut shown = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == MAX {
            shown.push('…');
            break;
        }
        if character.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(printable(b"usr/bin/tool"), "usr/bin/tool");
        assert_eq!(printable("ü".as_bytes()), "ü");
        assert_eq!(printable(b"a\x1b[2J\xff"), "a\\u{1b}[2J\u{fffd}");
        assert_eq!(printable(&[b'x'; 100_000]).chars().count(), MAX + 1);
    }
}

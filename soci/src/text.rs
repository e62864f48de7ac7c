//! Untrusted text, made safe to print.

use std::fmt::Write;

/// Maximum length of a printed name in characters.
const MAX: usize = 200;

/// Returns a name as text without control characters, which a terminal would interpret, shortened
/// to a line or two.
pub(crate) fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(&name[..name.len().min(4 * MAX)]);
    let mut printed = String::new();
    for (at, character) in text.chars().enumerate() {
        if at == MAX {
            printed.push('…');
            break;
        }
        if character.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(printed, "{}", character.escape_default());
        } else {
            printed.push(character);
        }
    }
    printed
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

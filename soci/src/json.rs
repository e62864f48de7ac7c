//! JSON as the reference implementation writes it.
//!
//! The bytes of every document are hashed, so the escapes matter: besides what JSON
//! demands, `<`, `>`, `&`, U+2028 and U+2029 are written as `\u` escapes.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let Some(special) = rest[at..].chars().next() else {
                break;
            };
            write!(writer, "\\u{:04x}", u32::from(special))?;
            rest = &rest[at + special.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Serializes `value` compactly, keys in declaration order.
pub(crate) fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Escaping))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn html_characters_are_escaped() {
        let json = super::to_vec(&"a<b>&\u{2028}\u{2029}\"\n\u{1}ü").unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#""a\u003cb\u003e\u0026\u2028\u2029\"\n\u0001ü""#
        );
    }
}

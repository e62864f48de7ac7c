//! JSON in the form that the reference implementation writes.
//!
//! Manifests are identified by the digest of their bytes, so escapes matter. In addition to what
//! JSON requires, `<`, `>`, `&`, U+2028 and U+2029 are written as `\u` escapes.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::{Formatter, Serializer};

/// JSON that cannot be parsed, or a value that cannot be written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct InvalidJson {
    /// The document, by digest, path or media type.
    pub what: String,
    /// Why it is invalid.
    pub source: serde_json::Error,
}

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

/// Parses `bytes`. Errors refer to the document as `what`.
pub(crate) fn from_slice<T: DeserializeOwned>(
    what: impl ToString,
    bytes: &[u8],
) -> Result<T, InvalidJson> {
    serde_json::from_slice(bytes).map_err(|source| InvalidJson {
        what: what.to_string(),
        source,
    })
}

/// Serializes `value` compactly, with keys in declaration order. Errors refer to it as `what`.
pub(crate) fn to_vec<T: Serialize>(what: &str, value: &T) -> Result<Vec<u8>, InvalidJson> {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Escaping);
    let written = value.serialize(&mut serializer);
    written.map_err(|source| InvalidJson {
        what: what.to_owned(),
        source,
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn html_characters_are_escaped() {
        let json = super::to_vec("text", &"a<b>&\u{2028}\u{2029}\"\n\u{1}ü").unwrap();
        assert_eq!(
            String::from_utf8(json).unwrap(),
            r#""a\u003cb\u003e\u0026\u2028\u2029\"\n\u0001ü""#
        );
    }
}

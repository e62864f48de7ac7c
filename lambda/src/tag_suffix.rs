//! The suffix that distinguishes a SOCI-enabled image's tag from that of its
//! source.

use std::fmt;
use std::str::FromStr;

use crate::grammar::{is_tag, is_tag_char};

/// A suffix such as `-soci`: 1 to 64 characters that are valid in a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSuffix(String);

/// A text that cannot end a tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("tag suffix: got {0:?}, want {grammar}", grammar = TagSuffix::GRAMMAR)]
pub struct InvalidTagSuffix(String);

impl TagSuffix {
    /// The default suffix.
    pub const DEFAULT: &str = "-soci";
    /// Maximum length in characters.
    pub const MAX_LENGTH: usize = 64;
    /// The grammar in words.
    pub const GRAMMAR: &str = "1 to 64 letters, digits, and . _ -";

    /// Returns whether a character may occur in a suffix.
    pub fn allows(c: char) -> bool {
        is_tag_char(c)
    }

    /// Returns the suffix as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a tag, or a filter's tag pattern, ends in the suffix.
    pub fn ends(&self, tag: &str) -> bool {
        tag.ends_with(&self.0)
    }

    /// Returns the tag of the SOCI-enabled image, or `None` if it would be too
    /// long.
    pub fn append(&self, tag: &str) -> Option<String> {
        Some(format!("{tag}{}", self.0)).filter(|output| is_tag(output))
    }
}

impl Default for TagSuffix {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl FromStr for TagSuffix {
    type Err = InvalidTagSuffix;

    fn from_str(text: &str) -> Result<Self, InvalidTagSuffix> {
        let length = text.chars().count();
        if (1..=Self::MAX_LENGTH).contains(&length) && text.chars().all(Self::allows) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidTagSuffix(text.chars().take(200).collect()))
    }
}

impl fmt::Display for TagSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_kept() {
        for valid in ["-soci", ".lazy", "_", &"s".repeat(TagSuffix::MAX_LENGTH)] {
            assert_eq!(valid.parse::<TagSuffix>().unwrap().as_str(), valid);
        }
        for invalid in [
            "",
            "/soci",
            "a b",
            "ä",
            &"s".repeat(TagSuffix::MAX_LENGTH + 1),
        ] {
            let error = invalid.parse::<TagSuffix>().unwrap_err().to_string();
            assert!(error.contains("want 1 to 64 letters"), "{error}");
        }
        assert_eq!(Ok(TagSuffix::default()), TagSuffix::DEFAULT.parse());
    }

    #[test]
    fn output_tags_fit() {
        let suffix = TagSuffix::default();
        assert_eq!(suffix.append("1.4").as_deref(), Some("1.4-soci"));
        assert_eq!(
            suffix.append(&"t".repeat(123)).map(|tag| tag.len()),
            Some(128)
        );
        assert_eq!(suffix.append(&"t".repeat(124)), None);
    }
}

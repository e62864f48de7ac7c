//! The schema of the table in which the index generator remembers layers.

/// Attribute of the partition key, a string that identifies a layer of a repository and how it is
/// indexed.
pub const KEY: &str = "layer";
/// Attribute with the time (seconds since 1970) after which DynamoDB may delete an item.
pub const EXPIRES: &str = "expires";

/// Returns whether a table may have this name.
pub fn is_name(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (3..=255).contains(&text.len()) && text.bytes().all(sound)
}

//! The table in which the index generator remembers layers: its form.

/// Attribute of the partition key, a string: which layer of which repository, indexed how.
pub const KEY: &str = "layer";
/// Attribute with the time (seconds since 1970) after which DynamoDB may delete an item.
pub const EXPIRES: &str = "expires";

/// Whether a table may have this name.
pub fn is_name(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (3..=255).contains(&text.len()) && text.bytes().all(sound)
}

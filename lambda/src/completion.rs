//! The event with which the index generator reports that it has finished with an image: the parts
//! shared with the policy that allows it.

/// The event's `source`. AWS reserves sources that begin with `aws.`.
pub const SOURCE: &str = "soci.index-builder";
/// The event's `detail-type`.
pub const DETAIL_TYPE: &str = "SOCI Index Action";

/// Returns whether an event bus may have this name.
pub fn is_bus_name(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    (1..=256).contains(&text.len()) && text.bytes().all(sound)
}

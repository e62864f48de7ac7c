//! The event with which the index generator reports that it has finished with an image: what it has in
//! common with the policy that allows it.

/// The event's `source`. AWS keeps sources that begin with `aws.` to itself.
pub const SOURCE: &str = "soci.index-builder";
/// The event's `detail-type`.
pub const DETAIL_TYPE: &str = "SOCI Index Action";

/// Whether an event bus may have this name.
pub fn is_bus_name(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    (1..=256).contains(&text.len()) && text.bytes().all(sound)
}

//! Image references.

use soci::ImageReference;

/// Parses an image reference, and checks that it parses to itself when printed.
pub fn reference(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(reference) = text.parse::<ImageReference>() else {
        return false;
    };
    let printed = reference.to_string();
    let again: ImageReference = printed.parse().expect("what was printed");
    assert_eq!(again, reference, "{printed}");
    let _ = reference.with_tag("v1").expect("a tag for any repository");
    true
}

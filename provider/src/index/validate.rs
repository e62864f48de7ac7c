//! Validation of arguments.

use soci::{ImageReference, Version};
use tfplugin_sdk::{Diagnostic, Diagnostics, Value};

use super::settings;

/// Maximum length of a tag in characters.
const MAX_TAG: usize = 128;

/// Checks a tag.
pub(super) fn check_tag(tag: &str) -> Result<(), Diagnostic> {
    let mut bytes = tag.bytes();
    let first = bytes.next();
    let starts = first.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    let goes_on = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if starts && goes_on && tag.len() <= MAX_TAG {
        return Ok(());
    }
    let shown: String = tag.chars().take(MAX_TAG + 1).collect();
    let detail = format!(
        "Got {shown:?}. Want 1 to {MAX_TAG} letters, digits, \"_\", \".\" and \"-\", the first \
         neither \".\" nor \"-\": only the tag, without the repository, such as \"1.4-soci\"."
    );
    Err(Diagnostic::error("Invalid tag", detail))
}

/// Checks combinations of arguments.
pub(super) fn across_arguments(config: &Value) -> Diagnostics {
    let mut found = Diagnostics::new();
    let (tag, version_name) = (config.get("tag"), config.get("index_version"));
    if version_name.is_unknown() {
        return found;
    }
    let version = settings::version(version_name.as_str());
    if version == Version::V1 {
        if !tag.is_null() {
            let detail = "A V1 index has no tag: it is found through the image that it refers to. \
                          Remove the argument tag, or set index_version = \"V2\".";
            found.push(Diagnostic::error("Conflicting arguments", detail).at("tag"));
        }
        if config.get("oci_layer_types") == &Value::Bool(true) {
            let detail = "A V1 index leaves the image unchanged, with the media types that it has. \
                          Remove the argument oci_layer_types, or set index_version = \"V2\".";
            found.push(Diagnostic::error("Conflicting arguments", detail).at("oci_layer_types"));
        }
        return found;
    }
    let image = config.get("image").as_str();
    let Some(image) = image.and_then(|image| image.parse::<ImageReference>().ok()) else {
        return found;
    };
    if tag.as_str().is_some_and(|tag| image.tag() == Some(tag)) {
        let instead = settings::default_tag(&image).unwrap_or_else(|| "soci".to_owned());
        let detail = format!(
            "The SOCI-enabled image would replace the image itself at its tag, {image}, and would \
             then be indexed again at each change. Choose another tag, such as {instead:?}."
        );
        found.push(Diagnostic::error("Tag of the image itself", detail).at("tag"));
    }
    if tag.is_null()
        && let Some(tag) = settings::default_tag(&image).filter(|tag| tag.len() > MAX_TAG)
    {
        let detail = format!(
            "The SOCI-enabled image of {image} would be tagged {tag:?}, but a tag has at most \
             {MAX_TAG} characters. Set the argument tag to a shorter one."
        );
        found.push(Diagnostic::error("Tag too long", detail).at("image"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        for good in ["1", "_", "1.4-soci", &"a".repeat(MAX_TAG)] {
            assert!(check_tag(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "-a",
            ".a",
            "a b",
            "a:b",
            "a/b",
            "ü",
            "a\n",
            &"a".repeat(129),
        ] {
            assert!(check_tag(bad).is_err(), "{bad:?}");
        }
    }
}

//! Index options shared by `soci_index` and `soci_index_builder`, and their validation.

use lambda::limits::MAX_PREFETCH_FILES;
use soci::oci::Platform;
use tfplugin_sdk::{Attribute, Diagnostic, Value, validators};

/// Adds the checks for a set of platforms, which must not be empty.
pub(crate) fn check_platforms(attribute: Attribute) -> Attribute {
    attribute
        .validate(|value: &Value| match value.as_list() {
            Some([]) => Err(invalid_platform("no platform at all")),
            _ => Ok(()),
        })
        .validate(validators::each(validators::string(|text| {
            let platform = text.parse::<Platform>();
            platform.map(drop).map_err(invalid_platform)
        })))
}

/// Adds the checks for a set of files to prefetch.
pub(crate) fn check_prefetch_files(attribute: Attribute) -> Attribute {
    attribute
        .validate(validators::length(0..=MAX_PREFETCH_FILES))
        .validate(validators::each(validators::string(check_file)))
}

/// Adds the checks for a set of optimizations.
pub(crate) fn check_optimizations(attribute: Attribute) -> Attribute {
    attribute.validate(validators::each(validators::one_of(["xattr"])))
}

/// Returns the diagnostic for an invalid platform.
pub(crate) fn invalid_platform(error: impl std::fmt::Display) -> Diagnostic {
    let detail = format!("Got {error}. Omit the argument to index every platform.");
    Diagnostic::error("Invalid platform", detail)
}

/// Checks the path of a file in the image.
fn check_file(path: &str) -> Result<(), Diagnostic> {
    let names_one = path.split('/').any(|part| !matches!(part, "" | "." | ".."));
    if names_one && !path.ends_with('/') && !path.contains('\0') {
        return Ok(());
    }
    let detail = format!(
        "Got {path:?}. Want the path of a file in the image, such as \"/usr/bin/app\"; a \
         directory or a pattern is not one."
    );
    Err(Diagnostic::error("Invalid path", detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files() {
        for good in ["a", "/usr/bin/app", "./a b"] {
            assert!(check_file(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a/", "..", "a\0"] {
            assert!(check_file(bad).is_err(), "{bad:?}");
        }
    }
}

//! Grammars of Amazon ECR's image names.

/// Maximum length of a repository name (Amazon ECR).
pub const MAX_REPOSITORY: usize = 256;
/// Maximum length of a tag (OCI distribution).
pub const MAX_TAG: usize = 128;

/// Returns whether a character may occur in a repository name.
pub(crate) fn is_repository_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '/')
}

/// Returns whether a character may occur in a tag.
pub(crate) fn is_tag_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Returns whether a text is a repository name according to the OCI distribution specification and
/// Amazon ECR's length limit.
pub fn is_repository(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let component = |component: &str| {
        // Separators stand between letters or digits: none at the ends, and no two in a row except
        // for a double underscore or any number of hyphens.
        let separators = component.split(|c: char| c.is_ascii() && alphanumeric(c as u8));
        let known = |s: &str| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-');
        let ends = [component.bytes().next(), component.bytes().last()];
        ends.iter().all(|end| end.is_some_and(alphanumeric)) && separators.into_iter().all(known)
    };
    text.len() <= MAX_REPOSITORY && text.split('/').all(component)
}

/// Returns whether a text is a tag.
pub fn is_tag(text: &str) -> bool {
    (1..=MAX_TAG).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.chars().all(is_tag_char)
}

/// Returns whether a tag belongs to another image of the repository by digest: the list of its
/// referrers, `sha256-<hex>`, or one of cosign's, `sha256-<hex>.sig`, `.att` or `.sbom`.
pub fn is_attached(tag: &str) -> bool {
    let Some(rest) = tag.strip_prefix("sha256-") else {
        return false;
    };
    let (digits, kind) = match rest.split_once('.') {
        Some((digits, kind)) => (digits, Some(kind)),
        None => (rest, None),
    };
    is_digest(&format!("sha256:{digits}")) && matches!(kind, None | Some("sig" | "att" | "sbom"))
}

/// Returns whether a text is a SHA-256 digest: `sha256:` and 64 lowercase hex digits.
pub fn is_digest(text: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    let digits = text.strip_prefix("sha256:");
    digits.is_some_and(|digits| digits.len() == 64 && digits.bytes().all(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories() {
        for valid in ["a", "a/b/c", "a.b_c-d", "a__b", "a---b", "1/2"] {
            assert!(is_repository(valid), "{valid}");
        }
        for invalid in ["a___b", "a._b", ".a", "a_", "a/.b", "ä"] {
            assert!(!is_repository(invalid), "{invalid}");
        }
    }

    #[test]
    fn tags() {
        for valid in ["1", "v1.4-rc_2", &"t".repeat(MAX_TAG)] {
            assert!(is_tag(valid), "{valid}");
        }
        for invalid in ["", "-a", ".a", "a/b", "a:b", "ä", &"t".repeat(MAX_TAG + 1)] {
            assert!(!is_tag(invalid), "{invalid}");
        }
    }

    #[test]
    fn tags_of_what_belongs_to_another_image() {
        let hex = "0a".repeat(32);
        for attached in [
            format!("sha256-{hex}"),
            format!("sha256-{hex}.sig"),
            format!("sha256-{hex}.att"),
            format!("sha256-{hex}.sbom"),
        ] {
            assert!(is_tag(&attached) && is_attached(&attached), "{attached}");
        }
        for own in [
            "",
            "1.4",
            "sha256-1.4",
            "1.4.sig",
            &hex,
            &format!("sha256-{}", &hex[1..]),
            &format!("sha256-{}", hex.to_uppercase()),
            &format!("sha256-{hex}.sig.sig"),
            &format!("sha256-{hex}.rc"),
            &format!("sha256-{hex}."),
            &format!("sha256-{hex}-dev"),
            &format!("v-sha256-{hex}.sig"),
        ] {
            assert!(!is_attached(own), "{own}");
        }
    }

    #[test]
    fn digests() {
        assert!(is_digest(&format!("sha256:{}", "0a".repeat(32))));
        for invalid in [
            "0a".repeat(32),
            format!("sha256:{}", "0A".repeat(32)),
            format!("sha256:{}", "0a".repeat(31)),
            format!("sha512:{}", "0a".repeat(32)),
        ] {
            assert!(!is_digest(&invalid), "{invalid}");
        }
    }
}

//! The mark that identifies an output as the index generator's own (V2).
//!
//! A SOCI-enabled image has the same bytes whoever built it, and a user may have copied or tagged
//! one under the name of an output. Only an image with this mark is ever removed. The mark is a
//! referrer of the SOCI-enabled image, and names the output's tag with its repository, region and
//! account. A copy is therefore not an output, even if the mark is copied with it.
//!
//! The mark is determined by its content, so it can be looked up by its digest.

use soci::oci::{Annotations, Descriptor, Manifest, media_type};
use soci::{Error, mark_of};

use crate::event::PushEvent;

/// Type of the mark.
const ARTIFACT_TYPE: &str = "application/vnd.terraform-provider-soci.output.v1+json";
/// Annotation with the output that is marked.
const OUTPUT: &str = "soci.output.tag";

/// Returns the mark for the output of a pushed image: the SOCI-enabled image with the manifest
/// `enabled`, under the tag `tag`.
///
/// # Errors
/// If it cannot be written as JSON.
pub(crate) fn of(push: &PushEvent, enabled: &[u8], tag: &str) -> Result<Manifest, Error> {
    let PushEvent {
        account,
        region,
        repository,
        ..
    } = push;
    let output = format!("{account}/{region}/{repository}:{tag}");
    let said = Annotations::from([(OUTPUT.to_owned(), output)]);
    let subject = Descriptor::of(media_type::OCI_INDEX, enabled);
    mark_of(&subject, ARTIFACT_TYPE, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push() -> PushEvent {
        PushEvent::sample()
    }

    /// Existing marks are found by their digest, so it must never change.
    #[test]
    fn a_mark_stays_as_it_is() {
        let mark = of(&push(), b"{}", "1.4-soci").unwrap();
        let text = String::from_utf8(mark.bytes.to_vec()).unwrap();
        let want = concat!(
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","#,
            r#""config":{"mediaType":"application/vnd.terraform-provider-soci.output.v1+json","#,
            r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
            r#""size":2},"layers":[{"mediaType":"application/vnd.oci.empty.v1+json","#,
            r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
            r#""size":2}],"subject":{"mediaType":"application/vnd.oci.image.index.v1+json","#,
            r#""digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","#,
            r#""size":2},"annotations":{"#,
            r#""soci.output.tag":"123456789012/eu-west-1/shop/web:1.4-soci"}}"#,
        );
        assert_eq!(text, want);
    }

    #[test]
    fn each_output_has_its_own() {
        let digest = |push: &PushEvent, enabled: &[u8], tag: &str| {
            of(push, enabled, tag).unwrap().descriptor.digest
        };
        let one = digest(&push(), b"{}", "1.4-soci");
        assert_eq!(one, digest(&push(), b"{}", "1.4-soci"));
        let elsewhere = |change: fn(&mut PushEvent)| {
            let mut push = push();
            change(&mut push);
            digest(&push, b"{}", "1.4-soci")
        };
        for other in [
            digest(&push(), b"{}", "1.5-soci"),
            digest(&push(), b"[]", "1.4-soci"),
            elsewhere(|push| push.account = "210987654321".to_owned()),
            elsewhere(|push| push.region = "us-east-1".to_owned()),
            elsewhere(|push| push.repository = "shop/prod".to_owned()),
        ] {
            assert_ne!(one, other);
        }
    }
}

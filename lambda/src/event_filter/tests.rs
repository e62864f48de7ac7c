use super::*;

const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:soci-generator";

fn config(variables: &[(&str, &str)]) -> Result<Config, InvalidVariable> {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        let default = (name == GENERATOR_ARN).then_some(ARN);
        found
            .map(|(_, value)| *value)
            .or(default)
            .map(str::to_owned)
    };
    Config::read(&lookup)
}

fn push(repository: &str, tag: &str) -> PushEvent {
    PushEvent {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        repository: repository.to_owned(),
        digest: soci::Digest::of("image"),
        tag: (!tag.is_empty()).then(|| tag.to_owned()),
        artifact_media_type: None,
    }
}

#[test]
fn decisions() {
    let filters = crate::environment::FILTERS;
    let suffix = crate::environment::TAG_SUFFIX;
    for (variables, repository, tag, want) in [
        (&[(filters, "shop/*:*")][..], "shop/web", "1", true),
        (&[(filters, "a:*,shop/*:*")], "shop/web", "1", true),
        (&[(filters, "a:*,,b:1,")], "b", "1", true),
        (&[(filters, "shop/*:*")], "xshop/web", "1", false),
        (&[(filters, "*:*")], "shop/web", "1-soci", false),
        (&[(filters, "*:*")], "shop/web", "", true),
        (&[(filters, "*:*"), (INDEX_VERSION, "V2")], "web", "", false),
        (&[(filters, "*:*"), (INDEX_VERSION, "V1")], "web", "", true),
        (&[(filters, "*:*"), (suffix, ".lazy")], "w", "1.lazy", false),
        (&[(filters, "*:*"), (suffix, ".lazy")], "w", "1-soci", true),
        // As the reference's environment may have them.
        (&[(filters, "*")], "shop/web", "1", true),
        (&[(filters, "shop*1")], "shop/web", "1", true),
        (&[(filters, "web:")], "web", "", true),
        (&[(filters, "web")], "web", "1", false),
    ] {
        let config = config(variables).unwrap();
        let decision = config.decide(&push(repository, tag));
        assert_eq!(decision.is_ok(), want, "{variables:?} {repository}:{tag}");
    }
}

#[test]
fn a_soci_index_is_no_image() {
    let config = config(&[(crate::environment::FILTERS, "*:*")]).unwrap();
    let mut push = push("web", "");
    push.artifact_media_type = Some(SOCI_INDEX_V1.to_owned());
    let reason = config.decide(&push).unwrap_err();
    assert!(reason.contains("is a SOCI index"), "{reason}");
}

#[test]
fn bad_environments_are_told() {
    let filters = ("soci_repository_image_tag_filters", "*:*");
    for (variables, want) in [
        (&[][..], "soci_repository_image_tag_filters: got nothing"),
        (&[("soci_repository_image_tag_filters", ",")], "got \",\""),
        (&[filters, (GENERATOR_ARN, "")], "got nothing, want the ARN"),
        (
            &[filters, (GENERATOR_ARN, "soci")],
            "got \"soci\", want the ARN",
        ),
        (
            &[filters, (INDEX_VERSION, "V3")],
            "got \"V3\", want V1 or V2",
        ),
        (&[filters, ("soci_tag_suffix", "/")], "got \"/\""),
    ] {
        let error = config(variables).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[test]
fn arns() {
    assert!(is_function_arn(ARN));
    assert!(is_function_arn(&format!("{ARN}:$LATEST")));
    for wrong in [
        "",
        "soci",
        "arn:aws:lambda:eu-west-1:1:function:a/b",
        "arn:aws:sqs:r:1:q",
    ] {
        assert!(!is_function_arn(wrong), "{wrong}");
    }
}

use super::*;
use crate::environment::INDEX_VERSION;
use crate::scope::IndexVersion;

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

#[test]
fn the_environment_sets_the_scope() {
    let filters = (crate::environment::FILTERS, "shop/*:*,*");
    let default = config(&[filters]).unwrap();
    assert_eq!(default.selection.decide("base", "1"), Ok("*"));
    assert_eq!(default.generator, ARN);
    assert_eq!(default.scope.version, None);
    assert_eq!(default.scope.suffix.as_str(), "-soci");
    let version = (INDEX_VERSION, "V2");
    let suffix = (crate::environment::TAG_SUFFIX, ".lazy");
    let excluded = (crate::environment::EXCLUDED_FILTERS, "base:1,tools/*:*");
    let sources = (crate::environment::SOURCES, "replication");
    let config = config(&[filters, version, suffix, excluded, sources]).unwrap();
    assert!(default.scope.sources.contains(Source::Push));
    assert!(!config.scope.sources.contains(Source::Push));
    assert_eq!(config.selection.decide("base", "2"), Ok("*"));
    let reason = config.selection.decide("base", "1").unwrap_err();
    assert_eq!(reason.to_string(), "it is excluded by \"base:1\"");
    assert_eq!(config.scope.version, Some(IndexVersion::V2));
    assert_eq!(config.scope.suffix.as_str(), ".lazy");
}

#[test]
fn invalid_environments_are_refused() {
    let filters = ("soci_repository_image_tag_filters", "*:*");
    for (variables, want) in [
        (&[][..], "soci_repository_image_tag_filters: got nothing"),
        (&[("soci_repository_image_tag_filters", ",")], "got \",\""),
        (
            &[filters, ("soci_excluded_image_tag_filters", ",")],
            "soci_excluded_image_tag_filters: got \",\", want filters",
        ),
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
        (
            &[filters, ("soci_sources", "pull")],
            "got \"pull\", want any of push, pull_through_cache, replication",
        ),
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

//! A new image takes the place of another one, and nothing goes that may be running.

use anyhow::Result;
use tests::registry::Registry;
use tests::terraform::configuration;

use crate::scenario::{ADDRESS, ENABLED, REPOSITORY, Scenario, TAG, image, large_layer, push};

/// Keeps the release before, and no other.
const ONE: &str = "revision_history_limit = 1";

/// Configures another image of the repository.
fn release(scenario: &Scenario, tag: &str, arguments: &str) -> Result<()> {
    let image = scenario.registry.reference(&format!("{REPOSITORY}:{tag}"));
    let text = configuration(&image, arguments);
    scenario.terraform.write("main.tf", &text)
}

/// Returns a scenario that has released 1.4, with the images 1.5 and 1.6 in the registry.
fn released(arguments: &str) -> Result<Scenario> {
    let scenario = Scenario::new(arguments)?;
    scenario.terraform.apply()?;
    for (tag, seed) in [("1.5", 2), ("1.6", 3)] {
        push(&scenario.registry, tag, |layout| {
            image(layout, "amd64", seed)
        })?;
    }
    Ok(scenario)
}

/// Returns how often the large layer of an image has been asked for.
fn reads(registry: &Registry, tag: &str) -> Result<usize> {
    let path = format!(
        "\"GET /v2/{REPOSITORY}/blobs/{}",
        large_layer(registry, tag)?
    );
    Ok(registry.log().matches(&path).count())
}

#[test]
fn the_release_before_stays_and_the_one_before_that_goes() -> Result<()> {
    let scenario = released(ONE)?;
    let first = scenario.resource()?;
    let first = first.text("digest")?;

    release(&scenario, "1.5", ONE)?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["update"]);
    scenario.terraform.apply()?;
    let second = scenario.resource()?;
    let second = second.text("digest")?;
    assert_ne!(second, first);
    let tags = [TAG, ENABLED, "1.5", "1.5-soci", "1.6"];
    assert_eq!(scenario.registry.tags(REPOSITORY)?, tags);
    assert_eq!(
        scenario.manifest(ENABLED)?.digest,
        first,
        "it may be running"
    );
    scenario.expect_empty_plan()?;

    release(&scenario, "1.6", ONE)?;
    scenario.terraform.apply()?;
    let tags = [TAG, "1.5", "1.5-soci", "1.6", "1.6-soci"];
    assert_eq!(scenario.registry.tags(REPOSITORY)?, tags);
    assert!(scenario.registry.manifest(REPOSITORY, first)?.is_none());
    assert_eq!(scenario.manifest("1.5-soci")?.digest, second);
    let id = scenario.resource()?.text("id")?.to_owned();
    assert!(id.ends_with(":1.6"), "{id}");
    scenario.expect_empty_plan()?;

    scenario.terraform.destroy()?;
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG, "1.5", "1.6"]);
    assert!(scenario.registry.manifest(REPOSITORY, second)?.is_none());
    Ok(())
}

#[test]
fn a_rollback_reads_no_layer() -> Result<()> {
    let scenario = released("")?;
    let first = scenario.resource()?;
    release(&scenario, "1.5", "")?;
    scenario.terraform.apply()?;
    let before = reads(&scenario.registry, TAG)?;
    assert!(before > 0, "{}", scenario.registry.log());

    release(&scenario, TAG, "")?;
    scenario.terraform.apply()?;
    let now = scenario.resource()?;
    assert_eq!(now.text("image_uri")?, first.text("image_uri")?);
    assert_eq!(reads(&scenario.registry, TAG)?, before);
    scenario.expect_enabled()?;
    assert_eq!(
        scenario.registry.tags(REPOSITORY)?,
        [TAG, ENABLED, "1.5", "1.5-soci", "1.6"]
    );
    scenario.expect_empty_plan()
}

#[test]
fn as_many_releases_stay_as_are_asked_for() -> Result<()> {
    let scenario = released("revision_history_limit = 2")?;
    for tag in ["1.5", "1.6"] {
        release(&scenario, tag, "revision_history_limit = 2")?;
        scenario.terraform.apply()?;
    }
    let enabled = [ENABLED, "1.5-soci", "1.6-soci"];
    for tag in enabled {
        scenario.manifest(tag)?;
    }
    // The limit itself changes nothing in the registry; the next change does.
    release(&scenario, "1.6", "revision_history_limit = 0")?;
    scenario.terraform.apply()?;
    release(&scenario, "1.5", "revision_history_limit = 0")?;
    scenario.terraform.apply()?;
    assert_eq!(
        scenario.registry.tags(REPOSITORY)?,
        [TAG, "1.5", "1.5-soci", "1.6"]
    );
    scenario.expect_empty_plan()
}

#[test]
fn a_tag_with_a_typo_changes_nothing() -> Result<()> {
    let scenario = released("")?;
    release(&scenario, "1.55", "")?;
    let errors = scenario.terraform.failing_plan()?;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].summary, "Image not found");
    let detail = errors[0].detail.replace('\n', " ");
    assert!(detail.contains("web:1.55 does not exist"), "{detail}");
    assert!(detail.contains("triggers"), "{detail}");
    scenario.expect_enabled()?;

    // An image that may be pushed by the same apply is looked for when it is applied.
    release(&scenario, "1.55", "triggers = { push = \"1\" }")?;
    let (errors, _) = scenario.terraform.failing_apply()?;
    assert!(
        errors.iter().any(|error| error.detail.contains("1.55")),
        "{errors:?}"
    );
    scenario.expect_enabled()?;

    release(&scenario, TAG, "")?;
    scenario.terraform.apply()?;
    scenario.expect_enabled()?;
    scenario.expect_empty_plan()
}

#[test]
fn a_tag_that_moves_with_the_releases_stays_with_the_last() -> Result<()> {
    let arguments = &format!("tag = \"stable\"\n  {ONE}");
    let scenario = released(arguments)?;
    let mut digests = Vec::new();
    for tag in ["1.5", "1.6"] {
        digests.push(scenario.resource()?.text("digest")?.to_owned());
        release(&scenario, tag, arguments)?;
        scenario.terraform.apply()?;
        let now = scenario.resource()?;
        assert_eq!(scenario.manifest("stable")?.digest, now.text("digest")?);
    }
    let manifest = |digest: &String| scenario.registry.manifest(REPOSITORY, digest);
    assert!(manifest(&digests[0])?.is_none());
    assert!(manifest(&digests[1])?.is_some(), "it may be running");
    scenario.expect_empty_plan()?;
    scenario.terraform.destroy()?;
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG, "1.5", "1.6"]);
    assert!(manifest(&digests[1])?.is_none());
    Ok(())
}

#[test]
fn an_image_may_move_to_another_repository() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let first = scenario.resource()?;
    let first = first.text("digest")?;
    let other = Registry::start()?;
    push(&other, TAG, |layout| image(layout, "amd64", 1))?;
    let moved = other.reference(&format!("{REPOSITORY}:{TAG}"));
    scenario
        .terraform
        .write("main.tf", &configuration(&moved, ""))?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["update"]);
    scenario.terraform.apply()?;

    // The same content has the same digest in both.
    assert_eq!(other.expect_manifest(REPOSITORY, ENABLED)?.digest, first);
    assert_eq!(scenario.manifest(ENABLED)?.digest, first);
    assert_eq!(
        scenario.resource()?.text("image_uri")?,
        format!("{}@{first}", moved.trim_end_matches(&format!(":{TAG}")))
    );
    scenario.expect_empty_plan()?;
    scenario.terraform.destroy()?;
    assert_eq!(other.tags(REPOSITORY)?, [TAG]);
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

#[test]
fn the_index_of_another_version_is_an_earlier_one() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let before = scenario.resource()?;
    scenario.configure("index_version = \"V1\"")?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["update"]);
    scenario.terraform.apply()?;

    let after = scenario.resource()?;
    assert_ne!(after.text("digest")?, before.text("digest")?);
    assert_eq!(after.text("id")?, format!("V1/{}", scenario.image()));
    scenario.expect_index(after.text("digest")?)?;
    let enabled = scenario.manifest(ENABLED)?;
    assert_eq!(enabled.digest, before.text("digest")?, "it may be running");
    scenario.expect_empty_plan()?;
    scenario.terraform.destroy()?;
    assert!(scenario.registry.manifest(REPOSITORY, ENABLED)?.is_none());
    let index = scenario
        .registry
        .manifest(REPOSITORY, after.text("digest")?)?;
    assert!(index.is_none());
    Ok(())
}

//! Pushed images are indexed exactly once.

use anyhow::{Context, Result};
use serde_json::Value;
use tests::image::{Compression, Layout, MediaTypes};
use tests::{http, wait};

use super::{ARGUMENTS, BUILDER, FILTER, GENERATOR, LIMIT, Scenario};
use crate::scenario::{ENABLED, INDEX_TYPE, REPOSITORY, TAG, image, layers, list, text};

fn both_platforms(layout: &Layout) -> Result<Value> {
    let manifests = [image(layout, "amd64", 1)?, image(layout, "arm64", 2)?];
    layout.index(MediaTypes::Oci, &manifests)
}

/// Returns the SOCI indexes that refer to a manifest.
fn referrers(scenario: &Scenario, digest: &str) -> Result<Vec<Value>> {
    let path = format!("/v2/{REPOSITORY}/referrers/{digest}");
    let response = http::request(scenario.aws.address(), "GET", &path, &[], b"")?;
    let index: Value = serde_json::from_slice(&response.body)?;
    Ok(list(&index, "manifests")?.clone())
}

#[test]
fn only_matching_pushes_are_indexed() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    scenario.expect_empty_plan()?;
    // The functions run the code embedded in the provider.
    let builder = scenario.builder()?;
    for (function, attribute) in [(FILTER, "event_filter"), (GENERATOR, "index_generator")] {
        let deployed = scenario.aws.function(function)?.context("no function")?;
        assert_eq!(
            deployed["CodeSha256"],
            builder.values["code_sha256"][attribute]
        );
    }

    let digest = scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    let (images, indexes) = scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    assert_eq!((images.len(), indexes.len()), (1, 1));
    let index = scenario.manifest(REPOSITORY, text(&indexes[0]["digest"])?)?;
    let ztocs = index.context("no SOCI index")?.json;
    assert_eq!(list(&ztocs, "layers")?.len(), 1);
    let left = scenario
        .manifest(REPOSITORY, TAG)?
        .context("the image is gone")?;
    assert_eq!(left.digest, digest);

    // The rule drops the first one; the event filter drops the second.
    for (repository, reached) in [("tools/web", false), ("platform/batch", true)] {
        scenario.aws.create_repository(repository)?;
        scenario.push(repository, TAG, |layout| image(layout, "amd64", 1))?;
        let push = scenario.aws.pushes()?.pop().context("no push")?;
        assert_eq!(push.reached.is_empty(), !reached, "{push:?}");
    }
    scenario.wait_for_message(FILTER, &["skipped platform/batch:1.4", "no filter matches"])?;
    for repository in ["tools/web", "platform/batch"] {
        assert_eq!(scenario.aws.tags(repository)?, [TAG], "{repository}");
        assert_eq!(scenario.aws.digests(repository)?.len(), 1, "{repository}");
    }
    scenario.expect_nothing_after_destroy()
}

#[test]
fn excluded_pushes_are_not_indexed() -> Result<()> {
    let excluded = r#"excluded_image_tag_filters = ["*:*-dev", "shop/web:*-rc?"]"#;
    let scenario = Scenario::new(&format!("{ARGUMENTS}\n  {excluded}"))?;
    scenario.push(REPOSITORY, "0.9-dev", |layout| image(layout, "amd64", 1))?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    // The rule drops the first one; the event filter drops the second.
    for (tag, reached) in [("1.4-dev", false), ("1.4-rc1", true)] {
        scenario.push(REPOSITORY, tag, |layout| image(layout, "amd64", 1))?;
        let push = scenario.aws.pushes()?.pop().context("no push")?;
        assert_eq!(push.reached.is_empty(), !reached, "{push:?}");
    }
    let reason = "skipped shop/web:1.4-rc1: it is excluded by \"shop/web:*-rc?\"";
    scenario.wait_for_message(FILTER, &[reason])?;
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;

    // So it is with images that are there already.
    scenario.configure(&format!(
        "{ARGUMENTS}\n  {excluded}\n  index_existing = true"
    ))?;
    scenario.terraform.apply()?;
    let swept = "swept: 1 looked at, 1 indexed already, 0 handed on";
    scenario.wait_for_message(FILTER, &[swept])?;
    let tags = scenario.aws.tags(REPOSITORY)?;
    let enabled: Vec<&String> = tags.iter().filter(|tag| tag.ends_with("-soci")).collect();
    assert_eq!(enabled, [ENABLED]);
    scenario.configure(ARGUMENTS)?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn images_that_are_not_pushed_are_indexed_if_they_are_wanted() -> Result<()> {
    let filters = r#"repository_image_tag_filters = ["*/web:*"]"#;
    let scenario = Scenario::applied(filters)?;
    for repository in ["replicated/web", "cached/web"] {
        scenario.aws.create_repository(repository)?;
        scenario.push(repository, "0.9", |layout| image(layout, "amd64", 1))?;
        let push = scenario.aws.pushes()?.pop().context("no push")?;
        assert!(push.reached.is_empty(), "{push:?}");
    }

    let sources = r#"sources = ["replication", "pull_through_cache"]"#;
    scenario.configure(&format!("{filters}\n  {sources}"))?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    for repository in ["replicated/web", "cached/web"] {
        scenario.push(repository, TAG, |layout| image(layout, "amd64", 1))?;
        scenario.wait_for_enabled(repository, ENABLED)?;
    }
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    let push = scenario.aws.pushes()?.pop().context("no push")?;
    assert!(push.reached.is_empty(), "{push:?}");
    scenario.expect_nothing_after_destroy()
}

#[test]
fn v1_indexes_refer_to_the_image() -> Result<()> {
    let arguments = format!("{ARGUMENTS}\n  index_version = \"V1\"");
    let scenario = Scenario::applied(&arguments)?;
    let digest = scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_message(GENERATOR, &["indexed"])?;
    let found = referrers(&scenario, &digest)?;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        found[0]["artifactType"],
        "application/vnd.amazon.soci.index.v1+json"
    );
    assert_eq!(scenario.aws.tags(REPOSITORY)?, [TAG]);
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn v2_indexes_every_platform() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    scenario.push(REPOSITORY, TAG, both_platforms)?;
    let (images, indexes) = scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    assert_eq!((images.len(), indexes.len()), (2, 2));
    let enabled = scenario
        .manifest(REPOSITORY, ENABLED)?
        .context("no image")?;
    assert_eq!(enabled.media_type, INDEX_TYPE);
    Ok(())
}

#[test]
fn options_of_the_index_reach_the_index_generator() -> Result<()> {
    let options = r#"platforms       = ["linux/arm64", "linux/s390x"]
  optimizations   = ["xattr"]
  prefetch_files  = ["/srv/data", "no, such \"file\""]"#;
    let scenario = Scenario::applied(&format!("{ARGUMENTS}\n  {options}"))?;
    scenario.expect_empty_plan()?;
    scenario.push(REPOSITORY, TAG, both_platforms)?;
    let (images, indexes) = scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    assert_eq!((images.len(), indexes.len()), (2, 1));
    assert_eq!(indexes[0]["platform"]["architecture"], "arm64");
    let index = scenario.manifest(REPOSITORY, text(&indexes[0]["digest"])?)?;
    let index = index.context("no SOCI index")?.json;
    let layers = list(&index, "layers")?;
    let annotated = &layers[0]["annotations"]["com.amazon.soci.disable-xattrs"];
    assert_eq!(annotated, "true", "{index}");
    let last = layers.last().context("no layers")?;
    assert_eq!(
        last["mediaType"], "application/vnd.amazon.soci.prefetch.v1+json",
        "{index}"
    );
    scenario.expect_nothing_after_destroy()
}

#[test]
fn v1_indexes_every_platform() -> Result<()> {
    let arguments = format!("{ARGUMENTS}\n  index_version = \"V1\"");
    let scenario = Scenario::applied(&arguments)?;
    let digest = scenario.push(REPOSITORY, TAG, both_platforms)?;
    let image = scenario
        .manifest(REPOSITORY, &digest)?
        .context("no image")?;
    for manifest in list(&image.json, "manifests")? {
        let digest = text(&manifest["digest"])?;
        let found = wait::until("the index of a platform", LIMIT, || {
            let found = referrers(&scenario, digest)?;
            Ok((!found.is_empty()).then_some(found))
        })
        .with_context(|| scenario.logs())?;
        assert_eq!(found.len(), 1, "{manifest}");
    }
    Ok(())
}

#[test]
fn a_repeated_push_changes_nothing() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    scenario.wait_for_message(GENERATOR, &["indexed"])?;
    let digests = scenario.aws.digests(REPOSITORY)?;
    let pushes = scenario.aws.pushes()?.len();

    scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    scenario.wait_for_message(GENERATOR, &["already"])?;
    // Only the push above, none by the generator.
    let later = scenario.aws.pushes()?.split_off(pushes);
    assert!(later.iter().all(|push| push.tag == TAG), "{later:#?}");
    assert_eq!(scenario.aws.digests(REPOSITORY)?, digests);
    Ok(())
}

#[test]
fn the_newer_of_two_pushes_wins() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let older = scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 1))?;
    let newer = scenario.push(REPOSITORY, TAG, |layout| image(layout, "amd64", 2))?;
    assert_ne!(older, newer);
    scenario.wait_for_message(GENERATOR, &["indexed", &newer])?;
    // Both invocations have ended, in either order.
    scenario.wait_for_messages(GENERATOR, &[""], 2)?;
    let source = scenario.manifest(REPOSITORY, &newer)?.context("no image")?;
    let (images, _) = scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    let enabled = scenario.manifest(REPOSITORY, text(&images[0]["digest"])?)?;
    let enabled = enabled.context("no manifest")?;
    assert_eq!(enabled.json["layers"], source.json["layers"]);
    Ok(())
}

#[test]
fn the_output_tag_names_an_image_of_small_layers_itself() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    scenario.push(REPOSITORY, TAG, |layout| {
        let mut small = layers(layout, Compression::Gzip, 1)?;
        small.truncate(1);
        layout.image("amd64", MediaTypes::Oci, &small)
    })?;
    scenario.wait_for_message(GENERATOR, &["tagged", "itself", "no layer was indexed"])?;
    assert_eq!(scenario.aws.tags(REPOSITORY)?, [TAG, ENABLED]);
    assert_eq!(scenario.aws.digests(REPOSITORY)?.len(), 1);
    Ok(())
}

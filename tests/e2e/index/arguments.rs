//! The effect of each argument, and errors about invalid values.

use anyhow::{Context, Result, ensure};
use tests::fake::proxy::{Fault, Proxy, Rule};
use tests::image::MediaTypes;
use tests::registry::Registry;
use tests::terraform::{Terraform, configuration};

use crate::scenario::{
    ADDRESS, ENABLED, REPOSITORY, Scenario, TAG, configured, image, large_layer, list, push,
};

#[test]
fn validate_finds_every_invalid_value() -> Result<()> {
    let long = format!("r.test/web:{}", "a".repeat(125));
    let plain = "r.test/web:1";
    // The image, an argument, and parts of the error.
    let table: [(&str, &str, &[&str]); 16] = [
        (plain, "span_size = 1000", &["65536", "1073741824"]),
        (plain, "span_size = 2000000000", &["65536", "1073741824"]),
        (plain, "min_layer_size = -1", &["-1", "0 to"]),
        (plain, "tag = \"a/b\"", &["a/b", "letters, digits"]),
        (plain, "tag = \"1\"", &["itself", "1-soci"]),
        (
            plain,
            "tag = \"x\"\n  index_version = \"V1\"",
            &["tag", "V2"],
        ),
        (&long, "", &["at most 128 characters", "argument tag"]),
        (plain, "platforms = []", &["every", "platform"]),
        (
            plain,
            "platforms = [\"linux\"]",
            &["linux", "os/architecture"],
        ),
        (
            plain,
            "prefetch_files = [\"/etc/\"]",
            &["/etc/", "directory"],
        ),
        (plain, "optimizations = [\"fast\"]", &["fast", "xattr"]),
        (plain, "triggers = \"x\"", &["map of string"]),
        (plain, "keep_on_destroy = \"x\"", &["bool"]),
        (plain, "timeouts {\n    create = \"1 hour\"\n  }", &["30m"]),
        (
            plain,
            "timeouts {\n    create = \"0s\"\n  }",
            &["more than zero"],
        ),
        (plain, "index_version = \"v2\"", &["\"V1\", \"V2\""]),
    ];
    let terraform = configured(plain, "")?;
    for (image, argument, wanted) in table {
        terraform.write("main.tf", &configuration(image, argument))?;
        let found = terraform.failing_validate().context(argument)?;
        ensure!(found.len() == 1, "{argument}: {found:#?}");
        let said = format!("{}\n{}", found[0].summary, found[0].detail);
        for wanted in wanted {
            ensure!(said.contains(wanted), "{argument}: no {wanted:?} in {said}");
        }
        // Terraform shows the offending line.
        let name = argument.split([' ', '=']).next().unwrap_or_default();
        let name = if name.is_empty() { "image" } else { name };
        let code = &found[0].code;
        ensure!(
            code.contains(name) || name == "timeouts",
            "{argument}: shown at {code}"
        );
    }
    Ok(())
}

#[test]
fn unknown_values_are_valid() -> Result<()> {
    let terraform = configured("r.test/web:1", "")?;
    terraform.write(
        "main.tf",
        "terraform {\n  required_providers {\n    soci = { source = \"soci/soci\" }\n  }\n}\n\
         resource \"terraform_data\" \"unknown\" {\n  input = \"x\"\n}\n\
         resource \"soci_index\" \"this\" {\n  \
         image          = \"r.test/web:${terraform_data.unknown.output}\"\n  \
         index_version  = terraform_data.unknown.output\n  \
         tag            = terraform_data.unknown.output\n  \
         span_size      = length(terraform_data.unknown.output)\n  \
         platforms      = [terraform_data.unknown.output]\n  \
         prefetch_files = [terraform_data.unknown.output]\n  \
         triggers       = { x = terraform_data.unknown.output }\n}\n",
    )?;
    terraform.validate()?;
    assert!(terraform.plan()?.changes);
    Ok(())
}

#[test]
fn a_custom_tag() -> Result<()> {
    let scenario = Scenario::new("tag = \"lazy\"")?;
    let registry = &scenario.registry;
    scenario.terraform.apply()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, "lazy"]);
    let created = scenario.resource()?;
    let id = format!("V2/{},lazy", scenario.image());
    assert_eq!(created.text("id")?, id);
    scenario.expect_empty_plan()?;

    // The ID of an import includes the tag.
    let other = configured(&scenario.image(), "tag = \"lazy\"")?;
    other.import(ADDRESS, &id)?;
    assert_eq!(other.expect_resource(ADDRESS)?.values, created.values);
    assert!(!other.plan()?.changes);
    let source = scenario.manifest(TAG)?;
    registry.put_manifest(REPOSITORY, "lazy", &source.media_type, &source.body)?;
    scenario.expect_changes()?;
    scenario.terraform.apply()?;
    assert_eq!(scenario.manifest("lazy")?.digest, created.text("digest")?);

    // A change of the tag is an update, and leaves nothing behind.
    scenario.configure("")?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["update"]);
    scenario.terraform.apply()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, ENABLED]);
    assert_eq!(
        scenario.resource()?.text("digest")?,
        created.text("digest")?
    );
    scenario.expect_enabled()?;
    scenario.expect_empty_plan()?;
    scenario.terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    assert!(
        registry
            .manifest(REPOSITORY, created.text("digest")?)?
            .is_none()
    );
    Ok(())
}

#[test]
fn changing_the_tag_reads_no_layer_again() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let proxy = Proxy::start(registry.address())?;
    let reference = proxy.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = configured(&reference, "")?;
    terraform.apply()?;
    proxy.add(Rule::new(
        "GET",
        &format!("/blobs/{}", large_layer(&registry, TAG)?),
        Fault::Answer(403),
    ));
    terraform.write("main.tf", &configuration(&reference, "tag = \"lazy\""))?;
    terraform.apply()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG, "lazy"]);
    assert!(!terraform.plan()?.changes);
    Ok(())
}

/// A scenario with an image for two platforms.
fn two_platforms(arguments: &str) -> Result<Scenario> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| {
        let manifests = [image(layout, "amd64", 1)?, image(layout, "arm64", 2)?];
        layout.index(MediaTypes::Oci, &manifests)
    })?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    Ok(Scenario {
        terraform: configured(&reference, arguments)?,
        registry,
    })
}

#[test]
fn only_selected_platforms_are_indexed() -> Result<()> {
    let scenario = two_platforms("platforms = [\"linux/arm64\"]")?;
    scenario.terraform.apply()?;
    let resource = scenario.resource()?;
    let indexes = list(&resource.values, "indexes")?;
    assert_eq!(indexes.len(), 1);
    assert_eq!(indexes[0]["platform"], "linux/arm64");
    assert_eq!(scenario.expect_enabled()?.len(), 1);
    scenario.expect_empty_plan()?;

    scenario.configure("platforms = [\"linux/amd64\", \"linux/arm64\"]")?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["update"]);
    scenario.terraform.apply()?;
    assert_eq!(scenario.expect_enabled()?.len(), 2);
    scenario.expect_empty_plan()?;

    scenario.configure("platforms = [\"linux/riscv64\"]")?;
    let (errors, output) = scenario.terraform.failing_apply()?;
    let said = &errors.first().context("no error")?.detail;
    for wanted in ["linux/riscv64", "linux/amd64, linux/arm64", "platforms"] {
        assert!(said.contains(wanted), "no {wanted:?} in {output}");
    }
    Ok(())
}

#[test]
fn an_image_of_small_layers_is_not_converted() -> Result<()> {
    let huge = "min_layer_size = 1000000000";
    for version in ["V2", "V1"] {
        let arguments = format!("{huge}\n  index_version = \"{version}\"");
        let scenario = two_platforms(&arguments)?;
        let source = scenario.manifest(TAG)?.digest;
        let output = scenario.terraform.apply()?;
        for wanted in ["Nothing to index", "linux/amd64", "linux/arm64"] {
            assert!(output.all().contains(wanted), "no {wanted:?} in {output}");
        }
        let resource = scenario.resource()?;
        assert_eq!(resource.values["indexed"], false);
        assert!(resource.values["digest"].is_null());
        let repository = scenario.registry.reference(REPOSITORY);
        assert_eq!(
            resource.text("image_uri")?,
            format!("{repository}@{source}")
        );
        assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
        scenario.expect_empty_plan()?;
        // A lower threshold adds the index.
        scenario.configure(&format!("index_version = \"{version}\""))?;
        scenario.terraform.apply()?;
        assert_eq!(scenario.resource()?.values["indexed"], true);
        scenario.expect_empty_plan()?;
        scenario.terraform.destroy()?;
        assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    }
    Ok(())
}

#[test]
fn prefetching_and_optimizations() -> Result<()> {
    let arguments = "prefetch_files = [\"/srv/readme\", \"/srv/absent\"]\n  \
                     optimizations = [\"xattr\"]";
    let scenario = Scenario::new(arguments)?;
    let output = scenario.terraform.apply()?;
    assert!(
        output.all().contains("linux/amd64: /srv/absent"),
        "{output}"
    );
    assert!(
        !output.all().contains("- linux/amd64: /srv/readme"),
        "{output}"
    );
    let index = scenario.expect_enabled()?.remove(0);
    let layers = list(&index.json, "layers")?;
    assert_eq!(layers.len(), 2);
    assert_eq!(
        layers[0]["annotations"]["com.amazon.soci.disable-xattrs"],
        "true"
    );
    assert_eq!(
        layers[1]["mediaType"],
        "application/vnd.amazon.soci.prefetch.v1+json"
    );
    scenario.expect_empty_plan()?;
    scenario.configure("prefetch_files = [\"/srv/readme\"]")?;
    assert_eq!(scenario.terraform.planned(ADDRESS)?, ["update"]);
    scenario.terraform.apply()?;
    let index = scenario.expect_enabled()?.remove(0);
    let annotations = &list(&index.json, "layers")?[0]["annotations"];
    assert!(annotations["com.amazon.soci.disable-xattrs"].is_null());
    scenario.expect_empty_plan()
}

#[test]
fn keep_on_destroy_keeps_the_index() -> Result<()> {
    let scenario = Scenario::new("")?;
    scenario.terraform.apply()?;
    let enabled = scenario.manifest(ENABLED)?.digest;
    scenario.configure("keep_on_destroy = true\n  timeouts {\n    create = \"90m\"\n  }")?;
    // The argument affects only the resource, not the index.
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.terraform.destroy()?;
    assert_eq!(scenario.manifest(ENABLED)?.digest, enabled);
    scenario.expect_enabled()?;
    Ok(())
}

#[test]
fn resources_with_different_arguments_need_different_tags() -> Result<()> {
    let scenario = Scenario::new("")?;
    let both = |second: &str| {
        let second = format!(
            "resource \"soci_index\" \"second\" {{\n  image     = \"{}\"\n  \
             span_size = 1048576\n  {second}\n}}\n",
            scenario.image()
        );
        configuration(&scenario.image(), "") + &second
    };
    let terraform: &Terraform = &scenario.terraform;
    terraform.write("main.tf", &both(""))?;
    let error = terraform.plan().err().context("planned")?.to_string();
    for wanted in ["Two resources on one tag", ENABLED, "argument tag"] {
        // Terraform wraps lines, but not words.
        assert!(error.contains(wanted), "no {wanted:?} in {error}");
    }
    terraform.write("main.tf", &both("tag = \"fine\""))?;
    terraform.apply()?;
    scenario.expect_empty_plan()?;
    terraform.destroy()?;
    assert_eq!(scenario.registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

#[test]
fn twenty_resources_at_once() -> Result<()> {
    let registry = Registry::start()?;
    push(&registry, TAG, |layout| image(layout, "amd64", 1))?;
    let reference = registry.reference(&format!("{REPOSITORY}:{TAG}"));
    let terraform = configured(&reference, "count = 20\n  tag = \"lazy-${count.index}\"")?;
    terraform
        .run(&[
            "apply",
            "-no-color",
            "-input=false",
            "-auto-approve",
            "-parallelism=20",
        ])?
        .success()?;
    let mut tags = registry.tags(REPOSITORY)?;
    // Nineteen of them found the image, and claim it as referrers.
    tags.retain(|tag| !tag.starts_with("sha256-"));
    assert_eq!(tags.len(), 21, "{tags:?}");
    assert!(!terraform.plan()?.changes);
    terraform.destroy()?;
    assert_eq!(registry.tags(REPOSITORY)?, [TAG]);
    Ok(())
}

//! The function that the provider deploys publishes what the command line does.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tests::aws::{self, LocalAws};
use tests::interrupt::Interrupt;
use tests::registry::Registry;
use tests::terraform::Terraform;
use tests::{http, skopeo, wait};

use crate::image::Layout;
use crate::image::packing::Packing;
use crate::record::{Table, passed};
use crate::rootfs;
use crate::scene::{PLATFORM, REPOSITORY, SOURCE, Scene, Version};

/// From a push to its index.
const LIMIT: Duration = Duration::from_secs(120);

const CONFIGURATION: &str = r#"
terraform {
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

resource "soci_index_builder" "this" {
  name                         = "images"
  repository_image_tag_filters = ["shop/*:*"]
  min_layer_size               = 0
  span_size                    = 1048576
}
"#;

#[test]
fn the_index_generator_publishes_the_same() -> Result<()> {
    let layout = Layout::new()?;
    let layers = vec![
        layout.layer(&Packing::Gzip, rootfs::base)?,
        layout.layer(&Packing::Gzip, rootfs::large)?,
    ];
    let image = layout.image("amd64", &layers)?;
    let name = format!("{REPOSITORY}:{SOURCE}");
    let registry = Registry::start()?;
    layout.push(&image, &registry, &name)?;
    let mut scene = Scene::with(registry, [(PLATFORM.to_owned(), layers)].into());
    scene.left_behind = rootfs::left_behind();
    scene.index(Version::V2, &["--min-layer-size=0", "--span-size=1048576"])?;
    let tag = format!("{SOURCE}-soci");
    let want = scene.registry.expect_manifest(REPOSITORY, &tag)?.digest;

    let aws = LocalAws::start()?;
    aws.create_repository(REPOSITORY)?;
    let mut terraform = Terraform::new()?;
    for (name, value) in aws::environment(aws.address()) {
        terraform.env(name, value);
    }
    terraform.write("main.tf", CONFIGURATION)?;
    terraform.init()?;
    terraform.apply()?;
    skopeo::push_to_aws(layout.directory(), &aws, &name, &Interrupt::default())?;
    let path = format!("/v2/{REPOSITORY}/manifests/{tag}");
    let got = wait::until(&path, LIMIT, || {
        let response = http::request(aws.address(), "GET", &path, &[], b"")?;
        if response.status == 404 {
            return Ok(None);
        }
        ensure!(response.status == 200, "{path}: {}", response.status);
        let digest = response.header("docker-content-digest");
        Ok(Some(digest.context("no digest")?.to_owned()))
    })
    .with_context(|| aws.log())?;
    assert_eq!(got, want);
    terraform.destroy()?;

    // The same bytes: mounting them once tells.
    let checked = scene.check(PLATFORM, &[true, true])?;
    passed(
        Table::Consumer,
        &["V2, by the index generator", &checked.to_string()],
    )
}

//! Layers are indexed once: with the next push, and after an invocation whose time was up.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::aws::{LocalAws, Service};
use tests::fake::proxy::{Fault, Rule};
use tests::image::{Compression, Layout, MediaTypes, noise};

use super::drift::expect_repairs;
use super::{ARGUMENTS, BUILDER, GENERATOR, Scenario};
use crate::scenario::{ENABLED, REPOSITORY, TAG, text};

const TABLE: &str = "images-ztocs";
/// Every layer is indexed, and one at a time.
const SMALL: &str = "min_layer_size = 0\n  memory_size = 512";

fn arguments(more: &str) -> String {
    format!("{ARGUMENTS}\n  {SMALL}\n  {more}")
}

/// An image whose layers have these contents.
fn image(layout: &Layout, seeds: &[u64]) -> Result<Value> {
    let mut layers = Vec::new();
    for seed in seeds {
        layers.push(layout.layer(Compression::Gzip, |archive| {
            archive.file("data/noise", &noise(*seed, 300_000))
        })?);
    }
    layout.image("amd64", MediaTypes::Oci, &layers)
}

fn items(scenario: &Scenario) -> Result<Vec<Value>> {
    let scan = json!({"TableName": TABLE});
    let found = scenario.aws.call(Service::Tables, "Scan", &scan)?;
    Ok(found["Items"].as_array().context("no items")?.clone())
}

#[test]
fn the_next_push_reads_only_what_is_new() -> Result<()> {
    let scenario = Scenario::applied(&arguments(""))?;
    let builder = scenario.builder()?.values;
    assert_eq!(builder["ztoc_table_name"], TABLE);
    let arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/images-ztocs";
    assert_eq!(builder["ztoc_table_arn"], arn);
    scenario.push(REPOSITORY, TAG, |layout| image(layout, &[1, 2]))?;
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    assert_eq!(items(&scenario)?.len(), 2);

    scenario.push(REPOSITORY, "1.5", |layout| image(layout, &[1, 2, 3]))?;
    let (_, indexes) = scenario.wait_for_enabled(REPOSITORY, "1.5-soci")?;
    scenario.wait_for_message(GENERATOR, &["indexed sha256:", "; 2 known from before"])?;
    assert_eq!(items(&scenario)?.len(), 3);
    let index = scenario.manifest(REPOSITORY, text(&indexes[0]["digest"])?)?;
    let ztocs = index.context("no SOCI index")?.json;
    assert_eq!(ztocs["layers"].as_array().map(Vec::len), Some(3));

    // Without the memory everything is read, to the same end.
    scenario.configure(&arguments("reuse_ztocs = false"))?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["update"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    ensure!(
        scenario.aws.account()?.tables.is_empty(),
        "the table is left"
    );
    scenario.push(REPOSITORY, "1.6", |layout| image(layout, &[1, 2, 3]))?;
    scenario.wait_for_enabled(REPOSITORY, "1.6-soci")?;
    let digest = |tag: &str| -> Result<String> {
        let manifest = scenario.manifest(REPOSITORY, tag)?;
        Ok(manifest.context("no manifest")?.digest)
    };
    assert_eq!(digest("1.6-soci")?, digest("1.5-soci")?);
    scenario.expect_nothing_after_destroy()
}

/// The time limit is too short for a layer that stalls, which the registry heals afterwards.
#[test]
fn an_image_needs_no_more_time_than_its_largest_layer() -> Result<()> {
    let scenario = Scenario::applied(&arguments("timeout = 5"))?;
    // The functions reach the registry through the proxy from now on.
    let path = format!("/2015-03-31/functions/{GENERATOR}/configuration");
    let configuration = scenario.aws.function(GENERATOR)?.context("no function")?;
    let mut variables = configuration["Environment"]["Variables"].clone();
    variables["ECR_ENDPOINT"] = format!("http://{}", scenario.proxy.address()).into();
    let change = json!({"Environment": {"Variables": variables}});
    scenario
        .aws
        .lambda("PUT", &path, &change)?
        .context("no function")?;

    let directory = tempfile::tempdir()?;
    let layout = Layout::create(directory.path())?;
    let last = layout.layer(Compression::Gzip, |archive| {
        archive.file("data/noise", &noise(3, 300_000))
    })?;
    let digest = last.digest;
    scenario
        .proxy
        .add(Rule::new("GET", &digest, Fault::HoldBody(1000)));
    scenario.push(REPOSITORY, TAG, |layout| image(layout, &[1, 2, 3]))?;
    scenario.wait_for_message(GENERATOR, &["goes on, number 1 of 12"])?;
    assert_eq!(items(&scenario)?.len(), 2);
    scenario.proxy.heal();
    scenario.wait_for_enabled(REPOSITORY, ENABLED)?;
    scenario.wait_for_message(
        GENERATOR,
        &["3 of 3 layers have a zTOC", "; 2 known from before"],
    )?;
    scenario.terraform.apply()?;
    scenario.expect_nothing_after_destroy()
}

fn change(aws: &LocalAws, action: &str, mut body: Value) -> Result<()> {
    body["TableName"] = TABLE.into();
    aws.call(Service::Tables, action, &body)?;
    Ok(())
}

#[test]
fn the_table_is_repaired() -> Result<()> {
    expect_repairs(&[
        ("no table", |aws| change(aws, "DeleteTable", json!({}))),
        ("a capacity", |aws| {
            let capacity = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
            let body = json!({"BillingMode": "PROVISIONED", "ProvisionedThroughput": capacity});
            change(aws, "UpdateTable", body)
        }),
        ("no expiry", |aws| {
            let expiry = json!({"AttributeName": "expires", "Enabled": false});
            change(
                aws,
                "UpdateTimeToLive",
                json!({"TimeToLiveSpecification": expiry}),
            )
        }),
    ])
}

#[test]
fn a_protected_table_stops_a_destroy_before_it_starts() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let whole = scenario.aws.account()?;
    let protect = |enabled: bool| {
        let body = json!({"TableName": TABLE, "DeletionProtectionEnabled": enabled});
        scenario.aws.call(Service::Tables, "UpdateTable", &body)
    };
    protect(true)?;
    let destroy = ["destroy", "-no-color", "-input=false", "-auto-approve"];
    let output = scenario.terraform.run(&destroy)?;
    ensure!(!output.status.success(), "{output}");
    ensure!(output.all().contains("Table is protected"), "{output}");
    assert_eq!(scenario.aws.account()?, whole);
    protect(false)?;
    scenario.expect_nothing_after_destroy()
}

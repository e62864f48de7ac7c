//! The provider's program, called as Terraform calls it.

use std::collections::BTreeSet;

use tfplugin_sdk::testing::{Client, Error, Instance, Plugin};
use tfplugin_sdk::{Diagnostics, Value};

const BUILDER: &str = "soci_index_builder";
const INDEX: &str = "soci_index";

/// Starts the provider with an empty environment, where it finds no login.
async fn start() -> Result<(Plugin, Client), Error> {
    let plugin = Plugin::start(env!("CARGO_BIN_EXE_terraform-provider-soci")).await?;
    let provider = plugin.connect().await?.provider().await?;
    Ok((plugin, provider))
}

/// Returns the paths of all errors.
fn paths(found: &Diagnostics) -> BTreeSet<String> {
    found.iter().map(|d| d.path.to_string()).collect()
}

fn set<const N: usize>(paths: [&str; N]) -> BTreeSet<String> {
    paths.map(str::to_owned).into()
}

#[tokio::test]
async fn schemas_are_served() -> Result<(), Error> {
    let (plugin, provider) = start().await?;
    let schemas = provider.schemas();
    let resources: Vec<_> = schemas.resources.keys().collect();
    assert_eq!(resources, [INDEX, BUILDER]);
    assert!(schemas.data_sources.contains_key(INDEX));
    let builder = &schemas.resources[BUILDER];
    let (_, name) = builder
        .attributes()
        .find(|(name, _)| *name == "name")
        .expect("a name");
    assert!(name.is_optional() && name.is_computed() && !name.is_required());
    let metadata = provider.metadata().await?;
    assert_eq!(metadata.resources, [INDEX, BUILDER]);
    plugin.shut_down().await
}

#[tokio::test]
async fn all_bad_arguments_of_a_builder_are_reported_at_once() -> Result<(), Error> {
    let (plugin, provider) = start().await?;
    let bad = Value::object([
        ("name", "a b".into()),
        ("index_version", "v3".into()),
        ("span_size", 1_i64.into()),
        ("architectures", vec!["x86"].into()),
        ("timeouts", Value::object([("create", "soon".into())])),
    ]);
    let found = provider.validate_resource(BUILDER, &bad).await?;
    let want = set([
        "name",
        "index_version",
        "span_size",
        "architectures[0]",
        "timeouts.create",
    ]);
    assert_eq!(paths(&found), want, "{found:?}");

    let good = Value::object([("name", "images".into())]);
    let found = provider.validate_resource(BUILDER, &good).await?;
    assert!(found.is_empty(), "{found:?}");
    plugin.shut_down().await
}

#[tokio::test]
async fn arguments_are_told_from_attributes() -> Result<(), Error> {
    let (plugin, provider) = start().await?;
    let table = [
        (INDEX, "image", Value::Null, "Missing required argument"),
        (INDEX, "digest", "sha256:0".into(), "Read-only attribute"),
        (BUILDER, "tags_all", Value::Unknown, "Read-only attribute"),
    ];
    for (type_name, attribute, value, summary) in table {
        let mut config = Value::object::<&str>([]);
        if type_name == INDEX {
            config.set("image", "registry.example.com/shop/web:1.4");
        }
        config.set(attribute, value);
        let found = provider.validate_resource(type_name, &config).await?;
        let found: Vec<_> = found
            .iter()
            .map(|d| (d.path.to_string(), d.summary.as_str()))
            .collect();
        assert_eq!(found, [(attribute.to_owned(), summary)]);
    }
    let found = provider
        .validate_data_source(INDEX, &Value::object([("image", Value::Null)]))
        .await?;
    assert_eq!(paths(&found), set(["image"]));
    plugin.shut_down().await
}

#[tokio::test]
async fn a_builder_is_planned_without_aws() -> Result<(), Error> {
    let (plugin, provider) = start().await?;
    let config = Value::object([
        ("name", "images".into()),
        ("tags", Value::object([("team", "shop".into())])),
    ]);
    let none = Instance::default();
    let early = provider.plan(BUILDER, &config, &none).await?;
    let early: Vec<_> = early.diagnostics.iter().collect();
    assert_eq!(early[0].summary, "Provider not configured");

    let aws = Value::object([("region", "eu-central-1".into())]);
    assert!(provider.validate_provider(&aws).await?.is_empty());
    provider.configure(&aws).await?.ok()?;
    let plan = provider.plan(BUILDER, &config, &none).await?;
    assert!(plan.diagnostics.is_empty(), "{:?}", plan.diagnostics);
    let planned = plan.planned.state;
    assert_eq!(planned.get("index_version").as_str(), Some("V2"));
    assert_eq!(planned.get("tags_all").get("team").as_str(), Some("shop"));
    assert!(!planned.is_wholly_known(), "AWS decides nothing?");
    plugin.shut_down().await
}

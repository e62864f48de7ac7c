//! `soci_index_builder` against a local AWS, which runs the functions embedded in the provider.

mod account;
mod action;
mod backfill;
mod burst;
mod completion;
mod deletion;
mod drift;
mod faults;
mod hidden;
mod import;
mod interrupt;
mod lifecycle;
mod list;
mod module;
mod network;
mod ownership;
mod permissions;
mod pushes;
mod regions;
mod requests;
mod reuse;
mod second;
mod sharing;
mod sweep;
mod tags;
mod upgrade;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::aws::{self, LocalAws};
use tests::fake::proxy::Proxy;
use tests::image::Layout;
use tests::interrupt::Interrupt;
use tests::registry::Manifest;
use tests::terraform::{Resource, Terraform, Version};
use tests::{http, skopeo, wait};

use crate::scenario::{REPOSITORY, list, text};

/// The address of the builder.
const BUILDER: &str = "soci_index_builder.this";
/// The name of the builder, and the prefix of its functions.
const NAME: &str = "images";
const FILTER: &str = "images-filter";
const GENERATOR: &str = "images-generator";

/// Time limit from push to index, on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

/// The usual arguments: V2 for the repositories below `shop/` and some others.
const ARGUMENTS: &str = r#"repository_image_tag_filters = ["shop/*:*", "platform/*-api:*"]"#;

/// A local AWS, and a terraform that accesses it through a proxy.
struct Scenario {
    aws: LocalAws,
    proxy: Proxy,
    terraform: Terraform,
}

impl Scenario {
    /// Prepares an account with one empty repository and a configuration, not applied.
    fn new(arguments: &str) -> Result<Self> {
        let aws = LocalAws::start()?;
        aws.create_repository(REPOSITORY)?;
        let proxy = Proxy::start(aws.address())?;
        Ok(Self {
            terraform: configured(&proxy, arguments)?,
            aws,
            proxy,
        })
    }

    /// Prepares another configuration with a state of its own in the same account.
    fn another(&self, arguments: &str) -> Result<Terraform> {
        configured(&self.proxy, arguments)
    }

    /// Like [`Scenario::new`], after an apply.
    fn applied(arguments: &str) -> Result<Self> {
        let scenario = Self::new(arguments)?;
        scenario.terraform.apply()?;
        Ok(scenario)
    }

    /// Replaces the arguments in the configuration.
    fn configure(&self, arguments: &str) -> Result<()> {
        self.terraform.write("main.tf", &configuration(arguments))
    }

    /// Returns the builder in the state.
    fn builder(&self) -> Result<Resource> {
        self.terraform.expect_resource(BUILDER)
    }

    /// Checks that a plan has no changes.
    fn expect_empty_plan(&self) -> Result<()> {
        self.terraform.expect_empty_plan()
    }

    /// Destroys, and checks that the account is empty.
    fn expect_nothing_after_destroy(&self) -> Result<()> {
        self.terraform.destroy()?;
        let account = self.aws.account()?;
        ensure!(account.is_empty(), "destroy left {account:#?}");
        Ok(())
    }

    /// Pushes the image that `build` adds to a layout; returns its digest.
    fn push(
        &self,
        repository: &str,
        tag: &str,
        build: impl FnOnce(&Layout) -> Result<Value>,
    ) -> Result<String> {
        let directory = tempfile::tempdir()?;
        let layout = Layout::create(directory.path())?;
        let descriptor = build(&layout)?;
        layout.publish(&descriptor)?;
        let name = format!("{repository}:{tag}");
        skopeo::push_to_aws(directory.path(), &self.aws, &name, &Interrupt::default())?;
        Ok(text(&descriptor["digest"])?.to_owned())
    }

    /// Returns the manifest with a tag or digest, if there is one.
    fn manifest(&self, repository: &str, reference: &str) -> Result<Option<Manifest>> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let response = http::request(self.aws.address(), "GET", &path, &[], b"")?;
        if response.status == 404 {
            return Ok(None);
        }
        ensure!(response.status == 200, "{path}: status {}", response.status);
        let header = |name| response.header(name).unwrap_or_default().to_owned();
        Ok(Some(Manifest {
            digest: header("docker-content-digest"),
            media_type: header("content-type"),
            json: serde_json::from_slice(&response.body)?,
            body: response.body,
        }))
    }

    /// Waits for the SOCI-enabled image with this tag; returns the descriptors of its image manifests
    /// and of its SOCI indexes.
    fn wait_for_enabled(&self, repository: &str, tag: &str) -> Result<(Vec<Value>, Vec<Value>)> {
        let enabled = wait::until(&format!("{repository}:{tag}"), LIMIT, || {
            self.manifest(repository, tag)
        })
        .with_context(|| self.logs())?;
        let manifests = list(&enabled.json, "manifests")?.iter().cloned();
        Ok(manifests.partition(|descriptor| {
            descriptor["artifactType"] != "application/vnd.amazon.soci.index.v2+json"
        }))
    }

    /// Waits for a function to log a message that contains all of `parts`.
    fn wait_for_message(&self, function: &str, parts: &[&str]) -> Result<String> {
        self.wait_for_messages(function, parts, 1)
            .map(|mut messages| messages.remove(0))
    }

    /// Like [`Scenario::wait_for_message`], for `count` messages.
    fn wait_for_messages(
        &self,
        function: &str,
        parts: &[&str],
        count: usize,
    ) -> Result<Vec<String>> {
        wait::until(
            &format!("{count} × {parts:?} from {function}"),
            LIMIT,
            || {
                let messages = self.messages(function)?;
                let found = messages
                    .into_iter()
                    .filter(|message| parts.iter().all(|part| message.contains(part)));
                let found: Vec<_> = found.collect();
                Ok((found.len() >= count).then_some(found))
            },
        )
        .with_context(|| self.logs())
    }

    /// Returns the messages that a function logged.
    fn messages(&self, function: &str) -> Result<Vec<String>> {
        let lines = self.aws.function_log(function)?;
        let lines = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let messages = lines.filter_map(|line| line["message"].as_str().map(str::to_owned));
        Ok(messages.collect())
    }

    /// Returns everything that was logged, to explain a failure.
    fn logs(&self) -> String {
        let log = |function| {
            self.aws
                .function_log(function)
                .unwrap_or_default()
                .join("\n")
        };
        format!(
            "{}\n{FILTER}:\n{}\n{GENERATOR}:\n{}",
            self.aws.log(),
            log(FILTER),
            log(GENERATOR)
        )
    }
}

fn configured(proxy: &Proxy, arguments: &str) -> Result<Terraform> {
    configured_with(Version::OnPath, proxy, &configuration(arguments))
}

/// Prepares a whole configuration for a given version of terraform.
fn configured_with(version: Version, proxy: &Proxy, text: &str) -> Result<Terraform> {
    let mut terraform = Terraform::overriding(version)?;
    for (name, value) in aws::environment(proxy.address()) {
        terraform.env(name, value);
    }
    terraform.write("main.tf", text)?;
    Ok(terraform)
}

/// The block that every configuration begins with.
const REQUIRED: &str = "terraform {\n  required_providers {\n    soci = {\n      source = \"soci/soci\"\n    }\n  }\n}\n";

fn configuration(arguments: &str) -> String {
    format!(
        "{REQUIRED}\nresource \"soci_index_builder\" \"this\" {{\n  name = \"{NAME}\"\n  \
         {arguments}\n}}\n"
    )
}

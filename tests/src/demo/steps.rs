//! The steps of the demo, each of which checks its result.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::images::{self, BASE, LOST, MATCHING, NEXT, Name, OTHER};
use super::index;
use super::pipeline::Pipeline;
use super::progress::{Progress, megabytes};
use super::release::Release;
use crate::aws::{self, LocalAws, Service};
use crate::fake::proxy::Proxy;
use crate::image::Layer;
use crate::interrupt::Interrupt;
use crate::process::Sink;
use crate::skopeo;
use crate::terraform::Terraform;
use crate::toolchain::{self, HostFile};

/// The rule of the builder in the configuration.
const RULE: &str = "soci-index-builder";
/// The configuration to apply.
const CONFIGURATION: &str = include_str!("../../../examples/complete/main.tf");

/// A running demo. Dropping it stops the local AWS and removes every file.
pub(super) struct Demo {
    pub(super) aws: LocalAws,
    pub(super) terraform: Terraform,
    pub(super) images: TempDir,
    pub(super) interrupt: Interrupt,
    layers: Vec<Layer>,
    files: Vec<HostFile>,
}

impl Demo {
    /// Sets up an account with repositories and one image.
    pub(super) fn prepare(
        layer_bytes: u64,
        progress: &mut Progress,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        progress.step("Start a local AWS");
        let aws = LocalAws::start()?;
        for (repository, _) in [BASE, MATCHING, OTHER] {
            aws.create_repository(repository)?;
        }
        progress.done(&format!(
            "{} (account {}), ECR repositories {}, {} and {}",
            aws.endpoint(),
            aws::ACCOUNT,
            BASE.0,
            MATCHING.0,
            OTHER.0
        ));

        progress.step("Build an image from files of the Rust toolchain");
        let files = toolchain::files(layer_bytes)?;
        let images = tempfile::Builder::new().prefix("soci-image-").tempdir()?;
        let layers = images::build(images.path(), &files, interrupt)?;
        let tar: u64 = layers.iter().map(|layer| layer.tar_size).sum();
        let stored: u64 = layers.iter().map(|layer| layer.size).sum();
        let (tar, stored) = (megabytes(tar), megabytes(stored));
        progress.done(&format!(
            "{} layers, {} files, {tar}, {stored} compressed",
            layers.len(),
            files.len()
        ));

        let mut terraform = Terraform::new()?;
        for (name, value) in aws::environment(aws.address()) {
            terraform.env(name, value);
        }
        terraform.write("main.tf", CONFIGURATION)?;
        let demo = Self {
            aws,
            terraform,
            images,
            layers,
            files,
            interrupt: interrupt.clone(),
        };
        progress.step(&format!(
            "Push it as {}:{}, before the builder exists",
            BASE.0, BASE.1
        ));
        let image = demo.push_to(BASE)?;
        let variables = format!("image = \"{image}\"\n");
        demo.terraform.write("demo.auto.tfvars", &variables)?;
        progress.done(&image);
        Ok(demo)
    }

    /// Runs `terraform init` and `terraform apply`.
    pub(super) fn apply(&mut self, progress: &mut Progress) -> Result<()> {
        progress.step("terraform init");
        let line = progress.indented("| ");
        let lines: Sink = Arc::new(move |text| {
            // The rest is about lock files.
            if text.starts_with("- ") || text.starts_with("Error") {
                line(text);
            }
        });
        self.terraform.follow(lines, &self.interrupt);
        self.terraform.init()?;
        progress.done("provider installed");

        progress.step("terraform apply: create the builder and index the existing image");
        let lines = summary(progress.indented("| "));
        self.terraform.follow(lines, &self.interrupt);
        self.terraform.apply()?;
        for name in ["filter", "generator"] {
            let function = self.terraform.output(name)?;
            let function = function.as_str().context("want the name of a function")?;
            let deployed = self.aws.function(function)?.context("no such function")?;
            let attribute = if name == "filter" {
                "event_filter"
            } else {
                "index_generator"
            };
            let exported = &self.terraform.output("code_sha256")?[attribute];
            ensure!(
                deployed["CodeSha256"] == *exported,
                "{function}: the code is {}, want {exported}",
                deployed["CodeSha256"]
            );
        }
        progress.done("both functions run the code embedded in the provider");
        Ok(())
    }

    /// Pushes two images, one of which is to be indexed.
    pub(super) fn push(&self, progress: &mut Progress) -> Result<()> {
        let pipeline = Pipeline::new(&self.aws, &self.terraform)?;
        for (repository, tag) in [MATCHING, OTHER] {
            progress.step(&format!("Push the image as {repository}:{tag} with skopeo"));
            let image = self.push_to((repository, tag))?;
            progress.done(&image);
        }
        progress.step("Follow the events");
        pipeline.watch(&progress.indented(""), &self.interrupt)?;
        let (repository, tag) = MATCHING;
        progress.done(&format!("{repository}:{tag}-soci is ready"));
        Ok(())
    }

    /// Shows the index and uses it.
    pub(super) fn inspect(&self, runtime: &Handle, progress: &mut Progress) -> Result<()> {
        let (repository, tag) = MATCHING;
        progress.step(&format!("Inspect {repository}:{tag}-soci"));
        let enabled = self.aws.reference(&format!("{repository}:{tag}-soci"));
        let tree = runtime.block_on(self.interrupt.or(index::tree(&enabled)))?;
        let line = progress.indented("");
        tree.lines().for_each(|text| line(text));
        let tags = self.aws.tags(OTHER.0)?;
        ensure!(tags == [OTHER.1], "{}: got tags {tags:?}", OTHER.0);
        ensure!(
            self.aws.digests(OTHER.0)?.len() == 1,
            "{}: got more than the image",
            OTHER.0
        );
        progress.done(&format!("{} still has only the pushed image", OTHER.0));

        progress.step("Read one file through its zTOC");
        let file = toolchain::nearest(&self.files, 1_000_000).context("no files")?;
        progress.done(&self.read_back(runtime, file)?);
        Ok(())
    }

    /// Pushes the next version of the image, in which one small layer is new.
    pub(super) fn push_next(&self, progress: &mut Progress) -> Result<()> {
        let (repository, tag) = NEXT;
        progress.step(&format!(
            "Push {repository}:{tag}, of which only the small layer is new"
        ));
        images::build_version(self.images.path(), &self.layers, NEXT)?;
        let pipeline = Pipeline::new(&self.aws, &self.terraform)?;
        self.push_to(NEXT)?;
        let pushed = Instant::now();
        let answer = pipeline.wait_for_next(&self.interrupt)?;
        let seconds = pushed.elapsed().as_secs_f32();
        progress.indented("")(&format!("generator: {answer}"));
        progress.done(&format!(
            "{repository}:{tag}-soci is ready {seconds:.1} s after the push; the large layer was not \
             read again"
        ));
        Ok(())
    }

    /// Pushes another version while the rule is disabled.
    pub(super) fn lose_event(&self, progress: &mut Progress) -> Result<()> {
        let (repository, tag) = LOST;
        progress.step(&format!(
            "Push {repository}:{tag} while the rule is disabled, so that its event is lost"
        ));
        let rule = json!({"Name": RULE});
        images::build_version(self.images.path(), &self.layers, LOST)?;
        self.aws.call(Service::Events, "DisableRule", &rule)?;
        self.push_to(LOST)?;
        self.aws.call(Service::Events, "EnableRule", &rule)?;
        let push = self.aws.pushes()?.pop().context("no push")?;
        ensure!(
            push.reached.is_empty(),
            "the push reached {:?}",
            push.reached
        );
        progress.done("the builder does not know of it");
        Ok(())
    }

    /// Deploys the version that has no index, and performs the sweep that the builder's schedule
    /// would only have started after up to a day.
    pub(super) fn deploy(&self, progress: &mut Progress) -> Result<()> {
        let (repository, tag) = LOST;
        progress.step(&format!(
            "Deploy {repository}:{tag}: terraform apply, with wait_for, waits for the index"
        ));
        let image = self.aws.reference(&format!("{repository}:{tag}"));
        let line = progress.indented("| ");
        let release = Release::start(&self.aws, &image, line, &self.interrupt)?;
        progress.done("it waits");

        progress.step("Sweep, as the schedule of the builder does once a day");
        let pipeline = Pipeline::new(&self.aws, &self.terraform)?;
        let begun = Instant::now();
        let found = pipeline.sweep(&format!("{RULE}.sweep"))?;
        progress.indented("")(&format!("filter:    {found}"));
        pipeline.wait_for_tag(repository, &format!("{tag}-soci"), &self.interrupt)?;
        let seconds = begun.elapsed().as_secs_f32();
        progress.done(&format!(
            "{repository}:{tag}-soci is ready {seconds:.1} s after the sweep began"
        ));

        progress.step("The deployment goes on");
        let deployed = release.finish()?;
        let enabled = self.aws.digest(repository, &format!("{tag}-soci"))?;
        let want = format!("{}@{enabled}", self.aws.reference(repository));
        ensure!(deployed == want, "deployed {deployed}, want {want}");
        progress.done(&format!("image_uri = {deployed}"));
        Ok(())
    }

    /// Runs `terraform plan`.
    pub(super) fn plan(&self, progress: &mut Progress) -> Result<()> {
        progress.step("terraform plan");
        self.terraform.expect_empty_plan()?;
        progress.done("no changes");
        Ok(())
    }

    /// Runs `terraform destroy`.
    pub(super) fn destroy(&self, progress: &mut Progress) -> Result<()> {
        progress.step("terraform destroy");
        self.terraform.destroy()?;
        let account = self.aws.account()?;
        ensure!(account.is_empty(), "destroy left {account:#?}");
        let tags = self.aws.tags(BASE.0)?;
        ensure!(
            tags == [BASE.1],
            "destroy left the tags {tags:?} in {}",
            BASE.0
        );
        progress.done(
            "no function, role, log group, rule or table remains; the pushed images are untouched",
        );
        Ok(())
    }

    /// Pushes the image and returns its reference.
    fn push_to(&self, (repository, tag): Name) -> Result<String> {
        let name = format!("{repository}:{tag}");
        skopeo::push_to_aws(self.images.path(), &self.aws, &name, &self.interrupt)?;
        Ok(self.aws.reference(&name))
    }

    /// Reads `file` from the image in the registry and compares it with the original. A proxy
    /// checks that no request asks for a whole layer.
    fn read_back(&self, runtime: &Handle, file: &HostFile) -> Result<String> {
        let proxy = Proxy::start(self.aws.address())?;
        let image = proxy.reference(&format!("{}:{}-soci", MATCHING.0, MATCHING.1));
        let read = index::read_file(&image, &file.path);
        let content = runtime.block_on(self.interrupt.or(read))?;
        let original = std::fs::read(&file.source)?;
        ensure!(
            content == original,
            "{}: differs from {}",
            file.path,
            file.source.display()
        );

        let requests = proxy.requests();
        let of_layers = requests.iter().filter(|request| {
            request.method == "GET"
                && self
                    .layers
                    .iter()
                    .any(|layer| request.path.contains(&layer.digest))
        });
        let mut bytes = 0;
        let mut count = 0;
        for request in of_layers {
            bytes += request.range_length().with_context(|| {
                format!(
                    "GET {} asks for the whole layer: {:?}",
                    request.path, request.range
                )
            })?;
            count += 1;
        }
        ensure!(count > 0, "no layer was read: {requests:#?}");
        let (size, read) = (megabytes(file.size), megabytes(bytes));
        let layer: u64 = self.layers.iter().map(|layer| layer.size).sum();
        let layer = megabytes(layer);
        Ok(format!(
            "{}: {size}, identical to the original; fetched {read} of {layer}, {count} range request{}",
            file.path,
            if count == 1 { "" } else { "s" }
        ))
    }
}

/// Forwards a summary of terraform's actions, and everything after an error or warning.
fn summary(line: Sink) -> Sink {
    const WANTED: [&str; 6] = [
        "soci_",
        "Plan:",
        "Apply",
        "Destroy",
        "No changes",
        "  # soci_",
    ];
    let wrong = AtomicBool::new(false);
    Arc::new(move |text| {
        let words = ["Error", "Warning", "Interrupt"];
        if words.iter().any(|word| text.contains(word)) {
            wrong.store(true, Ordering::Relaxed);
        }
        if wrong.load(Ordering::Relaxed) || WANTED.iter().any(|start| text.starts_with(start)) {
            line(text.trim_start_matches("  # "));
        }
    })
}

//! The demo: a local AWS, the real terraform, and real images made out of files of this machine.
//! Whatever is pushed to a matching repository gets its index from the functions; one of its files
//! is read back through it.

mod keep;
mod pipeline;
mod progress;
mod soci_steps;
mod toolchain;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::aws::{self, LocalAws};
use crate::fake::proxy::Proxy;
use crate::image::{Compression, Layer, Layout, MediaTypes};
use crate::interrupt::Interrupt;
use crate::process::Sink;
use crate::skopeo;
use crate::terraform::Terraform;
use pipeline::Pipeline;
use progress::Progress;
use toolchain::HostFile;

/// The configuration that is applied.
const CONFIGURATION: &str = include_str!("../../examples/complete/main.tf");

/// Of the images, one is there before the builder is; `soci_index` indexes it.
const BASE: (&str, &str) = ("base/toolchain", "1");
/// One is pushed to a repository that a filter of the configuration names.
const MATCHING: (&str, &str) = ("shop/web", "1.4");
/// One is so near to a filter that only the event filter can tell.
const OTHER: (&str, &str) = ("platform/batch", "release-1");

const STEPS: usize = 13;

/// What a demo may be asked for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The images' large layer holds at least so many bytes.
    pub layer_bytes: u64,
    /// Whether everything is left running, until somebody asks to stop.
    pub keep: bool,
}

/// Runs the demo; `print` gets every line.
pub fn run(
    runtime: &Handle,
    settings: &Settings,
    print: &Sink,
    interrupt: &Interrupt,
) -> Result<()> {
    let mut progress = Progress::new(STEPS, print);
    let mut demo = Demo::prepare(settings, &mut progress, interrupt)?;
    demo.apply(&mut progress)?;
    demo.push(&mut progress)?;
    demo.look(runtime, &mut progress)?;
    if settings.keep {
        keep::until_interrupted(&demo, print)?;
        drop(demo);
        print("\nstopped: nothing is left");
        return Ok(());
    }
    demo.take_down(&mut progress)?;
    progress.step("clean up");
    drop(demo);
    progress.done("nothing is left");
    progress.end();
    Ok(())
}

struct Demo {
    aws: LocalAws,
    terraform: Terraform,
    images: TempDir,
    layers: Vec<Layer>,
    files: Vec<HostFile>,
    interrupt: Interrupt,
}

impl Demo {
    /// An account with repositories and one image.
    fn prepare(
        settings: &Settings,
        progress: &mut Progress,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        progress.step("start a local AWS");
        let aws = LocalAws::start()?;
        for (repository, _) in [BASE, MATCHING, OTHER] {
            aws.create_repository(repository)?;
        }
        progress.done(&format!(
            "{}, account {}, with the ECR repositories {}, {} and {}",
            aws.endpoint(),
            aws::ACCOUNT,
            BASE.0,
            MATCHING.0,
            OTHER.0
        ));

        progress.step("make an image out of files of the Rust toolchain");
        let files = toolchain::files(settings.layer_bytes)?;
        let images = tempfile::Builder::new().prefix("soci-image-").tempdir()?;
        let layers = make_image(&images, &files, interrupt)?;
        let tar: u64 = layers.iter().map(|layer| layer.tar_size).sum();
        let stored: u64 = layers.iter().map(|layer| layer.size).sum();
        let (tar, stored) = (progress::megabytes(tar), progress::megabytes(stored));
        progress.done(&format!(
            "{} layers, {} files, {tar}, gzip {stored}",
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
            "push it as {}:{}, before there is a builder",
            BASE.0, BASE.1
        ));
        let image = demo.push_to(BASE)?;
        let variables = format!("image = \"{image}\"\n");
        demo.terraform.write("demo.auto.tfvars", &variables)?;
        progress.done(&image);
        Ok(demo)
    }

    /// `terraform apply`.
    fn apply(&mut self, progress: &mut Progress) -> Result<()> {
        progress.step("terraform init");
        let line = progress.indented("| ");
        let news: Sink = Arc::new(move |text| {
            // The rest is advice about lock files, for a provider that others install as well.
            if text.starts_with("- ") || text.starts_with("Error") {
                line(text);
            }
        });
        self.terraform.follow(news, &self.interrupt);
        self.terraform.init()?;
        progress.done("the provider is installed");

        progress.step("terraform apply: the builder, and an index for the image that is there");
        let news = essence(progress.indented("| "));
        self.terraform.follow(news, &self.interrupt);
        self.terraform.apply()?;
        for name in ["filter", "generator"] {
            let function = self.terraform.output(name)?;
            let function = function.as_str().context("no name of a function")?;
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
        progress.done("the functions that run are those that came with the provider");
        Ok(())
    }

    /// Two pushes, of which one is to be indexed.
    fn push(&self, progress: &mut Progress) -> Result<()> {
        let pipeline = Pipeline::new(&self.aws, &self.terraform)?;
        for (repository, tag) in [MATCHING, OTHER] {
            progress.step(&format!(
                "push the image as {repository}:{tag}, with skopeo"
            ));
            let image = self.push_to((repository, tag))?;
            progress.done(&image);
        }
        progress.step("watch what comes of it");
        pipeline.watch(&progress.indented(""), &self.interrupt)?;
        let (repository, tag) = MATCHING;
        progress.done(&format!("{repository}:{tag}-soci is there"));
        Ok(())
    }

    /// The index, and what it is good for.
    fn look(&self, runtime: &Handle, progress: &mut Progress) -> Result<()> {
        let (repository, tag) = MATCHING;
        progress.step(&format!("what {repository} has now"));
        let enabled = self.aws.reference(&format!("{repository}:{tag}-soci"));
        let tree = runtime.block_on(self.interrupt.or(soci_steps::tree(&enabled)))?;
        let line = progress.indented("");
        tree.lines().for_each(|text| line(text));
        let tags = self.aws.tags(OTHER.0)?;
        ensure!(tags == [OTHER.1], "{}: the tags are {tags:?}", OTHER.0);
        ensure!(
            self.aws.digests(OTHER.0)?.len() == 1,
            "{}: more than the image",
            OTHER.0
        );
        progress.done(&format!(
            "and {} has the image alone, as it was pushed",
            OTHER.0
        ));

        progress.step("read one file back through its zTOC");
        let file = toolchain::one_of_about(&self.files, 1_000_000).context("no files")?;
        progress.done(&self.read_back(runtime, file)?);

        progress.step("terraform plan");
        let plan = self.terraform.plan()?;
        ensure!(
            !plan.changes,
            "the plan after an apply is not empty:\n{}",
            plan.output
        );
        progress.done("nothing to do");
        Ok(())
    }

    /// `terraform destroy`.
    fn take_down(&self, progress: &mut Progress) -> Result<()> {
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
        progress.done("no function, role, log group or rule is left; what was pushed is as it was");
        Ok(())
    }

    /// Pushes the image; returns its reference.
    fn push_to(&self, (repository, tag): (&str, &str)) -> Result<String> {
        let name = format!("{repository}:{tag}");
        skopeo::push_to_aws(self.images.path(), &self.aws, &name, &self.interrupt)?;
        Ok(self.aws.reference(&name))
    }

    /// Reads `file` out of the image in the registry, and compares it with the original. A proxy
    /// watches: no layer may be asked for without a range.
    fn read_back(&self, runtime: &Handle, file: &HostFile) -> Result<String> {
        let proxy = Proxy::start(self.aws.address())?;
        let image = proxy.reference(&format!("{}:{}-soci", MATCHING.0, MATCHING.1));
        let read = soci_steps::read_file(&image, &file.path);
        let content = runtime.block_on(self.interrupt.or(read))?;
        let original = std::fs::read(&file.source)?;
        ensure!(
            content == original,
            "{}: not the bytes of {}",
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
        ensure!(count > 0, "no layer was read at all: {requests:#?}");
        let (size, read) = (progress::megabytes(file.size), progress::megabytes(bytes));
        let layer: u64 = self.layers.iter().map(|layer| layer.size).sum();
        let layer = progress::megabytes(layer);
        Ok(format!(
            "{}: {size}, the same bytes; fetched {read} of {layer}, range requests: {count}",
            file.path
        ))
    }
}

/// A small base layer and a large one, as an image for linux/amd64 in `directory`.
fn make_image(
    directory: &TempDir,
    files: &[HostFile],
    interrupt: &Interrupt,
) -> Result<Vec<Layer>> {
    let layout = Layout::create(directory.path())?;
    let base = layout.layer(Compression::Gzip, |archive| {
        archive.file(
            "etc/os-release",
            b"ID=demo\nPRETTY_NAME=\"An image of the demo\"\n",
        )?;
        archive.symlink("usr/lib/os-release", "../../etc/os-release")
    })?;
    let large = layout.layer(Compression::Gzip, |archive| {
        for file in files {
            interrupt.check()?;
            archive.host_file(&file.path, &file.source)?;
        }
        Ok(())
    })?;
    let layers = vec![base, large];
    layout.publish(&layout.image("amd64", MediaTypes::Oci, &layers)?)?;
    Ok(layers)
}

/// Passes on what terraform does, without the long plan; and everything once something is wrong.
fn essence(line: Sink) -> Sink {
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

/// The messages among the lines that a function logged.
fn messages(lines: &[String]) -> impl Iterator<Item = String> {
    let lines = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line["message"].as_str().map(str::to_owned))
}

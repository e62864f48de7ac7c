//! The provider, and the Terraform that installs it.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tests::aws::{self, LocalAws};
use tests::image::{Compression, Layout, MediaTypes, noise};
use tests::interrupt::Interrupt;
use tests::process::{Output, Process};
use tests::{binaries, process, skopeo, wait};

use crate::release::{self, Platform, VERSION};
use crate::root::Root;

/// Time limit of one command: QEMU is slow.
const LIMIT: Duration = Duration::from_secs(600);

const CONFIGURATION: &str = include_str!("../../examples/complete/main.tf");

/// A local AWS with an image, and a root with terraform and the configuration.
struct Scene {
    root: Root,
    aws: LocalAws,
    variables: Vec<(String, String)>,
    _image: TempDir,
}

impl Scene {
    fn new() -> Result<Self> {
        let aws = LocalAws::start()?;
        aws.create_repository("base/toolchain")?;
        let image = tempfile::tempdir()?;
        let layout = Layout::create(image.path())?;
        // Layers below 10 MiB get no zTOC.
        let layer = layout.layer(Compression::Gzip, |archive| {
            archive.file("data/noise", &noise(1, 11 << 20))
        })?;
        layout.publish(&layout.image("amd64", MediaTypes::Oci, &[layer])?)?;
        let name = "base/toolchain:1";
        skopeo::push_to_aws(image.path(), &aws, name, &Interrupt::default())?;

        let root = Root::new()?;
        let found = ["terraform", "tofu"]
            .into_iter()
            .find_map(binaries::on_path);
        root.copy("terraform", &found.context("no terraform and no tofu")?)?;
        root.write("here/main.tf", CONFIGURATION)?;
        let variables = format!("image = \"{}\"\n", aws.reference(name));
        root.write("here/test.auto.tfvars", variables)?;
        Ok(Self {
            root,
            aws,
            variables: Vec::new(),
            _image: image,
        })
    }

    /// Lets terraform install the provider from the archive, as from a mirror, and from nowhere else.
    fn mirror(&mut self, platform: Platform) -> Result<()> {
        let zip = release::provider(platform)?;
        let content = std::fs::read(&zip)?;
        let name = zip.file_name().and_then(|name| name.to_str());
        let name = name.context("no name")?;
        for host in ["registry.terraform.io", "registry.opentofu.org"] {
            self.root
                .write(&format!("mirror/{host}/soci/soci/{name}"), &content)?;
        }
        let configuration =
            "provider_installation {\n  filesystem_mirror {\n    path = \"/mirror\"\n  }\n}\n";
        self.root.write("cli.tfrc", configuration)?;
        self.set("TF_CLI_CONFIG_FILE", "/cli.tfrc");
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.root.command(words);
        command.envs(aws::environment(self.aws.address()));
        command
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1");
        command.envs(self.variables.iter().cloned());
        command
    }

    fn terraform(&self, arguments: &[&str]) -> Result<Output> {
        let words = [&["/terraform", "-chdir=/here"], arguments].concat();
        let output = process::run(&mut self.command(&words), LIMIT, &Interrupt::default())?;
        output.success().with_context(|| self.aws.log())
    }

    /// Applies the configuration, plans it again, and destroys it.
    fn apply(&self) -> Result<()> {
        let applied = self.terraform(&["apply", "-no-color", "-input=false", "-auto-approve"])?;
        ensure!(applied.stdout.contains("2 added, 0 changed"), "{applied}");
        let functions = ["soci-index-builder-filter", "soci-index-builder-generator"];
        for function in functions {
            let deployed = self.aws.function(function)?;
            ensure!(deployed.is_some(), "no {function}");
        }
        let tags = self.aws.tags("base/toolchain")?;
        ensure!(tags.contains(&"1-soci".to_owned()), "{tags:?}");
        // Exit code 2 would be a plan with changes.
        self.terraform(&["plan", "-no-color", "-input=false", "-detailed-exitcode"])?;
        self.terraform(&["destroy", "-no-color", "-input=false", "-auto-approve"])?;
        for function in functions {
            ensure!(self.aws.function(function)?.is_none(), "{function} is left");
        }
        Ok(())
    }
}

#[test]
fn is_installed_from_its_archive_and_applied_in_an_empty_root() -> Result<()> {
    let native = match std::env::consts::ARCH {
        "aarch64" => Platform::Arm64,
        _ => Platform::Amd64,
    };
    let mut scene = Scene::new()?;
    scene.mirror(native)?;
    let init = scene.terraform(&["init", "-no-color", "-input=false"])?;
    ensure!(
        init.stdout
            .contains(&format!("Installed soci/soci v{VERSION}")),
        "{init}"
    );
    scene.apply()
}

/// The terraform of this machine cannot start a program of another architecture, so the provider is
/// started beside it, as for a debugger.
#[test]
fn of_another_architecture_applies_in_an_empty_root() -> Result<()> {
    let mut others = 0;
    for platform in Platform::ALL {
        let Some(emulator) = platform.emulator()? else {
            continue;
        };
        others += 1;
        let mut scene = Scene::new()?;
        scene.root.copy("emulator", &emulator)?;
        let name = format!("terraform-provider-soci_v{VERSION}");
        let provider = release::unzip(&release::provider(platform)?, &name)?;
        scene.root.program("provider", provider)?;
        let mut command = scene.command(&["/emulator", "/provider", "-debug"]);
        let mut process = Process::start(&mut command, None)?;
        let reattach = wait::until("the provider", wait::SOON, || {
            let output = process.output_so_far();
            let ended = process.try_status()?;
            ensure!(ended.is_none(), "{ended:?}\n{output}");
            let after = output.split_once("TF_REATTACH_PROVIDERS='");
            let value = after.and_then(|(_, rest)| rest.split_once('\''));
            Ok(value.map(|(value, _)| value.to_owned()))
        })?;
        scene.set("TF_REATTACH_PROVIDERS", &reattach);
        scene.apply().with_context(|| process.output_so_far())?;
    }
    assert_eq!(others, 1);
    Ok(())
}

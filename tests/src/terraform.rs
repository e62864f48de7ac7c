//! The real terraform, in a directory of its own, with the provider that was built here.
//!
//! The provider is installed the way a person would install it from a mirror: a directory laid
//! out like the registry, named in a CLI configuration. So `terraform init` is a real one, and
//! nothing on the machine (CLI configuration, plugin cache, TF_ variables, docker logins) has a
//! say in what a test does.

mod diagnostic;
mod mirror;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

use crate::binaries;
use crate::interrupt::Interrupt;
use crate::process::{Output, Process, Sink};

pub use diagnostic::Diagnostic;

/// The file name of the provider.
pub const PROVIDER: &str = "terraform-provider-soci";

/// How long one command may take.
pub const LIMIT: Duration = Duration::from_secs(240);

/// A terraform working directory; dropping it removes it.
pub struct Terraform {
    home: TempDir,
    /// The program, and arguments that come before all others.
    program: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    sink: Option<Sink>,
    interrupt: Interrupt,
}

/// Which terraform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `terraform` on PATH, or else `tofu`.
    OnPath,
    /// The one that tests/requirements.txt pins.
    Pinned,
}

impl Version {
    /// Every version that a scenario may be run with.
    pub const ALL: [Self; 2] = [Self::OnPath, Self::Pinned];

    fn program(self) -> Result<Vec<OsString>> {
        if self == Self::Pinned {
            let script = repository().join("tests/terraform/terraform.py");
            return Ok(vec![binaries::python()?.into(), script.into()]);
        }
        let names = ["terraform", "tofu"];
        let program = names.iter().find_map(|name| binaries::on_path(name));
        let program = program.context(
            "neither terraform nor tofu is on PATH: install Terraform from \
             https://developer.hashicorp.com/terraform/install",
        )?;
        Ok(vec![program.into()])
    }
}

/// What `terraform plan` found.
#[derive(Debug)]
pub struct Plan {
    /// Whether an apply would do something.
    pub changes: bool,
    /// What it printed.
    pub output: Output,
}

/// A resource as the state has it.
#[derive(Debug)]
pub struct Resource {
    /// Its attributes.
    pub values: Value,
    /// Whether it is marked for replacement because its creation failed half-way.
    pub tainted: bool,
}

impl Resource {
    /// The attribute `name`, a string.
    pub fn text(&self, name: &str) -> Result<&str> {
        let value = self.values.get(name).and_then(Value::as_str);
        value.with_context(|| format!("no string {name} in {}", self.values))
    }
}

impl Terraform {
    /// An empty working directory with the provider of the running profile.
    pub fn new() -> Result<Self> {
        Self::with(Version::OnPath)
    }

    /// The same for one of several versions of terraform.
    pub fn with(version: Version) -> Result<Self> {
        let program = version.program()?;
        let provider = binaries::built(PROVIDER)?;
        let home = tempfile::Builder::new()
            .prefix("soci-terraform-")
            .tempdir()?;
        fs::create_dir(home.path().join("work"))?;
        fs::create_dir(home.path().join("docker"))?;
        let configuration = mirror::install(home.path(), &provider)?;
        let mut terraform = Self {
            program,
            environment: Vec::new(),
            sink: None,
            interrupt: Interrupt::default(),
            home,
        };
        terraform.env("TF_CLI_CONFIG_FILE", configuration);
        terraform.env("TF_IN_AUTOMATION", "1");
        terraform.env("CHECKPOINT_DISABLE", "1");
        // An empty one, so that no login of this machine is found.
        terraform.env("DOCKER_CONFIG", terraform.home.path().join("docker"));
        terraform.env("NO_PROXY", "127.0.0.1,localhost");
        Ok(terraform)
    }

    /// The working directory.
    pub fn directory(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// Writes a file of the configuration.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.directory().join(file), text)?)
    }

    /// Sets a variable for every command that follows.
    pub fn env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.environment.push((name.into(), value.into()));
    }

    /// Puts a docker `config.json` where the provider looks for logins.
    pub fn docker_config(&self, text: &str) -> Result<()> {
        Ok(fs::write(
            self.home.path().join("docker/config.json"),
            text,
        )?)
    }

    /// Shows every line that terraform prints to `sink`, and passes interrupts on to it.
    pub fn follow(&mut self, sink: Sink, interrupt: &Interrupt) {
        self.sink = Some(sink);
        self.interrupt = interrupt.clone();
    }

    /// What a shell has to read to be in the environment of every command.
    pub fn exports(&self) -> String {
        let quoted = |value: &OsString| value.to_string_lossy().replace('\'', "'\\''");
        let lines = self.environment.iter();
        let lines = lines.map(|(name, value)| {
            format!("export {}='{}'\n", name.to_string_lossy(), quoted(value))
        });
        lines.collect()
    }

    /// Starts a command in the background.
    pub fn start(&self, arguments: &[&str]) -> Result<Process> {
        let sink = self.sink.clone();
        Process::start(&mut self.command(arguments), sink)
    }

    /// Runs a command to its end, whatever its status.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.start(arguments)?.finish(LIMIT, &self.interrupt)
    }

    /// `terraform init`
    pub fn init(&self) -> Result<Output> {
        self.succeed(&["init", "-no-color", "-input=false"])
    }

    /// `terraform validate`
    pub fn validate(&self) -> Result<Output> {
        self.succeed(&["validate", "-no-color"])
    }

    /// `terraform plan`
    pub fn plan(&self) -> Result<Plan> {
        let output = self.run(&["plan", "-no-color", "-input=false", "-detailed-exitcode"])?;
        match output.status.code() {
            Some(0) => Ok(Plan {
                changes: false,
                output,
            }),
            Some(2) => Ok(Plan {
                changes: true,
                output,
            }),
            _ => bail!("{output}"),
        }
    }

    /// What a plan would do to `address`: `["create"]`, `["delete", "create"]`, `["no-op"]`.
    pub fn planned(&self, address: &str) -> Result<Vec<String>> {
        self.succeed(&["plan", "-no-color", "-input=false", "-out=plan.tfplan"])?;
        let plan = self.json(&["show", "-no-color", "-json", "plan.tfplan"])?;
        let changes = plan["resource_changes"].as_array().into_iter().flatten();
        let change = changes
            .into_iter()
            .find(|change| change["address"] == address);
        let change = change.with_context(|| format!("{address} is not in the plan {plan}"))?;
        Ok(serde_json::from_value(change["change"]["actions"].clone())?)
    }

    /// `terraform apply`, which must succeed.
    pub fn apply(&self) -> Result<Output> {
        self.succeed(APPLY)
    }

    /// `terraform destroy`, which must succeed.
    pub fn destroy(&self) -> Result<Output> {
        self.succeed(&["destroy", "-no-color", "-input=false", "-auto-approve"])
    }

    /// `terraform import`, which must succeed.
    pub fn import(&self, address: &str, id: &str) -> Result<Output> {
        self.succeed(&["import", "-no-color", "-input=false", address, id])
    }

    /// The value of an output.
    pub fn output(&self, name: &str) -> Result<Value> {
        self.json(&["output", "-no-color", "-json", name])
    }

    /// The state, as `terraform show -json` gives it.
    pub fn state(&self) -> Result<Value> {
        self.json(&["show", "-no-color", "-json"])
    }

    /// What the providers say of themselves, as `terraform providers schema -json` gives it.
    pub fn schemas(&self) -> Result<Value> {
        self.json(&["providers", "schema", "-no-color", "-json"])
    }

    /// The resource at `address`, if the state has it.
    pub fn resource(&self, address: &str) -> Result<Option<Resource>> {
        let state = self.state()?;
        let resources = state["values"]["root_module"]["resources"].as_array();
        let resource = resources
            .into_iter()
            .flatten()
            .find(|its| its["address"] == address);
        Ok(resource.map(|its| Resource {
            values: its["values"].clone(),
            tainted: its["tainted"] == true,
        }))
    }

    /// Like [`Terraform::resource`], where it has to be there.
    pub fn expect_resource(&self, address: &str) -> Result<Resource> {
        self.resource(address)?
            .with_context(|| format!("{address} is not in the state"))
    }

    /// Runs an apply that has to fail, and returns its errors as terraform was given them: the
    /// text for people is wrapped at 78 columns.
    pub fn failing_apply(&self) -> Result<(Vec<Diagnostic>, Output)> {
        let output = self.run(&["apply", "-json", "-input=false", "-auto-approve"])?;
        if output.status.success() {
            bail!("apply succeeded, where an error was wanted\n{output}");
        }
        let errors = diagnostic::errors(&output.stdout)?;
        Ok((errors, output))
    }

    fn succeed(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.run(arguments)?;
        if self.sink.is_some() && !output.status.success() {
            // What it printed was seen already.
            bail!("{}: {}", output.command, output.status);
        }
        let output = output.success()?;
        // A signal that comes before a program listens for it may have no effect.
        self.interrupt.check()?;
        Ok(output)
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        // Machine output is for nobody to watch.
        let output = Process::start(&mut self.command(arguments), None)?;
        let output = output.finish(LIMIT, &self.interrupt)?.success()?;
        serde_json::from_str(&output.stdout).with_context(|| output.to_string())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program[0]);
        command
            .args(&self.program[1..])
            .args(arguments)
            .current_dir(self.directory());
        for (name, _) in std::env::vars_os() {
            if is_foreign(&name) {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The arguments of `terraform apply`.
pub const APPLY: &[&str] = &["apply", "-no-color", "-input=false", "-auto-approve"];

/// Whether an inherited variable would change what terraform or the provider does.
fn is_foreign(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let foreign = ["TF_", "SOCI_", "PLUGIN_", "AWS_"];
    foreign.iter().any(|prefix| name.starts_with(prefix))
}

/// A configuration with one `soci_index.this` of `image`, and more arguments for it.
pub fn configuration(image: &str, arguments: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    soci = {{\n      source = \"soci/soci\"\n    \
         }}\n  }}\n}}\n\nresource \"soci_index\" \"this\" {{\n  image = \"{image}\"\n  \
         {arguments}\n}}\n"
    )
}

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

//! The real terraform, in its own working directory, with the provider built from this workspace.
//!
//! The provider is installed as if from a mirror: a directory laid out like the registry, named in
//! a CLI configuration. So `terraform init` is the real one, and nothing on the machine (CLI
//! configuration, plugin cache, `TF_` variables, Docker logins) influences a test. Tests that are
//! not about installation use the same directory as a development override, which is faster.

mod diagnostic;
mod mirror;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::interrupt::Interrupt;
use crate::process::{Output, Process, Sink, kill_hard};
use crate::{binaries, wait, workspace};

pub use diagnostic::Diagnostic;
pub use mirror::PROVIDER;

/// Environment variable that names a program to use instead of the `terraform` on `PATH`.
pub const PROGRAM_VARIABLE: &str = "SOCI_TEST_TERRAFORM";

/// Time limit for a command.
pub const LIMIT: Duration = Duration::from_secs(240);

/// A terraform working directory. Dropping it removes it.
pub struct Terraform {
    home: TempDir,
    /// The program, and the arguments that precede all others.
    program: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    sink: Option<Sink>,
    interrupt: Interrupt,
}

/// A version of terraform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The program named by [`PROGRAM_VARIABLE`], otherwise `terraform` or `tofu` on `PATH`.
    OnPath,
    /// The one pinned in `tests/requirements.txt`.
    Pinned,
}

impl Version {
    /// All versions.
    pub const ALL: [Self; 2] = [Self::OnPath, Self::Pinned];

    fn program(self) -> Result<Vec<OsString>> {
        if self == Self::Pinned {
            let script = workspace::root().join("tests/terraform/terraform.py");
            return Ok(vec![binaries::python()?.into(), script.into()]);
        }
        if let Some(program) = std::env::var_os(PROGRAM_VARIABLE) {
            return Ok(vec![program]);
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

/// The result of `terraform plan`.
#[derive(Debug)]
pub struct Plan {
    /// Whether an apply would change anything.
    pub changes: bool,
    /// The output of the command.
    pub output: Output,
}

/// A resource in the state.
#[derive(Debug)]
pub struct Resource {
    /// The attributes.
    pub values: Value,
    /// Whether it will be replaced because its creation failed halfway.
    pub tainted: bool,
}

impl Resource {
    /// Returns the string attribute `name`.
    pub fn text(&self, name: &str) -> Result<&str> {
        let value = self.values.get(name).and_then(Value::as_str);
        value.with_context(|| format!("no string {name} in {}", self.values))
    }
}

impl Terraform {
    /// Creates an empty working directory with the provider of the running profile.
    pub fn new() -> Result<Self> {
        Self::with(Version::OnPath)
    }

    /// Creates a directory like [`Terraform::new`], for a given version of terraform.
    pub fn with(version: Version) -> Result<Self> {
        Self::create(version, false)
    }

    /// Creates a directory like [`Terraform::with`], with the provider as a development override: a
    /// configuration needs no `terraform init`, and no command hashes the provider.
    pub fn overriding(version: Version) -> Result<Self> {
        Self::create(version, true)
    }

    fn create(version: Version, overriding: bool) -> Result<Self> {
        let program = version.program()?;
        let provider = binaries::stripped(PROVIDER)?;
        let home = tempfile::Builder::new()
            .prefix("soci-terraform-")
            .tempdir()?;
        fs::create_dir(home.path().join("work"))?;
        fs::create_dir(home.path().join("docker"))?;
        let configuration = mirror::install(home.path(), &provider, overriding)?;
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
        // Empty, so that no login of this machine is found.
        terraform.env("DOCKER_CONFIG", terraform.home.path().join("docker"));
        for other in ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"] {
            let value = match other {
                "REGISTRY_AUTH_FILE" => OsString::new(),
                _ => terraform.home.path().join("absent").into(),
            };
            terraform.env(other, value);
        }
        terraform.env("NO_PROXY", "127.0.0.1,localhost");
        Ok(terraform)
    }

    /// Returns the working directory.
    pub fn directory(&self) -> PathBuf {
        self.home.path().join("work")
    }

    /// Writes a file of the configuration.
    pub fn write(&self, file: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.directory().join(file), text)?)
    }

    /// Sets an environment variable for every subsequent command.
    pub fn env(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.environment.push((name.into(), value.into()));
    }

    /// Puts a credential helper, which is a shell script, on the `PATH`.
    #[cfg(unix)]
    pub fn credential_helper(&mut self, name: &str, script: &str) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;

        let directory = self.home.path().join("helpers");
        fs::create_dir_all(&directory)?;
        let program = directory.join(format!("docker-credential-{name}"));
        fs::write(&program, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::iter::once(directory).chain(std::env::split_paths(&path));
        self.env("PATH", std::env::join_paths(directories)?);
        Ok(())
    }

    /// Writes the Docker `config.json` in which the provider looks up logins.
    pub fn docker_config(&self, text: &str) -> Result<()> {
        Ok(fs::write(
            self.home.path().join("docker/config.json"),
            text,
        )?)
    }

    /// Sends every line that terraform prints to `sink`, and forwards interrupts to terraform.
    pub fn follow(&mut self, sink: Sink, interrupt: &Interrupt) {
        self.sink = Some(sink);
        self.interrupt = interrupt.clone();
    }

    /// Returns shell commands that export the environment of every command.
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

    /// Runs a command to completion, whatever its status.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        self.start(arguments)?.finish(LIMIT, &self.interrupt)
    }

    /// Runs `terraform init`, which must succeed.
    pub fn init(&self) -> Result<Output> {
        self.succeed(&["init", "-no-color", "-input=false"])
    }

    /// Runs `terraform validate`, which must succeed.
    pub fn validate(&self) -> Result<Output> {
        self.succeed(&["validate", "-no-color"])
    }

    /// Runs [`Terraform::validate`] for queries too.
    pub fn validate_queries(&self) -> Result<Output> {
        self.succeed(&["validate", "-no-color", "-query"])
    }

    /// Runs `terraform query`, which must succeed. Returns its results in terraform's own format.
    pub fn query(&self) -> Result<Vec<Value>> {
        let output = self.succeed(&["query", "-no-color", "-json"])?;
        let lines = output.stdout.lines();
        let lines: Result<Vec<Value>, _> = lines.map(serde_json::from_str).collect();
        let lines = lines.with_context(|| output.to_string())?.into_iter();
        let found = lines.filter(|line| line["type"] == "list_resource_found");
        Ok(found
            .map(|line| line["list_resource_found"].clone())
            .collect())
    }

    /// Runs `terraform plan`, which must succeed.
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

    /// Checks that a plan has no changes.
    pub fn expect_empty_plan(&self) -> Result<()> {
        let plan = self.plan()?;
        ensure!(!plan.changes, "the plan has changes:\n{}", plan.output);
        Ok(())
    }

    /// Plans, and returns the actions for `address`: `["create"]`, `["delete", "create"]`,
    /// `["no-op"]`.
    pub fn planned(&self, address: &str) -> Result<Vec<String>> {
        let change = self.planned_change(address)?;
        Ok(serde_json::from_value(change["actions"].clone())?)
    }

    /// Plans, and returns the change of `address`, with the refreshed resource as `before`.
    pub fn planned_change(&self, address: &str) -> Result<Value> {
        self.succeed(&["plan", "-no-color", "-input=false", "-out=plan.tfplan"])?;
        let plan = self.json(&["show", "-no-color", "-json", "plan.tfplan"])?;
        let changes = plan["resource_changes"].as_array().into_iter().flatten();
        let change = changes
            .into_iter()
            .find(|change| change["address"] == address);
        let change = change.with_context(|| format!("{address} is not in the plan {plan}"))?;
        Ok(change["change"].clone())
    }

    /// Runs `terraform apply`, which must succeed.
    pub fn apply(&self) -> Result<Output> {
        self.succeed(APPLY)
    }

    /// Runs `terraform apply`, and after a while kills every provider that it runs.
    pub fn apply_with_kill(&self, after: Duration) -> Result<Output> {
        let start = Instant::now();
        let mut apply = self.start(APPLY)?;
        wait::until("the time of the kill", LIMIT, || {
            let ended = apply.try_status()?.is_some();
            Ok((ended || start.elapsed() >= after).then_some(()))
        })?;
        for provider in apply.members(PROVIDER)? {
            // The provider may have exited at this moment.
            let _ = kill_hard(provider);
        }
        apply.finish(LIMIT, &self.interrupt)
    }

    /// Runs `terraform destroy`, which must succeed.
    pub fn destroy(&self) -> Result<Output> {
        self.succeed(&["destroy", "-no-color", "-input=false", "-auto-approve"])
    }

    /// Runs `terraform import`, which must succeed.
    pub fn import(&self, address: &str, id: &str) -> Result<Output> {
        self.succeed(&["import", "-no-color", "-input=false", address, id])
    }

    /// Returns the value of an output, which must be in the state.
    pub fn output(&self, name: &str) -> Result<Value> {
        let state = self.state()?;
        let output = state["outputs"].get(name);
        let output = output.with_context(|| format!("no output {name} in the state"))?;
        Ok(output["value"].clone())
    }

    /// Returns the state as written by terraform; empty if there is none. Asking terraform to show
    /// it costs as much as a plan, because it starts the provider to get the schema.
    fn state(&self) -> Result<Value> {
        let file = self.directory().join("terraform.tfstate");
        match fs::read(&file) {
            Ok(state) => serde_json::from_slice(&state).with_context(|| file.display().to_string()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Value::Null),
            Err(error) => Err(error).with_context(|| file.display().to_string()),
        }
    }

    /// Returns the schemas as `terraform providers schema -json` prints them.
    pub fn schemas(&self) -> Result<Value> {
        self.json(&["providers", "schema", "-no-color", "-json"])
    }

    /// Returns every resource and data source of the root module in the state, by address.
    pub fn resources(&self) -> Result<BTreeMap<String, Resource>> {
        let state = self.state()?;
        let mut found = BTreeMap::new();
        let resources = state["resources"].as_array().into_iter().flatten();
        for resource in resources.filter(|its| its.get("module").is_none()) {
            let text = |name: &str| resource[name].as_str().unwrap_or_default();
            let data = if text("mode") == "data" { "data." } else { "" };
            for instance in resource["instances"].as_array().into_iter().flatten() {
                let key = instance.get("index_key");
                let key = key.map(|key| format!("[{key}]")).unwrap_or_default();
                let address = format!("{data}{}.{}{key}", text("type"), text("name"));
                let resource = Resource {
                    values: instance["attributes"].clone(),
                    tainted: instance["status"] == "tainted",
                };
                // An instance that will be destroyed after a replacement follows the current one.
                found.entry(address).or_insert(resource);
            }
        }
        Ok(found)
    }

    /// Returns the resource at `address`, if it is in the state.
    pub fn resource(&self, address: &str) -> Result<Option<Resource>> {
        Ok(self.resources()?.remove(address))
    }

    /// Returns the resource at `address`, which must be in the state.
    pub fn expect_resource(&self, address: &str) -> Result<Resource> {
        self.resource(address)?
            .with_context(|| format!("{address} is not in the state"))
    }

    /// Runs an apply that must fail. Returns its errors from the machine-readable output, because
    /// the human-readable text is wrapped at 78 columns.
    pub fn failing_apply(&self) -> Result<(Vec<Diagnostic>, Output)> {
        self.failing(&["apply", "-json", "-input=false", "-auto-approve"])
    }

    /// Runs a plan that must fail. Returns its errors.
    pub fn failing_plan(&self) -> Result<Vec<Diagnostic>> {
        let (errors, _) = self.failing(&["plan", "-json", "-input=false"])?;
        Ok(errors)
    }

    /// Runs `terraform validate`, which must fail. Returns its errors.
    pub fn failing_validate(&self) -> Result<Vec<Diagnostic>> {
        let output = self.failed(&["validate", "-json"])?;
        diagnostic::validation_errors(&output.stdout).with_context(|| output.to_string())
    }

    fn failing(&self, arguments: &[&str]) -> Result<(Vec<Diagnostic>, Output)> {
        let output = self.failed(arguments)?;
        let errors = diagnostic::errors(&output.stdout)?;
        Ok((errors, output))
    }

    fn failed(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.run(arguments)?;
        if output.status.success() {
            bail!("{} succeeded, want an error\n{output}", output.command);
        }
        Ok(output)
    }

    fn succeed(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.run(arguments)?;
        if self.sink.is_some() && !output.status.success() {
            // The sink has already received the output.
            bail!("{}: {}", output.command, output.status);
        }
        let output = output.success()?;
        // A signal that arrives before a program handles it may have no effect.
        self.interrupt.check()?;
        Ok(output)
    }

    fn json(&self, arguments: &[&str]) -> Result<Value> {
        // The machine-readable output is not shown to anyone.
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
        without_foreign(&mut command);
        // Otherwise, a seventh of a command's work would be garbage collection.
        command.env("GOGC", "400");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Arguments of `terraform apply`.
pub const APPLY: &[&str] = &["apply", "-no-color", "-input=false", "-auto-approve"];

/// Removes the inherited variables that could influence terraform or the provider.
pub fn without_foreign(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if is_foreign(&name) {
            command.env_remove(name);
        }
    }
}

/// Returns whether an inherited variable could influence terraform or the provider.
fn is_foreign(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let foreign = ["TF_", "SOCI_", "PLUGIN_", "AWS_"];
    foreign.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns a configuration with one `soci_index.this` for `image`, with additional arguments.
pub fn configuration(image: &str, arguments: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    soci = {{\n      source = \"soci/soci\"\n    \
         }}\n  }}\n}}\n\nresource \"soci_index\" \"this\" {{\n  image = \"{image}\"\n  \
         {arguments}\n}}\n"
    )
}

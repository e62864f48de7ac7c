//! Working directories of the real Terraform.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::notes::program;

/// A working directory for Terraform, with the provider installed in it.
pub(crate) struct Workspace {
    folder: TempDir,
    pub(crate) reattach: Option<String>,
}

impl Workspace {
    pub(crate) fn new(resources: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        std::os::unix::fs::symlink(program(), bin.join("terraform-provider-notes"))
            .expect("a link");
        let settings = format!(
            "provider_installation {{\n  dev_overrides {{\n    \"example/notes\" = {bin:?}\n  }}\n}}\n"
        );
        std::fs::write(folder.path().join("terraform.rc"), settings).expect("the settings");
        let workspace = Self {
            folder,
            reattach: None,
        };
        workspace.write(resources);
        workspace
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, resources: &str) {
        let head = r#"
            terraform {
              required_providers {
                notes = { source = "example/notes" }
              }
            }
            provider "notes" {
              folder = path.root
            }
        "#;
        std::fs::write(self.path().join("main.tf"), format!("{head}\n{resources}"))
            .expect("written");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .current_dir(self.path())
            .args(arguments)
            .env("TF_CLI_CONFIG_FILE", self.path().join("terraform.rc"))
            .env("TF_IN_AUTOMATION", "1")
            .env("CHECKPOINT_DISABLE", "1")
            .env_remove("TF_REATTACH_PROVIDERS")
            .env_remove("TF_LOG")
            .env_remove("TF_LOG_PROVIDER");
        if let Some(reattach) = &self.reattach {
            command.env("TF_REATTACH_PROVIDERS", reattach);
        }
        command
    }

    /// Runs Terraform; returns its exit code and all it said.
    pub(crate) fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.command(arguments).output();
        let Output {
            status,
            stdout,
            stderr,
        } = output.expect(
            "terraform is needed on PATH: see https://developer.hashicorp.com/terraform/install",
        );
        let said = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (status.code().unwrap_or(-1), said.concat())
    }

    #[track_caller]
    pub(crate) fn succeed(&self, arguments: &[&str]) -> String {
        let (code, said) = self.run(arguments);
        assert_eq!(code, 0, "terraform {arguments:?}: {said}");
        said
    }

    #[track_caller]
    pub(crate) fn fail(&self, arguments: &[&str], want: &[&str]) {
        let (code, said) = self.run(arguments);
        assert_eq!(code, 1, "terraform {arguments:?}: {said}");
        // Terraform breaks lines and draws a margin.
        let words: Vec<_> = said.split_whitespace().filter(|w| *w != "│").collect();
        let said = words.join(" ");
        for want in want {
            assert!(said.contains(want), "{want:?} in: {said}");
        }
    }

    /// The one instance in the stored state, changed.
    pub(crate) fn edit_state(&self, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.path().join("terraform.tfstate");
        let text = std::fs::read_to_string(&path).expect("a state");
        let mut state: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        change(&mut state["resources"][0]["instances"][0]);
        std::fs::write(path, state.to_string()).expect("written");
    }
}

pub(crate) const APPLY: &[&str] = &["apply", "-auto-approve", "-no-color", "-input=false"];
pub(crate) const DESTROY: &[&str] = &["destroy", "-auto-approve", "-no-color"];
/// Exits with 2 when there is something to do.
pub(crate) const PLAN: &[&str] = &["plan", "-detailed-exitcode", "-no-color", "-input=false"];

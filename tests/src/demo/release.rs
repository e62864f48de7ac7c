//! A deployment that begins before its image has an index.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};

use crate::aws::{self, LocalAws};
use crate::interrupt::Interrupt;
use crate::process::{Process, Sink};
use crate::terraform::Terraform;
use crate::wait;

/// The part of a deployment that waits, and outputs the reference for a task definition.
const CONFIGURATION: &str = r#"
terraform {
  required_providers {
    soci = {
      source = "soci/soci"
    }
  }
}

variable "image" {
  type = string
}

data "soci_index" "release" {
  image    = var.image
  wait_for = "2m"
}

output "image_uri" {
  value = data.soci_index.release.image_uri
}
"#;

/// A `terraform apply` that waits for an index.
pub(super) struct Release {
    terraform: Terraform,
    apply: Process,
    interrupt: Interrupt,
}

impl Release {
    /// Starts the apply, and returns as soon as it is waiting.
    pub(super) fn start(
        aws: &LocalAws,
        image: &str,
        line: Sink,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let mut terraform = Terraform::new()?;
        for (name, value) in aws::environment(aws.address()) {
            terraform.env(name, value);
        }
        terraform.write("main.tf", CONFIGURATION)?;
        terraform.write("release.auto.tfvars", &format!("image = \"{image}\"\n"))?;
        terraform.init()?;
        let reading = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&reading);
        let lines: Sink = Arc::new(move |text| {
            if text.starts_with("data.soci_index") || text.starts_with("Error") {
                line(text);
            }
            if text.contains("Reading...") {
                seen.store(true, Ordering::Relaxed);
            }
        });
        terraform.follow(lines, interrupt);
        let mut apply =
            terraform.start(&["apply", "-auto-approve", "-no-color", "-input=false"])?;
        wait::until("the deployment to wait", wait::SOON, || {
            interrupt.check()?;
            ensure!(apply.try_status()?.is_none(), "{}", apply.output_so_far());
            Ok(reading.load(Ordering::Relaxed).then_some(()))
        })?;
        Ok(Self {
            terraform,
            apply,
            interrupt: interrupt.clone(),
        })
    }

    /// Waits for the apply to finish. Returns the deployed reference.
    pub(super) fn finish(self) -> Result<String> {
        self.apply.finish(wait::SOON, &self.interrupt)?.success()?;
        let deployed = self.terraform.output("image_uri")?;
        Ok(deployed.as_str().context("no image_uri")?.to_owned())
    }
}

//! The provider without terraform.

use std::process::Command;

use anyhow::Result;
use tests::interrupt::Interrupt;
use tests::terraform::PROVIDER;
use tests::{binaries, process, wait};

#[test]
fn a_manual_start_is_explained() -> Result<()> {
    let mut command = Command::new(binaries::built(PROVIDER)?);
    command.env_remove("TF_PLUGIN_MAGIC_COOKIE");
    let output = process::run(&mut command, wait::SOON, &Interrupt::default())?;
    assert_eq!(output.status.code(), Some(1), "{output}");
    assert!(
        output.all().to_lowercase().contains("terraform"),
        "{output}"
    );
    assert!(!output.all().contains("panicked"), "{output}");
    Ok(())
}

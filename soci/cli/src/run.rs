//! Execution of commands.

use anyhow::{Result, bail};
use soci::MemoryBudget;

use crate::args::Command;
use crate::exit::Exit;
use crate::{convert, create, doctor, inspect, shell, verify, wait, ztoc};

/// Runs a command within a memory budget.
pub(crate) fn run(command: Command, memory: &MemoryBudget) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let timeout = command.timeout();
    let result = runtime.block_on(async {
        let command = dispatch(command, memory);
        match timeout {
            None => command.await,
            Some(timeout) => match tokio::time::timeout(timeout, command).await {
                Ok(result) => result,
                Err(_) => bail!("timed out after {}", humantime::format_duration(timeout)),
            },
        }
    });
    // A thread may still wait for a credential helper.
    runtime.shutdown_background();
    result
}

async fn dispatch(command: Command, memory: &MemoryBudget) -> Result<Exit> {
    match command {
        Command::Create {
            source,
            build,
            access,
        } => create::run(&source, &build, &access, memory).await,
        Command::Convert {
            source,
            destination,
            replace,
            oci_layer_types,
            build,
            access,
            sides,
        } => {
            let convert = convert::Convert {
                source,
                destination,
                replace,
                oci_layer_types,
            };
            convert.run(&build, &access, &sides, memory).await
        }
        Command::Inspect {
            source,
            json,
            access,
        } => inspect::run(&source, json, &access, memory).await,
        Command::Verify {
            source,
            json,
            access,
        } => verify::run(&source, json, &access, memory).await,
        Command::Doctor {
            image,
            enabled,
            json,
            access,
        } => doctor::run(&image, enabled, json, &access, memory).await,
        Command::Wait {
            image,
            index_version,
            enabled,
            json,
            access,
        } => wait::run(&image, index_version.into(), enabled, json, &access).await,
        Command::Ztoc(command) => ztoc::run(command, memory),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man {
            directory,
            markdown,
        } => shell::manual(&directory, markdown),
    }
}

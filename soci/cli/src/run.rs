//! Runs commands.

use anyhow::{Result, bail};

use crate::args::Command;
use crate::exit::Exit;
use crate::{convert, create, inspect, shell, verify, ztoc};

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let timeout = command.timeout();
    let result = runtime.block_on(async {
        let command = dispatch(command);
        match timeout {
            None => command.await,
            Some(timeout) => match tokio::time::timeout(timeout, command).await {
                Ok(result) => result,
                Err(_) => bail!("not done after {}", humantime::format_duration(timeout)),
            },
        }
    });
    // A thread may still wait for a credential helper.
    runtime.shutdown_background();
    result
}

async fn dispatch(command: Command) -> Result<Exit> {
    match command {
        Command::Create {
            source,
            build,
            access,
        } => create::run(&source, &build, &access).await,
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
            convert.run(&build, &access, &sides).await
        }
        Command::Inspect {
            source,
            json,
            access,
        } => inspect::run(&source, json, &access).await,
        Command::Verify {
            source,
            json,
            access,
        } => verify::run(&source, json, &access).await,
        Command::Ztoc(command) => ztoc::run(command),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { directory } => shell::manual(&directory),
    }
}

//! How a function starts.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tests::fake::lambda::FakeLambda;
use tests::interrupt::Interrupt;
use tests::{process, wait};

use crate::function::{Function, Kind};

/// Upper bound for a start, even of an unoptimized build on a busy machine.
const SLOW: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

/// Shows the numbers with `--nocapture`.
#[test]
fn a_function_starts_at_once() -> Result<()> {
    for (name, kind) in [
        ("event-filter", Kind::Filter),
        ("index-generator", Kind::Generator),
    ] {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let fake = FakeLambda::start("http://127.0.0.1:1")?;
            let function = Function::start(kind, fake, &[])?;
            times.push(function.cold_start()?);
            // Nobody has been asked for anything yet.
            assert_eq!(function.fake.tokens(), 0);
        }
        times.sort();
        println!(
            "{name}: {:?} from start to the first event",
            times[ROUNDS / 2]
        );
        assert!(times[ROUNDS / 2] < SLOW, "{name}: {times:?}");
    }
    Ok(())
}

#[test]
fn a_function_outside_lambda_says_so() -> Result<()> {
    let programs = [
        env!("CARGO_BIN_EXE_event-filter"),
        env!("CARGO_BIN_EXE_index-generator"),
    ];
    for program in programs {
        let mut command = Command::new(program);
        command.env_clear();
        let output = process::run(&mut command, wait::SOON, &Interrupt::default())?;
        assert!(!output.status.success());
        let want = "AWS_LAMBDA_RUNTIME_API is not set: this program only runs in AWS Lambda";
        assert!(output.all().contains(want), "{output}");
    }
    Ok(())
}

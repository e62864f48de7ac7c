//! A running function.

use std::cell::Cell;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::fake::lambda::{Answer, FakeLambda};
use tests::process::Process;
use tests::registry::{CREDENTIALS, NEXT_CREDENTIALS, PASSWORD};
use tests::wait;

/// Variable that names the directory of another build of the functions, such as the bundle's.
const DIRECTORY: &str = "SOCI_TEST_FUNCTIONS_DIR";

/// Time limit of an invocation, unless the test is about that.
pub(crate) const AMPLE: Duration = Duration::from_secs(300);

/// One of the two functions.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Filter,
    Generator,
}

/// A running function. It is stopped before its fake goes.
pub(crate) struct Function {
    kind: Kind,
    process: Process,
    started: Instant,
    answered: Cell<u64>,
    pub(crate) fake: FakeLambda,
}

impl Kind {
    fn program(self) -> PathBuf {
        let (name, built) = match self {
            Self::Filter => ("event-filter", env!("CARGO_BIN_EXE_event-filter")),
            Self::Generator => ("index-generator", env!("CARGO_BIN_EXE_index-generator")),
        };
        match std::env::var_os(DIRECTORY) {
            Some(directory) => PathBuf::from(directory).join(name),
            None => built.into(),
        }
    }
}

impl Function {
    /// Starts a function in an environment like Lambda's, with these additional variables.
    pub(crate) fn start(kind: Kind, fake: FakeLambda, variables: &[(&str, &str)]) -> Result<Self> {
        let mut command = fake.command(kind.program(), "1024");
        command
            .env("RUST_BACKTRACE", "0")
            .envs(variables.iter().copied());
        let started = Instant::now();
        Ok(Self {
            kind,
            process: Process::start(&mut command, None)?,
            started,
            answered: Cell::new(0),
            fake,
        })
    }

    /// Invokes it and waits for the end.
    pub(crate) fn invoke(&self, event: impl ToString) -> Result<Answer> {
        self.answer(self.fake.send(event, AMPLE))
    }

    /// Invokes it again as Lambda does after an error: with the request id of the last invocation.
    pub(crate) fn retry(&self, event: impl ToString) -> Result<Answer> {
        let number = self.answered.get();
        self.fake.retry(number, event, AMPLE);
        self.answer(number)
    }

    /// Waits for the end of an invocation.
    pub(crate) fn answer(&self, number: u64) -> Result<Answer> {
        let answer = self.fake.answer(number)?;
        self.answered.set(number);
        Ok(answer)
    }

    /// Invokes it and expects an answer. Returns its text.
    pub(crate) fn expect(&self, event: impl ToString) -> Result<String> {
        let answer = self.invoke(event)?;
        let answer = answer.map_err(|error| anyhow::anyhow!("{error}\n{}", self.output()))?;
        let text = answer.as_str().or(answer["body"].as_str());
        Ok(text.context("an answer without words")?.to_owned())
    }

    /// Invokes it and expects an error of this type. Returns its message.
    pub(crate) fn expect_error(&self, event: impl ToString, kind: &str) -> Result<String> {
        let error = match self.invoke(event)? {
            Ok(answer) => anyhow::bail!("no error, but {answer}"),
            Err(error) => error,
        };
        ensure!(error["errorType"] == kind, "{error}");
        Ok(error["errorMessage"]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Returns the time from its start to its first request for an event.
    pub(crate) fn cold_start(&self) -> Result<Duration> {
        Ok(self.fake.first_next()?.duration_since(self.started))
    }

    /// Returns everything that it printed.
    pub(crate) fn output(&self) -> String {
        self.process.output_so_far()
    }

    /// Returns its log up to the last answer. Checks that every line is a JSON object with level and
    /// timestamp, and without secrets.
    pub(crate) fn log(&self) -> Result<Vec<Value>> {
        let request = format!("request-{}", self.answered.get());
        // The answer may arrive before lines that were printed earlier.
        let last = |line: &str| {
            let is_last = matches!(self.kind, Kind::Filter) || line.contains("\"_aws\"");
            line.ends_with('}') && line.contains(&request) && is_last
        };
        let output = wait::until("the end of the log", wait::SOON, || {
            let output = self.output();
            Ok(output.lines().any(last).then_some(output))
        })?;
        for secret in [CREDENTIALS, NEXT_CREDENTIALS, PASSWORD] {
            ensure!(!output.contains(secret), "a secret in the log:\n{output}");
        }
        let lines = output.lines().map(|line| {
            let line: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
            for field in ["level", "timestamp"] {
                ensure!(line[field].is_string(), "no {field} in {line}");
            }
            Ok(line)
        });
        lines.collect()
    }

    /// Returns the only line of metrics so far.
    pub(crate) fn metrics(&self) -> Result<Value> {
        let mut found = wait::until("a line of metrics", wait::SOON, || {
            let mut found = self.log()?;
            found.retain(|line| line["_aws"].is_object());
            Ok((!found.is_empty()).then_some(found))
        })?;
        ensure!(found.len() == 1, "{} lines of metrics", found.len());
        found.pop().context("no metrics")
    }
}

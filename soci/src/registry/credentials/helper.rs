//! Credential helpers: programs that keep logins.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::Credentials;
use crate::error::{CredentialsError, printable};

/// A helper is a program of its own and may wait for a person.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum size of an answer in bytes.
const MAX_ANSWER: u64 = 256 << 10;
/// Maximum length of a quotation in characters.
const MAX_QUOTE: usize = 200;
/// The user name in whose place there is an identity token.
const TOKEN_USER: &str = "<token>";
/// Words of helpers that have no entry, in lower case.
const NOT_FOUND: [&str; 2] = [
    "credentials not found",
    "could not be found in the keychain",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    #[serde(default)]
    username: String,
    #[serde(default)]
    secret: String,
}

/// Asks a helper for what it has for a server.
pub(super) async fn get(
    program: &str,
    server: &str,
) -> Result<Option<Credentials>, CredentialsError> {
    let failed = |reason: String| CredentialsError::Helper {
        program: program.to_owned(),
        reason,
    };
    // The name is part of a name, and no path.
    if program.contains(['/', '\\']) {
        return Err(failed("a helper's name has no slash".to_owned()));
    }
    let output = match tokio::time::timeout(TIMEOUT, run(program, server)).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(failed("not found on PATH".to_owned()));
        }
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => {
            let seconds = TIMEOUT.as_secs();
            return Err(failed(format!("no answer within {seconds} seconds")));
        }
    };
    if !output.status.success() {
        if output.says_not_found() {
            return Ok(None);
        }
        return Err(failed(output.quote()));
    }
    let answer: Answer = serde_json::from_slice(&output.stdout)
        .map_err(|_| failed("its answer is not that of a credential helper".to_owned()))?;
    Ok(match (answer.username.as_str(), answer.secret) {
        (_, secret) if secret.is_empty() => None,
        (TOKEN_USER, secret) => Some(Credentials::IdentityToken(secret)),
        (username, password) => Some(Credentials::Basic {
            username: username.to_owned(),
            password,
        }),
    })
}

struct Output {
    status: ExitStatus,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
}

async fn run(program: &str, server: &str) -> io::Result<Output> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ask = async {
        if let Some(mut stdin) = stdin {
            // A helper that fails early does not read it.
            let _ = stdin.write_all(format!("{server}\n").as_bytes()).await;
        }
    };
    let ((), stdout, stderr, status) =
        tokio::join!(ask, all_of(stdout), all_of(stderr), child.wait());
    Ok(Output {
        status: status?,
        stdout: stdout?,
        stderr: stderr?,
    })
}

/// Reads a pipe to its end, and keeps as much as an answer may have.
async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(MAX_ANSWER).read_to_end(&mut bytes).await?;
        // One that has more to say would wait for a reader.
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

impl Output {
    fn says_not_found(&self) -> bool {
        [&self.stdout, &self.stderr].into_iter().any(|said| {
            let said = String::from_utf8_lossy(said).to_lowercase();
            NOT_FOUND.iter().any(|words| said.contains(words))
        })
    }

    /// Returns how it ended and what it said: helpers report errors on standard output.
    fn quote(&self) -> String {
        let lines = [&self.stdout, &self.stderr].map(|said| {
            let said = String::from_utf8_lossy(said);
            // An answer may hold the secret.
            let line = said.lines().map(str::trim).find(|line| !line.is_empty());
            let line = line.filter(|_| !said.contains(['{', '}']) && !said.contains("Secret"));
            printable(line.unwrap_or_default())
        });
        let said = lines.into_iter().find(|line| !line.is_empty());
        let said: String = said.unwrap_or_default().chars().take(MAX_QUOTE).collect();
        match said.is_empty() {
            true => self.status.to_string(),
            false => format!("{}, {said:?}", self.status),
        }
    }
}

#[cfg(all(test, unix))]
mod tests;

//! Credential helpers: programs that store logins.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use super::Credentials;
use crate::error::{CredentialsError, printable};

/// Time limit for a helper, which is an external program and may wait for the user.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum size of an answer in bytes.
const MAX_ANSWER: u64 = 256 << 10;
/// Maximum length of a quotation in characters.
const MAX_QUOTE: usize = 200;
/// User name that stands for an identity token.
const TOKEN_USER: &str = "<token>";
/// Phrases with which helpers report that they have no entry, in lower case.
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

/// Asks a helper for the login of a server.
pub(super) async fn get(
    program: &str,
    server: &str,
) -> Result<Option<Credentials>, CredentialsError> {
    let failed = |reason: String| CredentialsError::Helper {
        program: program.to_owned(),
        reason,
    };
    // The value is part of a program name, not a path.
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
            // A helper that fails early does not read its input.
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

/// Reads a pipe to its end, keeping at most the maximum size of an answer.
async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(MAX_ANSWER).read_to_end(&mut bytes).await?;
        // Drain the rest; otherwise the helper would block on a full pipe.
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

    /// Returns how the helper ended and what it printed. Helpers report errors on standard output.
    fn quote(&self) -> String {
        let lines = [&self.stdout, &self.stderr].map(|said| {
            let said = String::from_utf8_lossy(said);
            // An answer may contain the secret.
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

//! A small HTTP/1.0 client for servers on the loopback interface.
//!
//! Tests use it to check registries, because the code under test would hide its own mistakes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

/// Time limit for a response.
const LIMIT: Duration = Duration::from_secs(30);

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers, with names in lowercase and values trimmed.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Creates a response with a body and no headers.
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        let header = (name.to_ascii_lowercase(), value.to_owned());
        self.headers.push(header);
        self
    }

    /// Creates a JSON response.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, body.to_string()).with_header("content-type", "application/json")
    }

    /// Returns the first header with the given name (in lowercase).
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

/// Sends a request as HTTP/1.0, so that the response body ends with the connection.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response> {
    let context = || format!("{method} http://{address}{path}");
    let mut stream = TcpStream::connect_timeout(&address, LIMIT).with_context(context)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).with_context(context)?;
    stream.write_all(body).with_context(context)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).with_context(context)?;
    parse(&answer).with_context(context)
}

fn parse(answer: &[u8]) -> Result<Response> {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .context("no end of head")?;
    let head = std::str::from_utf8(&answer[..end]).context("head is not UTF-8")?;
    let (first, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    Ok(Response {
        status: status(first)?,
        headers: headers(rest),
        body: answer[end + 4..].to_vec(),
    })
}

/// Parses the code of a status line.
pub(crate) fn status(line: &str) -> Result<u16> {
    let code = line.split_ascii_whitespace().nth(1);
    code.and_then(|code| code.parse().ok())
        .with_context(|| format!("no status in {line:?}"))
}

/// Parses header lines into lowercase names and trimmed values.
pub(crate) fn headers(lines: &str) -> Vec<(String, String)> {
    let fields = lines.lines().filter_map(|line| line.split_once(':'));
    fields
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect()
}

/// Returns the first value of the header `name` (in lowercase).
pub(crate) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(its, _)| its == name)
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_parsed() {
        let answer = b"HTTP/1.0 404 Not Found\r\nDocker-Content-Digest:  sha256:ab \r\n\r\nbody";
        let response = parse(answer).unwrap();
        assert_eq!(response.status, 404);
        assert_eq!(response.header("docker-content-digest"), Some("sha256:ab"));
        assert_eq!(response.body, b"body");
    }

    #[test]
    fn a_truncated_response_is_an_error() {
        for answer in [&b""[..], b"HTTP/1.0 200 OK\r\n", b"nonsense\r\n\r\n"] {
            assert!(parse(answer).is_err(), "{answer:?}");
        }
    }
}

//! The parts of HTTP/1.1 needed to forward a message.

use std::io::{BufRead, Read, Write};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::http;

/// Maximum size of a head.
const MAX_HEAD: u64 = 64 * 1024;

/// Maximum size of a form that an AWS client sends.
const MAX_FORM: u64 = 1024 * 1024;

/// An error of an AWS service or of a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// The error code.
    pub code: &'static str,
    /// The error message.
    pub message: &'static str,
}

/// The first line and the headers of a message.
#[derive(Debug)]
pub(super) struct Head {
    first: String,
    /// The header lines, unchanged.
    lines: String,
    /// The parsed headers, with names in lowercase.
    headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn read(from: &mut impl BufRead) -> Result<Self> {
        let mut from = from.take(MAX_HEAD);
        let mut first = String::new();
        from.read_line(&mut first)?;
        let mut lines = String::new();
        loop {
            let start = lines.len();
            ensure!(from.read_line(&mut lines)? > 0, "the head ends too early");
            if lines[start..].trim_end().is_empty() {
                lines.truncate(start);
                break;
            }
        }
        let headers = http::headers(&lines);
        Ok(Self {
            first: first.trim_end().to_owned(),
            lines,
            headers,
        })
    }

    /// Reads the head of a response, skipping interim ones such as status 100.
    pub(super) fn read_final(from: &mut impl BufRead) -> Result<Self> {
        loop {
            let head = Self::read(from)?;
            if http::status(&head.first)? >= 200 {
                return Ok(head);
            }
        }
    }

    pub(super) fn first(&self) -> &str {
        &self.first
    }

    pub(super) fn method_and_path(&self) -> Result<(&str, &str)> {
        let mut words = self.first.split(' ');
        let method = words.next().context("no method")?;
        Ok((
            method,
            words
                .next()
                .with_context(|| format!("no path in {:?}", self.first))?,
        ))
    }

    /// Returns the first header with the given name (in lowercase).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        http::find(&self.headers, name)
    }

    /// Returns all headers, with names in lowercase.
    pub(super) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// Returns the head to forward, for a connection that carries only this message.
    pub(super) fn for_one_request(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.first);
        for line in self.lines.lines() {
            let name = line
                .split(':')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            if !["connection", "keep-alive", "expect"].contains(&name.as_str()) {
                text.push_str(line);
                text.push_str("\r\n");
            }
        }
        text.push_str("Connection: close\r\n\r\n");
        text.into_bytes()
    }
}

/// Reads the body of a request if it is a form. Returns an empty body otherwise, and leaves it
/// unread.
pub(super) fn form(request: &Head, from: &mut impl Read) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let kind = request.header("content-type").unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let length: u64 = request.header("content-length").map_or(Ok(0), str::parse)?;
        ensure!(length <= MAX_FORM, "a form of {length} bytes");
        from.take(length).read_to_end(&mut body)?;
    }
    Ok(body)
}

/// Returns the action of a request to an AWS service, from a header or a form.
pub(super) fn action(request: &Head, form: &[u8]) -> Option<String> {
    if let Some(target) = request.header("x-amz-target") {
        return Some(target.rsplit('.').next()?.to_owned());
    }
    let form = std::str::from_utf8(form).ok()?;
    let action = form
        .split('&')
        .find_map(|field| field.strip_prefix("Action="));
    action.map(str::to_owned)
}

/// Forwards the body of a request unchanged.
pub(super) fn copy_request_body(
    request: &Head,
    from: &mut impl Read,
    to: &mut impl Write,
) -> Result<()> {
    if request
        .header("transfer-encoding")
        .is_some_and(|value| value.contains("chunked"))
    {
        return copy_chunks(from, to);
    }
    let length = request.header("content-length").map_or(Ok(0), str::parse)?;
    let copied = std::io::copy(&mut from.take(length), to)?;
    ensure!(
        copied == length,
        "the body ends after {copied} of {length} bytes"
    );
    Ok(())
}

fn copy_chunks(from: &mut impl Read, to: &mut impl Write) -> Result<()> {
    loop {
        let line = read_line(from)?;
        to.write_all(line.as_bytes())?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(digits, 16).with_context(|| format!("chunk {line:?}"))?;
        if size == 0 {
            break;
        }
        // Includes the line ending after the data.
        std::io::copy(&mut from.take(size + 2), to)?;
    }
    loop {
        let trailer = read_line(from)?;
        to.write_all(trailer.as_bytes())?;
        if trailer.trim_end().is_empty() {
            return Ok(());
        }
    }
}

fn read_line(from: &mut impl Read) -> Result<String> {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        line.push(byte[0]);
        ensure!(line.len() < 4096, "a chunk line is too long");
    }
    Ok(String::from_utf8(line)?)
}

/// Sends an error response in the format of a registry, without a reason.
pub(super) fn answer(to: impl Write, status: u16) -> Result<()> {
    let refusal = Refusal {
        status,
        code: "UNKNOWN",
        message: "injected by the test",
    };
    deny(to, refusal)
}

/// Sends content.
pub(super) fn serve(mut to: impl Write, media_type: &str, body: &str) -> Result<()> {
    write!(
        to,
        "HTTP/1.1 200 Injected\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(to.flush()?)
}

/// Sends an error in the format of a registry.
pub(super) fn deny(mut to: impl Write, refusal: Refusal) -> Result<()> {
    let Refusal {
        status,
        code,
        message,
    } = refusal;
    let body = json!({"errors": [{"code": code, "message": message}]}).to_string();
    write!(
        to,
        "HTTP/1.1 {status} Injected\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(to.flush()?)
}

/// Sends an error in the format of an AWS service: XML for a form, otherwise JSON.
pub(super) fn refuse(mut to: impl Write, refusal: Refusal, form: bool) -> Result<()> {
    let Refusal {
        status,
        code,
        message,
    } = refusal;
    let (kind, body) = if form {
        let error = format!("<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>");
        let body = format!(
            "<ErrorResponse><Error>{error}</Error><RequestId>injected</RequestId></ErrorResponse>"
        );
        ("text/xml", body)
    } else {
        let body = serde_json::json!({"__type": code, "message": message, "Message": message});
        ("application/json", body.to_string())
    };
    write!(
        to,
        "HTTP/1.1 {status} Injected\r\nContent-Type: {kind}\r\nx-amzn-ErrorType: {code}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(to.flush()?)
}

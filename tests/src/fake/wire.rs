//! As much of HTTP/1.1 as it takes to pass a message on.

use std::io::{BufRead, Read, Write};

use anyhow::{Context, Result, ensure};

use crate::http;

/// No head of a registry or of a client of one is longer.
const LONGEST_HEAD: u64 = 64 * 1024;

/// No form that a client of AWS sends is longer.
const LONGEST_FORM: u64 = 1024 * 1024;

/// An error as AWS words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// The name of the error.
    pub code: &'static str,
    /// The text for people.
    pub message: &'static str,
}

/// The first line and the headers of a message.
#[derive(Debug)]
pub(super) struct Head {
    first: String,
    /// As they stand.
    lines: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn read(from: &mut impl BufRead) -> Result<Self> {
        let mut from = from.take(LONGEST_HEAD);
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

    /// Reads the head of an answer, and skips those (such as 100) that only announce it.
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

    /// The first header of that name (lower case).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        http::find(&self.headers, name)
    }

    /// All headers, with names in lower case.
    pub(super) fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The head as it is sent on, over a connection for this message alone.
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

/// The body of a request where it is a form; empty for any other, which is left to be read.
pub(super) fn form(request: &Head, from: &mut impl Read) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    let kind = request.header("content-type").unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        let length: u64 = request.header("content-length").map_or(Ok(0), str::parse)?;
        ensure!(length <= LONGEST_FORM, "a form of {length} bytes");
        from.take(length).read_to_end(&mut body)?;
    }
    Ok(body)
}

/// The action that is asked of an AWS service: in a header, or in a form.
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

/// Passes the body of a request on, as it stands.
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
        // The line end after a chunk's data belongs to it.
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

/// An answer of the proxy's own, with an error body like a registry's.
pub(super) fn answer(mut to: impl Write, status: u16) -> Result<()> {
    let body = r#"{"errors":[{"code":"UNKNOWN","message":"injected by the test"}]}"#;
    write!(
        to,
        "HTTP/1.1 {status} Injected\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    Ok(to.flush()?)
}

/// An error like that of an AWS service: XML where it was asked by a form, or else JSON.
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

//! An HTTP/1.1 server whose responses are a function of the request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, ensure};

use super::listener::Listener;
use super::wire::Head;
use crate::http::Response;

/// Maximum size of a request body.
const MAX_BODY: u64 = 64 << 20;

/// A request with its whole body.
pub(super) struct Request {
    head: Head,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads the next request of a connection; `None` at its end.
    fn read(from: &mut impl BufRead) -> Result<Option<Self>> {
        if from.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let head = Head::read(from)?;
        head.method_and_path()?;
        ensure!(
            head.header("transfer-encoding").is_none(),
            "a chunked body is not expected"
        );
        let length = head.header("content-length").map_or(Ok(0), str::parse)?;
        ensure!(length <= MAX_BODY, "a body of {length} bytes");
        let mut body = Vec::new();
        from.take(length).read_to_end(&mut body)?;
        ensure!(body.len() as u64 == length, "the body ends too early");
        Ok(Some(Self { head, body }))
    }

    /// Returns whether the client expects the connection to end after the response.
    fn is_last(&self) -> bool {
        self.head.first().ends_with("HTTP/1.0") || self.header("connection") == Some("close")
    }

    pub(super) fn method(&self) -> &str {
        self.head.method_and_path().map_or("", |(method, _)| method)
    }

    /// Returns the path with its query.
    pub(super) fn path(&self) -> &str {
        self.head.method_and_path().map_or("", |(_, path)| path)
    }

    /// Returns the first header with the given name (in lowercase).
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }

    /// Returns all headers, with names in lowercase.
    pub(super) fn headers(&self) -> &[(String, String)] {
        self.head.headers()
    }
}

/// A running server. Dropping it stops it.
pub(super) struct Server(Listener);

impl Server {
    /// Starts a server that responds to every request with `answer`. An error closes the connection
    /// without a response.
    pub(super) fn start(
        answer: impl Fn(&Request) -> Result<Response> + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = Listener::start(move |stream| {
            let mut reader = BufReader::new(&stream);
            while let Some(request) = Request::read(&mut reader)? {
                send(&answer(&request)?, request.method() == "HEAD", &stream)?;
                if request.is_last() {
                    break;
                }
            }
            Ok(())
        })?;
        Ok(Self(listener))
    }

    /// Returns the address it listens on.
    pub(super) fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

/// Sends a response. For a HEAD request, sends only its head, with the length that it claims.
fn send(answer: &Response, head_only: bool, mut to: &TcpStream) -> Result<()> {
    let mut head = format!("HTTP/1.1 {} Fake\r\n", answer.status);
    for (name, value) in &answer.headers {
        if head_only || !name.eq_ignore_ascii_case("content-length") {
            head += &format!("{name}: {value}\r\n");
        }
    }
    if !head_only {
        head += &format!("Content-Length: {}\r\n", answer.body.len());
    }
    head += "\r\n";
    to.write_all(head.as_bytes())?;
    if !head_only {
        to.write_all(&answer.body)?;
    }
    Ok(to.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;

    /// Responds with the path and body, but not at all to a DELETE.
    fn echo() -> Server {
        Server::start(|request| {
            ensure!(request.method() != "DELETE", "no answer");
            let body = [request.path().as_bytes(), b" ", &request.body].concat();
            let length = ("content-length".to_owned(), "7".to_owned());
            Ok(Response::new(201, body).with_header(&length.0, &length.1))
        })
        .expect("starts")
    }

    #[test]
    fn a_response_depends_on_method_path_and_body() -> Result<()> {
        let server = echo();
        let put = http::request(server.address(), "PUT", "/a?b", &[], b"12345")?;
        assert_eq!((put.status, put.body.as_slice()), (201, &b"/a?b 12345"[..]));
        let head = http::request(server.address(), "HEAD", "/a", &[], b"")?;
        assert_eq!(
            (head.header("content-length"), head.body.len()),
            (Some("7"), 0)
        );
        Ok(())
    }

    #[test]
    fn an_error_closes_only_its_connection() -> Result<()> {
        let server = echo();
        assert!(http::request(server.address(), "DELETE", "/", &[], b"").is_err());
        let chunked = [("Transfer-Encoding", "chunked")];
        assert!(http::request(server.address(), "PUT", "/", &chunked, b"0\r\n\r\n").is_err());
        assert_eq!(
            http::request(server.address(), "GET", "/", &[], b"")?.status,
            201
        );
        Ok(())
    }
}

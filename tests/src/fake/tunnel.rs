//! A forward proxy that impersonates one host on the internet. Clients connect with `CONNECT`, are
//! presented a certificate for the host's name, and talk to a registry on the loopback interface.
//!
//! Connections to other hosts are refused. Hosts and credentials are recorded, so that a test can
//! check that no credentials were leaked.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::listener::{IDLE, Listener};
use super::wire::{self, Head};
use crate::certificate::Certificate;

/// A request through the tunnel.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request line, such as `GET /v2/ HTTP/1.1`.
    pub line: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

#[derive(Default)]
struct State {
    /// The hosts that clients connected to, with ports.
    hosts: Vec<String>,
    requests: Vec<Request>,
}

/// A running proxy. Dropping it stops it.
pub struct Tunnel {
    listener: Listener,
    authority: String,
    state: Arc<Mutex<State>>,
}

impl Tunnel {
    /// Starts a proxy that forwards connections to `host` to the registry.
    pub fn start(host: &str, registry: SocketAddr) -> Result<Self> {
        let Certificate {
            leaf,
            key,
            authority,
        } = Certificate::of(host)?;
        let chain = vec![leaf.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let config = Arc::new(config);

        let state = Arc::default();
        let (noted, target) = (Arc::clone(&state), format!("{host}:443"));
        let listener = Listener::start(move |stream| {
            serve(stream, &target, registry, Arc::clone(&config), &noted)
        })?;
        Ok(Self {
            listener,
            authority,
            state,
        })
    }

    /// Returns the value of `HTTPS_PROXY`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// Returns the PEM certificate of the authority that signed the certificate.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns the distinct hosts that clients connected to, with ports, sorted.
    pub fn hosts(&self) -> Vec<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hosts = state.hosts.clone();
        hosts.sort();
        hosts.dedup();
        hosts
    }

    /// Returns the requests to the host so far.
    pub fn requests(&self) -> Vec<Request> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests.clone()
    }
}

fn serve(
    stream: TcpStream,
    target: &str,
    registry: SocketAddr,
    config: Arc<ServerConfig>,
    state: &Mutex<State>,
) -> Result<()> {
    // The client sends nothing more until it has a response, so the buffer takes no excess bytes.
    let connect = Head::read(&mut BufReader::new(&stream))?;
    let (method, host) = connect.method_and_path()?;
    ensure!(method == "CONNECT", "want CONNECT, got {method}");
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    lock().hosts.push(host.to_owned());
    if host != target {
        return wire::answer(&stream, 502);
    }
    (&stream).write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;

    let mut client = StreamOwned::new(ServerConnection::new(config)?, stream);
    let mut reader = BufReader::new(&mut client);
    let request = Head::read(&mut reader)?;
    lock().requests.push(Request {
        line: request.first().to_owned(),
        authorization: request.header("authorization").map(str::to_owned),
    });
    let mut upstream = TcpStream::connect(registry)?;
    upstream.set_read_timeout(Some(IDLE))?;
    // Makes the registry redirect to https URLs.
    let head = request.for_one_request();
    let head = head.strip_suffix(b"\r\n").unwrap_or(&head);
    upstream.write_all(head)?;
    upstream.write_all(b"X-Forwarded-Proto: https\r\n\r\n")?;
    wire::copy_request_body(&request, &mut reader, &mut upstream)?;

    let mut answer = BufReader::new(&upstream);
    let head = Head::read_final(&mut answer)?;
    client.write_all(&head.for_one_request())?;
    std::io::copy(&mut answer, &mut client)?;
    client.conn.send_close_notify();
    Ok(client.flush()?)
}

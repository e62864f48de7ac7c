//! A host that does what Terraform does: starts the provider, reads the
//! handshake, and connects with its pinned certificate.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tfplugin_sdk::proto::plugin::Empty;
use tfplugin_sdk::proto::plugin::grpc_controller_client::GrpcControllerClient;
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint};

use crate::process::{PATIENCE, Process, notes};

pub(crate) const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);

/// A certificate as Terraform makes one: self-signed, P-521, an authority.
pub(crate) struct Identity {
    pub(crate) certificate: Certificate,
    key: KeyPair,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512).expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, key }
    }
}

/// The provider as a plugin, and what its handshake said.
pub(crate) struct Plugin {
    pub(crate) process: Process,
    pub(crate) identity: Identity,
    pub(crate) line: String,
    pub(crate) socket: PathBuf,
    pub(crate) server: CertificateDer<'static>,
    /// Notes, and the socket, live in here.
    pub(crate) folder: TempDir,
}

impl Plugin {
    /// Starts the example provider the way Terraform does.
    pub(crate) async fn start() -> Self {
        Self::start_program(notes()).await
    }

    /// Starts any provider the way Terraform does.
    pub(crate) async fn start_program(program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = Identity::new();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env(COOKIE.0, COOKIE.1)
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_UNIX_SOCKET_DIR", folder.path())
            .env("PLUGIN_CLIENT_CERT", identity.certificate.pem())
            .env("TF_LOG", "debug");
        let mut process = Process::spawn(&mut command);
        let line = process.stdout.next().await.expect("the handshake");
        let fields: Vec<_> = line.split('|').collect();
        let [_, _, _, socket, _, server] = fields.as_slice() else {
            panic!("six fields: {line}");
        };
        let server = STANDARD_NO_PAD
            .decode(server)
            .expect("base64 without padding");
        Self {
            identity,
            socket: PathBuf::from(socket),
            server: CertificateDer::from(server),
            folder,
            process,
            line,
        }
    }

    /// Connects with a certificate, or anonymously.
    pub(crate) async fn connect_as(
        &self,
        who: Option<&Identity>,
    ) -> Result<Channel, tonic::transport::Error> {
        let mut roots = RootCertStore::empty();
        roots
            .add(self.server.clone())
            .expect("the server's certificate");
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.3")
            .with_root_certificates(roots);
        let mut config = match who {
            None => config.with_no_client_auth(),
            Some(who) => {
                let key = PrivateKeyDer::Pkcs8(who.key.serialize_der().into());
                let chain = vec![who.certificate.der().clone()];
                config
                    .with_client_auth_cert(chain, key)
                    .expect("a usable key")
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let tls = TlsConnector::from(Arc::new(config));
        let socket = self.socket.clone();
        let connector = tower::service_fn(move |_| {
            let (tls, socket) = (tls.clone(), socket.clone());
            async move {
                let stream = UnixStream::connect(socket).await?;
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                Ok::<_, io::Error>(TokioIo::new(tls.connect(name, stream).await?))
            }
        });
        endpoint().connect_with_connector(connector).await
    }

    pub(crate) async fn channel(&self) -> Channel {
        self.connect_as(Some(&self.identity))
            .await
            .expect("the right client gets in")
    }

    /// Ends the process the way Terraform does; it must be gone in time.
    pub(crate) async fn shut_down(mut self) {
        let mut controller = GrpcControllerClient::new(self.channel().await);
        // The answer and the end of the connection race.
        let _ = controller.shutdown(Empty {}).await;
        let status = self.process.exit(std::time::Duration::from_secs(2)).await;
        assert!(status.success(), "{status}");
        assert!(!self.socket.exists(), "the socket is gone");
        assert_eq!(
            self.process.stdout.seen,
            [self.line.clone()],
            "only the handshake on stdout"
        );
    }
}

/// Connects without TLS.
pub(crate) async fn connect_plain(socket: &str) -> Channel {
    let socket = socket.to_owned();
    let connector = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    endpoint()
        .connect_with_connector(connector)
        .await
        .expect("a connection")
}

fn endpoint() -> Endpoint {
    Endpoint::from_static("http://localhost").timeout(PATIENCE)
}

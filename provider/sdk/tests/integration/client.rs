//! A client that does what Terraform does: starts the provider, reads the
//! handshake, connects with its pinned certificate, and speaks protocol 6.

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
use tfplugin_sdk::proto::tfplugin6::provider_client::ProviderClient;
use tfplugin_sdk::proto::tfplugin6::{self as proto};
use tfplugin_sdk::{Type, Value};
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
    /// Starts the provider the way Terraform does.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let identity = Identity::new();
        let mut command = Command::new(notes());
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

    /// A configured provider.
    pub(crate) async fn provider(&self) -> Provider {
        Provider::configure(self.channel().await, self.folder.path()).await
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

/// The resource's type.
pub(crate) fn note() -> Type {
    let heading = Type::object([("line", Type::Number), ("text", Type::String)]);
    Type::object([
        ("path", Type::String),
        ("text", Type::String),
        ("kind", Type::String),
        ("labels", Type::set(Type::String)),
        ("weight", Type::Number),
        ("extra", Type::Dynamic),
        ("fault", Type::String),
        ("id", Type::String),
        ("lines", Type::Number),
        ("headings", Type::list(heading)),
        ("timeouts", Type::object([("create", Type::String)])),
    ])
}

/// A configuration of the resource.
pub(crate) fn config<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    Value::object(attributes)
        .conform(&note())
        .expect("fits the schema")
}

pub(crate) fn pack(value: &Value, ty: &Type) -> proto::DynamicValue {
    proto::DynamicValue {
        msgpack: value.to_msgpack(ty).expect("fits"),
        json: Vec::new(),
    }
}

pub(crate) fn unpack(value: Option<&proto::DynamicValue>, ty: &Type) -> Value {
    Value::from_msgpack(&value.expect("a value").msgpack, ty).expect("fits")
}

/// The summaries of diagnostics, with their paths.
pub(crate) fn found(diagnostics: &[proto::Diagnostic]) -> Vec<(String, String)> {
    use proto::attribute_path::step::Selector;

    let path = |d: &proto::Diagnostic| {
        let steps = d.attribute.iter().flat_map(|p| &p.steps);
        let steps = steps.map(|step| match step.selector.as_ref().expect("a step") {
            Selector::AttributeName(name) | Selector::ElementKeyString(name) => name.clone(),
            Selector::ElementKeyInt(index) => index.to_string(),
        });
        steps.collect::<Vec<_>>().join(".")
    };
    diagnostics
        .iter()
        .map(|d| (path(d), d.summary.clone()))
        .collect()
}

/// The answer to an apply.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) state: Value,
    pub(crate) found: Vec<(String, String)>,
}

/// Protocol 6 with the resource `notes_note`.
#[derive(Clone)]
pub(crate) struct Provider(pub(crate) ProviderClient<Channel>);

impl Provider {
    pub(crate) async fn configure(channel: Channel, folder: &Path) -> Self {
        let limit = 256 << 20;
        let client = ProviderClient::new(channel)
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        let mut provider = Self(client);
        let folder = folder.to_str().expect("UTF-8");
        let ty = Type::object([("folder", Type::String)]);
        let request = proto::configure_provider::Request {
            config: Some(pack(&Value::object([("folder", folder.into())]), &ty)),
            ..Default::default()
        };
        let answer = provider
            .0
            .configure_provider(request)
            .await
            .expect("an answer");
        assert_eq!(found(&answer.get_ref().diagnostics), []);
        provider
    }

    pub(crate) async fn validate(&mut self, config: &Value) -> Vec<(String, String)> {
        let request = proto::validate_resource_config::Request {
            type_name: "notes_note".to_owned(),
            config: Some(pack(config, &note())),
            client_capabilities: None,
        };
        let answer = self
            .0
            .validate_resource_config(request)
            .await
            .expect("an answer");
        found(&answer.get_ref().diagnostics)
    }

    /// Plans as Terraform does, whose proposal has the prior computed values.
    pub(crate) async fn plan(
        &mut self,
        config: &Value,
        prior: &Value,
    ) -> proto::plan_resource_change::Response {
        let mut proposed = config.clone();
        if !config.is_null() {
            for name in ["kind", "id", "lines", "headings"] {
                if config.get(name).is_null() {
                    proposed.set(name, prior.get(name).clone());
                }
            }
        }
        let request = proto::plan_resource_change::Request {
            type_name: "notes_note".to_owned(),
            prior_state: Some(pack(prior, &note())),
            proposed_new_state: Some(pack(&proposed, &note())),
            config: Some(pack(config, &note())),
            ..Default::default()
        };
        let answer = self
            .0
            .plan_resource_change(request)
            .await
            .expect("an answer");
        let answer = answer.into_inner();
        assert_eq!(found(&answer.diagnostics), []);
        answer
    }

    /// Plans and applies.
    pub(crate) async fn apply(&mut self, config: &Value, prior: &Value) -> Applied {
        let plan = self.plan(config, prior).await;
        let request = proto::apply_resource_change::Request {
            type_name: "notes_note".to_owned(),
            prior_state: Some(pack(prior, &note())),
            planned_state: plan.planned_state,
            config: Some(pack(config, &note())),
            planned_private: plan.planned_private,
            ..Default::default()
        };
        let answer = self
            .0
            .apply_resource_change(request)
            .await
            .expect("an answer");
        let answer = answer.into_inner();
        Applied {
            state: unpack(answer.new_state.as_ref(), &note()),
            found: found(&answer.diagnostics),
        }
    }

    pub(crate) async fn read(&mut self, state: &Value) -> Value {
        let request = proto::read_resource::Request {
            type_name: "notes_note".to_owned(),
            current_state: Some(pack(state, &note())),
            ..Default::default()
        };
        let answer = self.0.read_resource(request).await.expect("an answer");
        assert_eq!(found(&answer.get_ref().diagnostics), []);
        unpack(answer.get_ref().new_state.as_ref(), &note())
    }

    pub(crate) async fn stop(&mut self) {
        let request = proto::stop_provider::Request {};
        let answer = self.0.stop_provider(request).await.expect("an answer");
        assert_eq!(answer.get_ref().error, "");
    }
}

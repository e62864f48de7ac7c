//! The HTTP client of all AWS services.

use std::path::Path;
use std::time::Instant;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tfplugin_sdk::Diagnostic;
use url::Url;

use super::files;

/// Maximum size of a file of certificate authorities in bytes.
const MAX_BUNDLE: u64 = 16 << 20;

/// Connections to AWS, shared by all clients.
pub(super) struct Http {
    client: SharedHttpClient,
    root_certificates: Option<Vec<u8>>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            client: client(TrustStore::default()),
            root_certificates: None,
        }
    }
}

impl Http {
    /// Returns a client that trusts the certificate authorities in a PEM file in addition to the
    /// system's.
    pub(super) fn trusting(path: &Path) -> Result<Self, Diagnostic> {
        let pem = read_certificates(path).map_err(|reason| {
            let detail = format!(
                "{}: {reason}.\n\nSet custom_ca_bundle, or the environment variable \
                 AWS_CA_BUNDLE, to a file with certificates in PEM form, each between \
                 -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----.",
                path.display()
            );
            Diagnostic::error("Certificate authorities not usable", detail)
        })?;
        Ok(Self {
            client: client(TrustStore::default().with_pem_certificate(pem.as_slice())),
            root_certificates: Some(pem),
        })
    }

    pub(super) fn client(&self) -> SharedHttpClient {
        self.client.clone()
    }

    pub(super) fn root_certificates(&self) -> Option<&[u8]> {
        self.root_certificates.as_deref()
    }
}

/// Reads a file of certificates in PEM format.
///
/// # Errors
/// If it cannot be read, or contains no certificate or an invalid one.
pub(crate) fn read_certificates(path: &Path) -> Result<Vec<u8>, String> {
    let pem = files::read(path, MAX_BUNDLE).map_err(|error| error.to_string())?;
    // The SDK would panic on invalid certificates, and only at the first request.
    soci::Client::with_root_certificates(&pem).map_err(|error| error.to_string())?;
    Ok(pem)
}

/// A client that logs requests at debug level, without anything that may be secret: headers,
/// queries and bodies.
#[derive(Debug)]
struct Logged<T>(T);

impl HttpClient for Logged<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Logged(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Logged<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let method = request.method().to_owned();
        let url = Url::parse(request.uri());
        let begun = Instant::now();
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (host, path) = match &url {
                Ok(url) => (url.host_str().unwrap_or_default(), url.path()),
                Err(_) => Default::default(),
            };
            match &answer {
                Ok(response) => {
                    let status = response.status().as_u16();
                    tracing::debug!(method, host, path, status, milliseconds, "request answered");
                }
                Err(_) => tracing::debug!(method, host, path, milliseconds, "request failed"),
            }
            answer
        })
    }
}

/// Returns a client like the SDK's default one, which uses the proxies from the environment.
fn client(trusted: TrustStore) -> SharedHttpClient {
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.unwrap_or_default();
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = ConnectorBuilder::default()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context.clone())
            .proxy_config(ProxyConfig::from_env());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    });
    SharedHttpClient::new(Logged(client))
}

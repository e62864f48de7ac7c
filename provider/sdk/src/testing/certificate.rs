//! The host's certificate.

use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::error::Error;

/// A certificate like those that Terraform creates: self-signed, with a P-521
/// key, and an authority.
#[derive(Debug)]
pub struct HostCertificate {
    certificate: Certificate,
    key: KeyPair,
}

impl HostCertificate {
    /// Creates a certificate with a new key.
    ///
    /// # Errors
    ///
    /// [`Error::Certificate`] if the key cannot be generated.
    pub fn generate() -> Result<Self, Error> {
        let create = || {
            let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P521_SHA512)?;
            let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let certificate = params.self_signed(&key)?;
            Ok(Self { certificate, key })
        };
        create().map_err(|e: rcgen::Error| Error::Certificate(e.to_string()))
    }

    pub(super) fn pem(&self) -> String {
        self.certificate.pem()
    }
}

/// Returns a connector that trusts a single server, and presents `host` if
/// given.
pub(super) fn connector(
    server: &CertificateDer<'static>,
    host: Option<&HostCertificate>,
) -> Result<TlsConnector, Error> {
    let create = || {
        let mut roots = RootCertStore::empty();
        roots.add(server.clone())?;
        let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match host {
            None => config.with_no_client_auth(),
            Some(host) => {
                let key = PrivateKeyDer::Pkcs8(host.key.serialize_der().into());
                config.with_client_auth_cert(vec![host.certificate.der().clone()], key)?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    };
    create().map_err(|e: rustls::Error| Error::Certificate(e.to_string()))
}

//! A server certificate, and its authority, which only a test knows.

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// A certificate for one host.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate.
    pub leaf: rcgen::Certificate,
    /// Its key.
    pub key: KeyPair,
    /// The PEM certificate of the authority that signed it. The authority's key is discarded.
    pub authority: String,
}

impl Certificate {
    /// Creates a certificate for a name or IP address.
    pub fn of(host: &str) -> Result<Self> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let leaf = CertificateParams::new(vec![host.to_owned()])?.signed_by(&key, &authority)?;
        Ok(Self {
            leaf,
            key,
            authority: authority.pem(),
        })
    }
}

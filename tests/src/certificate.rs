//! A server's certificate, and the authority that nobody knows but a test.

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// A certificate for one host.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate.
    pub leaf: rcgen::Certificate,
    /// Its key.
    pub key: KeyPair,
    /// The certificate of the authority that signed it, as PEM. The authority's key is forgotten.
    pub authority: String,
}

impl Certificate {
    /// Makes a certificate for a name or an IP address.
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

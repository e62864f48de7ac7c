//! The host, as described by the environment.

use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::protocol::{COOKIE, PROTOCOL};

/// The process that started this one.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// Whether the user started the process for debugging.
    pub(super) debug: bool,
    /// The only client certificate that may connect. Without one, connections
    /// are plain.
    pub(super) client_certificate: Option<CertificateDer<'static>>,
    /// Directory of the socket.
    #[cfg_attr(not(unix), allow(dead_code, reason = "TCP is used there"))]
    pub(super) socket_dir: Option<PathBuf>,
    /// Range of TCP ports to choose from.
    #[cfg_attr(unix, allow(dead_code, reason = "a socket is used there"))]
    pub(super) ports: (u16, u16),
}

/// Reason for refusing to serve the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The user started the process directly.
    NoHost,
    /// The host supports only these other versions.
    Protocol(String),
    /// The host's certificate cannot be read.
    Certificate(String),
}

impl Refusal {
    /// Returns the message for the user.
    pub(super) fn text(&self, provider: &str) -> String {
        match self {
            Self::NoHost => format!(
                "This is the Terraform provider {provider:?}. Terraform starts it by itself: \
                 declare it under required_providers in a configuration and run terraform init.\n\
                 To debug it, start it with -debug."
            ),
            Self::Protocol(versions) => format!(
                "The provider {provider:?} needs plugin protocol version {PROTOCOL}, which \
                 Terraform supports since 1.0; this one supports {versions}. Upgrade Terraform."
            ),
            Self::Certificate(reason) => {
                format!("The provider {provider:?} cannot read PLUGIN_CLIENT_CERT: {reason}.")
            }
        }
    }
}

impl Host {
    pub(super) fn debug() -> Self {
        Self {
            debug: true,
            ..Self::default()
        }
    }

    pub(super) fn from_env() -> Result<Self, Refusal> {
        Self::from_vars(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn from_vars(var: impl Fn(&str) -> Option<String>) -> Result<Self, Refusal> {
        if var(COOKIE.0).as_deref() != Some(COOKIE.1) {
            return Err(Refusal::NoHost);
        }
        if let Some(versions) = var("PLUGIN_PROTOCOL_VERSIONS")
            && !versions
                .split(',')
                .any(|v| v.trim().parse() == Ok(PROTOCOL))
        {
            return Err(Refusal::Protocol(versions));
        }
        let client_certificate = var("PLUGIN_CLIENT_CERT").map(|pem| {
            CertificateDer::from_pem_slice(pem.as_bytes())
                .map_err(|e| Refusal::Certificate(e.to_string()))
        });
        let port = |name, default| var(name).and_then(|p| p.parse().ok()).unwrap_or(default);
        Ok(Self {
            debug: false,
            client_certificate: client_certificate.transpose()?,
            socket_dir: var("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from),
            ports: (
                port("PLUGIN_MIN_PORT", 10_000),
                port("PLUGIN_MAX_PORT", 25_000),
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(vars: &[(&str, &str)]) -> Result<Host, Refusal> {
        let cookie = [COOKIE];
        let all = cookie.iter().chain(vars);
        let all: std::collections::HashMap<_, _> = all.copied().collect();
        Host::from_vars(|name| {
            all.get(name)
                .filter(|v| !v.is_empty())
                .map(ToString::to_string)
        })
    }

    #[test]
    fn only_a_terraform_host_is_served() {
        assert!(matches!(Host::from_vars(|_| None), Err(Refusal::NoHost)));
        let wrong = host(&[(COOKIE.0, "wrong")]);
        assert!(matches!(wrong, Err(Refusal::NoHost)));
        for (versions, ok) in [
            ("6", true),
            ("5,6", true),
            ("5", false),
            ("60", false),
            ("", true),
        ] {
            assert_eq!(
                host(&[("PLUGIN_PROTOCOL_VERSIONS", versions)]).is_ok(),
                ok,
                "{versions}"
            );
        }
        let bad = host(&[("PLUGIN_CLIENT_CERT", "no certificate")]);
        assert!(matches!(bad, Err(Refusal::Certificate(_))));
        let host = host(&[("PLUGIN_UNIX_SOCKET_DIR", "/x"), ("PLUGIN_MIN_PORT", "1")]).unwrap();
        assert_eq!(host.socket_dir, Some("/x".into()));
        assert_eq!(host.ports, (1, 25_000));
        assert!(!host.debug && host.client_certificate.is_none());
    }
}

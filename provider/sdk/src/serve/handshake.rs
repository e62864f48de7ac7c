//! What the host tells through the environment, and the line that answers it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::listener::Address;

/// Proves nothing, and keeps people from starting a plugin by accident.
const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);

/// The version of go-plugin's own protocol.
const CORE_PROTOCOL: u32 = 1;

/// The version of Terraform's protocol that is spoken here.
pub(super) const PROTOCOL: u32 = 6;

/// What is known about the one who started the process.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// Started by a person, for a debugger.
    pub(super) debug: bool,
    /// The one certificate that may connect; nobody has to show one without.
    pub(super) client_certificate: Option<CertificateDer<'static>>,
    /// Where the socket goes.
    #[cfg_attr(not(unix), allow(dead_code, reason = "TCP is used there"))]
    pub(super) socket_dir: Option<PathBuf>,
    /// Where a TCP port is looked for.
    #[cfg_attr(unix, allow(dead_code, reason = "a socket is used there"))]
    pub(super) ports: (u16, u16),
}

/// Why the process cannot serve whoever started it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was a person.
    NoHost,
    /// It speaks other versions only.
    Protocol(String),
    /// Its certificate cannot be read.
    Certificate(String),
}

impl Refusal {
    pub(super) fn for_a_person(&self, provider: &str) -> String {
        match self {
            Self::NoHost => format!(
                "This is the Terraform provider {provider:?}. Terraform starts it by itself: \
                 declare it under required_providers in a configuration and run terraform init.\n\
                 To debug it, start it with -debug."
            ),
            Self::Protocol(versions) => format!(
                "The provider {provider:?} speaks protocol version {PROTOCOL}, which Terraform \
                 has since 1.0; this one speaks {versions}. Use a newer Terraform."
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

/// The line on standard output, newline included.
pub(super) fn line(address: &Address, certificate: Option<&CertificateDer<'_>>) -> String {
    let certificate = certificate.map_or_else(String::new, |der| STANDARD_NO_PAD.encode(der));
    let Address { network, place } = address;
    format!("{CORE_PROTOCOL}|{PROTOCOL}|{network}|{place}|grpc|{certificate}\n")
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
    fn who_is_served() {
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

    #[test]
    fn the_line() {
        let address = Address {
            network: "unix",
            place: "/tmp/x".to_owned(),
        };
        assert_eq!(line(&address, None), "1|6|unix|/tmp/x|grpc|\n");
        let der = CertificateDer::from(vec![1, 2]);
        assert_eq!(line(&address, Some(&der)), "1|6|unix|/tmp/x|grpc|AQI\n");
    }
}

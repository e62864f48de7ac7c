//! The handshake: one line on standard output that says where to connect.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;

use super::listener::Address;
use crate::protocol::{CORE_PROTOCOL, PROTOCOL};

/// Returns the handshake line, including the newline.
pub(super) fn line(address: &Address, certificate: Option<&CertificateDer<'_>>) -> String {
    let certificate = certificate.map_or_else(String::new, |der| STANDARD_NO_PAD.encode(der));
    let Address { network, place } = address;
    format!("{CORE_PROTOCOL}|{PROTOCOL}|{network}|{place}|grpc|{certificate}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_has_six_fields() {
        let address = Address {
            network: "unix",
            place: "/tmp/x".to_owned(),
        };
        assert_eq!(line(&address, None), "1|6|unix|/tmp/x|grpc|\n");
        let der = CertificateDer::from(vec![1, 2]);
        assert_eq!(line(&address, Some(&der)), "1|6|unix|/tmp/x|grpc|AQI\n");
    }
}

//! Restrictions on where a registry may lead a request, by a redirect or to its token server.
//!
//! Link-local addresses are refused. Services there, such as the metadata services of clouds, treat
//! any request from this machine as authorized.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::oci::Digest;

/// Metadata services at addresses that are not link-local: those of Alibaba Cloud, of Amazon EC2,
/// and of pods on Amazon EKS.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// Token servers without TLS that may receive credentials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PlainTokenServers {
    /// None.
    Never,
    /// Those on this machine, since the registry is on it too.
    Loopback,
    /// Any, because the user chose plain HTTP for the registry.
    Any,
}

/// Returns the reason why a redirect is refused, or `None` if it is allowed.
pub(super) fn refusal(first: &Url, from: &Url, to: &Url) -> Option<&'static str> {
    if is_refused(to) {
        Some("redirect to a link-local address")
    } else if from.scheme() == "https" && to.scheme() != "https" && !names_digest(first) {
        Some("redirect from HTTPS to plain HTTP")
    } else {
        None
    }
}

/// Returns whether a URL has an address that no registry may lead to.
pub(super) fn is_refused(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_refused_address(address.into()),
        Some(Host::Ipv6(address)) => is_refused_address(address.into()),
        Some(Host::Domain(_)) | None => false,
    }
}

/// Returns whether a URL leads to this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

fn is_refused_address(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    link_local || METADATA.contains(&address)
}

/// Returns whether a registry URL names content by digest, so that it cannot be changed unnoticed
/// in transit.
fn names_digest(url: &Url) -> bool {
    let mut path = url.path_segments().into_iter().flatten().rev();
    let (name, kind) = (path.next(), path.next());
    matches!(kind, Some("blobs" | "manifests"))
        && name.is_some_and(|name| name.parse::<Digest>().is_ok())
}

/// The system's resolver, with refused addresses filtered out.
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let look_up = move || {
                let all = (name.as_str(), 0).to_socket_addrs()?;
                let good = all.filter(|address| !is_refused_address(address.ip()));
                match good.collect::<Vec<SocketAddr>>() {
                    none if none.is_empty() => Err(io::Error::other(format!(
                        "{}: has only link-local addresses",
                        name.as_str()
                    ))),
                    good => Ok(good),
                }
            };
            let addresses = tokio::task::spawn_blocking(look_up).await??;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn redirects() {
        let blob = format!("https://r.test/v2/a/blobs/sha256:{}", "0".repeat(64));
        let blob = blob.as_str();
        // An attacker may name a token server like this.
        let realm = "https://r.test/token/sha256:00";
        let tag = "https://r.test/v2/a/manifests/1.4";
        let plain_tag = "http://r.test/v2/a/manifests/1.4";
        for (first, to, want) in [
            (blob, "https://s.test/x", None),
            (blob, "http://s.test/x", None),
            (tag, "https://s.test/x", None),
            (tag, "http://s.test/x", Some("HTTPS to plain HTTP")),
            (realm, "http://s.test/x", Some("HTTPS to plain HTTP")),
            (plain_tag, "http://s.test/x", None),
            (blob, "http://169.254.169.254/latest", Some("link-local")),
            (tag, "https://[fe80::1]/x", Some("link-local")),
            (tag, "https://[::ffff:169.254.170.2]/x", Some("link-local")),
            (tag, "https://[fd00:ec2::254]/x", Some("link-local")),
            (tag, "https://100.100.100.200/x", Some("link-local")),
            // Addresses are recognized in other notations.
            (tag, "https://0xa9fea9fe/x", Some("link-local")),
            (tag, "https://10.0.0.1/x", None),
        ] {
            let got = refusal(&url(first), &url(first), &url(to));
            let fits = match (got, want) {
                (Some(got), Some(want)) => got.contains(want),
                (got, want) => got == want,
            };
            assert!(fits, "{first} to {to}: {got:?}");
        }
        // Only the single step matters, not the start of the chain.
        let (first, from, to) = (
            url(plain_tag),
            url("https://s.test/x"),
            url("http://s.test/"),
        );
        assert!(refusal(&first, &from, &to).is_some());
    }

    #[test]
    fn this_machine() {
        for (text, want) in [
            ("http://localhost:5000/token", true),
            ("http://127.0.0.2/token", true),
            ("http://[::1]/token", true),
            ("http://localhost.example.com/token", false),
            ("http://10.0.0.1/token", false),
        ] {
            assert_eq!(is_loopback(&url(text)), want, "{text}");
        }
    }
}

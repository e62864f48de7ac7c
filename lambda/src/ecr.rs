//! Access to Amazon ECR's API for both functions.

use std::net::IpAddr;

use url::{Host, Url};

use crate::environment::ECR_ENDPOINT;
use crate::runtime;
use crate::variables::{InvalidVariable, Lookup, Variable};

/// Reads the URL of the API if it is not the region's default.
pub(crate) fn endpoint(lookup: Lookup<'_>) -> Result<Option<String>, InvalidVariable> {
    let want = "an https URL, such as \"https://api.ecr.eu-west-1.amazonaws.com\"";
    Variable::read(lookup, ECR_ENDPOINT).parse_or(None, want, |url| complete(url).map(Some))
}

/// Returns the settings of a client.
pub(crate) async fn settings(endpoint: Option<&str>) -> aws_sdk_ecr::config::Builder {
    let mut ecr = aws_sdk_ecr::config::Builder::from(runtime::aws_config().await);
    if let Some(endpoint) = endpoint {
        ecr.set_endpoint_url(Some(endpoint.to_owned()));
    }
    ecr
}

/// Completes an endpoint: the reference solution also accepts a bare host.
fn complete(text: &str) -> Option<String> {
    let url = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let parsed: Url = url.parse().ok()?;
    (parsed.scheme() == "https" || is_loopback(&parsed)).then_some(url)
}

/// Returns whether a URL is plain HTTP on the loopback interface, as for a
/// local stand-in for AWS.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        _ => false,
    };
    url.scheme() == "http" && local
}

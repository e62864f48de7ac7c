//! The account's registry and the credentials for it.
//!
//! Amazon ECR returns both in one response: the token, and the endpoint that it is for. An event
//! must not determine where a token is sent.

use aws_sdk_ecr::operation::get_authorization_token::GetAuthorizationTokenOutput;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use soci::{Credentials, ImageReference};
use url::Url;

use super::error::Error;
use crate::ecr::is_loopback;
use crate::event::PushEvent;

/// An authorization token of Amazon ECR.
pub(super) struct Token {
    endpoint: String,
    pub credentials: Credentials,
}

impl Token {
    pub(super) fn read(answer: &GetAuthorizationTokenOutput) -> Result<Self, Error> {
        let none = |what: &str| Error::Authorization(format!("the answer has no {what}"));
        let data = answer.authorization_data().first();
        let data = data.ok_or_else(|| none("authorization data"))?;
        let token = data.authorization_token().ok_or_else(|| none("token"))?;
        let credentials = decode(token).ok_or_else(|| none("token of the form user:password"))?;
        let endpoint = data.proxy_endpoint().ok_or_else(|| none("endpoint"))?;
        Ok(Self {
            endpoint: endpoint.chars().take(300).collect(),
            credentials,
        })
    }

    /// Returns the reference of the pushed image in this registry, which must belong to `account`.
    pub(super) fn reference(
        &self,
        account: Option<&str>,
        push: &PushEvent,
    ) -> Result<ImageReference, Error> {
        let refuse = |reason: String| Error::Registry {
            endpoint: self.endpoint.clone(),
            reason,
        };
        let host = host(&self.endpoint).map_err(|want| refuse(format!("want {want}")))?;
        if let Some((owner, region)) = ecr_owner(&host) {
            let own = account.unwrap_or("unknown");
            if owner != own {
                return Err(refuse(format!(
                    "it belongs to account {owner}, want the function's own, {own}"
                )));
            }
            if (owner, region) != (&push.account, &push.region) {
                return Err(refuse(format!(
                    "the event is about a push in account {} and region {}: deploy the functions \
                     there",
                    push.account, push.region
                )));
            }
        }
        let name = match (&push.digest, &push.tag) {
            (Some(digest), _) => format!("@{digest}"),
            (None, tag) => format!(":{}", tag.as_deref().unwrap_or_default()),
        };
        let text = format!("{host}/{}{name}", push.repository);
        let reference: ImageReference = text.parse().map_err(soci::Error::from)?;
        if reference.registry() != host || reference.repository() != push.repository {
            return Err(refuse(format!("{text:?} would be read as {reference}")));
        }
        Ok(reference)
    }
}

fn decode(token: &str) -> Option<Credentials> {
    let token = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (username, password) = token.split_once(':')?;
    Some(Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    })
}

/// Returns the host and port of an endpoint, or an error that states the expected form.
fn host(endpoint: &str) -> Result<String, &'static str> {
    let url: Url = endpoint.parse().map_err(|_| "a URL")?;
    let bare = url.path() == "/" && url.query().is_none() && url.username().is_empty();
    let host = url.host_str().filter(|_| bare && url.password().is_none());
    let host = host.ok_or("nothing but a host")?;
    if url.scheme() != "https" && !is_loopback(&url) {
        return Err("https");
    }
    Ok(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

/// Returns the account and region of an Amazon ECR registry: `ACCOUNT.dkr.ecr.REGION.…`, or one of
/// the other forms with `-fips` or `dkr-ecr`.
fn ecr_owner(host: &str) -> Option<(&str, &str)> {
    let (account, rest) = host.split_once('.')?;
    let kinds = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    let (region, _) = rest.split_once('.')?;
    Some((account, region))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push() -> PushEvent {
        PushEvent {
            tag: None,
            ..PushEvent::sample()
        }
    }

    fn reference(endpoint: &str, account: Option<&str>) -> Result<String, String> {
        let token = Token {
            endpoint: endpoint.to_owned(),
            credentials: Credentials::Anonymous,
        };
        match token.reference(account, &push()) {
            Ok(reference) => Ok(reference.name()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn registries_of_the_own_account() {
        for host in [
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "123456789012.dkr.ecr-fips.eu-west-1.amazonaws.com",
            "123456789012.dkr-ecr.eu-west-1.on.aws",
        ] {
            let found = reference(&format!("https://{host}"), Some("123456789012"));
            assert_eq!(found, Ok(format!("{host}/shop/web")));
        }
        let local = reference("http://127.0.0.1:5000", None);
        assert_eq!(local.as_deref(), Ok("127.0.0.1:5000/shop/web"));
    }

    #[test]
    fn foreign_registries() {
        let own = "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        for (endpoint, account, want) in [
            (
                own,
                Some("210987654321"),
                "want the function's own, 210987654321",
            ),
            (own, None, "want the function's own, unknown"),
            (
                "https://123456789012.dkr.ecr.us-east-1.amazonaws.com",
                Some("123456789012"),
                "in account 123456789012 and region eu-west-1",
            ),
            ("http://registry.test", None, "want https"),
            (
                "https://user@registry.test",
                None,
                "want nothing but a host",
            ),
            ("https://registry.test/a", None, "want nothing but a host"),
            ("registry.test", None, "want a URL"),
        ] {
            let error = reference(endpoint, account).expect_err(endpoint);
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn tokens() {
        let basic = Credentials::Basic {
            username: "AWS".to_owned(),
            password: "a:b".to_owned(),
        };
        assert_eq!(decode("QVdTOmE6Yg=="), Some(basic));
        assert_eq!(decode("QVdT"), None);
        assert_eq!(decode("?"), None);
    }
}

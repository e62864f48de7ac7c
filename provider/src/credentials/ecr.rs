//! Tokens of Amazon ECR, for the AWS credentials.
//!
//! A token is good for all registries of a region that the credentials may use, whichever
//! account they belong to, so one is kept for each region. It is shown to no host but those
//! that AWS names its registries by.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_types::DateTime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use soci::{Credentials, ImageReference};
use tfplugin_sdk::Diagnostic;

use crate::aws::{Aws, diagnose, is_account_id, is_region, is_without_credentials};

/// Amazon ECR Public, of all regions.
const PUBLIC: &str = "public.ecr.aws";
/// The domains under which AWS has private registries, partition by partition; then those
/// of hosts that are reached over IPv6 too.
const DOMAINS: [&str; 7] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "sc2s.sgov.gov",
];
const DUALSTACK_DOMAINS: [&str; 2] = ["on.aws", "on.amazonwebservices.com.cn"];
/// How long a token is good for that does not say.
const UNTIL_NOT_SAID: Duration = Duration::from_secs(10 * 60);

/// Registries of AWS that share their tokens, by a host name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Private { region: String, fips: bool },
    Public,
}

impl Host {
    /// The registry that a host name is of, if AWS gave it. The whole name has to match.
    pub(super) fn of(host: &str) -> Option<Self> {
        if host == PUBLIC {
            return Some(Self::Public);
        }
        let (account, rest) = host.split_once('.')?;
        let domains = |rest: &str, domains: &[&str]| {
            let (region, domain) = rest.split_once('.')?;
            (is_region(region) && domains.contains(&domain)).then(|| region.to_owned())
        };
        let (region, fips) = if let Some(rest) = rest.strip_prefix("dkr.ecr.") {
            (domains(rest, &DOMAINS)?, false)
        } else if let Some(rest) = rest.strip_prefix("dkr.ecr-fips.") {
            (domains(rest, &DOMAINS)?, true)
        } else if let Some(rest) = rest.strip_prefix("dkr-ecr.") {
            (domains(rest, &DUALSTACK_DOMAINS)?, false)
        } else if let Some(rest) = rest.strip_prefix("dkr-ecr-fips.") {
            (domains(rest, &DUALSTACK_DOMAINS)?, true)
        } else {
            return None;
        };
        is_account_id(account).then_some(Self::Private { region, fips })
    }
}

/// A token, and until when it is handed out.
struct Token {
    credentials: Credentials,
    renew: SystemTime,
}

/// What is known for one key. Who holds the lock asks AWS, the others wait for what comes.
#[derive(Default)]
struct Slot {
    token: Option<Token>,
    failure: Option<(Instant, Diagnostic)>,
}

/// All tokens so far.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<Host, Arc<tokio::sync::Mutex<Slot>>>>,
}

impl Tokens {
    /// The token for a registry.
    pub(super) async fn find(
        &self,
        aws: &Aws,
        host: &Host,
        image: &ImageReference,
    ) -> Result<Credentials, Diagnostic> {
        let began = Instant::now();
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(host.clone()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(token) = &slot.token
            && SystemTime::now() < token.renew
        {
            return Ok(token.credentials.clone());
        }
        // What failed while this caller waited would fail again.
        if let Some((at, failure)) = &slot.failure
            && *at >= began
        {
            return Err(failure.clone());
        }
        match ask(aws, host, image).await {
            Ok(token) => {
                let credentials = token.credentials.clone();
                *slot = Slot {
                    token: Some(token),
                    failure: None,
                };
                Ok(credentials)
            }
            Err(failure) => {
                slot.failure = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }
}

async fn ask(aws: &Aws, host: &Host, image: &ImageReference) -> Result<Token, Diagnostic> {
    let registry = image.registry();
    let doing = format!("getting a token of Amazon ECR for {registry}");
    let now = SystemTime::now();
    let (token, expires) = match host {
        Host::Private { region, fips } => {
            let client = aws
                .ecr_in(region, *fips)
                .await
                .map_err(|d| instead(d, registry))?;
            let answer = client.get_authorization_token().send().await;
            let answer = answer.map_err(|error| instead(diagnose(&doing, &error), registry))?;
            let data = answer.authorization_data.unwrap_or_default();
            let data = data.into_iter().next();
            data.map(|data| (data.authorization_token, data.expires_at))
        }
        Host::Public => {
            let client = aws.ecr_public().await.map_err(|d| instead(d, registry))?;
            let answer = client.get_authorization_token().send().await;
            match answer {
                Ok(answer) => answer
                    .authorization_data
                    .map(|data| (data.authorization_token, data.expires_at)),
                // Anybody may pull from there.
                Err(error) if is_without_credentials(&error) => {
                    tracing::debug!(registry, "no AWS credentials, asking as nobody");
                    return Ok(Token {
                        credentials: Credentials::Anonymous,
                        renew: now + UNTIL_NOT_SAID,
                    });
                }
                Err(error) => return Err(instead(diagnose(&doing, &error), registry)),
            }
        }
    }
    .unwrap_or_default();
    let credentials = token.as_deref().and_then(decode).ok_or_else(|| {
        let detail = format!("While {doing}: AWS gave none. Check the endpoint of ecr.");
        Diagnostic::error("Amazon ECR gave no token", detail).at("image")
    })?;
    Ok(Token {
        credentials,
        renew: renewal(now, expires),
    })
}

/// A token is renewed when half of its time is over: whoever gets it may work with it for long.
fn renewal(now: SystemTime, expires: Option<DateTime>) -> SystemTime {
    let expires = expires.and_then(|at| SystemTime::try_from(at).ok());
    let left = expires.map_or(UNTIL_NOT_SAID, |at| {
        at.duration_since(now).unwrap_or_default()
    });
    now + left / 2
}

/// A token is user and password, in base64.
fn decode(token: &str) -> Option<Credentials> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    (!password.is_empty()).then(|| Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    })
}

/// The same diagnostic, with what else would do.
fn instead(mut diagnostic: Diagnostic, registry: &str) -> Diagnostic {
    let advice = format!(
        "\n\nCredentials of the registry itself do as well: a registry_auth block for {registry}, \
         or docker login {registry}."
    );
    diagnostic.detail.push_str(&advice);
    diagnostic.at("image")
}

#[cfg(test)]
mod tests;

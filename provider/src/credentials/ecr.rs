//! Tokens of Amazon ECR.
//!
//! A token is valid for all registries of a region that the credentials may access, in any account,
//! so one is kept per region. It is only sent to hosts of Amazon ECR.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use aws_smithy_types::DateTime;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use soci::{CredentialSource, Credentials, ImageReference};
use tfplugin_sdk::{Diagnostic, async_trait};

use crate::aws::{Aws, AwsError, is_account_id, is_region};
use crate::diagnose::{Diagnosed, ECR_TOKEN};

/// Hosts of Amazon ECR Public; the second is also reachable over IPv6.
const PUBLIC: [&str; 2] = ["public.ecr.aws", "ecr-public.aws.com"];
/// Domains of private registries, one per partition.
const DOMAINS: [&str; 7] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
    "sc2s.sgov.gov",
];
/// Domains of private registries that are also reachable over IPv6.
const DUALSTACK_DOMAINS: [&str; 2] = ["on.aws", "on.amazonwebservices.com.cn"];
/// Assumed lifetime of a token without an expiry time.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// Registries of Amazon ECR that share a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Host {
    Private { region: String, fips: bool },
    Public,
}

impl Host {
    /// Recognizes a host name of Amazon ECR. The whole name must match.
    pub(super) fn of(host: &str) -> Option<Self> {
        if PUBLIC.contains(&host) {
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

/// A token, and the time to renew it.
struct Token {
    credentials: Credentials,
    renew: SystemTime,
}

/// The token of a host, or the last failure. The holder of the lock requests it; others wait.
#[derive(Default)]
struct Slot {
    token: Option<Token>,
    failure: Option<(Instant, Diagnostic)>,
}

/// All tokens obtained so far.
#[derive(Default)]
pub(super) struct Tokens {
    slots: Mutex<HashMap<Host, Arc<tokio::sync::Mutex<Slot>>>>,
}

impl Tokens {
    /// Returns the token for a registry.
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
        // A request that failed while this caller was waiting would fail again.
        if let Some((at, failure)) = &slot.failure
            && *at >= began
        {
            return Err(failure.clone());
        }
        match request(aws, host, image).await {
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

/// The token as a source of credentials.
pub(super) struct EcrToken {
    pub aws: Arc<Aws>,
    pub tokens: Arc<Tokens>,
    pub host: Host,
}

#[async_trait]
impl CredentialSource for EcrToken {
    fn name(&self) -> String {
        ECR_TOKEN.to_owned()
    }

    async fn find(
        &self,
        image: &ImageReference,
    ) -> Result<Option<Credentials>, Arc<dyn std::error::Error + Send + Sync>> {
        match self.tokens.find(&self.aws, &self.host, image).await {
            Ok(Credentials::Anonymous) => Ok(None),
            Ok(token) => {
                tracing::debug!(registry = image.registry(), "credentials of AWS");
                Ok(Some(token))
            }
            Err(diagnostic) => Err(Arc::new(Diagnosed(diagnostic))),
        }
    }
}

async fn request(aws: &Aws, host: &Host, image: &ImageReference) -> Result<Token, Diagnostic> {
    let registry = image.registry();
    let doing = format!("requesting a token of Amazon ECR for {registry}");
    let refused = |error: AwsError| instead(error.diagnose(&doing), registry);
    let now = SystemTime::now();
    let (token, expires) = match host {
        Host::Private { region, fips } => {
            let client = aws
                .ecr_in(region, *fips)
                .await
                .map_err(|d| instead(d, registry))?;
            let answer = client.get_authorization_token().send().await;
            let answer = answer.map_err(|error| refused(error.into()))?;
            let data = answer.authorization_data.unwrap_or_default();
            let data = data.into_iter().next();
            data.map(|data| (data.authorization_token, data.expires_at))
        }
        Host::Public => {
            let client = aws.ecr_public().await.map_err(|d| instead(d, registry))?;
            let answer = client.get_authorization_token().send().await;
            match answer.map_err(AwsError::from) {
                Ok(answer) => answer
                    .authorization_data
                    .map(|data| (data.authorization_token, data.expires_at)),
                // Pulling needs no credentials.
                Err(AwsError::NoCredentials(_)) => {
                    tracing::debug!(registry, "no AWS credentials, pulling anonymously");
                    return Ok(Token {
                        credentials: Credentials::Anonymous,
                        renew: now + DEFAULT_LIFETIME,
                    });
                }
                Err(error) => return Err(refused(error)),
            }
        }
    }
    .unwrap_or_default();
    let credentials = token.as_deref().and_then(decode).ok_or_else(|| {
        let detail =
            format!("While {doing}: the response has no token. Check ecr in the endpoints block.");
        Diagnostic::error("No token from Amazon ECR", detail).at("image")
    })?;
    Ok(Token {
        credentials,
        renew: renewal(now, expires),
    })
}

/// Returns when to renew a token: after half of its lifetime, because it may be needed for a long
/// time.
fn renewal(now: SystemTime, expires: Option<DateTime>) -> SystemTime {
    let expires = expires.and_then(|at| SystemTime::try_from(at).ok());
    let left = expires.map_or(DEFAULT_LIFETIME, |at| {
        at.duration_since(now).unwrap_or_default()
    });
    now + left / 2
}

/// Decodes a token: user and password in base64.
fn decode(token: &str) -> Option<Credentials> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    (!password.is_empty()).then(|| Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    })
}

/// Adds a hint to a diagnostic that other credentials work too.
fn instead(mut diagnostic: Diagnostic, registry: &str) -> Diagnostic {
    let advice = format!(
        "\n\nAlternatively, use credentials of the registry itself: a registry_auth block for \
         {registry}, or docker login {registry}."
    );
    diagnostic.detail.push_str(&advice);
    diagnostic.at("image")
}

#[cfg(test)]
mod tests;

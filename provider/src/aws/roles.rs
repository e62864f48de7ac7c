//! Credentials of assumed roles, from AWS STS.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};
use tfplugin_sdk::Diagnostic;

use super::diagnostics::{no_web_identity, require_region};
use super::files;
use super::settings::{APP_NAME, Role, Settings, expand};

/// Maximum size of a token in bytes.
const MAX_TOKEN: u64 = 64 << 10;

/// Replaces the credentials of a configuration with those of the roles in the settings.
pub(super) fn assume(settings: &Settings, mut config: SdkConfig) -> Result<SdkConfig, Diagnostic> {
    let web = settings.assume_role_with_web_identity.iter();
    let roles = web.map(|role| (role, true));
    let roles = roles.chain(settings.assume_role.iter().map(|role| (role, false)));
    for (role, with_token) in roles {
        require_region(&config)?;
        let client = sts(settings, &config);
        let session = Session::new(role, with_token, client)?;
        let provider = SharedCredentialsProvider::new(session);
        config = config.to_builder().credentials_provider(provider).build();
    }
    Ok(config)
}

/// Opens a client of AWS STS with the credentials of a configuration.
pub(super) fn sts(settings: &Settings, config: &SdkConfig) -> aws_sdk_sts::Client {
    let mut builder = aws_sdk_sts::config::Builder::from(config);
    if let Some(url) = settings.endpoint("sts") {
        builder = builder.endpoint_url(url);
    }
    aws_sdk_sts::Client::from_conf(builder.build())
}

/// The token of a web identity.
enum Token {
    Known(String),
    /// Read each time, because its writer renews it.
    File(String),
}

/// Provider of a role's credentials, which the SDK caches until shortly before they expire.
struct Session {
    client: aws_sdk_sts::Client,
    role_arn: String,
    name: String,
    external_id: Option<String>,
    seconds: Option<i32>,
    policy: Option<String>,
    policy_arns: Option<Vec<PolicyDescriptorType>>,
    tags: Option<Vec<Tag>>,
    transitive_tag_keys: Option<Vec<String>>,
    source_identity: Option<String>,
    token: Option<Token>,
}

impl Session {
    fn new(role: &Role, with_token: bool, client: aws_sdk_sts::Client) -> Result<Self, Diagnostic> {
        let variable = |name: &str| {
            let value = with_token.then(|| std::env::var(name).ok()).flatten();
            value.filter(|value| !value.is_empty())
        };
        let given = |own: &Option<String>, name: &str| own.clone().or_else(|| variable(name));
        let token = match (with_token, &role.web_identity_token) {
            (false, _) => None,
            (true, Some(token)) => Some(Token::Known(token.clone())),
            (true, None) => {
                let file = given(&role.web_identity_token_file, "AWS_WEB_IDENTITY_TOKEN_FILE");
                Some(Token::File(file.ok_or_else(no_web_identity)?))
            }
        };
        let tags = role.tags.iter().flatten();
        let tags = tags.filter_map(|(key, value)| {
            let tag = Tag::builder().key(key).value(value.as_ref()?).build();
            tag.ok()
        });
        let policies = role.policy_arns.as_ref().map(|arns| {
            let descriptor = |arn| PolicyDescriptorType::builder().arn(arn).build();
            arns.iter().map(descriptor).collect()
        });
        Ok(Self {
            client,
            role_arn: given(&role.role_arn, "AWS_ROLE_ARN").ok_or_else(no_web_identity)?,
            name: given(&role.session_name, "AWS_ROLE_SESSION_NAME")
                .unwrap_or_else(|| APP_NAME.to_owned()),
            external_id: role.external_id.clone(),
            seconds: role.seconds(),
            policy: role.policy.clone(),
            policy_arns: policies,
            tags: role.tags.is_some().then(|| tags.collect()),
            transitive_tag_keys: role.transitive_tag_keys.clone(),
            source_identity: role.source_identity.clone(),
            token,
        })
    }

    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let answer = match &self.token {
            None => self.with_credentials().await,
            Some(Token::Known(token)) => self.with_token(token).await,
            Some(Token::File(path)) => match read(path).await {
                Ok(token) => self.with_token(&token).await,
                Err(error) => Err(error.into()),
            },
        };
        let answer = answer.map_err(|source| {
            CredentialsError::provider_error(NotAssumed {
                role_arn: self.role_arn.clone(),
                source,
            })
        })?;
        let found =
            answer.ok_or_else(|| CredentialsError::unhandled("STS returned no credentials"))?;
        let expiry = u64::try_from(found.expiration.secs()).unwrap_or_default();
        let account = self.role_arn.split(':').nth(4).unwrap_or_default();
        let credentials = Credentials::builder()
            .access_key_id(found.access_key_id)
            .secret_access_key(found.secret_access_key)
            .session_token(found.session_token)
            .expiry(SystemTime::UNIX_EPOCH + Duration::from_secs(expiry))
            .account_id(account)
            .provider_name("AssumeRole");
        Ok(credentials.build())
    }

    async fn with_credentials(&self) -> Result<Option<aws_sdk_sts::types::Credentials>, Cause> {
        let request = self.client.assume_role();
        let answer = request
            .role_arn(&self.role_arn)
            .role_session_name(&self.name)
            .set_external_id(self.external_id.clone())
            .set_duration_seconds(self.seconds)
            .set_policy(self.policy.clone())
            .set_policy_arns(self.policy_arns.clone())
            .set_tags(self.tags.clone())
            .set_transitive_tag_keys(self.transitive_tag_keys.clone())
            .set_source_identity(self.source_identity.clone())
            .send()
            .await?;
        Ok(answer.credentials)
    }

    async fn with_token(
        &self,
        token: &str,
    ) -> Result<Option<aws_sdk_sts::types::Credentials>, Cause> {
        let request = self.client.assume_role_with_web_identity();
        let answer = request
            .role_arn(&self.role_arn)
            .role_session_name(&self.name)
            .web_identity_token(token)
            .set_duration_seconds(self.seconds)
            .set_policy(self.policy.clone())
            .set_policy_arns(self.policy_arns.clone())
            .send()
            .await?;
        Ok(answer.credentials)
    }
}

async fn read(path: &str) -> std::io::Result<String> {
    let path = expand(path);
    let in_file = |error: std::io::Error| {
        std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    // It is a small local file.
    let token = files::read(&path, MAX_TOKEN).map_err(in_file)?;
    let token = String::from_utf8(token).map_err(|error| in_file(std::io::Error::other(error)))?;
    Ok(token.trim().to_owned())
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A role that could not be assumed.
#[derive(Debug)]
struct NotAssumed {
    role_arn: String,
    source: Cause,
}

impl fmt::Display for NotAssumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot assume the role {}", self.role_arn)
    }
}

impl std::error::Error for NotAssumed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("role_arn", &self.role_arn)
            .finish_non_exhaustive()
    }
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

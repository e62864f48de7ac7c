//! The AWS account that a configuration works in: settings, credentials, clients.
//!
//! Nothing is asked of AWS before a resource needs it, so that a configuration which only
//! indexes images of a plain registry needs no AWS account.

use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use serde::Deserialize;
use tfplugin_sdk::{Diagnostic, Value};
use tokio::sync::OnceCell;

/// What the provider block says of AWS.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Settings {
    region: Option<String>,
    access_key: Option<String>,
    secret_key: Option<String>,
    token: Option<String>,
    #[serde(default)]
    endpoints: Endpoints,
}

/// URLs of services, where they are not the region's own.
#[derive(Debug, Default, Deserialize)]
struct Endpoints {
    ecr: Option<String>,
    events: Option<String>,
    iam: Option<String>,
    lambda: Option<String>,
    logs: Option<String>,
    sts: Option<String>,
}

/// Whose account it is, and where.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Twelve digits.
    pub id: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// Such as `eu-west-1`.
    pub region: String,
}

/// The account, looked up when it is first needed.
pub(crate) struct Aws {
    settings: Settings,
    default_tags: BTreeMap<String, String>,
    config: OnceCell<SdkConfig>,
    account: OnceCell<Account>,
}

impl Aws {
    pub(crate) fn new(_config: &Value) -> Result<Self, Diagnostic> {
        Ok(Self {
            settings: Settings::default(),
            default_tags: BTreeMap::new(),
            config: OnceCell::new(),
            account: OnceCell::new(),
        })
    }

    /// The provider's `default_tags`.
    pub(crate) fn default_tags(&self) -> &BTreeMap<String, String> {
        &self.default_tags
    }

    /// Whether some of them are only known after an apply.
    pub(crate) fn default_tags_unknown(&self) -> bool {
        false
    }

    /// Credentials and region, resolved once.
    async fn config(&self) -> Result<&SdkConfig, Diagnostic> {
        self.config
            .get_or_try_init(|| async {
                let mut loader = aws_config::defaults(BehaviorVersion::latest());
                if let Some(region) = &self.settings.region {
                    loader = loader.region(Region::new(region.clone()));
                }
                if let (Some(key), Some(secret)) =
                    (&self.settings.access_key, &self.settings.secret_key)
                {
                    let token = self.settings.token.clone();
                    let credentials =
                        Credentials::new(key, secret, token, None, "provider configuration");
                    loader = loader.credentials_provider(credentials);
                }
                Ok(loader.load().await)
            })
            .await
    }

    /// Who we are.
    pub(crate) async fn account(&self) -> Result<&Account, Diagnostic> {
        self.account
            .get_or_try_init(|| async {
                let config = self.config().await?;
                let mut builder = aws_sdk_sts::config::Builder::from(config);
                if let Some(url) = &self.settings.endpoints.sts {
                    builder.set_endpoint_url(Some(url.clone()));
                }
                let client = aws_sdk_sts::Client::from_conf(builder.build());
                let identity = client.get_caller_identity().send().await.map_err(|error| {
                    Diagnostic::error("AWS credentials not usable", error.to_string())
                })?;
                let arn = identity.arn().unwrap_or_default();
                Ok(Account {
                    id: identity.account().unwrap_or_default().to_owned(),
                    partition: arn.split(':').nth(1).unwrap_or("aws").to_owned(),
                    region: config.region().map(ToString::to_string).unwrap_or_default(),
                })
            })
            .await
    }

    pub(crate) async fn lambda(&self) -> Result<aws_sdk_lambda::Client, Diagnostic> {
        let mut builder = aws_sdk_lambda::config::Builder::from(self.config().await?);
        if let Some(url) = &self.settings.endpoints.lambda {
            builder.set_endpoint_url(Some(url.clone()));
        }
        Ok(aws_sdk_lambda::Client::from_conf(builder.build()))
    }

    pub(crate) async fn iam(&self) -> Result<aws_sdk_iam::Client, Diagnostic> {
        let mut builder = aws_sdk_iam::config::Builder::from(self.config().await?);
        if let Some(url) = &self.settings.endpoints.iam {
            builder.set_endpoint_url(Some(url.clone()));
        }
        Ok(aws_sdk_iam::Client::from_conf(builder.build()))
    }

    pub(crate) async fn events(&self) -> Result<aws_sdk_eventbridge::Client, Diagnostic> {
        let mut builder = aws_sdk_eventbridge::config::Builder::from(self.config().await?);
        if let Some(url) = &self.settings.endpoints.events {
            builder.set_endpoint_url(Some(url.clone()));
        }
        Ok(aws_sdk_eventbridge::Client::from_conf(builder.build()))
    }

    pub(crate) async fn logs(&self) -> Result<aws_sdk_cloudwatchlogs::Client, Diagnostic> {
        let mut builder = aws_sdk_cloudwatchlogs::config::Builder::from(self.config().await?);
        if let Some(url) = &self.settings.endpoints.logs {
            builder.set_endpoint_url(Some(url.clone()));
        }
        Ok(aws_sdk_cloudwatchlogs::Client::from_conf(builder.build()))
    }

    pub(crate) async fn ecr(&self) -> Result<aws_sdk_ecr::Client, Diagnostic> {
        let mut builder = aws_sdk_ecr::config::Builder::from(self.config().await?);
        if let Some(url) = &self.settings.endpoints.ecr {
            builder.set_endpoint_url(Some(url.clone()));
        }
        Ok(aws_sdk_ecr::Client::from_conf(builder.build()))
    }
}

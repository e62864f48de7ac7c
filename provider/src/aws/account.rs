//! The AWS account of a configuration, and the clients of its services.
//!
//! Nothing is requested before a resource needs it, so a configuration that only indexes images in
//! other registries needs no AWS account. Results, including failures, are kept until the provider
//! is configured again.

use std::collections::BTreeMap;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_runtime::env_config::file::{EnvConfigFileKind as FileKind, EnvConfigFiles as Files};
use tfplugin_sdk::{Diagnostic, Value};
use tokio::sync::OnceCell;

use super::check::{is_account_id, is_region};
use super::error::AwsError;
use super::http::Http;
use super::settings::{self, Settings, expand};
use super::tags::{self, IgnoredTags};
use super::{diagnostics, roles};

/// Default number of attempts at a request. The SDK's default of three is too few for resources
/// that Terraform creates in parallel.
const MAX_ATTEMPTS: u32 = 10;

/// Default number of attempts at the first request, which shows whether AWS can be reached at all.
/// This is the SDK's default, so a wrong endpoint or a missing proxy is reported within seconds.
const FIRST_ATTEMPTS: u32 = 3;

/// An AWS account and region.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Twelve digits.
    pub id: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// For example `eu-west-1`.
    pub region: String,
}

/// The AWS account of a configuration, looked up when it is first needed.
pub(crate) struct Aws {
    settings: Result<Settings, Diagnostic>,
    default_tags: Option<BTreeMap<String, String>>,
    ignored_tags: Option<IgnoredTags>,
    http: Http,
    base: OnceCell<Result<SdkConfig, Diagnostic>>,
    identity: OnceCell<Result<Identity, Diagnostic>>,
}

/// The identity behind the credentials.
struct Identity {
    /// Twelve digits.
    account: String,
    partition: String,
}

/// Creates the client of a service in a region. All clients share their connections.
macro_rules! client {
    ($sdk:ident, $aws:expr, $region:expr, $service:literal) => {{
        let config = $aws.config($region).await?;
        let mut builder = $sdk::config::Builder::from(&config);
        // Setting none would discard the endpoint from the environment.
        if let Some(url) = $aws.settings()?.endpoint($service) {
            builder = builder.endpoint_url(url);
        }
        Ok($sdk::Client::from_conf(builder.build()))
    }};
}

impl Aws {
    /// Reads the provider configuration. Sends no request.
    ///
    /// # Errors
    /// If the file of certificate authorities cannot be used.
    pub(crate) fn new(config: &Value) -> Result<Self, Diagnostic> {
        let bundle = config.get("custom_ca_bundle").as_str();
        // While the value is unknown, do not use the one in the environment instead.
        let bundle = match bundle {
            None if config.get("custom_ca_bundle").is_null() => std::env::var("AWS_CA_BUNDLE").ok(),
            known => known.map(str::to_owned),
        };
        let http = match bundle.filter(|path| !path.is_empty()) {
            Some(path) => Http::trusting(&expand(&path))?,
            None => Http::default(),
        };
        // Tags are Unicode.
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        let environment = environment.collect();
        Ok(Self {
            settings: Settings::read(config),
            default_tags: tags::default_tags(config, &environment),
            ignored_tags: IgnoredTags::read(config, &environment),
            http,
            base: OnceCell::new(),
            identity: OnceCell::new(),
        })
    }

    /// Returns the provider's `default_tags`, unless they are only known after an apply.
    pub(crate) fn default_tags(&self) -> Option<&BTreeMap<String, String>> {
        self.default_tags.as_ref()
    }

    /// Returns the provider's `ignore_tags`, unless they are only known after an apply.
    pub(crate) fn ignored_tags(&self) -> Option<&IgnoredTags> {
        self.ignored_tags.as_ref()
    }

    /// Returns the additional certificate authorities to trust, in PEM format.
    pub(crate) fn root_certificates(&self) -> Option<&[u8]> {
        self.http.root_certificates()
    }

    fn settings(&self) -> Result<&Settings, Diagnostic> {
        self.settings.as_ref().map_err(Clone::clone)
    }

    /// Returns the credentials and, if one is configured, the region.
    async fn base(&self) -> Result<&SdkConfig, Diagnostic> {
        let resolve = || async { self.resolve(self.settings()?).await };
        let base = self.base.get_or_init(resolve).await;
        base.as_ref().map_err(Clone::clone)
    }

    /// Returns the provider's region, if one is configured.
    ///
    /// # Errors
    /// If the configuration is invalid or not known yet.
    pub(crate) async fn region(&self) -> Result<Option<String>, Diagnostic> {
        let region = self.base().await?.region();
        Ok(region.map(ToString::to_string))
    }

    /// Returns the configuration for a region, by default the provider's.
    async fn config_in(&self, region: Option<&str>) -> Result<SdkConfig, Diagnostic> {
        let config = self.base().await?;
        let region = match region {
            Some(region) => region.to_owned(),
            None => diagnostics::require_region(config)?,
        };
        Ok(config.to_builder().region(Region::new(region)).build())
    }

    /// Returns the configuration of clients, with a region and for an allowed account.
    async fn config(&self, region: Option<&str>) -> Result<SdkConfig, Diagnostic> {
        let config = self.config_in(region).await?;
        if self.settings()?.skip_credentials_validation != Some(true) || self.guards_account()? {
            self.account(region).await?;
        }
        Ok(config)
    }

    fn guards_account(&self) -> Result<bool, Diagnostic> {
        let settings = self.settings()?;
        Ok(settings.allowed_account_ids.is_some() || settings.forbidden_account_ids.is_some())
    }

    /// Returns the configuration for registry tokens, in any region and for an allowed account.
    async fn config_for_registry(&self, region: &str) -> Result<SdkConfig, Diagnostic> {
        let config = self.config_in(Some(region)).await?;
        if self.guards_account()? {
            self.account(None).await?;
        }
        Ok(config)
    }

    async fn resolve(&self, settings: &Settings) -> Result<SdkConfig, Diagnostic> {
        let files = profile_files(settings);
        let loader = self.loader(settings, files.clone());
        // The SDK panics on invalid values in the environment or the shared files.
        let loaded = tokio::spawn(loader.load()).await;
        let config = loaded.map_err(diagnostics::not_loaded)?;
        if let Some(region) = config.region()
            && !is_region(region.as_ref())
        {
            return Err(diagnostics::bad_region(region.as_ref()));
        }
        let mut builder = config.to_builder();
        if let Some(retries) = retries(settings, config.retry_config()) {
            builder = builder.retry_config(retries);
        }
        if let (Some(profile), None) = (&settings.profile, &settings.access_key) {
            // On its own, the SDK prefers environment variables to a profile.
            let provider = ProviderConfig::without_region()
                .with_region(config.region().cloned())
                .with_http_client(self.http.client());
            let mut credentials = ProfileFileCredentialsProvider::builder()
                .configure(&provider)
                .profile_name(profile);
            if let Some(files) = files {
                credentials = credentials.profile_files(files);
            }
            let credentials = NamedProfile {
                name: profile.clone(),
                files: credentials.build(),
            };
            builder = builder.credentials_provider(SharedCredentialsProvider::new(credentials));
        }
        roles::assume(settings, builder.build())
    }

    fn loader(&self, settings: &Settings, files: Option<Files>) -> ConfigLoader {
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).http_client(self.http.client());
        if let Ok(name) = AppName::new(settings::APP_NAME) {
            loader = loader.app_name(name);
        }
        if let Some(region) = &settings.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(files) = files {
            loader = loader.profile_files(files);
        }
        if let Some(fips) = settings.use_fips_endpoint {
            loader = loader.use_fips(fips);
        }
        if let Some(dualstack) = settings.use_dualstack_endpoint {
            loader = loader.use_dual_stack(dualstack);
        }
        if let (Some(key), Some(secret)) = (&settings.access_key, &settings.secret_key) {
            let token = settings.token.clone();
            loader = loader.credentials_provider(Credentials::new(
                key,
                secret,
                token,
                None,
                "provider configuration",
            ));
        }
        loader
    }

    /// Returns the account of the credentials, with a region, by default the provider's. Fails if
    /// the account is not allowed.
    pub(crate) async fn account(&self, region: Option<&str>) -> Result<Account, Diagnostic> {
        let config = self.config_in(region).await?;
        let region = diagnostics::require_region(&config)?;
        let identity = self.identity.get_or_init(|| self.identify(&config)).await;
        let identity = identity.as_ref().map_err(Clone::clone)?;
        Ok(Account {
            id: identity.account.clone(),
            partition: identity.partition.clone(),
            region,
        })
    }

    /// Looks up the identity behind the credentials, in the provider's region or else that of
    /// `config`.
    async fn identify(&self, config: &SdkConfig) -> Result<Identity, Diagnostic> {
        let settings = self.settings()?;
        let base = self.base().await?;
        let client = match base.region() {
            Some(_) => roles::sts(settings, base),
            None => roles::sts(settings, config),
        };
        let mut request = client.get_caller_identity().customize();
        if settings.max_retries.is_none()
            && let Some(retries) = config.retry_config()
        {
            let attempts = retries.max_attempts().min(FIRST_ATTEMPTS);
            let retries = retries.clone().with_max_attempts(attempts);
            let config = aws_sdk_sts::Config::builder().retry_config(retries);
            request = request.config_override(config);
        }
        let identity = request.send().await;
        let identity = identity
            .map_err(|error| AwsError::from(error).diagnose("looking up the AWS account"))?;
        let id = identity.account().unwrap_or_default();
        let partition = identity.arn().and_then(|arn| arn.split(':').nth(1));
        let (true, Some(partition)) = (is_account_id(id), partition) else {
            return Err(diagnostics::no_identity());
        };
        check_account(settings, id)?;
        Ok(Identity {
            account: id.to_owned(),
            partition: partition.to_owned(),
        })
    }

    pub(crate) async fn lambda(
        &self,
        region: Option<&str>,
    ) -> Result<aws_sdk_lambda::Client, Diagnostic> {
        client!(aws_sdk_lambda, self, region, "lambda")
    }

    pub(crate) async fn iam(
        &self,
        region: Option<&str>,
    ) -> Result<aws_sdk_iam::Client, Diagnostic> {
        client!(aws_sdk_iam, self, region, "iam")
    }

    pub(crate) async fn events(
        &self,
        region: Option<&str>,
    ) -> Result<aws_sdk_eventbridge::Client, Diagnostic> {
        client!(aws_sdk_eventbridge, self, region, "events")
    }

    pub(crate) async fn logs(
        &self,
        region: Option<&str>,
    ) -> Result<aws_sdk_cloudwatchlogs::Client, Diagnostic> {
        client!(aws_sdk_cloudwatchlogs, self, region, "logs")
    }

    pub(crate) async fn dynamodb(
        &self,
        region: Option<&str>,
    ) -> Result<aws_sdk_dynamodb::Client, Diagnostic> {
        client!(aws_sdk_dynamodb, self, region, "dynamodb")
    }

    /// Opens Amazon ECR in the region of a registry.
    pub(crate) async fn ecr_in(
        &self,
        region: &str,
        fips: bool,
    ) -> Result<aws_sdk_ecr::Client, Diagnostic> {
        let config = self.config_for_registry(region).await?;
        let mut builder = aws_sdk_ecr::config::Builder::from(&config);
        if let Some(url) = self.settings()?.endpoint("ecr") {
            builder = builder.endpoint_url(url);
        }
        if fips {
            builder = builder.use_fips(true);
        }
        Ok(aws_sdk_ecr::Client::from_conf(builder.build()))
    }

    /// Opens Amazon ECR Public, whose API exists in only one region.
    pub(crate) async fn ecr_public(&self) -> Result<aws_sdk_ecrpublic::Client, Diagnostic> {
        let config = self.config_for_registry("us-east-1").await?;
        let builder = aws_sdk_ecrpublic::config::Builder::from(&config);
        Ok(aws_sdk_ecrpublic::Client::from_conf(builder.build()))
    }
}

fn check_account(settings: &Settings, id: &str) -> Result<(), Diagnostic> {
    let lists = |list: &Option<Vec<String>>| {
        let list = list.as_ref()?;
        Some(list.iter().any(|listed| listed == id))
    };
    if lists(&settings.allowed_account_ids) == Some(false) {
        return Err(diagnostics::wrong_account(
            id,
            "is not in allowed_account_ids",
        ));
    }
    if lists(&settings.forbidden_account_ids) == Some(true) {
        return Err(diagnostics::wrong_account(
            id,
            "is in forbidden_account_ids",
        ));
    }
    Ok(())
}

/// The credentials of the profile named in the configuration. If it has none, no other source is
/// tried.
#[derive(Debug)]
struct NamedProfile {
    name: String,
    files: ProfileFileCredentialsProvider,
}

impl ProvideCredentials for NamedProfile {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            match self.files.provide_credentials().await {
                Err(CredentialsError::CredentialsNotLoaded(_)) => {
                    let reason = format!(
                        "the profile {:?}, which the provider's configuration names, is not in the \
                         shared config and credentials files, or has no credentials there",
                        self.name
                    );
                    Err(CredentialsError::invalid_configuration(reason))
                }
                answer => answer,
            }
        })
    }
}

/// Returns the shared files, if the configuration names any. The other kind stays at its default
/// location.
fn profile_files(settings: &Settings) -> Option<Files> {
    let (config, credentials) = (
        &settings.shared_config_files,
        &settings.shared_credentials_files,
    );
    if config.is_none() && credentials.is_none() {
        return None;
    }
    let mut files = Files::builder()
        .include_default_config_file(config.is_none())
        .include_default_credentials_file(credentials.is_none());
    for path in config.iter().flatten() {
        files = files.with_file(FileKind::Config, expand(path));
    }
    for path in credentials.iter().flatten() {
        files = files.with_file(FileKind::Credentials, expand(path));
    }
    Some(files.build())
}

/// Returns how requests are retried, where that differs from the SDK's configuration.
fn retries(settings: &Settings, found: Option<&RetryConfig>) -> Option<RetryConfig> {
    let found = found.cloned().unwrap_or_else(RetryConfig::standard);
    let attempts = match settings.max_retries {
        Some(retries) => retries + 1,
        None if found == RetryConfig::standard()
            && std::env::var_os("AWS_MAX_ATTEMPTS").is_none() =>
        {
            MAX_ATTEMPTS
        }
        None => found.max_attempts(),
    };
    let mode = match settings.retry_mode.as_deref() {
        Some("adaptive") => RetryConfig::adaptive(),
        Some(_) => RetryConfig::standard(),
        None => found,
    };
    Some(mode.with_max_attempts(attempts))
}

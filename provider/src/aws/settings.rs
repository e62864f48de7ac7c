//! The AWS settings of the provider.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tfplugin_sdk::{AttributePath, Diagnostic, Value, timeouts};

/// Name of the provider in requests to AWS.
pub(super) const APP_NAME: &str = "terraform-provider-soci";

/// The services that have an attribute in `endpoints`.
pub(super) const ENDPOINTS: [&str; 7] =
    ["dynamodb", "ecr", "events", "iam", "lambda", "logs", "sts"];

/// The attributes and blocks that determine credentials and endpoints.
const OF_AWS: [&str; 18] = [
    "access_key",
    "allowed_account_ids",
    "assume_role",
    "assume_role_with_web_identity",
    "custom_ca_bundle",
    "endpoints",
    "forbidden_account_ids",
    "max_retries",
    "profile",
    "region",
    "retry_mode",
    "secret_key",
    "shared_config_files",
    "shared_credentials_files",
    "skip_credentials_validation",
    "token",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
];

/// The AWS settings of the provider. Contains secrets, so it must not be printed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    pub(super) region: Option<String>,
    pub(super) access_key: Option<String>,
    pub(super) secret_key: Option<String>,
    pub(super) token: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) shared_config_files: Option<Vec<String>>,
    pub(super) shared_credentials_files: Option<Vec<String>>,
    pub(super) allowed_account_ids: Option<Vec<String>>,
    pub(super) forbidden_account_ids: Option<Vec<String>>,
    pub(super) skip_credentials_validation: Option<bool>,
    pub(super) max_retries: Option<u32>,
    pub(super) retry_mode: Option<String>,
    pub(super) use_fips_endpoint: Option<bool>,
    pub(super) use_dualstack_endpoint: Option<bool>,
    pub(super) assume_role: Vec<Role>,
    pub(super) assume_role_with_web_identity: Vec<Role>,
    endpoints: Vec<BTreeMap<String, Option<String>>>,
}

/// A role to assume, with credentials or with a web identity.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) role_arn: Option<String>,
    pub(super) session_name: Option<String>,
    pub(super) external_id: Option<String>,
    duration: Option<String>,
    pub(super) policy: Option<String>,
    pub(super) policy_arns: Option<Vec<String>>,
    pub(super) tags: Option<BTreeMap<String, Option<String>>>,
    pub(super) transitive_tag_keys: Option<Vec<String>>,
    pub(super) source_identity: Option<String>,
    pub(super) web_identity_token: Option<String>,
    pub(super) web_identity_token_file: Option<String>,
}

impl Role {
    /// Returns the lifetime of its credentials in seconds.
    pub(super) fn seconds(&self) -> Option<i32> {
        let duration = timeouts::parse_duration(self.duration.as_deref()?);
        duration
            .as_ref()
            .map(Duration::as_secs)
            .ok()?
            .try_into()
            .ok()
    }
}

impl Settings {
    /// Reads the provider configuration. Fails if it depends on values that are not known yet.
    pub(super) fn read(config: &Value) -> Result<Self, Diagnostic> {
        for name in OF_AWS {
            if let Some(path) = unknown(config.get(name), AttributePath::from(name)) {
                return Err(not_known_yet(&path));
            }
        }
        Ok(config.to()?)
    }

    /// Returns the configured URL of a service.
    pub(super) fn endpoint(&self, service: &str) -> Option<&str> {
        let urls = self.endpoints.iter().filter_map(|block| block.get(service));
        urls.flatten().map(String::as_str).next()
    }
}

/// Returns the path of the first part of a value that is not known.
fn unknown(value: &Value, path: AttributePath) -> Option<AttributePath> {
    match value {
        Value::Unknown => Some(path),
        Value::List(items) => (0..)
            .zip(items)
            .find_map(|(index, item)| unknown(item, path.index(index))),
        Value::Map(items) => items
            .iter()
            .find_map(|(key, item)| unknown(item, path.attribute(key))),
        _ => None,
    }
}

fn not_known_yet(path: &AttributePath) -> Diagnostic {
    let detail = format!(
        "{path} in the provider configuration depends on a value that is only known after an \
         apply, but AWS is needed earlier.\n\nApply what it depends on first, with -target, or \
         set it to a known value, such as a variable."
    );
    Diagnostic::error("Provider configuration not known yet", detail)
}

/// Replaces a leading `~` with the home directory.
pub(crate) fn expand(path: &str) -> PathBuf {
    let below = path.strip_prefix('~').filter(|rest| {
        let first = rest.chars().next();
        first.is_none_or(std::path::is_separator)
    });
    match (below, std::env::home_dir()) {
        (Some(below), Some(home)) => home.join(below.trim_start_matches(std::path::is_separator)),
        _ => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_is_named() {
        let roles = Value::List(vec![Value::object([("role_arn", Value::Unknown)])]);
        for (config, want) in [
            (Value::object([("region", Value::Unknown)]), "region in the"),
            (
                Value::object([("assume_role", roles)]),
                "assume_role[0].role_arn in the",
            ),
        ] {
            let error = Settings::read(&config).err().expect(want);
            assert!(error.detail.starts_with(want), "{}", error.detail);
        }
        let elsewhere = Value::object([
            ("registry_auth", Value::Unknown),
            ("default_tags", Value::Unknown),
        ]);
        assert!(Settings::read(&elsewhere).is_ok());
    }

    #[test]
    fn endpoints_may_be_in_several_blocks() {
        let blocks = [("ecr", "http://a"), ("sts", "http://b")];
        let blocks = blocks.map(|(service, url)| Value::object([(service, url.into())]));
        let config = Value::object([("endpoints", Value::List(blocks.into()))]);
        let Ok(settings) = Settings::read(&config) else {
            panic!("all is known");
        };
        assert_eq!(settings.endpoint("ecr"), Some("http://a"));
        assert_eq!(settings.endpoint("sts"), Some("http://b"));
        assert_eq!(settings.endpoint("iam"), None);
    }

    #[test]
    fn the_home_directory() {
        let home = std::env::home_dir().expect("there is a home directory");
        assert_eq!(expand("~/.aws/config"), home.join(".aws/config"));
        for other in ["/etc/aws", "~other/file", "aws"] {
            assert_eq!(expand(other), PathBuf::from(other));
        }
    }
}

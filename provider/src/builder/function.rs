//! A Lambda function, and who may invoke it.

mod change;
mod find;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use tfplugin_sdk::Diagnostic;

use super::names::STATEMENT;
use super::role::absent;
use super::settings::VpcConfig;
use crate::aws::AwsError;
use crate::bundle::Zip;
use crate::shared::Session;

pub(super) use change::ensure;
pub(super) use find::find;

/// The name of the program in the zip; Lambda wants one, and a custom runtime ignores it.
const HANDLER: &str = "bootstrap";

/// A function as it should be.
#[derive(Clone)]
pub(super) struct Function {
    pub name: String,
    pub arn: String,
    pub config: Config,
    /// Nothing where only comparing is asked for.
    pub zip: Option<&'static Zip>,
    /// -1 for no reservation.
    pub reserved: i64,
    /// How it is retried; nothing for AWS's defaults.
    pub invoke: Option<Invoke>,
    /// The rule that may invoke it.
    pub rule_arn: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// What one request of Lambda changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    pub description: String,
    pub role_arn: String,
    pub runtime: String,
    pub handler: String,
    pub memory_size: i64,
    pub timeout: i64,
    pub ephemeral_storage_size: i64,
    pub architecture: String,
    pub environment: BTreeMap<String, String>,
    pub kms_key_arn: Option<String>,
    pub vpc: Option<VpcConfig>,
    pub tracing_mode: String,
    pub logging: Logging,
    pub layers: Vec<String>,
}

/// Where and what a function logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Logging {
    pub format: String,
    pub group: String,
    pub level: String,
    /// Of Lambda's own messages.
    pub system_level: String,
}

/// How asynchronous invocations are retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Invoke {
    pub retries: i64,
    pub max_age: i64,
    pub on_failure: Option<String>,
}

impl Default for Invoke {
    /// AWS's own.
    fn default() -> Self {
        Self {
            retries: super::settings::DEFAULT_RETRIES,
            max_age: super::settings::DEFAULT_EVENT_AGE,
            on_failure: None,
        }
    }
}

/// A function as it is.
#[derive(Debug, Clone)]
pub(super) struct FoundFunction {
    pub config: Config,
    pub code_sha256: String,
    pub reserved: i64,
    pub invoke: Invoke,
    /// The statements of its policy, by id.
    pub statements: BTreeMap<String, Json>,
    pub tags: BTreeMap<String, String>,
}

impl Logging {
    pub(super) fn new(group: String, level: &str) -> Self {
        let system_level = match level {
            "TRACE" | "DEBUG" => "DEBUG",
            "INFO" => "INFO",
            _ => "WARN",
        };
        Self {
            format: "JSON".to_owned(),
            group,
            level: level.to_owned(),
            system_level: system_level.to_owned(),
        }
    }
}

impl FoundFunction {
    /// What is not as it should be, apart from the code. What has an attribute of its own, the
    /// caller has taken from here, so that it does not differ.
    pub(super) fn differences(&self, want: &Function) -> Vec<String> {
        let mut found = Vec::new();
        let (is, wanted) = (&self.config, &want.config);
        for (what, differs) in [
            ("description changed", is.description != wanted.description),
            ("role changed", is.role_arn != wanted.role_arn),
            ("runtime changed", is.runtime != wanted.runtime),
            ("handler changed", is.handler != wanted.handler),
            ("memory size changed", is.memory_size != wanted.memory_size),
            ("timeout changed", is.timeout != wanted.timeout),
            (
                "ephemeral storage size changed",
                is.ephemeral_storage_size != wanted.ephemeral_storage_size,
            ),
            (
                "architecture changed",
                is.architecture != wanted.architecture,
            ),
            ("environment changed", is.environment != wanted.environment),
            ("KMS key changed", is.kms_key_arn != wanted.kms_key_arn),
            ("VPC changed", is.vpc != wanted.vpc),
            (
                "tracing mode changed",
                is.tracing_mode != wanted.tracing_mode,
            ),
            ("logging changed", is.logging != wanted.logging),
            ("layers changed", is.layers != wanted.layers),
            (
                "reserved concurrency changed",
                self.reserved != want.reserved,
            ),
            (
                "asynchronous invocation changed",
                self.invoke != want.invoke.clone().unwrap_or_default(),
            ),
        ] {
            if differs {
                found.push(what.to_owned());
            }
        }
        if want.rule_arn.is_some() && !self.is_allowed(want) {
            found.push("permission of the rule missing or changed".to_owned());
        }
        let foreign = self.foreign_statements(want);
        found.extend(foreign.map(|id| format!("foreign permission {id:?}")));
        found
    }

    /// Whether the rule may invoke it.
    fn is_allowed(&self, want: &Function) -> bool {
        let statement = self.statements.get(STATEMENT);
        statement.is_some_and(|statement| {
            let condition = &statement["Condition"]["ArnLike"]["AWS:SourceArn"];
            statement["Effect"] == "Allow"
                && statement["Action"] == "lambda:InvokeFunction"
                && statement["Principal"]["Service"] == "events.amazonaws.com"
                && condition.as_str() == want.rule_arn.as_deref()
        })
    }

    fn foreign_statements(&self, want: &Function) -> impl Iterator<Item = &String> {
        let ours = want.rule_arn.is_some();
        self.statements
            .keys()
            .filter(move |id| !ours || *id != STATEMENT)
    }
}

/// Removes the function, with its permissions.
pub(super) async fn delete(session: &Session<'_>, name: &str) -> Result<(), Diagnostic> {
    let removed = async {
        let delete = session.lambda.delete_function().function_name(name);
        absent(session.call.send(|| delete.clone().send()).await)?;
        let get = session
            .lambda
            .get_function_configuration()
            .function_name(name);
        session
            .call
            .until(
                async || match session.call.send(|| get.clone().send()).await {
                    Ok(_) => Ok(false),
                    Err(error) if error.is_not_found() => Ok(true),
                    Err(error) => Err(error),
                },
            )
            .await
    };
    let removed: Result<(), AwsError> = removed.await;
    removed.map_err(|error| error.diagnose(&format!("deleting the function {name:?}")))
}

pub(super) fn config(description: &str, role_arn: String, logging: Logging) -> Config {
    Config {
        description: description.to_owned(),
        role_arn,
        runtime: "provided.al2023".to_owned(),
        handler: HANDLER.to_owned(),
        memory_size: 0,
        timeout: 0,
        ephemeral_storage_size: super::settings::DEFAULT_EPHEMERAL_STORAGE_SIZE,
        architecture: String::new(),
        environment: BTreeMap::new(),
        kms_key_arn: None,
        vpc: None,
        tracing_mode: String::new(),
        logging,
        layers: Vec::new(),
    }
}

//! What Lambda has.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{
    ApplicationLogLevel, FunctionConfiguration, LogFormat, Runtime, SystemLogLevel, TracingMode,
};
use serde_json::Value as Json;
use tfplugin_sdk::Diagnostic;

use super::{Config, FoundFunction, Invoke, Logging};
use crate::aws::AwsError;
use crate::builder::settings::{UNRESERVED, VpcConfig};
use crate::shared::Session;

/// The function, if there is one.
pub(in crate::builder) async fn find(
    session: &Session<'_>,
    name: &str,
) -> Result<Option<FoundFunction>, Diagnostic> {
    match look(session, name).await {
        Ok(found) => Ok(found),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.diagnose(&format!("reading the function {name:?}"))),
    }
}

async fn look(session: &Session<'_>, name: &str) -> Result<Option<FoundFunction>, AwsError> {
    let get = session.lambda.get_function().function_name(name);
    let output = session.call.send(|| get.clone().send()).await?;
    let Some(function) = output.configuration else {
        return Ok(None);
    };
    let reserved = output
        .concurrency
        .and_then(|concurrency| concurrency.reserved_concurrent_executions);
    Ok(Some(FoundFunction {
        code_sha256: function.code_sha256.clone().unwrap_or_default(),
        config: config(function),
        reserved: reserved.map_or(UNRESERVED, Into::into),
        invoke: invoke(session, name).await?,
        statements: statements(session, name).await?,
        tags: output.tags.unwrap_or_default().into_iter().collect(),
    }))
}

fn config(function: FunctionConfiguration) -> Config {
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let vpc = function.vpc_config.map(|vpc| VpcConfig {
        subnet_ids: vpc.subnet_ids.unwrap_or_default().into_iter().collect(),
        security_group_ids: vpc
            .security_group_ids
            .unwrap_or_default()
            .into_iter()
            .collect(),
    });
    let logging = function.logging_config.as_ref();
    let level = |level: Option<&str>| level.unwrap_or_default().to_owned();
    let environment = function
        .environment
        .and_then(|environment| environment.variables);
    Config {
        description: function.description.unwrap_or_default(),
        role_arn: function.role.unwrap_or_default(),
        runtime: level(function.runtime.as_ref().map(Runtime::as_str)),
        handler: function.handler.unwrap_or_default(),
        memory_size: function.memory_size.unwrap_or_default().into(),
        timeout: function.timeout.unwrap_or_default().into(),
        ephemeral_storage_size: function.ephemeral_storage.map_or(512, |s| s.size).into(),
        architecture: function
            .architectures
            .and_then(|all| all.into_iter().next())
            .map_or_else(|| "x86_64".to_owned(), |one| one.as_str().to_owned()),
        environment: environment.unwrap_or_default().into_iter().collect(),
        kms_key_arn: text(function.kms_key_arn),
        // Without a VPC, AWS gives one without subnets.
        vpc: vpc.filter(|vpc| !vpc.subnet_ids.is_empty()),
        tracing_mode: function
            .tracing_config
            .and_then(|tracing| tracing.mode)
            .unwrap_or(TracingMode::PassThrough)
            .as_str()
            .to_owned(),
        logging: Logging {
            format: level(
                logging
                    .and_then(|l| l.log_format.as_ref())
                    .map(LogFormat::as_str),
            ),
            group: level(logging.and_then(|l| l.log_group.as_deref())),
            level: level(
                logging
                    .and_then(|l| l.application_log_level.as_ref())
                    .map(ApplicationLogLevel::as_str),
            ),
            system_level: level(
                logging
                    .and_then(|l| l.system_log_level.as_ref())
                    .map(SystemLogLevel::as_str),
            ),
        },
        layers: function
            .layers
            .unwrap_or_default()
            .into_iter()
            .filter_map(|layer| layer.arn)
            .collect(),
    }
}

async fn invoke(session: &Session<'_>, name: &str) -> Result<Invoke, AwsError> {
    let get = session
        .lambda
        .get_function_event_invoke_config()
        .function_name(name);
    let config = match session.call.send(|| get.clone().send()).await {
        Ok(config) => config,
        Err(error) if error.is_not_found() => return Ok(Invoke::default()),
        Err(error) => return Err(error),
    };
    let default = Invoke::default();
    Ok(Invoke {
        retries: config
            .maximum_retry_attempts
            .map_or(default.retries, Into::into),
        max_age: config
            .maximum_event_age_in_seconds
            .map_or(default.max_age, Into::into),
        on_failure: config
            .destination_config
            .and_then(|config| config.on_failure)
            .and_then(|failure| failure.destination)
            .filter(|arn| !arn.is_empty()),
    })
}

async fn statements(session: &Session<'_>, name: &str) -> Result<BTreeMap<String, Json>, AwsError> {
    let get = session.lambda.get_policy().function_name(name);
    let policy = match session.call.send(|| get.clone().send()).await {
        Ok(output) => output.policy.unwrap_or_default(),
        Err(error) if error.is_not_found() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let policy: Json = serde_json::from_str(&policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let statements = statements.into_iter();
    let by_id = statements.map(|statement| {
        let id = statement["Sid"].as_str().unwrap_or_default().to_owned();
        (id, statement)
    });
    Ok(by_id.collect())
}

//! Making a function so.

use std::collections::HashMap;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    ApplicationLogLevel, Architecture, DestinationConfig, Environment, EphemeralStorage,
    FunctionCode, LastUpdateStatus, LogFormat, LoggingConfig, OnFailure, Runtime, State,
    SystemLogLevel, TracingConfig, TracingMode, VpcConfig,
};
use tfplugin_sdk::Diagnostic;

use super::{Config, FoundFunction, Function, Invoke};
use crate::aws::AwsError;
use crate::aws::FIRST_PAUSE;
use crate::builder::names::STATEMENT;
use crate::builder::role::absent;
use crate::builder::settings::{UNRESERVED, surplus_tags};
use crate::shared::Session;

/// Makes the function so. With a role that was made anew, Lambda is told the role again: it
/// holds on to the one that is gone.
pub(in crate::builder) async fn ensure(
    session: &Session<'_>,
    want: &Function,
    found: Option<FoundFunction>,
    role_is_new: bool,
) -> Result<(), Diagnostic> {
    let doing = if found.is_none() {
        "creating"
    } else {
        "changing"
    };
    let done = async {
        let found = match found {
            Some(found) => {
                idle(session, &want.name).await?;
                change(session, want, &found, role_is_new).await?;
                found
            }
            None => create(session, want).await?,
        };
        surround(session, want, &found).await
    };
    done.await
        .map_err(|error| error.diagnose(&format!("{doing} the function {:?}", want.name)))
}

async fn create(session: &Session<'_>, want: &Function) -> Result<FoundFunction, AwsError> {
    let (config, sdk) = (&want.config, Sdk::of(&want.config));
    let code = FunctionCode::builder().set_zip_file(want.zip.map(|zip| Blob::new(zip.bytes)));
    let create = session
        .lambda
        .create_function()
        .function_name(&want.name)
        .description(&config.description)
        .role(&config.role_arn)
        .runtime(sdk.runtime)
        .handler(&config.handler)
        .architectures(Architecture::from(config.architecture.as_str()))
        .code(code.build())
        .memory_size(sdk.memory_size)
        .timeout(sdk.timeout)
        .set_ephemeral_storage(sdk.ephemeral_storage)
        .environment(sdk.environment)
        .set_kms_key_arn(config.kms_key_arn.clone())
        .set_vpc_config(config.vpc.is_some().then_some(sdk.vpc))
        .tracing_config(sdk.tracing)
        .logging_config(sdk.logging)
        .set_tags(Some(want.tags.clone().into_iter().collect()));
    session.call.send(|| create.clone().send()).await?;
    settle(session, &want.name).await?;
    Ok(FoundFunction {
        config: config.clone(),
        code_sha256: want.zip.map_or("", |zip| zip.sha256).to_owned(),
        reserved: UNRESERVED,
        invoke: Invoke::default(),
        statements: std::collections::BTreeMap::new(),
        tags: want.tags.clone(),
    })
}

async fn change(
    session: &Session<'_>,
    want: &Function,
    found: &FoundFunction,
    role_is_new: bool,
) -> Result<(), AwsError> {
    let config = &want.config;
    // The architecture goes with the code.
    let same = Config {
        architecture: config.architecture.clone(),
        ..found.config.clone()
    };
    if same != *config || role_is_new {
        let sdk = Sdk::of(config);
        let update = session
            .lambda
            .update_function_configuration()
            .function_name(&want.name)
            .description(&config.description)
            .role(&config.role_arn)
            .runtime(sdk.runtime)
            .handler(&config.handler)
            .memory_size(sdk.memory_size)
            .timeout(sdk.timeout)
            .set_ephemeral_storage(sdk.ephemeral_storage)
            .environment(sdk.environment)
            // An empty one takes the key away; so does a VPC without subnets.
            .kms_key_arn(config.kms_key_arn.clone().unwrap_or_default())
            .vpc_config(sdk.vpc)
            .tracing_config(sdk.tracing)
            .logging_config(sdk.logging)
            .set_layers(Some(config.layers.clone()));
        session.call.send(|| update.clone().send()).await?;
        settle(session, &want.name).await?;
    }
    let Some(zip) = want.zip else {
        return Ok(());
    };
    if found.code_sha256 != zip.sha256 || found.config.architecture != config.architecture {
        let update = session
            .lambda
            .update_function_code()
            .function_name(&want.name)
            .architectures(Architecture::from(config.architecture.as_str()))
            .zip_file(Blob::new(zip.bytes));
        session.call.send(|| update.clone().send()).await?;
        settle(session, &want.name).await?;
    }
    Ok(())
}

/// What belongs to a function but is no part of it: tags, concurrency, retries, permission.
async fn surround(
    session: &Session<'_>,
    want: &Function,
    found: &FoundFunction,
) -> Result<(), AwsError> {
    let (lambda, name) = (&session.lambda, &want.name);
    if found.tags != want.tags {
        let tags: HashMap<_, _> = want.tags.clone().into_iter().collect();
        let tag = lambda
            .tag_resource()
            .resource(&want.arn)
            .set_tags(Some(tags));
        session.call.send(|| tag.clone().send()).await?;
        let gone = surplus_tags(&found.tags, &want.tags);
        if !gone.is_empty() {
            let untag = lambda.untag_resource().resource(&want.arn);
            let untag = untag.set_tag_keys(Some(gone));
            session.call.send(|| untag.clone().send()).await?;
        }
    }
    if found.reserved != want.reserved {
        match i32::try_from(want.reserved) {
            Ok(executions) if executions >= 0 => {
                let put = lambda.put_function_concurrency().function_name(name);
                let put = put.reserved_concurrent_executions(executions);
                session.call.send(|| put.clone().send()).await?;
            }
            _ => {
                let delete = lambda.delete_function_concurrency().function_name(name);
                absent(session.call.send(|| delete.clone().send()).await)?;
            }
        }
    }
    if found.invoke != want.invoke.clone().unwrap_or_default() {
        set_invoke(session, name, want.invoke.as_ref()).await?;
    }
    permit(session, want, found).await
}

async fn set_invoke(
    session: &Session<'_>,
    name: &str,
    want: Option<&Invoke>,
) -> Result<(), AwsError> {
    let Some(want) = want else {
        let delete = session
            .lambda
            .delete_function_event_invoke_config()
            .function_name(name);
        return absent(session.call.send(|| delete.clone().send()).await);
    };
    let failure = want
        .on_failure
        .as_ref()
        .map(|arn| OnFailure::builder().destination(arn).build());
    let destinations = DestinationConfig::builder().set_on_failure(failure).build();
    let put = session
        .lambda
        .put_function_event_invoke_config()
        .function_name(name)
        .maximum_retry_attempts(number(want.retries))
        .maximum_event_age_in_seconds(number(want.max_age))
        .set_destination_config(want.on_failure.is_some().then_some(destinations));
    session.call.send(|| put.clone().send()).await?;
    Ok(())
}

async fn permit(
    session: &Session<'_>,
    want: &Function,
    found: &FoundFunction,
) -> Result<(), AwsError> {
    let mut gone: Vec<&str> = found.foreign_statements(want).map(String::as_str).collect();
    let allowed = found.is_allowed(want);
    if !allowed && want.rule_arn.is_some() && found.statements.contains_key(STATEMENT) {
        gone.push(STATEMENT);
    }
    for id in gone {
        let remove = session.lambda.remove_permission();
        let remove = remove.function_name(&want.name).statement_id(id);
        absent(session.call.send(|| remove.clone().send()).await)?;
    }
    if let Some(rule) = want.rule_arn.as_ref().filter(|_| !allowed) {
        let add = session
            .lambda
            .add_permission()
            .function_name(&want.name)
            .statement_id(STATEMENT)
            .action("lambda:InvokeFunction")
            .principal("events.amazonaws.com")
            .source_arn(rule);
        session.call.send_to_new(|| add.clone().send()).await?;
    }
    Ok(())
}

/// Waits until Lambda has done what it was told, and did not fail.
async fn settle(session: &Session<'_>, name: &str) -> Result<(), AwsError> {
    let now = idle(session, name).await?;
    let reason = if now.last_update_status == Some(LastUpdateStatus::Failed) {
        now.last_update_status_reason
    } else if now.state == Some(State::Failed) {
        now.state_reason
    } else {
        return Ok(());
    };
    let reason = reason.unwrap_or_else(|| "Lambda gives no reason".to_owned());
    Err(AwsError::service("FunctionFailed", reason))
}

/// Waits until Lambda is not at work on the function. How an earlier change ended is of no
/// account for the next.
async fn idle(
    session: &Session<'_>,
    name: &str,
) -> Result<GetFunctionConfigurationOutput, AwsError> {
    let get = session
        .lambda
        .get_function_configuration()
        .function_name(name);
    let mut pause = FIRST_PAUSE;
    loop {
        let now = session.call.send_to_new(|| get.clone().send()).await?;
        // Inactive is one that was not used for long: it wakes up by itself.
        if now.state != Some(State::Pending)
            && now.last_update_status != Some(LastUpdateStatus::InProgress)
        {
            return Ok(now);
        }
        session.call.pause(&mut pause, None).await?;
    }
}

/// A configuration in the SDK's types.
struct Sdk {
    runtime: Runtime,
    memory_size: i32,
    timeout: i32,
    ephemeral_storage: Option<EphemeralStorage>,
    environment: Environment,
    vpc: VpcConfig,
    tracing: TracingConfig,
    logging: LoggingConfig,
}

impl Sdk {
    fn of(config: &Config) -> Self {
        let variables = config.environment.clone().into_iter().collect();
        let vpc = config.vpc.as_ref();
        let subnets = vpc.map(|vpc| vpc.subnet_ids.iter().cloned().collect());
        let groups = vpc.map(|vpc| vpc.security_group_ids.iter().cloned().collect());
        let logging = &config.logging;
        Self {
            runtime: Runtime::from(config.runtime.as_str()),
            memory_size: number(config.memory_size),
            timeout: number(config.timeout),
            ephemeral_storage: EphemeralStorage::builder()
                .size(number(config.ephemeral_storage_size))
                .build()
                .ok(),
            environment: Environment::builder()
                .set_variables(Some(variables))
                .build(),
            vpc: VpcConfig::builder()
                .set_subnet_ids(subnets.or_else(|| Some(Vec::new())))
                .set_security_group_ids(groups.or_else(|| Some(Vec::new())))
                .build(),
            tracing: TracingConfig::builder()
                .mode(TracingMode::from(config.tracing_mode.as_str()))
                .build(),
            logging: LoggingConfig::builder()
                .log_format(LogFormat::from(logging.format.as_str()))
                .application_log_level(ApplicationLogLevel::from(logging.level.as_str()))
                .system_log_level(SystemLogLevel::from(logging.system_level.as_str()))
                .log_group(&logging.group)
                .build(),
        }
    }
}

/// Ranges were checked with the configuration.
fn number(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

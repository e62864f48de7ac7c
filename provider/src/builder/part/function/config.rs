//! The configuration of a function: everything that one Lambda request changes.
//!
//! Everything about these properties is here: their desired values, and how they are observed,
//! compared and sent.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::{
    ApplicationLogLevel, Environment as SdkEnvironment, EphemeralStorage, FunctionConfiguration,
    LogFormat, LoggingConfig, Runtime, SystemLogLevel, TracingConfig, TracingMode,
    VpcConfig as SdkVpcConfig,
};

use crate::aws::AwsError;
use crate::builder::arguments::{Arguments, DEFAULT_STORAGE, VpcConfig};
use crate::builder::environment::Environment;
use crate::builder::part::difference::{Property, field_differences, joined};
use crate::bundle::Function as Which;

const RUNTIME: &str = "provided.al2023";
/// The name of the program in the zip. Lambda requires it, but a custom runtime ignores it.
const HANDLER: &str = "bootstrap";
/// Memory of the event filter in MB. It compares names and, in a sweep, ten manifests of up to 4
/// MiB.
const FILTER_MEMORY_SIZE: i64 = 256;
/// Time limit of the event filter in seconds.
const FILTER_TIMEOUT: i64 = 60;
/// Time limit of an event filter that performs sweeps, in seconds: the maximum available in every
/// region.
const SWEEP_TIMEOUT: i64 = 900;

/// Returns whether an event filter with this time limit in seconds performs sweeps. Others have no
/// permission to look at images.
pub(in crate::builder) fn sweeps(timeout: i64) -> bool {
    timeout >= SWEEP_TIMEOUT
}

/// Facts about the surrounding parts that a function refers to.
pub(in crate::builder) struct Surroundings<'a> {
    pub role_arn: String,
    pub log_group: &'a str,
    pub environment: Environment,
    /// Rules that invoke the function: the IDs of the statements that allow it, and their ARNs.
    pub rules: Vec<(&'static str, &'a str)>,
}

/// Properties that one request sets together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Config {
    pub description: String,
    pub role_arn: String,
    pub runtime: String,
    pub handler: String,
    /// In MB.
    pub memory_size: i64,
    /// In seconds.
    pub timeout: i64,
    /// In MB.
    pub ephemeral_storage_size: i64,
    pub environment: BTreeMap<String, String>,
    pub kms_key_arn: Option<String>,
    pub vpc: Option<VpcConfig>,
    pub tracing_mode: String,
    pub logging: Logging,
    /// ARNs of layers.
    pub layers: Vec<String>,
}

/// Destination and levels of a function's logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Logging {
    pub format: String,
    pub group: String,
    pub level: String,
    /// Level of Lambda's own messages.
    pub system_level: String,
}

impl Property for Logging {
    fn difference(&self, observed: &Self) -> String {
        joined(field_differences!(
            Logging {
                format: "format",
                group: "group",
                level: "level",
                system_level: "system level",
            },
            self,
            observed
        ))
    }
}

impl Property for Option<VpcConfig> {
    fn difference(&self, observed: &Self) -> String {
        match (self, observed) {
            (Some(desired), Some(observed)) => joined(field_differences!(
                VpcConfig {
                    subnet_ids: "subnets",
                    security_group_ids: "security groups",
                    ipv6_allowed_for_dual_stack: "IPv6",
                },
                desired,
                observed
            )),
            (Some(_), None) => "is none, want one".to_owned(),
            (None, _) => "is one, want none".to_owned(),
        }
    }
}

/// A configuration in the types of the SDK.
pub(super) struct SdkConfig {
    pub description: String,
    pub role_arn: String,
    pub runtime: Runtime,
    pub handler: String,
    pub memory_size: i32,
    pub timeout: i32,
    pub ephemeral_storage: Option<EphemeralStorage>,
    pub environment: SdkEnvironment,
    pub kms_key_arn: Option<String>,
    pub vpc: Option<SdkVpcConfig>,
    pub tracing: TracingConfig,
    pub logging: LoggingConfig,
    pub layers: Vec<String>,
}

/// Sets every property on a request that creates or updates a function. (The requests have the
/// same methods, but no trait in common.)
macro_rules! with_config {
    ($request:expr, $config:expr) => {{
        let SdkConfig {
            description,
            role_arn,
            runtime,
            handler,
            memory_size,
            timeout,
            ephemeral_storage,
            environment,
            kms_key_arn,
            vpc,
            tracing,
            logging,
            layers,
        } = $config;
        $request
            .description(description)
            .role(role_arn)
            .runtime(runtime)
            .handler(handler)
            .memory_size(memory_size)
            .timeout(timeout)
            .set_ephemeral_storage(ephemeral_storage)
            .environment(environment)
            .set_kms_key_arn(kms_key_arn)
            .set_vpc_config(vpc)
            .tracing_config(tracing)
            .logging_config(logging)
            .set_layers(Some(layers))
    }};
}
pub(super) use with_config;

impl Config {
    pub(super) fn desired(which: Which, arguments: &Arguments, around: Surroundings<'_>) -> Self {
        let (description, memory_size, timeout, ephemeral_storage_size) = match which {
            Which::EventFilter => (
                "Decides which images pushed to Amazon ECR get a SOCI index",
                FILTER_MEMORY_SIZE,
                match arguments.sweeps() {
                    true => SWEEP_TIMEOUT,
                    false => FILTER_TIMEOUT,
                },
                DEFAULT_STORAGE,
            ),
            Which::IndexGenerator => (
                "Builds the SOCI index of an image pushed to Amazon ECR",
                arguments.memory_size,
                arguments.timeout,
                arguments.ephemeral_storage_size,
            ),
        };
        Self {
            description: description.to_owned(),
            role_arn: around.role_arn,
            runtime: RUNTIME.to_owned(),
            handler: HANDLER.to_owned(),
            memory_size,
            timeout,
            ephemeral_storage_size,
            environment: around.environment,
            kms_key_arn: arguments.kms_key_arn.clone(),
            vpc: arguments.vpc_config.clone(),
            tracing_mode: arguments.tracing_mode.clone(),
            logging: Logging::desired(around.log_group, &arguments.log_level),
            layers: Vec::new(),
        }
    }

    pub(super) fn observed(function: FunctionConfiguration) -> Self {
        let environment = function.environment.and_then(|found| found.variables);
        let runtime = function.runtime.as_ref().map(Runtime::as_str);
        let storage = function.ephemeral_storage;
        let vpc = function.vpc_config.map(|vpc| VpcConfig {
            subnet_ids: vpc.subnet_ids.unwrap_or_default().into_iter().collect(),
            security_group_ids: vpc
                .security_group_ids
                .unwrap_or_default()
                .into_iter()
                .collect(),
            ipv6_allowed_for_dual_stack: vpc.ipv6_allowed_for_dual_stack.unwrap_or_default(),
        });
        let tracing = function.tracing_config.and_then(|found| found.mode);
        let layers = function.layers.unwrap_or_default().into_iter();
        Self {
            description: function.description.unwrap_or_default(),
            role_arn: function.role.unwrap_or_default(),
            runtime: runtime.unwrap_or_default().to_owned(),
            handler: function.handler.unwrap_or_default(),
            memory_size: function.memory_size.unwrap_or_default().into(),
            timeout: function.timeout.unwrap_or_default().into(),
            ephemeral_storage_size: storage.map_or(DEFAULT_STORAGE, |found| found.size.into()),
            environment: environment.unwrap_or_default().into_iter().collect(),
            kms_key_arn: function.kms_key_arn.filter(|arn| !arn.is_empty()),
            // Outside a VPC, Lambda may return a configuration without subnets.
            vpc: vpc.filter(|vpc| !vpc.subnet_ids.is_empty()),
            tracing_mode: tracing
                .unwrap_or(TracingMode::PassThrough)
                .as_str()
                .to_owned(),
            logging: Logging::observed(function.logging_config.as_ref()),
            layers: layers.filter_map(|layer| layer.arn).collect(),
        }
    }

    pub(super) fn differences(desired: &Self, observed: &Self) -> Vec<String> {
        field_differences!(
            Config {
                description: "description",
                role_arn: "role",
                runtime: "runtime",
                handler: "handler",
                memory_size: "memory size",
                timeout: "timeout",
                ephemeral_storage_size: "ephemeral storage size",
                environment: "environment",
                kms_key_arn: "KMS key",
                vpc: "VPC",
                tracing_mode: "tracing mode",
                logging: "logging",
                layers: "layers",
            },
            desired,
            observed
        )
    }

    /// Converts the configuration for a new function.
    pub(super) fn to_create(&self) -> SdkConfig {
        self.to_sdk(None, None)
    }

    /// Converts the configuration for an existing function. An empty key removes the key, and a VPC
    /// without subnets removes the VPC.
    pub(super) fn to_update(&self) -> SdkConfig {
        self.to_sdk(Some(String::new()), Some(no_vpc()))
    }

    fn to_sdk(&self, no_key: Option<String>, no_vpc: Option<SdkVpcConfig>) -> SdkConfig {
        let Self {
            description,
            role_arn,
            runtime,
            handler,
            memory_size,
            timeout,
            ephemeral_storage_size,
            environment,
            kms_key_arn,
            vpc,
            tracing_mode,
            logging,
            layers,
        } = self.clone();
        SdkConfig {
            description,
            role_arn,
            runtime: Runtime::from(runtime.as_str()),
            handler,
            memory_size: to_i32(memory_size),
            timeout: to_i32(timeout),
            ephemeral_storage: EphemeralStorage::builder()
                .size(to_i32(ephemeral_storage_size))
                .build()
                .ok(),
            environment: SdkEnvironment::builder()
                .set_variables(Some(environment.into_iter().collect()))
                .build(),
            kms_key_arn: kms_key_arn.or(no_key),
            vpc: vpc.map(vpc_to_sdk).or(no_vpc),
            tracing: TracingConfig::builder()
                .mode(TracingMode::from(tracing_mode.as_str()))
                .build(),
            logging: logging.to_sdk(),
            layers,
        }
    }
}

/// Returns why the environment of a function is hidden, if the permission for it is missing. An
/// environment that no one can read because its key is gone counts as different.
pub(super) fn hidden_environment(function: &FunctionConfiguration) -> Option<AwsError> {
    let error = function.environment.as_ref()?.error()?;
    let (code, message) = (error.error_code()?, error.message().unwrap_or_default());
    code.contains("AccessDenied")
        .then(|| AwsError::hidden("kms:Decrypt", code, message))
}

impl Logging {
    fn desired(group: &str, level: &str) -> Self {
        let system_level = match level {
            "TRACE" | "DEBUG" => "DEBUG",
            "INFO" => "INFO",
            _ => "WARN",
        };
        Self {
            format: "JSON".to_owned(),
            group: group.to_owned(),
            level: level.to_owned(),
            system_level: system_level.to_owned(),
        }
    }

    fn observed(logging: Option<&LoggingConfig>) -> Self {
        let field = |get: fn(&LoggingConfig) -> Option<&str>| {
            logging.and_then(get).unwrap_or_default().to_owned()
        };
        Self {
            format: field(|found| found.log_format.as_ref().map(LogFormat::as_str)),
            group: field(|found| found.log_group.as_deref()),
            level: field(|found| {
                let level = found.application_log_level.as_ref();
                level.map(ApplicationLogLevel::as_str)
            }),
            system_level: field(|found| {
                found.system_log_level.as_ref().map(SystemLogLevel::as_str)
            }),
        }
    }

    fn to_sdk(&self) -> LoggingConfig {
        let Self {
            format,
            group,
            level,
            system_level,
        } = self;
        LoggingConfig::builder()
            .log_format(LogFormat::from(format.as_str()))
            .application_log_level(ApplicationLogLevel::from(level.as_str()))
            .system_log_level(SystemLogLevel::from(system_level.as_str()))
            .log_group(group)
            .build()
    }
}

/// Returns the configuration that takes a function out of its VPC.
pub(super) fn no_vpc() -> SdkVpcConfig {
    vpc_to_sdk(VpcConfig::default())
}

fn vpc_to_sdk(vpc: VpcConfig) -> SdkVpcConfig {
    let VpcConfig {
        subnet_ids,
        security_group_ids,
        ipv6_allowed_for_dual_stack,
    } = vpc;
    SdkVpcConfig::builder()
        .set_subnet_ids(Some(subnet_ids.into_iter().collect()))
        .set_security_group_ids(Some(security_group_ids.into_iter().collect()))
        .ipv6_allowed_for_dual_stack(ipv6_allowed_for_dual_stack)
        .build()
}

/// Converts a number whose range was checked with the configuration.
pub(super) fn to_i32(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::types::{EnvironmentError, EnvironmentResponse};

    use super::*;

    #[test]
    fn only_a_missing_permission_hides_an_environment() {
        let function = |code: &str| {
            let error = EnvironmentError::builder().error_code(code).message("m");
            let environment = EnvironmentResponse::builder().error(error.build());
            FunctionConfiguration::builder()
                .environment(environment.build())
                .build()
        };
        for code in ["AccessDeniedException", "KMSAccessDeniedException"] {
            let error = hidden_environment(&function(code)).expect(code);
            assert!(error.to_string().contains("kms:Decrypt"), "{error}");
            assert!(error.is_denied());
        }
        assert!(hidden_environment(&function("KMSDisabledException")).is_none());
        let plain = FunctionConfiguration::builder().build();
        assert!(hidden_environment(&plain).is_none());
    }
}

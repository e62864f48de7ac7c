//! All parts of a builder as they should be.

use std::collections::BTreeMap;

use tfplugin_sdk::Diagnostic;

use super::function::{self, Function as FunctionPart, Invoke, Logging};
use super::log_group::LogGroup;
use super::role::Role;
use super::rule::Rule;
use super::settings::{Settings, UNRESERVED};
use super::{names, pattern, policy};
use crate::aws::Account;
use crate::bundle::{Bundle, Function};

/// The event filter compares names and sends one request.
const FILTER_MEMORY_SIZE: i64 = 256;
const FILTER_TIMEOUT: i64 = 60;

/// What one function needs, and itself.
pub(super) struct Half {
    pub log_group: LogGroup,
    pub role: Role,
    pub function: FunctionPart,
}

/// All parts.
pub(super) struct Blueprint {
    pub filter: Half,
    pub generator: Half,
    pub rule: Rule,
}

impl Blueprint {
    /// `tags` are those of every part. Without a bundle it will do for comparing.
    pub(super) fn new(
        settings: &Settings,
        account: &Account,
        bundle: Option<&'static Bundle>,
        tags: &BTreeMap<String, String>,
    ) -> Self {
        let name = &settings.name;
        let generator_name = names::function(name, Function::IndexGenerator);
        let filter_name = names::function(name, Function::EventFilter);
        let rule_name = names::rule(name);
        let bus = &settings.event_bus_name;

        let mut generator = half(Function::IndexGenerator, settings, account, bundle, tags);
        let config = &mut generator.function.config;
        config.memory_size = settings.memory_size;
        config.timeout = settings.timeout;
        config.ephemeral_storage_size = settings.ephemeral_storage_size;
        config.environment = settings.generator_environment();
        generator.function.reserved = settings.reserved_concurrent_executions;
        generator.function.invoke = Some(Invoke {
            retries: settings.maximum_retry_attempts,
            max_age: settings.maximum_event_age_in_seconds,
            on_failure: settings.on_failure_destination_arn.clone(),
        });

        let mut filter = half(Function::EventFilter, settings, account, bundle, tags);
        let config = &mut filter.function.config;
        config.memory_size = FILTER_MEMORY_SIZE;
        config.timeout = FILTER_TIMEOUT;
        config.environment = settings.filter_environment(&account.function_arn(&generator_name));
        filter.function.rule_arn = Some(account.rule_arn(bus, &rule_name));

        Self {
            rule: Rule {
                arn: account.rule_arn(bus, &rule_name),
                name: rule_name,
                bus: bus.clone(),
                pattern: pattern::pattern(settings),
                target: account.function_arn(&filter_name),
                tags: tags.clone(),
            },
            filter,
            generator,
        }
    }

    pub(super) fn halves(&self) -> [&Half; 2] {
        [&self.generator, &self.filter]
    }
}

fn half(
    of: Function,
    settings: &Settings,
    account: &Account,
    bundle: Option<&'static Bundle>,
    tags: &BTreeMap<String, String>,
) -> Half {
    let name = &settings.name;
    let function_name = names::function(name, of);
    let role_name = names::role(name, of, &account.region);
    let log_group = names::log_group(name, of);
    let (role_description, description) = match of {
        Function::EventFilter => (
            "Lets the SOCI event filter invoke the SOCI index generator",
            "Decides which images pushed to Amazon ECR get a SOCI index",
        ),
        Function::IndexGenerator => (
            "Lets the SOCI index generator read images and write their indexes",
            "Builds the SOCI index of an image pushed to Amazon ECR",
        ),
    };
    let logging = Logging::new(log_group.clone(), &settings.log_level);
    let role_arn = account.role_arn(&settings.role_path, &role_name);
    let mut config = function::config(description, role_arn, logging);
    config.architecture = settings.architecture().to_owned();
    config.kms_key_arn.clone_from(&settings.kms_key_arn);
    config.vpc.clone_from(&settings.vpc_config);
    config.tracing_mode.clone_from(&settings.tracing_mode);
    Half {
        log_group: LogGroup {
            arn: account.log_group_arn(&log_group),
            name: log_group,
            retention: settings.log_retention_in_days,
            kms_key: settings.log_kms_key_id.clone(),
            tags: tags.clone(),
        },
        role: Role {
            name: role_name,
            description: role_description,
            path: settings.role_path.clone(),
            trust: policy::trust(),
            boundary: settings.permissions_boundary.clone(),
            policy: policy::policy(of, settings, account),
            attached: policy::attached(settings, account),
            tags: tags.clone(),
        },
        function: FunctionPart {
            arn: account.function_arn(&function_name),
            name: function_name,
            config,
            zip: bundle.and_then(|bundle| bundle.zip(of, settings.architecture())),
            reserved: UNRESERVED,
            invoke: None,
            rule_arn: None,
            tags: tags.clone(),
        },
    }
}

/// The bundle, if it has the architecture that is asked for.
pub(super) fn bundle_for(
    bundle: Option<&'static Bundle>,
    architecture: &str,
) -> Result<&'static Bundle, Diagnostic> {
    let Some(bundle) = bundle else {
        return Err(Diagnostic::error(
            "Provider without functions",
            "This provider was built without the Lambda functions that a builder deploys. Use a \
             released one, or build it with them: `make build`, or `make bundle` and then build \
             the provider again.",
        ));
    };
    let has = bundle.architectures();
    if has.contains(&architecture) {
        return Ok(bundle);
    }
    let all: Vec<String> = has.iter().map(|name| format!("{name:?}")).collect();
    let detail = format!(
        "This provider has no functions for {architecture:?}. It has them for {}: write one of \
         these.",
        all.join(", ")
    );
    Err(Diagnostic::error("Architecture not available", detail).at("architectures"))
}

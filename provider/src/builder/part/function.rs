//! A Lambda function and everything that belongs to it: its code, configuration, reserved
//! concurrency, the retries of asynchronous invocations, and the permissions to invoke it.

mod config;
mod invocation;
pub(in crate::builder) mod permission;
mod signing;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, FunctionCode, LastUpdateStatus, State};

use super::difference::{difference, entries};
use super::{Observed as ObservedPart, Part, exists, if_exists};
use crate::aws::{AwsError, FIRST_PAUSE};
use crate::builder::arguments::{Arguments, UNRESERVED};
use crate::builder::tags::Tags;
use crate::bundle::{Function as Which, Zip, bundle};
use crate::shared::Session;

pub(in crate::builder) use config::{Config, Surroundings, sweeps};
use config::{SdkConfig, with_config};
pub(in crate::builder) use invocation::Invocation;
use permission::Permissions;
pub(in crate::builder) use signing::CodeSigning;

/// Architecture of a function for which Lambda states none.
const DEFAULT_ARCHITECTURE: &str = "x86_64";

/// A function, by name and ARN.
#[derive(Debug, Clone)]
pub(in crate::builder) struct Function {
    pub name: String,
    pub arn: String,
}

/// The function as it should be.
#[derive(Debug, Clone)]
pub(in crate::builder) struct Desired {
    pub config: Config,
    pub architecture: String,
    /// `None` if this provider was built without code for the architecture.
    pub code: Option<&'static Zip>,
    /// ARN of the code signing configuration.
    pub code_signing: Option<String>,
    /// -1 for none.
    pub reserved: i64,
    pub invocation: Invocation,
    pub permissions: Permissions,
}

/// The function as Lambda reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Observed {
    pub config: Config,
    pub architecture: String,
    /// SHA-256 of the code, in base64.
    pub code_sha256: String,
    pub code_signing: CodeSigning,
    /// -1 for none.
    pub reserved: i64,
    pub invocation: Invocation,
    pub permissions: Permissions,
}

impl Desired {
    /// Returns the function requested by the arguments.
    pub(in crate::builder) fn new(
        which: Which,
        arguments: &Arguments,
        around: Surroundings<'_>,
    ) -> Self {
        let architecture = arguments.architecture();
        Self {
            architecture: architecture.to_owned(),
            code: bundle().and_then(|bundle| bundle.zip(which, architecture)),
            code_signing: arguments.code_signing_config_arn.clone(),
            reserved: match which {
                Which::EventFilter => UNRESERVED,
                Which::IndexGenerator => arguments.reserved_concurrent_executions,
            },
            invocation: Invocation::desired(arguments),
            permissions: permission::desired(&around.rules),
            config: Config::desired(which, arguments, around),
        }
    }
}

impl Observed {
    /// Clears the function's role, because Lambda keeps using the deleted role even if another one
    /// is created under its name.
    pub(in crate::builder) fn forget_role(&mut self) {
        self.config.role_arn.clear();
    }
}

impl Part for Function {
    const KIND: &'static str = "function";
    type Desired = Desired;
    type Observed = Observed;

    fn name(&self) -> &str {
        &self.name
    }

    async fn observe(&self, session: &Session<'_>) -> Result<Option<ObservedPart<Self>>, AwsError> {
        let get = session.lambda.get_function().function_name(&self.name);
        let output = session.call.send(|| get.clone().send()).await?;
        let Some(mut function) = output.configuration else {
            return Ok(None);
        };
        // Both arrive with status 200, and would look like drift.
        if let Some(error) = &output.tags_error {
            let (code, message) = (error.error_code(), error.message());
            return Err(AwsError::hidden("lambda:ListTags", code, message));
        }
        if let Some(error) = config::hidden_environment(&function) {
            return Err(error);
        }
        let architectures = function.architectures.take().unwrap_or_default();
        let concurrency = output.concurrency;
        let reserved = concurrency.and_then(|found| found.reserved_concurrent_executions);
        Ok(Some(ObservedPart {
            properties: Observed {
                architecture: architectures
                    .first()
                    .map_or(DEFAULT_ARCHITECTURE, Architecture::as_str)
                    .to_owned(),
                code_sha256: function.code_sha256.take().unwrap_or_default(),
                code_signing: CodeSigning::observe(session, &self.name).await?,
                config: Config::observed(function),
                reserved: reserved.map_or(UNRESERVED, Into::into),
                invocation: Invocation::observe(session, &self.name).await?,
                permissions: permission::observe(session, &self.name).await?,
            },
            tags: Some(output.tags.unwrap_or_default().into_iter().collect()),
        }))
    }

    async fn exists(&self, session: &Session<'_>) -> Result<bool, AwsError> {
        let get = session.lambda.get_function_configuration();
        let get = get.function_name(&self.name);
        exists(session.call.send(|| get.clone().send()).await)
    }

    async fn create(
        &self,
        session: &Session<'_>,
        desired: &Desired,
        tags: &Tags,
    ) -> Result<Observed, AwsError> {
        let code = desired.code.map(|zip| Blob::new(zip.bytes));
        let create = session
            .lambda
            .create_function()
            .function_name(&self.name)
            .architectures(Architecture::from(desired.architecture.as_str()))
            .code(FunctionCode::builder().set_zip_file(code).build())
            .set_code_signing_config_arn(desired.code_signing.clone())
            .set_tags(Some(tags.clone().into_iter().collect()));
        let create = with_config!(create, desired.config.to_create());
        session.call.send(|| create.clone().send()).await?;
        Ok(Observed {
            config: desired.config.clone(),
            architecture: desired.architecture.clone(),
            code_sha256: desired.code.map_or("", |zip| zip.sha256).to_owned(),
            code_signing: CodeSigning::Known(desired.code_signing.clone()),
            reserved: UNRESERVED,
            invocation: Invocation::default(),
            permissions: BTreeMap::new(),
        })
    }

    async fn wait_until_created(&self, session: &Session<'_>) -> Result<(), AwsError> {
        self.settle(session).await
    }

    async fn change(
        &self,
        session: &Session<'_>,
        desired: &Desired,
        observed: &Observed,
    ) -> Result<(), AwsError> {
        let Desired {
            config,
            architecture,
            code,
            code_signing,
            reserved,
            invocation,
            permissions,
        } = desired;
        // The result of an earlier change does not matter for this one.
        self.wait_until_idle(session).await?;
        if *config != observed.config {
            self.update_config(session, config).await?;
        }
        // Lambda verifies new code against it.
        let signing = &observed.code_signing;
        signing::set(session, &self.name, code_signing.as_deref(), signing).await?;
        if let Some(code) = code
            && (code.sha256 != observed.code_sha256 || *architecture != observed.architecture)
        {
            self.update_code(session, code, architecture).await?;
        }
        if *reserved != observed.reserved {
            self.reserve(session, *reserved).await?;
        }
        if *invocation != observed.invocation {
            invocation.set(session, &self.name).await?;
        }
        let observed = &observed.permissions;
        permission::permit(session, &self.name, permissions, observed).await
    }

    async fn tag(&self, session: &Session<'_>, tags: &Tags) -> Result<(), AwsError> {
        let tags: HashMap<_, _> = tags.clone().into_iter().collect();
        let tag = session.lambda.tag_resource().resource(&self.arn);
        let tag = tag.set_tags(Some(tags));
        session.call.send(|| tag.clone().send()).await?;
        Ok(())
    }

    async fn untag(&self, session: &Session<'_>, keys: Vec<String>) -> Result<(), AwsError> {
        let untag = session.lambda.untag_resource().resource(&self.arn);
        let untag = untag.set_tag_keys(Some(keys));
        session.call.send(|| untag.clone().send()).await?;
        Ok(())
    }

    /// Deletes the function, along with its permissions and retry configuration.
    async fn delete(&self, session: &Session<'_>) -> Result<(), AwsError> {
        let delete = session.lambda.delete_function().function_name(&self.name);
        session.call.send(|| delete.clone().send()).await?;
        Ok(())
    }

    fn differences(desired: &Desired, observed: &Observed) -> Vec<String> {
        let Observed {
            config,
            architecture,
            code_sha256: _, // the attribute `code_sha256`
            code_signing,
            reserved,
            invocation,
            permissions,
        } = observed;
        let mut found = Config::differences(&desired.config, config);
        let signing = code_signing.known();
        let signing =
            signing.and_then(|arn| difference("code signing", &desired.code_signing, arn));
        found.extend(difference(
            "architecture",
            &desired.architecture,
            architecture,
        ));
        found.extend(signing);
        found.extend(difference(
            "reserved concurrency",
            &desired.reserved,
            reserved,
        ));
        found.extend(difference(
            "asynchronous invocation",
            &desired.invocation,
            invocation,
        ));
        found.extend(entries("permission", &desired.permissions, permissions));
        found
    }
}

impl Function {
    /// Takes the function out of its VPC, and waits until Lambda has done so.
    pub(in crate::builder) async fn leave_vpc(
        &self,
        session: &Session<'_>,
    ) -> Result<(), AwsError> {
        let update = session.lambda.update_function_configuration();
        let update = update
            .function_name(&self.name)
            .vpc_config(config::no_vpc());
        session.call.send(|| update.clone().send()).await?;
        self.settle(session).await
    }

    async fn update_config(&self, session: &Session<'_>, config: &Config) -> Result<(), AwsError> {
        let update = session.lambda.update_function_configuration();
        let update = update.function_name(&self.name);
        let update = with_config!(update, config.to_update());
        session.call.send(|| update.clone().send()).await?;
        self.settle(session).await
    }

    async fn update_code(
        &self,
        session: &Session<'_>,
        code: &'static Zip,
        architecture: &str,
    ) -> Result<(), AwsError> {
        let update = session
            .lambda
            .update_function_code()
            .function_name(&self.name)
            .architectures(Architecture::from(architecture))
            .zip_file(Blob::new(code.bytes));
        session.call.send(|| update.clone().send()).await?;
        self.settle(session).await
    }

    async fn reserve(&self, session: &Session<'_>, executions: i64) -> Result<(), AwsError> {
        let (lambda, name) = (&session.lambda, &self.name);
        match i32::try_from(executions) {
            Ok(executions) if executions >= 0 => {
                let put = lambda.put_function_concurrency().function_name(name);
                let put = put.reserved_concurrent_executions(executions);
                session.call.send(|| put.clone().send()).await?;
                Ok(())
            }
            _ => {
                let delete = lambda.delete_function_concurrency().function_name(name);
                if_exists(session.call.send(|| delete.clone().send()).await)
            }
        }
    }

    /// Waits until Lambda has finished a change, and fails if the change failed.
    async fn settle(&self, session: &Session<'_>) -> Result<(), AwsError> {
        let function = self.wait_until_idle(session).await?;
        let reason = if function.last_update_status == Some(LastUpdateStatus::Failed) {
            function.last_update_status_reason
        } else if function.state == Some(State::Failed) {
            function.state_reason
        } else {
            return Ok(());
        };
        let reason = reason.unwrap_or_else(|| "Lambda gives no reason".to_owned());
        Err(AwsError::service("FunctionFailed", reason))
    }

    /// Waits until Lambda is not changing the function.
    async fn wait_until_idle(
        &self,
        session: &Session<'_>,
    ) -> Result<GetFunctionConfigurationOutput, AwsError> {
        let get = session.lambda.get_function_configuration();
        let get = get.function_name(&self.name);
        let mut pause = FIRST_PAUSE;
        loop {
            let function = session.call.send_to_new(|| get.clone().send()).await?;
            // An inactive function has not been used for a long time, and becomes active on its
            // own.
            if function.state != Some(State::Pending)
                && function.last_update_status != Some(LastUpdateStatus::InProgress)
            {
                return Ok(function);
            }
            session.call.pause(&mut pause, None).await?;
        }
    }
}

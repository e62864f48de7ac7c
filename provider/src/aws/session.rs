//! The clients for a call that works with Lambda functions and their dependencies.

use tfplugin_sdk::Diagnostic;

use super::account::{Account, Aws};
use super::error::AwsError;
use crate::call::CallContext;

/// A call with its account and the clients of its services.
pub(crate) struct Session<'a, D> {
    pub call: CallContext<'a, D>,
    pub account: Account,
    pub lambda: aws_sdk_lambda::Client,
    pub iam: aws_sdk_iam::Client,
    pub events: aws_sdk_eventbridge::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub dynamodb: aws_sdk_dynamodb::Client,
}

impl<'a, D> Session<'a, D> {
    /// Looks up the account and opens the clients, in a region, by default the provider's.
    ///
    /// # Errors
    /// If the account is not known or not allowed, or the call ends first.
    pub(crate) async fn open(
        call: CallContext<'a, D>,
        aws: &Aws,
        region: Option<&str>,
    ) -> Result<Self, Diagnostic> {
        let open = async {
            Ok::<_, Diagnostic>((
                aws.account(region).await?,
                aws.lambda(region).await?,
                aws.iam(region).await?,
                aws.events(region).await?,
                aws.logs(region).await?,
                aws.dynamodb(region).await?,
            ))
        };
        let opened = call.within(open).await;
        let opened = opened
            .map_err(|stopped| AwsError::from(stopped).diagnose("looking up the AWS account"))?;
        let (account, lambda, iam, events, logs, dynamodb) = opened?;
        Ok(Self {
            call,
            account,
            lambda,
            iam,
            events,
            logs,
            dynamodb,
        })
    }
}

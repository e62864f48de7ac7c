//! Network interfaces, which Lambda creates for functions in a VPC and releases with the
//! permissions of the functions' roles.
//!
//! Leftover interfaces prevent security groups and subnets from being deleted. A function therefore
//! leaves its VPC while its role can still release them. Lambda does not report when the interfaces
//! are gone, only when the function's update is complete.

use std::collections::BTreeSet;
use std::time::Duration;

use tfplugin_sdk::Diagnostic;
use tokio::time::timeout;

use super::arguments::VpcConfig;
use super::part::function::{Desired, Function, Observed};
use crate::aws::AwsError;
use crate::shared::Session;

/// Time that a function to be deleted has for leaving its VPC.
const LEAVING: Duration = Duration::from_secs(10 * 60);

/// Takes a function out of its VPC if it should run outside one.
pub(super) async fn leave(
    session: &Session<'_>,
    function: &Function,
    desired: &Desired,
    observed: &mut Observed,
) -> Result<(), Diagnostic> {
    if observed.config.vpc.is_none() || desired.config.vpc.is_some() {
        return Ok(());
    }
    let left = function.leave_vpc(session).await;
    left.map_err(|error| error.diagnose(&doing(function)))?;
    observed.config.vpc = None;
    Ok(())
}

/// Takes a function that is about to be deleted out of its VPC. Warns if that fails, or takes more
/// than half of the remaining time.
///
/// # Errors
/// Only if the call is interrupted.
pub(super) async fn release(
    session: &Session<'_>,
    function: &Function,
    observed: Option<&Observed>,
) -> Result<(), Diagnostic> {
    let Some(vpc) = observed.and_then(|observed| observed.config.vpc.as_ref()) else {
        return Ok(());
    };
    let limit = LEAVING.min(session.call.time_left() / 2);
    let reason = match timeout(limit, function.leave_vpc(session)).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) if error.is_not_found() => return Ok(()),
        Ok(Err(error @ AwsError::Stopped { .. })) => return Err(error.diagnose(&doing(function))),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("not done within {limit:.0?}"),
    };
    session.call.cx.warn(warning(&function.name, vpc, &reason));
    Ok(())
}

fn doing(function: &Function) -> String {
    format!("taking the function {:?} out of its VPC", function.name)
}

fn warning(function: &str, vpc: &VpcConfig, reason: &str) -> Diagnostic {
    let join = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
    let detail = format!(
        "The function {function:?} could not be detached from its VPC before its deletion: \
         {reason}.\n\nIts network interfaces may remain in {} with {}, and block the deletion of \
         these. Lambda normally removes them within 20 minutes; after that, delete those that \
         this command lists: aws ec2 describe-network-interfaces --filters \
         \"Name=description,Values=AWS Lambda VPC ENI-{function}-*\"",
        join(&vpc.subnet_ids),
        join(&vpc.security_group_ids),
    );
    Diagnostic::warning("Network interfaces may be left", detail)
}

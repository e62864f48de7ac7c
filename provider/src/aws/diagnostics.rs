//! Diagnostics about the provider's AWS settings and the resulting account.

use aws_config::SdkConfig;
use tfplugin_sdk::Diagnostic;
use tokio::task::JoinError;

use super::error::one_line;

/// Returns the region of a configuration, or a diagnostic that there is none.
pub(super) fn require_region(config: &SdkConfig) -> Result<String, Diagnostic> {
    let region = config.region().ok_or_else(no_region)?;
    Ok(region.to_string())
}

fn no_region() -> Diagnostic {
    let detail = "This needs AWS, but no region is set. Sources tried, in this order: region of \
                  the resource, region of the provider; the environment variables AWS_REGION and \
                  AWS_DEFAULT_REGION; the profile in the shared config file; the region of an EC2 \
                  instance.\n\nSet region in the provider block, or AWS_REGION.";
    Diagnostic::error("AWS region not set", detail)
}

pub(super) fn bad_region(region: &str) -> Diagnostic {
    let region: String = region.chars().take(100).collect();
    let detail = format!(
        "Got {region:?} from the environment or a shared config file. Want the name of a region, \
         such as \"eu-west-1\".\n\nCorrect AWS_REGION or the profile, or set region in the \
         provider block."
    );
    Diagnostic::error("Invalid AWS region", detail)
}

pub(super) fn not_loaded(error: JoinError) -> Diagnostic {
    let reason = match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "no reason given".to_owned()),
        Err(_) => "interrupted".to_owned(),
    };
    let detail = format!(
        "The AWS settings in the environment or the shared config file cannot be used: {}.\n\n\
         Correct the environment variable or the profile.",
        one_line(&reason)
    );
    Diagnostic::error("AWS settings not usable", detail)
}

pub(super) fn no_web_identity() -> Diagnostic {
    let detail = "assume_role_with_web_identity requires a role and a token. Set role_arn or \
                  AWS_ROLE_ARN, and web_identity_token, web_identity_token_file or \
                  AWS_WEB_IDENTITY_TOKEN_FILE.";
    Diagnostic::error("Incomplete web identity", detail)
}

pub(super) fn no_identity() -> Diagnostic {
    let detail = "STS did not say which account the credentials belong to. Check the endpoint of \
                  sts.";
    Diagnostic::error("AWS account not known", detail)
}

pub(super) fn wrong_account(id: &str, why: &str) -> Diagnostic {
    let detail = format!(
        "The credentials belong to the AWS account {id}, which {why}.\n\nUse credentials of \
         another account, or change the list."
    );
    Diagnostic::error("AWS account not allowed", detail)
}

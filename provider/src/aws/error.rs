//! What to tell a person of a failure of AWS: what it was about, why, and what to do next.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tfplugin_sdk::Diagnostic;
use tokio::task::JoinError;

/// Of what AWS says, more is not shown.
const MOST: usize = 500;

const EXPIRED: [&str; 5] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
    "ExpiredIDToken",
];
const NOT_VALID: [&str; 7] = [
    "AuthFailure",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
const REFUSED: [&str; 3] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
];
const THROTTLED: [&str; 5] = [
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "RequestThrottled",
];

/// The diagnostic for a request that failed while `doing` something.
pub(crate) fn diagnose<E, R>(doing: &str, error: &SdkError<E, R>) -> Diagnostic
where
    E: Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    if let Some(credentials) = credentials_error(error) {
        return no_credentials(doing, credentials);
    }
    let Some(code) = error.code() else {
        let detail = format!(
            "While {doing}: {}.\n\nCheck the region, the endpoints, and that AWS can be reached \
             from here, through the proxies of HTTPS_PROXY and NO_PROXY if there are any.",
            causes(error)
        );
        return Diagnostic::error("AWS not reachable", detail);
    };
    let message = error.message().unwrap_or("no message");
    let (summary, advice) = explain(code);
    let detail = format!("While {doing}: {code}: {}.\n\n{advice}", shorten(message));
    Diagnostic::error(summary, detail)
}

/// A heading, and the next step, for an error code of AWS.
fn explain(code: &str) -> (&'static str, &'static str) {
    if EXPIRED.contains(&code) {
        let advice = "Get new credentials, for example with `aws sso login`, and run Terraform \
                      again. What was done is not lost.";
        ("AWS credentials expired", advice)
    } else if NOT_VALID.contains(&code) {
        let advice = "Check access key, secret key and session token, the profile, and that the \
                      region is enabled for the account and belongs to its partition.";
        ("AWS credentials not valid", advice)
    } else if REFUSED.contains(&code) {
        let advice = "Allow the action to the identity whose credentials are used, or use other \
                      credentials.";
        ("AWS refused the request", advice)
    } else if THROTTLED.contains(&code) {
        let advice = "AWS kept throttling. Apply again later, with a smaller -parallelism or a \
                      larger max_retries.";
        ("AWS throttled the request", advice)
    } else {
        let advice = "If the reason is not plain from what AWS says, apply again; if it stays, \
                      this is worth a bug report.";
        ("AWS request failed", advice)
    }
}

/// Whether credentials could not even be had.
fn credentials_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain
        .filter_map(|error| error.downcast_ref::<CredentialsError>())
        .next()
}

/// Whether there are no credentials at all, which is no fault of any.
pub(crate) fn is_without_credentials(error: &(dyn Error + 'static)) -> bool {
    let error = credentials_error(error);
    matches!(error, Some(CredentialsError::CredentialsNotLoaded(_)))
}

fn no_credentials(doing: &str, error: &CredentialsError) -> Diagnostic {
    if matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
        let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned());
        let detail = format!(
            "While {doing}: {}. Looked at, in this order: access_key and secret_key, or profile, \
             of the provider; the environment variables AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY; the profile {profile:?}, which is that of AWS_PROFILE or the \
             default, in the shared config and credentials files; a web identity token of the \
             environment; the credentials of an ECS task; the role of an EC2 instance.\n\nSet \
             one of them up, for example with `aws configure` or `aws sso login`.",
            causes(error)
        );
        return Diagnostic::error("No AWS credentials found", detail);
    }
    let causes = causes(error);
    let lower = causes.to_lowercase();
    let (summary, advice) = if lower.contains("expired") {
        let advice = "Log in again, for example with `aws sso login`, or renew the token.";
        ("AWS credentials expired", advice)
    } else {
        let advice = "Check what it is about: the profile and what it refers to, or the role, \
                      its trust policy, and that the credentials before it may assume it.";
        ("AWS credentials not usable", advice)
    };
    Diagnostic::error(summary, format!("While {doing}: {causes}.\n\n{advice}"))
}

/// An error and its causes in one line; of what AWS answered, code and message alone.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for error in std::iter::successors(Some(error), |&error| error.source()) {
        let text = error.to_string();
        if !text.is_empty() && parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
    }
    shorten(&parts.join(": "))
}

/// One line, not endless, and without the full stop that the detail adds.
fn shorten(text: &str) -> String {
    let line: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MOST)
        .collect();
    line.trim_end_matches('.').to_owned()
}

pub(super) fn no_region() -> Diagnostic {
    let detail = "AWS is needed, but no region is set. Looked at, in this order: region of the \
                  provider; the environment variables AWS_REGION and AWS_DEFAULT_REGION; the \
                  profile in the shared config file; the region of an EC2 instance.\n\nSet \
                  region in the provider block, or AWS_REGION.";
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
        "The AWS settings of the environment or the shared config file cannot be used: {}.\n\n\
         Correct the environment variable or the profile.",
        shorten(&reason)
    );
    Diagnostic::error("AWS settings not usable", detail)
}

pub(super) fn no_web_identity() -> Diagnostic {
    let detail = "assume_role_with_web_identity wants a role and a token. Set role_arn or \
                  AWS_ROLE_ARN, and web_identity_token, web_identity_token_file or \
                  AWS_WEB_IDENTITY_TOKEN_FILE.";
    Diagnostic::error("Incomplete web identity", detail)
}

pub(super) fn strange_identity() -> Diagnostic {
    let detail = "STS does not say which account the credentials belong to. Check the endpoint \
                  of sts.";
    Diagnostic::error("AWS account not known", detail)
}

pub(super) fn wrong_account(id: &str, why: &str) -> Diagnostic {
    let detail = format!(
        "The credentials belong to the AWS account {id}, which {why}.\n\nUse credentials of \
         another account, or change the list."
    );
    Diagnostic::error("AWS account not allowed", detail)
}

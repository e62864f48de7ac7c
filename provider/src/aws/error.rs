//! The reasons why a request to AWS failed, and what to do about it.
//!
//! This is the only place that distinguishes AWS errors, and the only one with advice about them.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::RequestId as _;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tfplugin_sdk::Diagnostic;

use crate::call::Stopped;

/// Maximum length of a quotation from AWS in characters.
const MAX_QUOTE: usize = 500;

const EXPIRED: [&str; 5] = [
    "ExpiredIDToken",
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "TokenRefreshRequired",
];
const INVALID_CREDENTIALS: [&str; 7] = [
    "AuthFailure",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];
const DENIED: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "UnauthorizedOperation",
];
const THROTTLED: [&str; 7] = [
    "EC2ThrottledException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];
const QUOTA: [&str; 4] = [
    "CodeStorageExceededException",
    "LimitExceeded",
    "LimitExceededException",
    "PolicyLengthExceededException",
];
/// Codes of a service that fails temporarily, or that is already changing the same object.
const BUSY: [&str; 11] = [
    "ConcurrentModification",
    "ConcurrentModificationException",
    "InternalException",
    "InternalFailure",
    "OperationAbortedException",
    "ResourceInUseException",
    "ServiceException",
    "ServiceFailure",
    "ServiceFailureException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
];
const NOT_FOUND: [&str; 4] = [
    "CodeSigningConfigNotFoundException",
    "NoSuchEntity",
    "RepositoryNotFoundException",
    "ResourceNotFoundException",
];

/// Lambda's code for a problem with an argument, or with what it names.
const INVALID: &str = "InvalidParameterValueException";
/// Codes of a service that does not support an operation, in partitions where it lags behind.
const UNSUPPORTED: [&str; 4] = [
    "InvalidAction",
    "UnknownOperationException",
    "UnsupportedOperation",
    "UnsupportedOperationException",
];
/// Lambda's codes for code that a code signing configuration does not allow.
const UNSIGNED: [&str; 2] = [
    "CodeVerificationFailedException",
    "InvalidCodeSignatureException",
];

/// Reason why a request to AWS failed.
#[derive(Debug, Clone)]
pub(crate) enum AwsError {
    /// The service refused the request.
    Service {
        code: String,
        message: String,
        request: Option<String>,
    },
    /// No credentials are configured anywhere.
    NoCredentials(String),
    /// Credentials are configured but could not be obtained.
    Credentials(String),
    /// The service did not respond, or something else responded.
    Unreachable(String),
    /// The call ended before the request succeeded.
    Stopped {
        stopped: Stopped,
        /// The result of the last attempt, if the request was being retried.
        last: Option<Box<AwsError>>,
    },
}

impl<E, R> From<SdkError<E, R>> for AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        match credentials_error(&error) {
            // The SDK lists them too, by its own names and with the reason for each.
            Some(CredentialsError::CredentialsNotLoaded(_)) => {
                return Self::NoCredentials(sources_tried());
            }
            Some(other) => return Self::Credentials(causes(other)),
            None => {}
        }
        let meta = error.as_service_error().map(ProvideErrorMetadata::meta);
        match meta.and_then(|meta| Some((meta, meta.code()?))) {
            Some((meta, code)) => Self::Service {
                code: code.to_owned(),
                message: one_line(meta.message().unwrap_or("no message")),
                request: meta.request_id().map(str::to_owned),
            },
            None => Self::Unreachable(causes(&error)),
        }
    }
}

impl From<Stopped> for AwsError {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped {
            stopped,
            last: None,
        }
    }
}

impl AwsError {
    /// Returns the error of a service that refused a request with this code.
    pub(crate) fn service(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Service {
            code: code.into(),
            message: message.into(),
            request: None,
        }
    }

    /// Returns the error for a response that omits something because a permission is missing.
    pub(crate) fn hidden(permission: &str, code: &str, message: &str) -> Self {
        let code = match code.contains("AccessDenied") {
            true => "AccessDeniedException",
            false => code,
        };
        let message = one_line(message);
        Self::service(
            code,
            format!("{permission} is required to read it completely: {message}"),
        )
    }

    fn code(&self) -> &str {
        match self {
            Self::Service { code, .. } => code,
            _ => "",
        }
    }

    fn message(&self) -> &str {
        match self {
            Self::Service { message, .. } => message,
            _ => "",
        }
    }

    /// Returns whether the requested object does not exist.
    pub(crate) fn is_not_found(&self) -> bool {
        NOT_FOUND.contains(&self.code())
    }

    /// Returns whether the object to be created already exists.
    pub(crate) fn is_taken(&self) -> bool {
        match self.code() {
            "EntityAlreadyExists" | "ResourceAlreadyExistsException" => true,
            // Lambda uses one code for this and for an update in progress.
            "ResourceConflictException" => self.message().contains("exist"),
            // So does DynamoDB.
            "ResourceInUseException" => self.message().contains("already exist"),
            _ => false,
        }
    }

    /// Returns whether the object to be deleted is in use, either permanently or because AWS has
    /// not yet noticed that its user was removed.
    pub(crate) fn is_in_use(&self) -> bool {
        match self.code() {
            "DeleteConflict" => true,
            "ValidationException" => self.message().contains("since it has targets"),
            _ => false,
        }
    }

    /// Returns whether the required permission is missing.
    pub(crate) fn is_denied(&self) -> bool {
        DENIED.contains(&self.code())
    }

    /// Returns whether the service does not support the operation in this partition or region.
    pub(crate) fn is_unsupported(&self) -> bool {
        UNSUPPORTED.contains(&self.code())
    }

    /// Returns whether the service, or one that it relies on, is throttling requests.
    fn is_throttled(&self) -> bool {
        // Lambda reports throttling by EC2 as an invalid parameter.
        THROTTLED.contains(&self.code())
            || self.code() == INVALID && self.message().contains("throttled by EC2")
    }

    /// Returns whether the failure is temporary.
    pub(crate) fn is_temporary(&self) -> bool {
        let code = self.code();
        self.is_throttled()
            || BUSY.contains(&code) && !self.is_taken()
            || code == "ResourceConflictException" && !self.is_taken()
    }

    /// Returns whether Lambda does not know the failure destination, or may not use it, as far as
    /// it can tell.
    fn is_unknown_destination(&self) -> bool {
        self.code() == INVALID && self.message().contains("destination ARN")
    }

    /// Returns whether the failure will pass once a recently created role, policy or destination
    /// has propagated.
    pub(crate) fn is_propagation(&self) -> bool {
        let message = self.message();
        self.is_unknown_destination()
            || self.code() == INVALID
                && [
                    "cannot be assumed by Lambda",
                    "does not have permissions to call",
                    "execution role does not have permission",
                    "KMS key is invalid for",
                    "unable to configure access to your environment variables",
                ]
                .iter()
                .any(|part| message.contains(part))
    }

    /// Returns the diagnostic. `doing` is a phrase such as `creating the role "x"`.
    pub(crate) fn diagnose(&self, doing: &str) -> Diagnostic {
        let (summary, advice) = self.explain();
        Diagnostic::error(summary, format!("While {doing}: {self}.\n\n{advice}"))
    }

    /// Returns a summary and the next action.
    fn explain(&self) -> (&'static str, &'static str) {
        match self {
            Self::NoCredentials(_) => (
                "No AWS credentials found",
                "Set one of them up, for example with `aws configure` or `aws sso login`.",
            ),
            Self::Credentials(reason) if reason.to_lowercase().contains("expired") => (
                "AWS credentials expired",
                "Log in again, for example with `aws sso login`, or renew the token.",
            ),
            Self::Credentials(_) => (
                "AWS credentials not usable",
                "Check the profile and what it refers to, or the role, its trust policy, and \
                 that the source credentials are allowed to assume it.",
            ),
            Self::Unreachable(_) => (
                "AWS not reachable",
                "Check the region, the endpoints, and that AWS can be reached from here, through \
                 the proxy in HTTPS_PROXY if one is set (NO_PROXY excludes hosts). Then apply \
                 again.",
            ),
            Self::Stopped { stopped, .. } => match stopped {
                Stopped::Interrupted => (
                    "Interrupted",
                    "What was done so far is kept and recorded in the state. The next apply \
                     resumes an update or a destroy. After an interrupted create it destroys the \
                     resource and creates it again; to complete it instead, run `terraform \
                     untaint` first.",
                ),
                Stopped::TimedOut { .. } => (
                    "Timed out",
                    "Run it again: what was done so far stays. If there is a timeouts block, allow \
                     more time there.",
                ),
            },
            Self::Service { code, .. } => self.explain_code(code),
        }
    }

    fn explain_code(&self, code: &str) -> (&'static str, &'static str) {
        if EXPIRED.contains(&code) {
            let advice = "Get new credentials, for example with `aws sso login`, and apply again. \
                          What was done so far stays.";
            ("AWS credentials expired", advice)
        } else if INVALID_CREDENTIALS.contains(&code) {
            let advice = "Check access key, secret key and session token, the profile, and that \
                          the region is enabled for the account and belongs to its partition.";
            ("AWS credentials not valid", advice)
        } else if DENIED.contains(&code) {
            let advice = "Grant the permission to the identity whose credentials are used, or use \
                          other credentials. A service control policy or a permissions boundary \
                          may also deny it.";
            ("AWS access denied", advice)
        } else if UNSIGNED.contains(&code) {
            let advice = "The functions' code comes with the provider and is not signed with your \
                          signing profiles. Set untrusted_artifact_on_deployment of the code \
                          signing configuration to \"Warn\", or remove code_signing_config_arn.";
            ("AWS refused unsigned code", advice)
        } else if QUOTA.contains(&code) {
            let advice = "Remove what is no longer needed, or request a higher quota in the \
                          Service Quotas console, then apply again.";
            ("AWS quota reached", advice)
        } else if self.is_unknown_destination() {
            let advice = "Check that the destination exists in the region of the builder, and that \
                          its policy and its key policy allow the functions' roles to send to it. \
                          Then apply again.";
            ("Destination not usable by Lambda", advice)
        } else if self.is_propagation() {
            let advice = "A new role is normally usable within seconds. Check what restricts it: \
                          its permissions boundary, service control policies, and the policies \
                          of the key or the destination that it uses. Then apply again.";
            ("Role not usable by Lambda", advice)
        } else if self.is_in_use() {
            let advice = "It is used by something that this builder did not create. Remove that, \
                          then apply again. What was done so far stays.";
            ("Still in use", advice)
        } else if self.is_throttled() {
            let advice = "AWS kept throttling. Apply again later, with a smaller -parallelism or \
                          a larger max_retries.";
            ("AWS throttled the request", advice)
        } else if self.is_temporary() {
            let advice = "Try again later. If there is a timeouts block, allow more time there.";
            ("AWS too busy", advice)
        } else {
            let advice = "Fix what AWS reports, then apply again. If the cause is unclear \
                          and the error persists, please report a bug.";
            ("AWS request failed", advice)
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service {
                code,
                message,
                request,
            } => {
                write!(f, "{code}: {}", message.trim_end_matches('.'))?;
                match request {
                    Some(id) => write!(f, " (request {id})"),
                    None => Ok(()),
                }
            }
            Self::NoCredentials(reason) | Self::Credentials(reason) | Self::Unreachable(reason) => {
                f.write_str(reason)
            }
            Self::Stopped { stopped, last } => {
                write!(f, "{stopped}")?;
                match last {
                    Some(last) => write!(f, "; the last response from AWS was {last}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Error for AwsError {}

/// Finds a failure to obtain credentials in an error's chain of causes.
fn credentials_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain
        .filter_map(|error| error.downcast_ref::<CredentialsError>())
        .next()
}

fn sources_tried() -> String {
    let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".to_owned());
    format!(
        "no credentials found. Sources tried, in this order: access_key and secret_key, or \
         profile, of the provider; the environment variables AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY; the profile {profile:?} (that of AWS_PROFILE, or the default) in \
         the shared config and credentials files; a web identity token of the environment; the \
         credentials of an ECS task; the role of an EC2 instance"
    )
}

/// Returns an error and its causes on one line. These name a host and a reason, never credentials.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for error in std::iter::successors(Some(error), |&error| error.source()) {
        let text = error.to_string();
        if !text.is_empty() && parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
    }
    one_line(&parts.join(": "))
}

/// Returns a text as a single line of limited length, without the full stop that a detail adds.
pub(super) fn one_line(text: &str) -> String {
    let line: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(MAX_QUOTE)
        .collect();
    line.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;

//! What AWS answers when it does not do what it was asked for.

use std::fmt;
use std::time::Duration;

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::RequestId;
use tfplugin_sdk::Diagnostic;

/// Why a request came to nothing.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// The service said no.
    Service {
        code: String,
        message: String,
        request: Option<String>,
    },
    /// The service was not reached.
    Unreachable(String),
    /// The person pressed Ctrl-C.
    Interrupted,
    /// It took too long; with what AWS said last.
    TimedOut {
        limit: Duration,
        last: Option<Box<Fault>>,
    },
}

impl<E, R> From<SdkError<E, R>> for Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: fmt::Debug + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        match &error {
            SdkError::ServiceError(service) => {
                let meta = service.err().meta();
                Self::Service {
                    code: meta.code().unwrap_or("Unknown").to_owned(),
                    message: meta.message().unwrap_or("no message").to_owned(),
                    request: meta.request_id().map(str::to_owned),
                }
            }
            _ => Self::Unreachable(causes(&error)),
        }
    }
}

/// The chain of causes: a host and a reason, and no credentials.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

impl Fault {
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

    /// Whether the thing that was asked for is not there.
    pub(super) fn is_not_found(&self) -> bool {
        matches!(
            self.code(),
            "ResourceNotFoundException" | "NoSuchEntity" | "RepositoryNotFoundException"
        )
    }

    /// Whether the thing that was to be made is there already.
    pub(super) fn is_taken(&self) -> bool {
        match self.code() {
            "EntityAlreadyExists" | "ResourceAlreadyExistsException" => true,
            // Lambda has one code for this and for an update that is under way.
            "ResourceConflictException" => self.message().contains("exist"),
            _ => false,
        }
    }

    /// Whether it will pass when others have finished.
    pub(super) fn is_temporary(&self) -> bool {
        match self.code() {
            "TooManyRequestsException"
            | "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "ServiceException"
            | "ServiceFailure"
            | "ServiceFailureException"
            | "ServiceUnavailableException"
            | "ServiceUnavailable"
            | "InternalException"
            | "InternalFailure"
            | "OperationAbortedException"
            | "ConcurrentModificationException"
            | "ConcurrentModification"
            | "ResourceInUseException" => true,
            "ResourceConflictException" => !self.is_taken(),
            _ => false,
        }
    }

    /// Whether it will pass when a role that was just made, or its policy, is known
    /// everywhere.
    pub(super) fn is_propagation(&self) -> bool {
        let message = self.message();
        self.code() == "InvalidParameterValueException"
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

    /// The diagnostic; `doing` is such as `creating the role "x"`.
    pub(super) fn diagnose(&self, doing: &str) -> Diagnostic {
        let (summary, advice) = self.advice();
        Diagnostic::error(summary, format!("While {doing}: {self}.\n\n{advice}"))
    }

    fn advice(&self) -> (&'static str, &'static str) {
        const STANDS: &str = "What was done so far stays, and is remembered in the state; the \
                              next apply goes on from there.";
        match self {
            Self::Interrupted => ("Interrupted", STANDS),
            Self::TimedOut { .. } => (
                "Timed out",
                "Allow more time in the timeouts block, or apply again: what was done so far \
                 stays.",
            ),
            Self::Unreachable(_) => (
                "AWS not reachable",
                "Check the network, the region, and the provider's endpoints, then apply again.",
            ),
            Self::Service { code, .. } => match code.as_str() {
                "AccessDenied"
                | "AccessDeniedException"
                | "UnauthorizedOperation"
                | "AuthorizationError" => (
                    "AWS access denied",
                    "The provider's credentials need a permission for this. A service control \
                     policy or a permissions boundary of the organisation may also forbid it.",
                ),
                "ExpiredToken"
                | "ExpiredTokenException"
                | "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "SignatureDoesNotMatch"
                | "InvalidSignatureException" => (
                    "AWS credentials not usable",
                    "The provider's credentials are wrong or have expired. Get new ones, then \
                     apply again.",
                ),
                "LimitExceeded"
                | "LimitExceededException"
                | "CodeStorageExceededException"
                | "PolicyLengthExceededException" => (
                    "AWS quota reached",
                    "Remove what is no longer needed, or ask for a higher quota in the Service \
                     Quotas console, then apply again.",
                ),
                _ if self.is_propagation() => (
                    "Role not usable by Lambda",
                    "A new role is normally usable within seconds. Check what restricts it: its \
                     permissions boundary, service control policies, and the policies of the key \
                     or the destination that it is to use. Then apply again.",
                ),
                _ if self.is_temporary() => (
                    "AWS too busy",
                    "Apply again later, or allow more time in the timeouts block.",
                ),
                _ => (
                    "AWS request failed",
                    "Correct what AWS names, then apply again.",
                ),
            },
        }
    }
}

impl fmt::Display for Fault {
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
            Self::Unreachable(reason) => f.write_str(reason.trim_end_matches('.')),
            Self::Interrupted => f.write_str("interrupted"),
            Self::TimedOut { limit, last } => {
                write!(f, "not done within {} seconds", limit.as_secs())?;
                match last {
                    Some(last) => write!(f, "; AWS said last: {last}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(code: &str, message: &str) -> Fault {
        Fault::Service {
            code: code.to_owned(),
            message: message.to_owned(),
            request: Some("r-1".to_owned()),
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let role = "The role defined for the function cannot be assumed by Lambda.";
        for (code, message, temporary, propagation, taken, gone) in [
            (
                "TooManyRequestsException",
                "Rate exceeded",
                true,
                false,
                false,
                false,
            ),
            (
                "ResourceConflictException",
                "An update is in progress",
                true,
                false,
                false,
                false,
            ),
            (
                "ResourceConflictException",
                "Function already exist: x",
                false,
                false,
                true,
                false,
            ),
            (
                "EntityAlreadyExists",
                "Role x exists",
                false,
                false,
                true,
                false,
            ),
            (
                "InvalidParameterValueException",
                role,
                false,
                true,
                false,
                false,
            ),
            (
                "InvalidParameterValueException",
                "MemorySize",
                false,
                false,
                false,
                false,
            ),
            (
                "NoSuchEntity",
                "The role x cannot be found.",
                false,
                false,
                false,
                true,
            ),
            (
                "ResourceNotFoundException",
                "Function not found",
                false,
                false,
                false,
                true,
            ),
        ] {
            let fault = service(code, message);
            assert_eq!(fault.is_temporary(), temporary, "{fault}");
            assert_eq!(fault.is_propagation(), propagation, "{fault}");
            assert_eq!(fault.is_taken(), taken, "{fault}");
            assert_eq!(fault.is_not_found(), gone, "{fault}");
        }
    }

    #[test]
    fn a_diagnostic_has_cause_context_and_advice() {
        let fault = service("AccessDenied", "not authorized to perform: iam:CreateRole.");
        let found = fault.diagnose("creating the role \"x\"");
        assert_eq!(found.summary, "AWS access denied");
        assert!(found.detail.starts_with(
            "While creating the role \"x\": AccessDenied: not authorized to perform: \
             iam:CreateRole (request r-1).\n\n"
        ));
        let late = Fault::TimedOut {
            limit: Duration::from_secs(60),
            last: Some(Box::new(fault)),
        };
        let found = late.diagnose("waiting");
        assert_eq!(found.summary, "Timed out");
        assert!(
            found.detail.contains("AWS said last: AccessDenied"),
            "{}",
            found.detail
        );
    }
}

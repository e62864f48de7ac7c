//! The code signing configuration of a function, which determines whose code Lambda accepts.

use crate::aws::AwsError;
use crate::builder::part::if_exists;
use crate::shared::Session;

/// A code signing configuration as Lambda reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) enum CodeSigning {
    /// Its ARN, if there is one.
    Known(Option<String>),
    /// Lambda does not report it: the permission to read it is missing, or the region does not
    /// support code signing and responds as if it were.
    Hidden,
}

impl CodeSigning {
    /// Observes the code signing configuration of a function.
    pub(super) async fn observe(session: &Session<'_>, function: &str) -> Result<Self, AwsError> {
        let get = session.lambda.get_function_code_signing_config();
        let get = get.function_name(function);
        match session.call.send(|| get.clone().send()).await {
            Ok(output) => {
                let arn = Some(output.code_signing_config_arn);
                Ok(Self::Known(arn.filter(|arn| !arn.is_empty())))
            }
            Err(error) if error.is_not_found() => Ok(Self::Known(None)),
            Err(error) if error.is_denied() || error.is_unsupported() => Ok(Self::Hidden),
            Err(error) => Err(error),
        }
    }

    /// Returns the ARN if Lambda says whether there is one.
    pub(in crate::builder) fn known(&self) -> Option<&Option<String>> {
        match self {
            Self::Known(arn) => Some(arn),
            Self::Hidden => None,
        }
    }

    /// Returns whether it is known to be a different one.
    pub(super) fn differs_from(&self, desired: Option<&str>) -> bool {
        self.known().is_some_and(|arn| arn.as_deref() != desired)
    }
}

/// Sets the code signing configuration of a function, or removes it.
pub(super) async fn set(
    session: &Session<'_>,
    function: &str,
    desired: Option<&str>,
    observed: &CodeSigning,
) -> Result<(), AwsError> {
    let lambda = &session.lambda;
    match desired {
        Some(arn) if *observed == CodeSigning::Hidden || observed.differs_from(desired) => {
            let put = lambda.put_function_code_signing_config();
            let put = put.function_name(function).code_signing_config_arn(arn);
            session.call.send(|| put.clone().send()).await?;
            Ok(())
        }
        None if observed.differs_from(None) => {
            let delete = lambda.delete_function_code_signing_config();
            let delete = delete.function_name(function);
            if_exists(session.call.send(|| delete.clone().send()).await)
        }
        _ => Ok(()),
    }
}

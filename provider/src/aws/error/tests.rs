use std::time::Duration;

use super::*;

fn service(code: &str, message: &str) -> AwsError {
    AwsError::Service {
        code: code.to_owned(),
        message: message.to_owned(),
        request: Some("r-1".to_owned()),
    }
}

#[test]
fn errors_are_told_apart() {
    let role = "The role defined for the function cannot be assumed by Lambda.";
    let conflict = "ResourceConflictException";
    let invalid = "InvalidParameterValueException";
    for (code, message, temporary, propagation, taken, not_found) in [
        (
            "TooManyRequestsException",
            "Rate exceeded",
            true,
            false,
            false,
            false,
        ),
        (
            conflict,
            "An update is in progress",
            true,
            false,
            false,
            false,
        ),
        (
            conflict,
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
        (invalid, role, false, true, false, false),
        (invalid, "MemorySize", false, false, false, false),
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
        let error = service(code, message);
        assert_eq!(error.is_temporary(), temporary, "{error}");
        assert_eq!(error.is_propagation(), propagation, "{error}");
        assert_eq!(error.is_taken(), taken, "{error}");
        assert_eq!(error.is_not_found(), not_found, "{error}");
    }
}

#[test]
fn what_passes_in_time_is_repeated() {
    let ec2 = "Your request has been throttled by EC2, please make sure you have enough API rate \
               limit.";
    assert!(service("InvalidParameterValueException", ec2).is_temporary());
    assert!(service("EC2ThrottledException", "").is_temporary());
    let destination = "The destination ARN arn:aws:sqs:r:1:q is invalid.";
    assert!(service("InvalidParameterValueException", destination).is_propagation());
    for (code, message, in_use) in [
        ("DeleteConflict", "must detach all policies first", true),
        (
            "ValidationException",
            "Rule can't be deleted since it has targets.",
            true,
        ),
        ("ValidationException", "Member must have length", false),
        ("ResourceNotFoundException", "", false),
    ] {
        assert_eq!(service(code, message).is_in_use(), in_use, "{message}");
    }
}

#[test]
fn each_kind_has_its_summary() {
    let limit = Duration::from_secs(1);
    for (error, want) in [
        (service("ExpiredToken", ""), "AWS credentials expired"),
        (
            service("SignatureDoesNotMatch", ""),
            "AWS credentials not valid",
        ),
        (service("AuthorizationError", ""), "AWS access denied"),
        (service("LimitExceeded", ""), "AWS quota reached"),
        (
            service("CodeVerificationFailedException", ""),
            "AWS refused unsigned code",
        ),
        (
            service("ThrottledException", ""),
            "AWS throttled the request",
        ),
        (service("ServiceUnavailable", ""), "AWS too busy"),
        (service("ValidationError", ""), "AWS request failed"),
        (service("DeleteConflict", ""), "Still in use"),
        (
            service("InvalidParameterValueException", "The destination ARN a"),
            "Destination not usable by Lambda",
        ),
        (
            AwsError::NoCredentials("none".to_owned()),
            "No AWS credentials found",
        ),
        (
            AwsError::Credentials("token Expired".to_owned()),
            "AWS credentials expired",
        ),
        (
            AwsError::Credentials("refused".to_owned()),
            "AWS credentials not usable",
        ),
        (
            AwsError::Unreachable("refused".to_owned()),
            "AWS not reachable",
        ),
        (Stopped::Interrupted.into(), "Interrupted"),
        (Stopped::TimedOut { limit }.into(), "Timed out"),
    ] {
        assert_eq!(error.diagnose("x").summary, want, "{error}");
    }
}

#[test]
fn a_diagnostic_has_cause_context_and_advice() {
    let error = service("AccessDenied", "not authorized to perform: iam:CreateRole.");
    let found = error.diagnose("creating the role \"x\"");
    assert_eq!(found.summary, "AWS access denied");
    assert!(found.detail.starts_with(
        "While creating the role \"x\": AccessDenied: not authorized to perform: iam:CreateRole \
         (request r-1).\n\n"
    ));
    let late = AwsError::Stopped {
        stopped: Stopped::TimedOut {
            limit: Duration::from_secs(60),
        },
        last: Some(Box::new(error)),
    };
    let found = late.diagnose("waiting");
    assert_eq!(found.summary, "Timed out");
    let last = "not done within 60s; the last response from AWS was AccessDenied";
    assert!(found.detail.contains(last), "{}", found.detail);
}

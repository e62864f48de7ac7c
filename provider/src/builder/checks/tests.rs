use super::*;

/// Runs a check as part of a schema, and returns its first message.
fn message(validator: Validator, value: impl Into<Value>) -> Option<String> {
    let attribute = tfplugin_sdk::Attribute::new(tfplugin_sdk::Type::Dynamic)
        .optional()
        .validate(validator);
    let schema = tfplugin_sdk::Schema::new().attribute("x", attribute);
    let found = schema.validate(&Value::object([("x", value.into())]));
    let mut lines = found.iter().map(|d| format!("{}: {}", d.path, d.detail));
    lines.next()
}

#[test]
fn messages_repair() {
    let versions = || one_of(&["V1", "V2"]);
    let modes = || one_of(&["PassThrough", "Active"]);
    let key = "arn:aws:kms:eu-west-1:123456789012:";
    let alias = format!("{key}alias/x");
    let long = "n".repeat(37);
    let table: Vec<(Validator, Value, &str)> = vec![
        (versions(), "v2".into(), "Write \"V2\"."),
        (versions(), "2".into(), "want one of \"V1\", \"V2\"."),
        (modes(), "pass-through".into(), "Write \"PassThrough\"."),
        (modes(), "Activ".into(), "Write \"Active\"."),
        (name(), "my builder".into(), "Write \"my-builder\"."),
        (name(), "".into(), "want 1 to 36 letters"),
        (name(), long.as_str().into(), "want 1 to 36 letters"),
        (tag_suffix(), "/soci".into(), "Write \"-soci\"."),
        (
            role_path(),
            "teams/images".into(),
            "Write \"/teams/images/\".",
        ),
        (retention(), 10_i64.into(), "Write 14 for at least 10."),
        (retention(), 9999_i64.into(), "1, 3, 5"),
        (retention(), (-1_i64).into(), "0 keeps logs forever."),
        (
            architectures(),
            Value::from(vec!["x86_64", "arm64"]),
            "Got 2 architectures, want one",
        ),
        (key_arn(), alias.as_str().into(), "target_key_arn"),
        (
            key_arn(),
            "arn:aws:kms:r:123456789012:key/*".into(),
            "want the ARN of a KMS key",
        ),
        (
            key_arn(),
            "x arn:aws:kms:r:123456789012:key/k".into(),
            "want the ARN of a KMS key",
        ),
        (
            policy_arn(),
            "boundary".into(),
            "want the ARN of a managed policy",
        ),
        (
            code_signing_config(),
            "arn:aws:lambda:r:123456789012:function:csc-1".into(),
            "want the ARN of a code signing configuration",
        ),
        (
            destination(),
            "arn:aws:sqs:r:123456789012:q.fifo".into(),
            "use a standard",
        ),
        (
            destination(),
            "arn:aws:kinesis:r:123456789012:s".into(),
            "want the ARN of an SQS",
        ),
        (
            destination(),
            "arn:aws:s3:::bucket/*".into(),
            "want the ARN of an SQS",
        ),
        (
            event_bus(),
            "arn:aws:events:r:123456789012:event-bus/b".into(),
            "Write its name, \"b\"",
        ),
        (
            ids("subnet-"),
            Value::from(vec!["sg-1"]),
            "such as \"subnet-0123456789abcdef0\"",
        ),
        (
            filters(),
            Value::from(vec!["a:*", "b"]),
            "x[1]: Filter \"b\": has no colon; write",
        ),
        (
            tags(),
            Value::object([("aws:x", "1".into())]),
            "x[\"aws:x\"]: The key \"aws:x\" starts with aws:",
        ),
        (
            tags(),
            Value::object([("cost", "100%".into())]),
            "x[\"cost\"]: The value of \"cost\" contains '%'",
        ),
        (
            tags(),
            Value::object([(OWNER_TAG, "1".into())]),
            "is reserved",
        ),
    ];
    for (validator, value, want) in table {
        let got = message(validator, value.clone()).unwrap_or_default();
        assert!(got.contains(want), "{value:?}: {got}");
    }
}

#[test]
fn good_values_pass() {
    let table: Vec<(Validator, Value)> = vec![
        (name(), "soci-index-builder".into()),
        (tag_suffix(), "_soci.v2".into()),
        (role_path(), "/".into()),
        (role_path(), "/a/b/".into()),
        (retention(), 0_i64.into()),
        (retention(), 3653_i64.into()),
        (architectures(), Value::from(vec!["arm64"])),
        (
            key_arn(),
            "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1".into(),
        ),
        (
            policy_arn(),
            "arn:aws:iam::aws:policy/PowerUserAccess".into(),
        ),
        (policy_arn(), "arn:aws:iam::123456789012:policy/a/b".into()),
        (
            code_signing_config(),
            "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdefg"
                .into(),
        ),
        (destination(), "arn:aws:sqs:eu-west-1:123456789012:q".into()),
        (destination(), "arn:aws:sns:eu-west-1:123456789012:t".into()),
        (
            destination(),
            "arn:aws:lambda:eu-west-1:123456789012:function:f".into(),
        ),
        (
            destination(),
            "arn:aws:events:eu-west-1:123456789012:event-bus/b".into(),
        ),
        (destination(), "arn:aws:s3:::bucket".into()),
        (event_bus(), "aws.partner/example.com/a".into()),
        (ids("sg-"), Value::from(vec!["sg-0123456789abcdef0"])),
        (filters(), Value::List(vec!["a:*".into(), Value::Unknown])),
        (tags(), Value::object([("team", "a".into())])),
    ];
    for (validator, value) in table {
        assert_eq!(message(validator, value.clone()), None, "{value:?}");
    }
}

#[test]
fn tags_are_checked_together_with_the_default_tags() {
    let tags = |keys: &[&str], value: &str| -> Tags {
        let keys = keys.iter();
        keys.map(|key| ((*key).to_owned(), value.to_owned()))
            .collect()
    };
    let numbered: Vec<String> = (0..50).map(|n| format!("k{n}")).collect();
    let numbered: Vec<&str> = numbered.iter().map(String::as_str).collect();
    assert!(all_tags(&tags(&numbered[1..], "v")).is_ok());
    for (got, want) in [
        (tags(&numbered, "v"), "Got 50 tags"),
        (tags(&[OWNER_TAG], "v"), "is reserved"),
        (tags(&["SOCI-Index-Builder"], "v"), "is reserved"),
        (tags(&["Team", "team"], "v"), "differ only in case"),
        (tags(&["aws:x"], "v"), "reserved for AWS"),
        (tags(&["a"], "100%"), "contains '%'"),
    ] {
        let error = all_tags(&got).unwrap_err();
        assert!(error.detail.contains(want), "{}", error.detail);
        assert!(error.detail.contains("default_tags"), "{}", error.detail);
    }
}

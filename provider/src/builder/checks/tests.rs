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
            "x[\"aws:x\"]: The prefix",
        ),
        (
            tags(),
            Value::object([(OWNER_TAG, "1".into())]),
            "is the builder's own",
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
fn default_tags_count() {
    let many = |count: usize| -> Value {
        Value::object((0..count).map(|n| (format!("k{n}"), "v".into())))
    };
    assert!(all_tags(&many(49)).is_ok());
    assert_eq!(all_tags(&many(50)).unwrap_err().summary, "Too many tags");
    let own = Value::object([(OWNER_TAG, "x".into())]);
    assert_eq!(all_tags(&own).unwrap_err().summary, "Invalid tag");
    assert!(all_tags(&Value::Unknown).is_ok());
}

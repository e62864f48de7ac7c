use super::*;

/// Values that pass, and values that do not, each with a part of the detail.
type Table<'a> = (fn(&str) -> Checked, &'a [&'a str], &'a [(&'a str, &'a str)]);

#[test]
fn checks_of_texts() {
    let tables: [Table<'_>; 9] = [
        (
            region,
            &[
                "eu-west-1",
                "us-gov-east-1",
                "ap-southeast-7",
                "us-isob-east-1",
                "cn-north-1",
            ],
            &[
                ("", "\"eu-west-1\""),
                ("eu-west", "\"eu-west-1\""),
                ("EU-WEST-1", "\"EU-WEST-1\""),
                ("eu-west-1a", "\"eu-west-1a\""),
                ("evil.example.com/-a-1", "evil"),
                ("eu-west-1\n", "\"eu-west-1\\n\""),
                ("-west-1", "\"-west-1\""),
            ],
        ),
        (
            account_id,
            &["123456789012", "000000000000"],
            &[
                ("", "twelve"),
                ("12345678901", "zeros"),
                ("12345678901x", "twelve"),
            ],
        ),
        (
            url,
            &[
                "https://vpce.example.com",
                "http://127.0.0.1:4566",
                "https://a.example/path",
            ],
            &[
                ("vpce.example.com", "cannot be parsed"),
                ("ftp://a", "https://"),
                ("https://user:secret@a.example", "has a user"),
                ("https://a.example?x=1", "a query"),
            ],
        ),
        (
            role_arn,
            &[
                "arn:aws:iam::123456789012:role/a",
                "arn:aws-cn:iam::123456789012:role/p/a:b",
            ],
            &[
                ("deploy", "six parts"),
                ("arn:aws:iam::1:role/a", "twelve digits"),
                ("arn:aws:iam::123456789012:user/a", "of a role"),
                ("arn:aws:iam::123456789012:role/", "of a role"),
                ("arn:aws:s3::123456789012:role/a", "an IAM ARN"),
            ],
        ),
        (
            policy_arn,
            &[
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
                "arn:aws:iam::123456789012:policy/p",
            ],
            &[("arn:aws:iam::123456789012:role/a", "of a policy")],
        ),
        (policy, &["{}"], &[("", "jsonencode"), ("[]", "jsonencode")]),
        (
            session_name,
            &["ab", "a.b@c-d_e=f+g,h"],
            &[("a", "2 to 64"), ("a b", "2 to 64"), ("ü2", "2 to 64")],
        ),
        (
            external_id,
            &["a/b:c"],
            &[("a", "2 to 1224"), ("a b", "2 to 1224")],
        ),
        (
            session_duration,
            &["15m", "1h30m", "12h"],
            &[("14m", "\"15m\""), ("13h", "\"12h\""), ("3600", "no unit")],
        ),
    ];
    for (check, good, bad) in tables {
        for text in good {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for (text, want) in bad {
            let detail = check(text).expect_err(text).detail;
            assert!(detail.contains(want), "{text:?}: {detail}");
            assert!(!detail.contains("secret"), "{detail}");
        }
    }
}

#[test]
fn checks_of_tags() {
    let tag = |key: &str, value: String| Value::object([(key, value.into())]);
    let empty = String::new;
    assert_eq!(tags(&tag("team", "web".to_owned())), Ok(()));
    assert_eq!(tags(&Value::object([("team", Value::Null)])), Ok(()));
    for (bad, want) in [
        (tag("", empty()), "is empty"),
        (tag("AWS:x", empty()), "reserved for AWS"),
        (tag(&"k".repeat(129), empty()), "128"),
        (tag("team", "v".repeat(257)), "257"),
    ] {
        let fault = tags(&bad).expect_err(want);
        assert!(fault.detail.contains(want), "{}", fault.detail);
        assert!(fault.path.to_string().starts_with('['), "{}", fault.path);
    }
}

/// Returns the paths of the diagnostics.
fn paths(config: &Value) -> Vec<String> {
    across(config).iter().map(|d| d.path.to_string()).collect()
}

#[test]
fn checks_across_attributes() {
    let id = || Value::List(vec!["123456789012".into()]);
    let web =
        |block: Value| Value::object([("assume_role_with_web_identity", Value::List(vec![block]))]);
    let arn = || ("role_arn", Value::from("arn:aws:iam::123456789012:role/a"));
    let ecr = || Value::object([("ecr", "http://a".into())]);
    let none: &[&str] = &[];
    for (config, want) in [
        (
            Value::object([("access_key", "a".into())]),
            &["access_key"][..],
        ),
        (Value::object([("secret_key", "a".into())]), &["secret_key"]),
        (Value::object([("token", "a".into())]), &["token"]),
        (
            Value::object([("access_key", "a".into()), ("secret_key", Value::Unknown)]),
            none,
        ),
        (
            Value::object([
                ("allowed_account_ids", id()),
                ("forbidden_account_ids", id()),
            ]),
            &["forbidden_account_ids"],
        ),
        (
            Value::object([("allowed_account_ids", Value::List(vec![]))]),
            &["allowed_account_ids"],
        ),
        (
            web(Value::object([
                arn(),
                ("web_identity_token", "a".into()),
                ("web_identity_token_file", "b".into()),
            ])),
            &["assume_role_with_web_identity[0].web_identity_token_file"],
        ),
        (
            web(Value::object([
                arn(),
                ("web_identity_token", Value::Unknown),
            ])),
            none,
        ),
        (web(Value::Unknown), none),
        (
            Value::object([("endpoints", Value::List(vec![ecr(), ecr()]))]),
            &["endpoints[1].ecr"],
        ),
        (Value::object([("endpoints", Value::Unknown)]), none),
        (Value::Unknown, none),
    ] {
        assert_eq!(paths(&config), want, "{config:?}");
    }
}

use serde_json::json;

use super::super::function::{FoundFunction, Invoke};
use super::super::log_group::FoundLogGroup;
use super::super::role::FoundRole;
use super::super::rule::FoundRule;
use super::super::settings::VpcConfig;
use super::*;

fn account() -> Account {
    Account {
        id: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
    }
}

fn blueprint(settings: &Settings) -> Blueprint {
    let tags = [(names::OWNER_TAG.to_owned(), settings.name.clone())];
    Blueprint::new(settings, &account(), None, &tags.into())
}

/// What AWS has when all is as it should be.
fn found(want: &Blueprint) -> Found {
    let half = |half: &Half| {
        let (group, role, function) = (&half.log_group, &half.role, &half.function);
        let permission = function.rule_arn.as_ref().map(|rule| {
            let statement = json!({
                "Sid": names::STATEMENT,
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Principal": {"Service": "events.amazonaws.com"},
                "Resource": function.arn,
                "Condition": {"ArnLike": {"AWS:SourceArn": rule}},
            });
            (names::STATEMENT.to_owned(), statement)
        });
        FoundHalf {
            log_group: Some(FoundLogGroup {
                retention: group.retention,
                kms_key: group.kms_key.clone(),
                tags: group.tags.clone(),
            }),
            role: Some(FoundRole {
                path: role.path.clone(),
                trust: role.trust.clone(),
                boundary: role.boundary.clone(),
                policies: [(names::POLICY.to_owned(), role.policy.clone())].into(),
                attached: role.attached.iter().cloned().collect(),
                tags: role.tags.clone(),
            }),
            function: Some(FoundFunction {
                config: function.config.clone(),
                code_sha256: "x".to_owned(),
                reserved: function.reserved,
                invoke: function.invoke.clone().unwrap_or_default(),
                statements: permission.into_iter().collect(),
                tags: function.tags.clone(),
            }),
        }
    };
    let rule = &want.rule;
    Found {
        filter: half(&want.filter),
        generator: half(&want.generator),
        rule: Some(FoundRule {
            pattern: rule.pattern.clone(),
            enabled: true,
            targets: [(names::TARGET.to_owned(), (rule.target.clone(), true))].into(),
            tags: rule.tags.clone(),
        }),
    }
}

fn full() -> Settings {
    let arn = |rest: &str| Some(format!("arn:aws:{rest}"));
    Settings {
        repository_image_tag_filters: vec!["a:*".to_owned(), "b/*:v?".to_owned()],
        index_version: "V1".to_owned(),
        tag_suffix: "_soci".to_owned(),
        span_size: 1 << 20,
        min_layer_size: 0,
        memory_size: 3008,
        timeout: 300,
        ephemeral_storage_size: 1024,
        architectures: vec!["arm64".to_owned()],
        reserved_concurrent_executions: 5,
        permissions_boundary: arn("iam::123456789012:policy/b"),
        role_path: "/a/".to_owned(),
        kms_key_arn: arn("kms:eu-west-1:123456789012:key/1"),
        vpc_config: Some(VpcConfig {
            subnet_ids: ["subnet-1".to_owned()].into(),
            security_group_ids: ["sg-1".to_owned()].into(),
        }),
        log_retention_in_days: 7,
        log_kms_key_id: arn("kms:eu-west-1:123456789012:key/2"),
        log_level: "DEBUG".to_owned(),
        tracing_mode: "Active".to_owned(),
        maximum_retry_attempts: 0,
        maximum_event_age_in_seconds: 60,
        on_failure_destination_arn: arn("sqs:eu-west-1:123456789012:q"),
        ..Settings::new("x")
    }
}

#[test]
fn all_arguments_are_found_again() {
    for settings in [Settings::new("x"), full()] {
        let want = blueprint(&settings);
        let found = found(&want);
        let mut seen = Settings::new("x");
        see(&mut seen, &found);
        assert_eq!(seen, settings);
        assert!(
            drift(&want, &found).is_empty(),
            "{:?}",
            drift(&want, &found)
        );
        assert!(check_builder(&found, "x").is_ok());
    }
}

/// One change in AWS, and the line it makes.
type Change = (fn(&mut Found), &'static str);

#[test]
fn every_change_shows() {
    fn function(half: &mut FoundHalf) -> &mut FoundFunction {
        half.function.as_mut().unwrap()
    }
    fn role(half: &mut FoundHalf) -> &mut FoundRole {
        half.role.as_mut().unwrap()
    }
    fn rule(found: &mut Found) -> &mut FoundRule {
        found.rule.as_mut().unwrap()
    }
    let table: &[Change] = &[
        (
            |f| f.filter.role = None,
            "role \"x-filter-eu-west-1\": missing",
        ),
        (
            |f| f.generator.log_group = None,
            "log group \"/aws/lambda/x-generator\": missing",
        ),
        (
            |f| f.generator.function = None,
            "function \"x-generator\": missing",
        ),
        (|f| f.rule = None, "rule \"x\": missing"),
        (|f| rule(f).enabled = false, "rule \"x\": disabled"),
        (|f| rule(f).targets.clear(), "rule \"x\": target missing"),
        (
            |f| {
                rule(f)
                    .targets
                    .insert("mine".to_owned(), ("arn".to_owned(), true));
            },
            "rule \"x\": foreign target \"mine\"",
        ),
        (
            |f| rule(f).targets.get_mut(names::TARGET).unwrap().1 = false,
            "rule \"x\": target changed",
        ),
        (|f| rule(f).tags.clear(), "rule \"x\": tags changed"),
        (
            |f| role(&mut f.generator).policies.clear(),
            "role \"x-generator-eu-west-1\": policy missing",
        ),
        (
            |f| role(&mut f.filter).trust = json!({}),
            "role \"x-filter-eu-west-1\": trust policy changed",
        ),
        (
            |f| role(&mut f.filter).boundary = Some("arn".to_owned()),
            "role \"x-filter-eu-west-1\": permissions boundary changed",
        ),
        (
            |f| function(&mut f.filter).statements.clear(),
            "function \"x-filter\": permission of the rule missing or changed",
        ),
        (
            |f| {
                let statements = &mut function(&mut f.generator).statements;
                statements.insert("open".to_owned(), json!({"Principal": "*"}));
            },
            "function \"x-generator\": foreign permission \"open\"",
        ),
        (
            |f| {
                let environment = &mut function(&mut f.filter).config.environment;
                environment.insert(environment::GENERATOR_ARN.to_owned(), "arn".to_owned());
            },
            "function \"x-filter\": environment changed",
        ),
        (
            |f| function(&mut f.filter).config.memory_size = 128,
            "function \"x-filter\": memory size changed",
        ),
        (
            |f| function(&mut f.generator).config.runtime = "x".to_owned(),
            "function \"x-generator\": runtime changed",
        ),
        (
            |f| {
                function(&mut f.filter).invoke = Invoke {
                    retries: 0,
                    ..Invoke::default()
                }
            },
            "function \"x-filter\": asynchronous invocation changed",
        ),
        (
            |f| f.filter.log_group.as_mut().unwrap().retention = 1,
            "log group \"/aws/lambda/x-filter\": retention changed",
        ),
    ];
    let settings = Settings::new("x");
    let want = blueprint(&settings);
    for (change, line) in table {
        let mut found = found(&want);
        change(&mut found);
        assert_eq!(drift(&want, &found), [*line]);
    }
}

#[test]
fn tags_are_told_apart_from_the_providers_defaults() {
    let defaults = [("env", "prod"), ("team", "a")];
    let defaults: BTreeMap<String, String> =
        defaults.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let want = blueprint(&Settings::new("x"));
    let tags =
        |tags: &[(&str, &str)]| Value::object(tags.iter().map(|(k, v)| (*k, Value::from(*v))));
    for (written, in_aws, want_tags) in [
        // As applied.
        (
            Value::Null,
            vec![("env", "prod"), ("team", "a")],
            Value::Null,
        ),
        (
            tags(&[("team", "a")]),
            vec![("env", "prod"), ("team", "a")],
            tags(&[("team", "a")]),
        ),
        // Changed, added, and removed by somebody.
        (
            Value::Null,
            vec![("env", "test"), ("team", "a")],
            tags(&[("env", "test")]),
        ),
        (
            Value::Null,
            vec![("env", "prod"), ("team", "a"), ("x", "1")],
            tags(&[("x", "1")]),
        ),
        (
            tags(&[("own", "1")]),
            vec![("env", "prod"), ("team", "a")],
            tags(&[]),
        ),
    ] {
        let mut found = found(&want);
        let function = found.generator.function.as_mut().unwrap();
        function.tags.extend(
            in_aws
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        );
        let mut state = Value::object([("tags", written)]);
        see_tags(&mut state, &found, &defaults);
        assert_eq!(state.get("tags"), &want_tags, "{in_aws:?}");
        assert_eq!(state.get("tags_all"), &tags(&in_aws));
    }
}

#[test]
fn a_builder_of_another_region_is_not_gone() {
    let mut state = Value::object([("name", "x".into())]);
    assert!(check_account(&state, "x", &account()).is_ok());
    let want = blueprint(&Settings::new("x"));
    set_parts(&mut state, &Settings::new("x"), &account(), &want);
    assert!(check_account(&state, "x", &account()).is_ok());
    let other = Account {
        region: "us-east-1".to_owned(),
        ..account()
    };
    let error = check_account(&state, "x", &other).unwrap_err();
    assert!(
        error
            .detail
            .contains("account 123456789012, region eu-west-1"),
        "{}",
        error.detail
    );
    assert!(
        error.detail.contains("region us-east-1"),
        "{}",
        error.detail
    );
}

#[test]
fn foreign_parts_are_named() {
    let want = blueprint(&Settings::new("x"));
    let mut found = found(&want);
    assert!(parts::check_owner(&want, &found, "x").is_ok());
    found.rule.as_mut().unwrap().tags.clear();
    let owner = &mut found.filter.role.as_mut().unwrap().tags;
    owner.insert(names::OWNER_TAG.to_owned(), "another".to_owned());
    let error = parts::check_owner(&want, &found, "x").unwrap_err();
    assert_eq!(error.path.to_string(), "name");
    for part in [
        "role \"x-filter-eu-west-1\"",
        "rule \"x\"",
        "terraform import",
    ] {
        assert!(error.detail.contains(part), "{}", error.detail);
    }
    assert!(!error.detail.contains("function \"x"), "{}", error.detail);
}

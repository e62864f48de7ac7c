//! IAM policies with the minimum that each function needs.
//!
//! `ecr:GetAuthorizationToken` is the only action here with the resource `*`, because it supports
//! no other. The same goes for the actions for the network interfaces of a VPC and for X-Ray
//! traces, but AWS maintains managed policies for these. They are attached, and a statement here
//! denies the functions' code the actions on interfaces that only Lambda itself needs.

use std::collections::BTreeSet;

use lambda::completion;
use lambda::filters::Filter;
use serde_json::{Value as Json, json};

use super::arguments::Arguments;
use super::names;
use crate::aws::Account;
use crate::bundle::Function;

/// Maximum total size of a role's inline policies in characters, without white space (IAM quota).
pub(super) const MAX_CHARACTERS: usize = 10_240;

/// AWS managed policy for the network interfaces of a VPC.
const FOR_VPC: &str = "service-role/AWSLambdaENIManagementAccess";
/// AWS managed policy for X-Ray.
const FOR_TRACING: &str = "AWSXRayDaemonWriteAccess";
/// ID of the statement for the key of an encrypted destination.
const DESTINATION_KEY: &str = "EncryptForOnFailureDestination";

/// Returns the trust policy of the roles. A role can be passed to Lambda only within its own
/// account, so no other account could make Lambda use it.
pub(super) fn trust() -> Json {
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Lambda",
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    })
}

/// Returns the inline policy of a function's role.
pub(super) fn policy(function: Function, arguments: &Arguments, account: &Account) -> Json {
    let log_group = names::log_group(&arguments.name, function);
    let mut statements = vec![json!({
        "Sid": "WriteOwnLog",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": format!("{}:*", account.log_group_arn(&log_group)),
    })];
    match function {
        Function::EventFilter => {
            let generator = names::function(&arguments.name, Function::IndexGenerator);
            statements.push(json!({
                "Sid": "InvokeIndexGenerator",
                "Effect": "Allow",
                "Action": "lambda:InvokeFunction",
                "Resource": account.function_arn(&generator),
            }));
            if arguments.sweeps() {
                statements.extend(sweep(arguments, account));
            }
        }
        Function::IndexGenerator => {
            statements.push(json!({
                "Sid": "LogInToRegistry",
                "Effect": "Allow",
                "Action": "ecr:GetAuthorizationToken",
                "Resource": "*",
            }));
            statements.push(json!({
                "Sid": "ReadImagesAndWriteIndexes",
                "Effect": "Allow",
                "Action": [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:CompleteLayerUpload",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:InitiateLayerUpload",
                    "ecr:PutImage",
                    "ecr:UploadLayerPart",
                ],
                "Resource": repository_arns(arguments, account),
            }));
            if arguments.delete_with_source {
                statements.push(json!({
                    "Sid": "RemoveIndexesOfDeletedImages",
                    "Effect": "Allow",
                    "Action": ["ecr:BatchDeleteImage", "ecr:DescribeImages"],
                    "Resource": repository_arns(arguments, account),
                }));
            }
            if arguments.reuse_ztocs {
                let table = names::table(&arguments.name);
                statements.push(json!({
                    "Sid": "RememberLayers",
                    "Effect": "Allow",
                    "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
                    "Resource": account.table_arn(&table),
                }));
                let own = names::function(&arguments.name, function);
                statements.push(json!({
                    "Sid": "GoOnInAnotherInvocation",
                    "Effect": "Allow",
                    "Action": "lambda:InvokeFunction",
                    "Resource": account.function_arn(&own),
                }));
            }
            if let Some(bus) = &arguments.completion_event_bus_name {
                statements.push(report(&account.event_bus_arn(bus)));
            }
        }
    }
    let destination = arguments.on_failure_destination_arn.as_deref();
    statements.extend(destination.and_then(send));
    if let Some(key) = &arguments.on_failure_destination_kms_key_arn {
        statements.push(encrypt(destination, key));
    }
    if let Some(key) = &arguments.kms_key_arn {
        statements.push(json!({
            "Sid": "ReadOwnEnvironment",
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": key,
        }));
    }
    if arguments.vpc_config.is_some() {
        let own = names::function(&arguments.name, function);
        statements.push(json!({
            "Sid": "LeaveNetworkInterfacesToLambda",
            "Effect": "Deny",
            "Action": [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:UnassignPrivateIpAddresses",
            ],
            "Resource": account.network_arn(),
            "Condition": {
                "ArnEquals": {"lambda:SourceFunctionArn": account.function_arn(&own)},
            },
        }));
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Returns the ARNs of the managed policies that are attached to a function's role.
pub(super) fn attached(
    function: Function,
    arguments: &Arguments,
    account: &Account,
) -> BTreeSet<String> {
    let mut attached = match function {
        Function::EventFilter => BTreeSet::new(),
        Function::IndexGenerator => arguments.index_generator_policy_arns.clone(),
    };
    if arguments.vpc_config.is_some() {
        attached.insert(account.managed_policy_arn(FOR_VPC));
    }
    if arguments.tracing_mode == "Active" {
        attached.insert(account.managed_policy_arn(FOR_TRACING));
    }
    attached
}

/// Returns the attached policies that are not the builder's own, or that are `recorded` as being in
/// the configuration.
pub(super) fn additional(
    attached: &BTreeSet<String>,
    recorded: &BTreeSet<String>,
) -> BTreeSet<String> {
    let is_own = |arn: &str| {
        let name = arn.split_once("::aws:policy/").map(|(_, name)| name);
        matches!(name, Some(FOR_VPC | FOR_TRACING))
    };
    let attached = attached.iter();
    attached
        .filter(|arn| recorded.contains(*arn) || !is_own(arn))
        .cloned()
        .collect()
}

/// Returns the repositories that the filters name, without those covered by another one. Wildcards
/// have the same meaning in filters and in IAM.
pub(super) fn repositories(arguments: &Arguments) -> Vec<String> {
    let filters = arguments.filters();
    let mut patterns: Vec<&str> = filters.iter().map(Filter::repository).collect();
    patterns.sort_unstable();
    patterns.dedup();
    let covered = |pattern: &str| {
        patterns.iter().any(|other| {
            // Only prefixes are considered; leaving other covered names in does no harm.
            let prefix = other.strip_suffix('*').filter(|p| !p.contains(['*', '?']));
            *other != pattern && prefix.is_some_and(|prefix| pattern.starts_with(prefix))
        })
    };
    let kept = patterns.iter().filter(|pattern| !covered(pattern));
    kept.map(|pattern| (*pattern).to_owned()).collect()
}

/// Returns the statement that lets the index generator report to an event bus, and send no other
/// events. A request may contain several events, so both conditions apply to all of them and to at
/// least one.
fn report(bus: &str) -> Json {
    json!({
        "Sid": "ReportCompletion",
        "Effect": "Allow",
        "Action": "events:PutEvents",
        "Resource": bus,
        "Condition": {
            "ForAllValues:StringEquals": {
                "events:source": completion::SOURCE,
                "events:detail-type": completion::DETAIL_TYPE,
            },
            "Null": {"events:source": "false", "events:detail-type": "false"},
        },
    })
}

/// Returns the statements that let the event filter look for images without an index. It may list
/// repositories only if some filter does not name them.
fn sweep(arguments: &Arguments, account: &Account) -> Vec<Json> {
    let own = names::function(&arguments.name, Function::EventFilter);
    let mut statements = vec![
        json!({
            "Sid": "LookForIndexes",
            "Effect": "Allow",
            "Action": ["ecr:BatchGetImage", "ecr:DescribeImages"],
            "Resource": repository_arns(arguments, account),
        }),
        json!({
            "Sid": "GoOnInAnotherInvocation",
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": account.function_arn(&own),
        }),
    ];
    if repositories(arguments)
        .iter()
        .any(|name| name.contains(['*', '?']))
    {
        statements.push(json!({
            "Sid": "FindRepositories",
            "Effect": "Allow",
            "Action": "ecr:DescribeRepositories",
            "Resource": account.repository_arn("*"),
        }));
    }
    statements
}

/// Returns the ARNs of the repositories that the filters name.
fn repository_arns(arguments: &Arguments, account: &Account) -> Vec<String> {
    let repositories = repositories(arguments);
    let arns = repositories.iter().map(|name| account.repository_arn(name));
    arns.collect()
}

/// Returns the statement that lets Lambda send failed events to a destination.
fn send(destination: &str) -> Option<Json> {
    let (actions, resources) = match service(destination)? {
        "sqs" => (json!("sqs:SendMessage"), json!(destination)),
        "sns" => (json!("sns:Publish"), json!(destination)),
        "lambda" => (json!("lambda:InvokeFunction"), json!(destination)),
        "events" => (json!("events:PutEvents"), json!(destination)),
        "s3" => (
            json!(["s3:ListBucket", "s3:PutObject"]),
            json!([destination, format!("{destination}/*")]),
        ),
        _ => return None,
    };
    Some(json!({
        "Sid": "SendToOnFailureDestination",
        "Effect": "Allow",
        "Action": actions,
        "Resource": resources,
    }))
}

/// Returns the statement that lets Lambda send to a destination that is encrypted with a key.
fn encrypt(destination: Option<&str>, key: &str) -> Json {
    let actions = match destination.and_then(service) {
        Some("s3") => json!("kms:GenerateDataKey"),
        _ => json!(["kms:Decrypt", "kms:GenerateDataKey"]),
    };
    json!({
        "Sid": DESTINATION_KEY,
        "Effect": "Allow",
        "Action": actions,
        "Resource": key,
    })
}

/// Returns the key of an encrypted destination that is named in a policy.
pub(super) fn destination_key(policy: &Json) -> Option<String> {
    let mut statements = policy["Statement"].as_array()?.iter();
    let statement = statements.find(|statement| statement["Sid"] == DESTINATION_KEY)?;
    statement["Resource"].as_str().map(str::to_owned)
}

/// Returns the service in an ARN.
pub(super) fn service(arn: &str) -> Option<&str> {
    arn.split(':').nth(2)
}

#[cfg(test)]
mod tests {
    use super::super::arguments::VpcConfig;
    use super::*;

    fn account() -> Account {
        Account {
            id: "123456789012".to_owned(),
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn full() -> Arguments {
        let arn = |rest: &str| Some(format!("arn:aws:{rest}"));
        Arguments {
            repository_image_tag_filters: ["shop/*:v*", "base-?:*", "shop/web:1"]
                .map(str::to_owned)
                .to_vec(),
            kms_key_arn: arn("kms:eu-west-1:123456789012:key/k"),
            tracing_mode: "Active".to_owned(),
            delete_with_source: true,
            on_failure_destination_arn: arn("sqs:eu-west-1:123456789012:failed"),
            on_failure_destination_kms_key_arn: arn("kms:eu-west-1:123456789012:key/failed"),
            vpc_config: Some(VpcConfig {
                subnet_ids: ["subnet-1".to_owned()].into(),
                security_group_ids: ["sg-1".to_owned()].into(),
                ..VpcConfig::default()
            }),
            completion_event_bus_name: Some("images".to_owned()),
            index_generator_policy_arns: ["arn:aws:iam::1:policy/more".to_owned()].into(),
            ..Arguments::named("images")
        }
    }

    /// To see what changed, run the test; to accept it, run it with `UPDATE_GOLDEN=1`.
    fn check(file: &str, got: &Json) {
        let path = format!("{}/src/builder/golden/{file}", env!("CARGO_MANIFEST_DIR"));
        let got = serde_json::to_string_pretty(got).unwrap() + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &got).unwrap();
        }
        let want = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(got, want, "{path}; after a look at it, set UPDATE_GOLDEN=1");
    }

    #[test]
    fn documents_are_the_golden_ones() {
        let (plain, full, account) = (Arguments::named("soci-index-builder"), full(), account());
        check("trust.json", &trust());
        for (file, function, arguments) in [
            ("event-filter.json", Function::EventFilter, &plain),
            ("event-filter-full.json", Function::EventFilter, &full),
            ("index-generator.json", Function::IndexGenerator, &plain),
            ("index-generator-full.json", Function::IndexGenerator, &full),
        ] {
            check(file, &policy(function, arguments, &account));
        }
        let (filter, generator) = (Function::EventFilter, Function::IndexGenerator);
        let own = [
            "arn:aws:iam::aws:policy/AWSXRayDaemonWriteAccess",
            "arn:aws:iam::aws:policy/service-role/AWSLambdaENIManagementAccess",
        ];
        let own: BTreeSet<String> = own.map(str::to_owned).into();
        assert_eq!(attached(filter, &full, &account), own);
        let more = &full.index_generator_policy_arns;
        let all = attached(generator, &full, &account);
        assert_eq!(all, &own | more);
        assert_eq!(&additional(&all, more), more);
        // A builder's own policy that the configuration also names is not lost.
        assert_eq!(additional(&all, &own), all);
        assert!(attached(generator, &plain, &account).is_empty());
    }

    #[test]
    fn only_the_token_is_for_every_resource() {
        for function in [Function::EventFilter, Function::IndexGenerator] {
            for arguments in [Arguments::named("x"), full()] {
                let document = policy(function, &arguments, &account());
                for statement in document["Statement"].as_array().unwrap() {
                    let everything = statement["Resource"] == "*";
                    let token = statement["Action"] == "ecr:GetAuthorizationToken";
                    assert_eq!(everything, token, "{statement}");
                    assert!(
                        !statement["Action"].to_string().contains('*'),
                        "{statement}"
                    );
                }
            }
        }
    }

    #[test]
    fn each_destination_has_its_permission() {
        for (arn, action) in [
            ("arn:aws:sqs:r:1:q", "sqs:SendMessage"),
            ("arn:aws:sns:r:1:t", "sns:Publish"),
            ("arn:aws:lambda:r:1:function:f", "lambda:InvokeFunction"),
            ("arn:aws:events:r:1:event-bus/b", "events:PutEvents"),
            ("arn:aws:s3:::b", "s3:PutObject"),
        ] {
            let statement = send(arn).unwrap();
            assert!(statement["Action"].to_string().contains(action), "{arn}");
            assert!(statement["Resource"].to_string().contains(arn), "{arn}");
        }
        assert_eq!(send("arn:aws:kinesis:r:1:s"), None);
    }

    #[test]
    fn a_key_is_used_as_its_destination_needs() {
        for (arn, actions) in [
            (
                "arn:aws:sqs:r:1:q",
                json!(["kms:Decrypt", "kms:GenerateDataKey"]),
            ),
            (
                "arn:aws:sns:r:1:t",
                json!(["kms:Decrypt", "kms:GenerateDataKey"]),
            ),
            ("arn:aws:s3:::b", json!("kms:GenerateDataKey")),
        ] {
            let arguments = Arguments {
                on_failure_destination_arn: Some(arn.to_owned()),
                on_failure_destination_kms_key_arn: Some("arn:key".to_owned()),
                ..Arguments::named("x")
            };
            for function in [Function::EventFilter, Function::IndexGenerator] {
                let document = policy(function, &arguments, &account());
                let statements = document["Statement"].as_array().unwrap();
                let uses_key = |statement: &&Json| statement["Resource"] == "arn:key";
                let statement = statements.iter().find(uses_key).unwrap();
                assert_eq!(statement["Action"], actions, "{arn}");
                assert_eq!(destination_key(&document).as_deref(), Some("arn:key"));
            }
        }
        let plain = policy(Function::EventFilter, &Arguments::named("x"), &account());
        assert_eq!(destination_key(&plain), None);
    }

    #[test]
    fn covered_repositories_are_left_out() {
        for (filters, want) in [
            (vec!["*:*", "a:1"], vec!["*"]),
            (vec!["a/*:1", "a/b:2", "a:3"], vec!["a", "a/*"]),
            (vec!["a:1", "a:2"], vec!["a"]),
            (vec!["*a:1", "ba:1"], vec!["*a", "ba"]),
            (vec!["?*:1", "b:1"], vec!["?*", "b"]),
        ] {
            let mut arguments = Arguments::named("x");
            arguments.repository_image_tag_filters =
                filters.into_iter().map(str::to_owned).collect();
            assert_eq!(repositories(&arguments), want);
        }
    }

    #[test]
    fn nothing_is_deleted_unless_it_is_asked_for() {
        for function in [Function::EventFilter, Function::IndexGenerator] {
            let document = policy(function, &Arguments::named("x"), &account());
            assert!(!document.to_string().contains("Delete"), "{document}");
        }
        let filter = policy(Function::EventFilter, &full(), &account()).to_string();
        assert!(!filter.contains("BatchDeleteImage"), "{filter}");
    }

    #[test]
    fn only_a_sweep_looks_at_images() {
        let actions = |change: fn(&mut Arguments)| {
            let mut arguments = Arguments::named("x");
            arguments.sweep_schedule.clear();
            change(&mut arguments);
            policy(Function::EventFilter, &arguments, &account()).to_string()
        };
        let none = actions(|_| {});
        assert!(
            !none.contains("ecr:") && !none.contains("function:x-filter"),
            "{none}"
        );
        let once = actions(|arguments| arguments.index_existing = true);
        assert!(once.contains("ecr:DescribeRepositories"), "{once}");
        let exact = actions(|arguments| {
            arguments.sweep_schedule = "rate(1 day)".to_owned();
            arguments.repository_image_tag_filters = vec!["web:*".to_owned()];
        });
        assert!(exact.contains("ecr:DescribeImages"), "{exact}");
        assert!(exact.contains("repository/web") && !exact.contains("DescribeRepositories"));
    }
}

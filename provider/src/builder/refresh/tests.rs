use std::collections::BTreeSet;

use lambda::environment::GENERATOR_ARN;
use serde_json::json;

use super::super::part::function::permission::{Permission, STATEMENT, SWEEP_STATEMENT};
use super::super::part::function::{self, CodeSigning};
use super::super::part::role::{self, POLICY};
use super::super::part::rule::{self, TARGET, Target};
use super::super::part::{self, Part};
use super::super::parts::DesiredUnit;
use super::*;
use crate::aws::Account;

fn account() -> Account {
    Account {
        id: "123456789012".to_owned(),
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
    }
}

fn parts() -> Parts {
    Parts::new(&Arguments::named("x"), &account())
}

fn desired(arguments: &Arguments) -> Desired {
    let tags = tags::all(arguments.tags.as_ref(), &Tags::new());
    let tags = DesiredTags::new(tags, "x/1".to_owned(), IgnoredTags::default());
    Desired::new(&parts(), arguments, &account(), tags)
}

/// Returns what AWS has if nothing differs.
fn observed(desired: &Desired) -> Observed {
    fn part<P: Part>(properties: P::Observed, desired: &Desired) -> Option<part::Observed<P>> {
        let tags = Some(desired.tags.of_new().clone());
        Some(part::Observed { properties, tags })
    }
    let unit = |unit: &DesiredUnit| {
        let function = unit.function.clone();
        ObservedUnit {
            log_group: part(unit.log_group.clone(), desired),
            role: part(unit.role.clone(), desired),
            function: part(
                function::Observed {
                    config: function.config,
                    architecture: function.architecture,
                    code_sha256: "x".to_owned(),
                    code_signing: CodeSigning::Known(function.code_signing),
                    reserved: function.reserved,
                    invocation: function.invocation,
                    permissions: function.permissions,
                },
                desired,
            ),
        }
    };
    Observed {
        filter: unit(&desired.filter),
        generator: unit(&desired.generator),
        rule: part(desired.rule.clone(), desired),
        sweep: desired.sweep.clone().and_then(|rule| part(rule, desired)),
        table: desired.table.clone().and_then(|table| part(table, desired)),
    }
}

fn refreshed(recorded: &Arguments, observed: &Observed) -> Arguments {
    recorded.refreshed(&Observation {
        parts: observed,
        recorded,
        default_tags: &Tags::new(),
        ignored_tags: &IgnoredTags::default(),
    })
}

/// Catches an argument that no part uses, or that is read from the wrong place.
#[test]
fn every_argument_is_observed_or_says_why_not() {
    let default = Arguments::named("x");
    let mut kept = BTreeSet::new();
    for variation in Arguments::variations() {
        let name = variation.name;
        let observed = observed(&desired(&variation.arguments));
        let refreshed = refreshed(&default, &observed);
        if let Some(reason) = Arguments::reason_kept(name) {
            assert!(!reason.is_empty(), "{name}");
            assert_eq!(refreshed, default, "{name}");
            kept.insert(name);
        } else {
            let want = Arguments {
                name: "x".to_owned(),
                ..variation.arguments
            };
            assert_eq!(refreshed, want, "{name}");
        }
    }
    let want = [
        "event_bus_name",
        "index_existing",
        "log_skip_destroy",
        "name",
    ];
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), want);
}

#[test]
fn all_arguments_are_observed_together() {
    let mut arguments = Arguments::named("x");
    for variation in Arguments::variations() {
        if Arguments::reason_kept(variation.name).is_none() {
            let mut state = tfplugin_sdk::Value::Null;
            arguments.write(&mut state);
            let mut altered = tfplugin_sdk::Value::Null;
            variation.arguments.write(&mut altered);
            state.set(variation.name, altered.get(variation.name).clone());
            arguments = Arguments::read(&state).unwrap();
        }
    }
    let observed = observed(&desired(&arguments));
    assert_eq!(refreshed(&Arguments::named("x"), &observed), arguments);
}

#[test]
fn what_is_as_desired_does_not_drift() {
    for variation in Arguments::variations() {
        let desired = desired(&variation.arguments);
        let observed = observed(&desired);
        let drift = parts().drift(&desired, &observed);
        assert!(drift.is_empty(), "{}: {drift:?}", variation.name);
        assert!(check_is_builder(&parts(), &observed, "x").is_ok());
    }
}

/// A change in AWS, and the line that reports it.
type Change = (fn(&mut Observed), &'static str);

/// Changes to the rule for sweeps, whose schedule is an argument.
const SWEEP: &[Change] = &[
    (
        |seen| seen.sweep.as_mut().unwrap().properties.enabled = false,
        "rule \"x.sweep\": disabled",
    ),
    (
        |seen| seen.sweep.as_mut().unwrap().properties.targets.clear(),
        "rule \"x.sweep\": target \"event-filter\" missing",
    ),
    (
        |seen| {
            let filter = &mut seen.filter.function.as_mut().unwrap().properties;
            filter.permissions.remove(SWEEP_STATEMENT);
        },
        "function \"x-filter\": permission \"AllowEventBridgeSchedule\" missing",
    ),
];

#[test]
fn a_schedule_that_is_gone_shows_in_its_argument() {
    let recorded = Arguments::named("x");
    let desired = desired(&recorded);
    let mut observed = observed(&desired);
    observed.sweep = None;
    assert_eq!(refreshed(&recorded, &observed).sweep_schedule, "");
    assert!(parts().drift(&desired, &observed).is_empty());
    observed.filter.function = None;
    assert_eq!(
        refreshed(&recorded, &observed).sweep_schedule,
        recorded.sweep_schedule
    );
}

#[test]
fn every_change_shows() {
    fn function(unit: &mut ObservedUnit) -> &mut function::Observed {
        &mut unit.function.as_mut().unwrap().properties
    }
    fn role(unit: &mut ObservedUnit) -> &mut role::Properties {
        &mut unit.role.as_mut().unwrap().properties
    }
    fn rule(observed: &mut Observed) -> &mut rule::Properties {
        &mut observed.rule.as_mut().unwrap().properties
    }
    let table: &[Change] = &[
        (
            |seen| seen.filter.role = None,
            "role \"x-filter-eu-west-1\": missing",
        ),
        (
            |seen| seen.generator.log_group = None,
            "log group \"/aws/lambda/x-generator\": missing",
        ),
        (
            |seen| seen.generator.function = None,
            "function \"x-generator\": missing",
        ),
        (|seen| seen.rule = None, "rule \"x\": missing"),
        (|seen| rule(seen).enabled = false, "rule \"x\": disabled"),
        (
            |seen| rule(seen).targets.clear(),
            "rule \"x\": target \"event-filter\" missing",
        ),
        (
            |seen| {
                let (arn, plain) = ("arn".to_owned(), true);
                let target = Target { arn, plain };
                rule(seen).targets.insert("mine".to_owned(), target);
            },
            "rule \"x\": unmanaged target \"mine\"",
        ),
        (
            |seen| rule(seen).targets.get_mut(TARGET).unwrap().plain = false,
            "rule \"x\": target \"event-filter\" differs: the event is transformed",
        ),
        (
            |seen| seen.rule.as_mut().unwrap().tags = Some(Tags::new()),
            "rule \"x\": tags changed",
        ),
        (
            |seen| role(&mut seen.generator).policies.clear(),
            "role \"x-generator-eu-west-1\": inline policy \"soci-index-builder\" missing",
        ),
        (
            |seen| {
                let policies = &mut role(&mut seen.filter).policies;
                let policy = policies.get_mut(POLICY).unwrap();
                let statements = policy["Statement"].as_array_mut().unwrap();
                statements.retain(|statement| statement["Sid"] != "WriteOwnLog");
            },
            "role \"x-filter-eu-west-1\": inline policy \"soci-index-builder\" differs: \
             statement \"WriteOwnLog\" missing",
        ),
        (
            |seen| role(&mut seen.filter).trust = json!({}),
            "role \"x-filter-eu-west-1\": trust policy differs: statement \"Lambda\" missing",
        ),
        (
            |seen| role(&mut seen.filter).boundary = Some("arn".to_owned()),
            "role \"x-filter-eu-west-1\": permissions boundary is \"arn\", want none",
        ),
        (
            |seen| {
                function(&mut seen.filter).permissions.remove(STATEMENT);
            },
            "function \"x-filter\": permission \"AllowEventBridgeRule\" missing",
        ),
        (
            |seen| {
                let another = Permission::Rule("arn".to_owned());
                let permissions = &mut function(&mut seen.filter).permissions;
                permissions.insert(STATEMENT.to_owned(), another);
            },
            "function \"x-filter\": permission \"AllowEventBridgeRule\" is for the rule \"arn\", \
             want \"arn:aws:events:eu-west-1:123456789012:rule/x\"",
        ),
        (
            |seen| {
                let open = Permission::from(json!({"Principal": "*"}));
                let permissions = &mut function(&mut seen.generator).permissions;
                permissions.insert("open".to_owned(), open);
            },
            "function \"x-generator\": unmanaged permission \"open\"",
        ),
        (
            |seen| {
                let environment = &mut function(&mut seen.filter).config.environment;
                environment.insert(GENERATOR_ARN.to_owned(), "arn".to_owned());
            },
            "function \"x-filter\": environment differs: \"soci_index_generator_lambda_arn\" changed",
        ),
        (
            |seen| function(&mut seen.filter).config.memory_size = 128,
            "function \"x-filter\": memory size is 128, want 256",
        ),
        (
            |seen| function(&mut seen.generator).config.runtime = "x".to_owned(),
            "function \"x-generator\": runtime is \"x\", want \"provided.al2023\"",
        ),
        (
            |seen| {
                let signing = CodeSigning::Known(Some("arn".to_owned()));
                function(&mut seen.filter).code_signing = signing;
            },
            "function \"x-filter\": code signing is \"arn\", want none",
        ),
        (
            |seen| function(&mut seen.filter).invocation.retries = 0,
            "function \"x-filter\": asynchronous invocation differs: number of retries is 0, want 2",
        ),
        (
            |seen| seen.filter.log_group.as_mut().unwrap().properties.retention = 1,
            "log group \"/aws/lambda/x-filter\": retention in days is 1, want 30",
        ),
        (
            |seen| function(&mut seen.filter).architecture = "arm64".to_owned(),
            "function \"x-filter\": architecture is \"arm64\", want \"x86_64\"",
        ),
        (
            |seen| {
                seen.generator
                    .function
                    .as_mut()
                    .unwrap()
                    .properties
                    .forget_role();
            },
            "function \"x-generator\": role is \"\", want \"arn:aws:iam::123456789012:role/x-generator-eu-west-1\"",
        ),
    ];
    let table = table.iter().chain(SWEEP);
    let desired = desired(&Arguments::named("x"));
    for (change, line) in table {
        let mut observed = observed(&desired);
        change(&mut observed);
        assert_eq!(parts().drift(&desired, &observed), [*line]);
    }
}

fn tags_of<P: Part>(part: &mut Option<part::Observed<P>>) -> &mut Tags {
    part.as_mut().unwrap().tags.as_mut().unwrap()
}

#[test]
fn a_change_to_one_function_is_not_missed_in_the_other() {
    let recorded = Arguments::named("x");
    let tags = desired(&recorded).tags;
    let drift = |seen: &Observed| {
        let arguments = refreshed(&recorded, seen);
        let derived = Desired::derived(&parts(), &arguments, &recorded, &account(), tags.clone());
        (arguments, parts().drift(&derived, seen))
    };
    let of = Arguments {
        log_level: "DEBUG".to_owned(),
        index_version: "V1".to_owned(),
        log_retention_in_days: 1,
        maximum_retry_attempts: 0,
        ..recorded.clone()
    };
    let changed = observed(&desired(&of));

    // Arguments are read from the index generator, so changes to it are too.
    let mut seen = observed(&desired(&recorded));
    seen.generator.function = changed.generator.function;
    seen.generator.log_group = changed.generator.log_group;
    assert_eq!(drift(&seen), (of, Vec::new()));

    let mut seen = observed(&desired(&recorded));
    seen.filter.function = changed.filter.function;
    seen.filter.log_group = changed.filter.log_group;
    let want = [
        "log group \"/aws/lambda/x-filter\": retention in days is 1, want 30",
        "function \"x-filter\": environment differs: \"soci_index_version\" changed",
        "function \"x-filter\": logging differs: level is \"DEBUG\", want \"INFO\", \
         system level is \"DEBUG\", want \"INFO\"",
        "function \"x-filter\": asynchronous invocation differs: number of retries is 0, want 2",
    ];
    let (arguments, lines) = drift(&seen);
    assert_eq!(arguments, recorded);
    assert_eq!(lines, want);
}

#[test]
fn tags_of_aws_are_no_drift() {
    let desired = desired(&Arguments::named("x"));
    let mut observed = observed(&desired);
    let tag = || ("aws:cloudformation:stack-name".to_owned(), "s".to_owned());
    tags_of(&mut observed.rule).extend([tag()]);
    assert!(parts().drift(&desired, &observed).is_empty());

    let more = [tag(), ("a".to_owned(), "1".to_owned())];
    tags_of(&mut observed.generator.function).extend(more);
    let lines = parts().drift(&desired, &observed);
    assert_eq!(lines, ["function \"x-generator\": tags changed"]);
    let want = [("a".to_owned(), "1".to_owned())];
    assert_eq!(observed.tags(), Some(want.into()));
    let want = [("a".to_owned(), Some("1".to_owned()))];
    let seen = refreshed(&Arguments::named("x"), &observed);
    assert_eq!(seen.tags, Some(want.into()));

    observed.generator.function = None;
    assert_eq!(observed.tags(), Some(Tags::new()));
    observed.filter.function = None;
    assert_eq!(observed.tags(), None);
}

#[test]
fn a_retention_policy_of_the_account_is_no_drift() {
    let arguments = Arguments::named("x");
    let desired = desired(&arguments);
    let mut observed = observed(&desired);
    for unit in [&mut observed.filter, &mut observed.generator] {
        let properties = &mut unit.log_group.as_mut().unwrap().properties;
        properties.retention = 7;
        properties.retention_policy = Some("organization".to_owned());
    }
    assert!(parts().drift(&desired, &observed).is_empty());
    assert_eq!(refreshed(&arguments, &observed), arguments);
}

#[test]
fn a_hidden_code_signing_configuration_is_no_drift() {
    let mut arguments = Arguments::named("x");
    arguments.code_signing_config_arn = Some("arn".to_owned());
    let desired = desired(&arguments);
    let mut observed = observed(&desired);
    for unit in [&mut observed.filter, &mut observed.generator] {
        unit.function.as_mut().unwrap().properties.code_signing = CodeSigning::Hidden;
    }
    assert!(parts().drift(&desired, &observed).is_empty());
    assert_eq!(refreshed(&arguments, &observed), arguments);
}

#[test]
fn a_builder_of_another_region_is_not_gone() {
    let mut state = Value::object([("name", "x".into())]);
    assert!(check_account(&state, &parts(), "x").is_ok());
    state::set_names(&mut state, &parts(), &Arguments::named("x"), &account());
    assert!(check_account(&state, &parts(), "x").is_ok());
    let other = Account {
        region: "us-east-1".to_owned(),
        ..account()
    };
    let parts = Parts::new(&Arguments::named("x"), &other);
    let error = check_account(&state, &parts, "x").unwrap_err();
    for part in ["account 123456789012, region eu-west-1", "region us-east-1"] {
        assert!(error.detail.contains(part), "{}", error.detail);
    }
}

#[test]
fn parts_without_tags_are_not_different() {
    let desired = desired(&Arguments::named("x"));
    let mut observed = observed(&desired);
    observed.rule.as_mut().unwrap().tags = None;
    for unit in [&mut observed.filter, &mut observed.generator] {
        unit.log_group.as_mut().unwrap().tags = None;
    }
    assert!(parts().drift(&desired, &observed).is_empty());
}

//! Owners of builders: parts of others are neither taken over, changed nor deleted.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, LocalAws, REGION, Service};
use tests::fake::proxy::{DENIED, Fault, Request, Rule};
use tests::terraform::Terraform;

use super::{ARGUMENTS, BUILDER, FILTER, GENERATOR, NAME, Scenario, configuration};

const OWNER_TAG: &str = "soci-index-builder";

/// Returns every request that changes something in AWS.
fn changes(requests: &[Request]) -> Vec<&Request> {
    let reads = ["Get", "List", "Describe"];
    let changes = requests.iter().filter(|request| match &request.action {
        Some(action) => !reads.iter().any(|read| action.starts_with(read)),
        None => request.method != "GET",
    });
    changes.collect()
}

/// Runs `work`, and checks that it changes nothing in AWS.
fn unchanged<T>(scenario: &Scenario, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = scenario.proxy.requests().len();
    let done = work()?;
    let requests = scenario.proxy.requests().split_off(before);
    ensure!(!requests.is_empty(), "nothing was asked");
    let changes = changes(&requests);
    ensure!(changes.is_empty(), "{changes:#?}");
    Ok(done)
}

/// Applies, which must fail with one error with this summary; returns its detail.
fn refusal(terraform: &Terraform, summary: &str) -> Result<String> {
    let (errors, output) = terraform.failing_apply()?;
    let error = errors.first().context("no error")?;
    ensure!(error.summary == summary, "{errors:#?}\n{output}");
    Ok(error.detail.clone())
}

fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// Returns the owner tag of a function.
fn owner(aws: &LocalAws, function: &str) -> Result<Value> {
    let path = format!("/2017-03-31/tags/{}", function_arn(function));
    let answer = aws.lambda("GET", &path, &Value::Null)?;
    Ok(answer.context("no function")?["Tags"][OWNER_TAG].clone())
}

fn set_owner(aws: &LocalAws, function: &str, owner: &Value) -> Result<()> {
    let path = format!("/2017-03-31/tags/{}", function_arn(function));
    let tags = json!({"Tags": {OWNER_TAG: owner}});
    aws.lambda("POST", &path, &tags)?.context("no function")?;
    Ok(())
}

#[test]
fn a_builder_of_another_configuration_is_refused() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let another = scenario.another(ARGUMENTS)?;
    let detail = unchanged(&scenario, || refusal(&another, "Builder already exists"))?;
    for part in [FILTER, GENERATOR, "rule \"images\"", "role ", "log group "] {
        ensure!(detail.contains(part), "no {part}: {detail}");
    }
    let id = format!("{NAME}@{REGION}");
    let import = format!("terraform import ADDRESS {id}\n");
    ensure!(detail.contains(&import), "{detail}");
    ensure!(
        another.resource(BUILDER)?.is_none(),
        "the refusal left a resource"
    );
    scenario.expect_empty_plan()?;

    // A rule on another event bus makes no other builder of it.
    let bus = json!({"Name": "images-bus"});
    scenario.aws.call(Service::Events, "CreateEventBus", &bus)?;
    let on_bus = format!("{ARGUMENTS}\n  event_bus_name = \"images-bus\"");
    another.write("main.tf", &configuration(&on_bus))?;
    let detail = unchanged(&scenario, || refusal(&another, "Builder already exists"))?;
    ensure!(detail.contains(&import), "{detail}");
    another.write("main.tf", &configuration(ARGUMENTS))?;

    // The way that the error names.
    another.import(BUILDER, &id)?;
    another.expect_empty_plan()?;
    scenario.expect_empty_plan()
}

#[test]
fn what_an_interrupted_create_left_is_adopted_for_good() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let denied = Rule::action("PutTargets", Fault::Refuse(DENIED));
    scenario.proxy.add(denied);
    scenario.terraform.failing_apply()?;
    scenario.proxy.heal();
    let first = owner(&scenario.aws, FILTER)?;

    let another = scenario.another(ARGUMENTS)?;
    another.apply()?;
    another.expect_empty_plan()?;
    let second = owner(&scenario.aws, FILTER)?;
    ensure!(first != second, "both are {first}");

    // The first configuration has a tainted resource, and does not destroy what is the second's.
    let plan = unchanged(&scenario, || scenario.terraform.plan())?;
    let warning = "Builder belongs to another resource";
    ensure!(plan.output.all().contains(warning), "{}", plan.output);
    unchanged(&scenario, || scenario.terraform.destroy())?;
    ensure!(scenario.terraform.resource(BUILDER)?.is_none(), "not gone");
    another.expect_empty_plan()?;
    another.destroy()?;
    ensure!(scenario.aws.account()?.is_empty(), "destroy left something");
    Ok(())
}

#[test]
fn parts_of_others_are_neither_changed_nor_deleted() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let aws = &scenario.aws;
    let own = owner(aws, FILTER)?;
    scenario.configure(&format!("{ARGUMENTS}\n  memory_size = 3008"))?;
    let destroy = ["destroy", "-no-color", "-input=false", "-auto-approve"];
    for theirs in ["images/another", "theirs"] {
        set_owner(aws, FILTER, &json!(theirs))?;
        let detail = unchanged(&scenario, || {
            refusal(&scenario.terraform, "Parts of another owner")
        })?;
        ensure!(detail.contains("function \"images-filter\""), "{detail}");
        ensure!(!detail.contains(GENERATOR), "{detail}");
        let output = unchanged(&scenario, || scenario.terraform.run(&destroy))?;
        ensure!(!output.status.success(), "{output}");
        ensure!(output.all().contains("Parts of another owner"), "{output}");
    }
    set_owner(aws, FILTER, &own)?;

    // A rule without any tag is somebody's, too.
    let rule = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/{NAME}");
    let untag = json!({"ResourceARN": rule, "TagKeys": [OWNER_TAG]});
    aws.call(Service::Events, "UntagResource", &untag)?;
    let detail = unchanged(&scenario, || {
        refusal(&scenario.terraform, "Parts of another owner")
    })?;
    ensure!(detail.contains("rule \"images\""), "{detail}");
    let tag = json!({"ResourceARN": rule, "Tags": [{"Key": OWNER_TAG, "Value": own}]});
    aws.call(Service::Events, "TagResource", &tag)?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn a_rule_of_another_on_the_bus_that_is_left_stays() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let bus = json!({"Name": "images-bus"});
    scenario.aws.call(Service::Events, "CreateEventBus", &bus)?;
    let on_bus = format!("{ARGUMENTS}\n  event_bus_name = \"images-bus\"");
    scenario.configure(&on_bus)?;
    scenario.terraform.apply()?;
    let arn = format!("arn:aws:events:{REGION}:{ACCOUNT}:rule/images-bus/{NAME}");
    let theirs = json!([{"Key": OWNER_TAG, "Value": "images/another"}]);
    let tag = json!({"ResourceARN": arn, "Tags": theirs});
    scenario.aws.call(Service::Events, "TagResource", &tag)?;
    scenario.configure(ARGUMENTS)?;
    // The rule on the old bus is looked at before anything is changed.
    let detail = unchanged(&scenario, || {
        refusal(&scenario.terraform, "Parts of another owner")
    })?;
    ensure!(detail.contains("rule \"images\""), "{detail}");
    Ok(())
}

#[test]
fn a_part_that_somebody_makes_meanwhile_is_not_taken() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let hold = Rule::action("CreateLogGroup", Fault::HoldRequest).times(1);
    scenario.proxy.add(hold);
    let group = json!({"logGroupName": format!("/aws/lambda/{GENERATOR}")});
    let (errors, output) = std::thread::scope(|scope| {
        let apply = scope.spawn(|| scenario.terraform.failing_apply());
        tests::wait::until("a held request", super::LIMIT, || {
            Ok(scenario.proxy.is_holding().then_some(()))
        })?;
        scenario.aws.call(Service::Logs, "CreateLogGroup", &group)?;
        scenario.proxy.heal();
        apply
            .join()
            .map_err(|_| anyhow::anyhow!("the apply panicked"))?
    })?;
    let detail = &errors.first().context("no error")?.detail;
    ensure!(
        detail.contains("ResourceAlreadyExistsException"),
        "{output}"
    );
    let groups = scenario.aws.account()?.log_groups;
    ensure!(groups.len() == 1, "{groups:?}");
    let tags = json!({"resourceArn": format!(
        "arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{GENERATOR}"
    )});
    let tags = scenario
        .aws
        .call(Service::Logs, "ListTagsForResource", &tags)?;
    assert_eq!(tags["tags"].get(OWNER_TAG), None);
    Ok(())
}

/// A second builder of the same name.
const SECOND: &str = "\nresource \"soci_index_builder\" \"other\" {\n  name = \"images\"\n}\n";

#[test]
fn one_name_twice_is_found_by_the_plan() -> Result<()> {
    let scenario = Scenario::new(ARGUMENTS)?;
    let both = configuration(ARGUMENTS) + SECOND;
    for applied in [false, true] {
        if applied {
            scenario.configure(ARGUMENTS)?;
            scenario.terraform.apply()?;
        }
        scenario.terraform.write("main.tf", &both)?;
        let output = scenario
            .terraform
            .run(&["plan", "-no-color", "-input=false"])?;
        ensure!(!output.status.success(), "{output}");
        ensure!(
            output.all().contains("Two builders with the same name"),
            "{output}"
        );
    }
    scenario.configure(ARGUMENTS)?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn a_replacement_and_another_region_are_no_second_resource() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    scenario.configure(&format!("{ARGUMENTS}\n  role_path = \"/images/\""))?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["delete", "create"]);
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;

    let elsewhere =
        "\nprovider \"soci\" {\n  alias  = \"elsewhere\"\n  region = \"eu-central-1\"\n}\n";
    let second = SECOND.replace("{\n", "{\n  provider = soci.elsewhere\n");
    let both = configuration(&format!("{ARGUMENTS}\n  role_path = \"/images/\""));
    scenario
        .terraform
        .write("main.tf", &(both + elsewhere + &second))?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn create_before_destroy_under_one_name_changes_nothing() -> Result<()> {
    let lifecycle = "lifecycle {\n    create_before_destroy = true\n  }";
    let scenario = Scenario::applied(&format!("{ARGUMENTS}\n  {lifecycle}"))?;
    let path = "role_path = \"/images/\"";
    scenario.configure(&format!("{ARGUMENTS}\n  {path}\n  {lifecycle}"))?;
    assert_eq!(scenario.terraform.planned(BUILDER)?, ["create", "delete"]);
    let detail = unchanged(&scenario, || {
        refusal(&scenario.terraform, "Builder already exists")
    })?;
    for part in ["create_before_destroy", "\"/\"", "\"/images/\""] {
        ensure!(detail.contains(part), "no {part}: {detail}");
    }
    // The way that the error names.
    scenario.configure(&format!("{ARGUMENTS}\n  {path}"))?;
    scenario.terraform.apply()?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

#[test]
fn a_protected_log_group_stops_a_destroy_before_it_starts() -> Result<()> {
    let scenario = Scenario::applied(ARGUMENTS)?;
    let protect = |enabled: bool| {
        let group = format!("/aws/lambda/{GENERATOR}");
        let body = json!({"logGroupIdentifier": group, "deletionProtectionEnabled": enabled});
        scenario
            .aws
            .call(Service::Logs, "PutLogGroupDeletionProtection", &body)
    };
    protect(true)?;
    let destroy = ["destroy", "-no-color", "-input=false", "-auto-approve"];
    let output = unchanged(&scenario, || scenario.terraform.run(&destroy))?;
    ensure!(!output.status.success(), "{output}");
    ensure!(output.all().contains("Log group is protected"), "{output}");
    protect(false)?;
    scenario.expect_empty_plan()?;
    scenario.expect_nothing_after_destroy()
}

//! The rights of whoever runs Terraform: a builder's life as a user who has the policies under
//! `examples/permissions` and no others.
//!
//! moto keeps the user and checks signatures; `tests/aws/access.py` says which rights each request
//! needs. Neither knows key policies or policies of an organization.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tests::aws::{ACCOUNT, AccessKey, Decision, LocalAws, REGION, Service, percent_encoded};
use tests::fake::proxy::Proxy;
use tests::interrupt::Interrupt;
use tests::permissions::{directory, names, policy, statements, strings};
use tests::terraform::{Terraform, Version};
use tests::{binaries, http, process, wait, workspace};

use crate::scenario::MANIFEST_TYPE;

use super::action::sweep_configuration;
use super::{
    ARGUMENTS, BUILDER, FILTER, GENERATOR, NAME, configuration, configured, configured_with,
};

const USER: &str = "deployer";
const BOUNDARY: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
const FURTHER: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const KEY: &str = "arn:aws:kms:eu-west-1:000000000000:key/environment";
const SIGNING: &str =
    "arn:aws:lambda:eu-west-1:000000000000:code-signing-config:csc-0123456789abcdefg";

/// Every feature that needs rights of its own, and whatever is changed by requests of its own.
const EVERYTHING: &str = r#"repository_image_tag_filters       = ["shop/*:*"]
  index_existing                     = true
  delete_with_source                 = true
  reserved_concurrent_executions     = 3
  maximum_retry_attempts             = 1
  tracing_mode                       = "Active"
  completion_event_bus_name          = "default"
  permissions_boundary               = "arn:aws:iam::aws:policy/PowerUserAccess"
  index_generator_policy_arns        = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
  kms_key_arn                        = "arn:aws:kms:eu-west-1:000000000000:key/environment"
  log_kms_key_id                     = "arn:aws:kms:eu-west-1:000000000000:key/logs"
  code_signing_config_arn            = "arn:aws:lambda:eu-west-1:000000000000:code-signing-config:csc-0123456789abcdefg"
  on_failure_destination_arn         = "arn:aws:sqs:eu-west-1:000000000000:failed"
  on_failure_destination_kms_key_arn = "arn:aws:kms:eu-west-1:000000000000:key/queue"

  vpc_config {
    subnet_ids         = ["subnet-0123456789abcdef0"]
    security_group_ids = ["sg-0123456789abcdef0"]
  }
  tags = {
    team = "images"
  }"#;

/// Puts the rule on another event bus.
const BUS: &str = "event_bus_name = \"images-bus\"";

/// Policies that are not for the life of builders.
const OTHERS: [&str; 3] = ["find-builders", "soci-index", "sweep"];

/// A second local AWS, and terraform as a user of it.
struct Scenario {
    aws: LocalAws,
    proxy: Proxy,
    key: AccessKey,
    terraform: Terraform,
}

impl Scenario {
    fn new() -> Result<Self> {
        let aws = LocalAws::start_second()?;
        let proxy = Proxy::start(aws.address())?;
        let mut terraform = configured(&proxy, ARGUMENTS)?;
        let key = aws.create_user(USER)?;
        terraform.env("AWS_ACCESS_KEY_ID", &key.id);
        terraform.env("AWS_SECRET_ACCESS_KEY", &key.secret);
        aws.create_repository("shop/web")?;
        let image = json!({
            "repositoryName": "shop/web",
            "imageTag": "1",
            "imageManifestMediaType": MANIFEST_TYPE,
            "imageManifest": "{\"schemaVersion\": 2}",
        });
        aws.call(Service::Ecr, "PutImage", &image)?;
        Ok(Self {
            aws,
            proxy,
            key,
            terraform,
        })
    }

    /// Sets up a builder, and a user who has no rights any more.
    fn without_rights() -> Result<Self> {
        let scenario = Self::new()?;
        let policies = policies()?;
        scenario.permit(&policies)?;
        scenario.apply(ARGUMENTS)?;
        for name in policies.keys() {
            scenario.aws.delete_user_policy(USER, name)?;
        }
        Ok(scenario)
    }

    /// Returns a Terraform of the pinned version that runs as the user.
    fn pinned(&self, configuration: &str) -> Result<Terraform> {
        let mut terraform = configured_with(Version::Pinned, &self.proxy, configuration)?;
        terraform.env("AWS_ACCESS_KEY_ID", &self.key.id);
        terraform.env("AWS_SECRET_ACCESS_KEY", &self.key.secret);
        Ok(terraform)
    }

    /// Returns the actions that were decided on after the first so many decisions.
    fn used_since(&self, before: usize) -> Result<BTreeSet<String>> {
        let decisions = self.aws.decisions()?.split_off(before);
        Ok(decisions
            .into_iter()
            .map(|decision| decision.action)
            .collect())
    }

    /// Gives the user these policies, by name.
    fn permit(&self, policies: &BTreeMap<String, Value>) -> Result<()> {
        for (name, document) in policies {
            self.aws.put_user_policy(USER, name, document)?;
        }
        Ok(())
    }

    fn apply(&self, arguments: &str) -> Result<()> {
        self.terraform.write("main.tf", &configuration(arguments))?;
        self.terraform.apply()?;
        Ok(())
    }

    fn create_bus(&self) -> Result<()> {
        let bus = json!({"Name": "images-bus"});
        self.aws.call(Service::Events, "CreateEventBus", &bus)?;
        Ok(())
    }

    /// Changes, as somebody else, what an apply then repairs by requests that it needs for nothing
    /// else.
    fn damage(&self) -> Result<()> {
        let code = json!({"ZipFile": "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="});
        let path = format!("/2015-03-31/functions/{FILTER}/code");
        self.aws.lambda("PUT", &path, &code)?;
        let permission = json!({
            "StatementId": "foreign",
            "Action": "lambda:InvokeFunction",
            "Principal": "s3.amazonaws.com",
        });
        let path = format!("/2015-03-31/functions/{GENERATOR}/policy");
        self.aws.lambda("POST", &path, &permission)?;
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "ec2.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }],
        });
        let trust = percent_encoded(&trust.to_string());
        let role = format!("&RoleName={FILTER}-{REGION}&PolicyDocument={trust}");
        self.aws.iam("UpdateAssumeRolePolicy", &role)?;
        let target = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{GENERATOR}");
        let targets = json!({"Rule": NAME, "Targets": [{"Id": "foreign", "Arn": target}]});
        self.aws.call(Service::Events, "PutTargets", &targets)?;
        let table = json!({
            "TableName": format!("{NAME}-ztocs"),
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
        });
        self.aws.call(Service::Tables, "UpdateTable", &table)?;
        Ok(())
    }
}

/// Returns the policies of builders, by name.
fn policies() -> Result<BTreeMap<String, Value>> {
    let mut all = BTreeMap::new();
    for name in names()? {
        if !OTHERS.contains(&name.as_str()) {
            all.insert(name.clone(), filled_in(&name)?);
        }
    }
    Ok(all)
}

/// Returns a policy for the builder of these tests.
fn filled_in(name: &str) -> Result<Value> {
    let values = [
        ("account", ACCOUNT),
        ("region", REGION),
        ("name", NAME),
        ("repositories", "shop/*"),
        ("bus", "images-bus"),
        ("environment_key", KEY),
        ("code_signing_config", SIGNING),
        ("boundary", BOUNDARY),
        ("policy", FURTHER),
    ];
    let values = values.map(|(name, value)| (name, value.to_owned())).into();
    policy(name, &values)
}

/// The statements, actions and resources of policies, as `statement: action`.
fn granted(policies: &BTreeMap<String, Value>, element: &str) -> Result<BTreeSet<String>> {
    let mut granted = BTreeSet::new();
    for statement in policies.values().map(statements) {
        for statement in statement? {
            let id = statement["Sid"].as_str().context("no Sid")?;
            let each = strings(&statement[element]).into_iter();
            granted.extend(each.map(|each| format!("{id}: {each}")));
        }
    }
    Ok(granted)
}

#[test]
fn the_whole_life_takes_every_right_and_no_other() -> Result<()> {
    let scenario = Scenario::new()?;
    let policies = policies()?;
    scenario.permit(&policies)?;
    scenario.create_bus()?;
    scenario.apply(EVERYTHING)?;
    scenario.terraform.plan()?;
    scenario.damage()?;
    scenario.apply(EVERYTHING)?;
    scenario.apply(&format!("{ARGUMENTS}\n  log_retention_in_days = 0"))?;
    // Tags come and go on the other bus too.
    scenario.apply(&format!("{EVERYTHING}\n  {BUS}"))?;
    scenario.apply(&format!("{ARGUMENTS}\n  {BUS}"))?;
    scenario.terraform.destroy()?;
    let account = scenario.aws.account()?;
    ensure!(account.is_empty(), "destroy left {account:#?}");

    let decisions = scenario.aws.decisions()?;
    let denied: Vec<_> = decisions
        .iter()
        .filter(|decision| decision.statement.is_none())
        .collect();
    assert!(denied.is_empty(), "{denied:#?}");
    let used = |of: fn(&Decision) -> &str| -> BTreeSet<String> {
        let decisions = decisions.iter();
        let used = decisions.filter_map(|decision| {
            let statement = decision.statement.as_ref()?;
            Some(format!("{statement}: {}", of(decision)))
        });
        used.collect()
    };
    let (actions, resources) = (used(|its| &its.action), used(|its| &its.resource));
    let unused: Vec<_> = granted(&policies, "Action")?
        .difference(&actions)
        .cloned()
        .collect();
    assert!(unused.is_empty(), "never needed: {unused:#?}");
    let granted = granted(&policies, "Resource")?;
    let unused: Vec<_> = granted
        .iter()
        .filter(|pattern| {
            let (start, end) = pattern.split_once('*').unwrap_or((pattern, ""));
            let names = |used: &&String| used.starts_with(start) && used.ends_with(end);
            !resources.iter().any(|used| names(&used))
        })
        .collect();
    assert!(unused.is_empty(), "no such resource: {unused:#?}");
    Ok(())
}

#[test]
fn who_has_no_rights_or_no_key_is_refused() -> Result<()> {
    let scenario = Scenario::new()?;
    let said = life(&scenario.terraform, ARGUMENTS)?;
    ensure!(said.contains("AWS access denied"), "{said}");
    let account = scenario.aws.account()?;
    ensure!(account.is_empty(), "made without rights: {account:#?}");

    scenario.permit(&policies()?)?;
    let decided = scenario.aws.decisions()?.len();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/20260101/{REGION}/lambda/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=0",
        scenario.key.id
    );
    let headers = [
        ("Authorization", authorization.as_str()),
        ("X-Amz-Date", "20260101T000000Z"),
    ];
    let path = format!("/2015-03-31/functions/{FILTER}");
    let answer = http::request(scenario.aws.address(), "GET", &path, &headers, b"")?;
    assert_eq!(answer.status, 403);
    assert_eq!(scenario.aws.decisions()?.len(), decided, "before any right");
    Ok(())
}

/// A user who may start a sweep may do nothing else, and needs each of the rights.
#[test]
fn a_sweep_by_hand_takes_three_rights() -> Result<()> {
    let scenario = Scenario::without_rights()?;
    let before = scenario.aws.decisions()?.len();
    let sweep = sweep_configuration(&format!("builder = \"{NAME}\""));
    let terraform = scenario.pinned(&sweep)?;
    let invoke = || terraform.run(&super::action::INVOKE);

    let whole = filled_in("sweep")?;
    let actions = strings(&whole["Statement"][0]["Action"]);
    for missing in &actions {
        let mut less = whole.clone();
        let left = actions.iter().filter(|action| *action != missing);
        less["Statement"][0]["Action"] = left.copied().collect();
        scenario.aws.put_user_policy(USER, "sweep", &less)?;
        let output = invoke()?;
        ensure!(!output.status.success(), "{missing}: {output}");
        ensure!(output.all().contains("AWS access denied"), "{output}");
    }
    scenario.aws.put_user_policy(USER, "sweep", &whole)?;
    invoke()?.success()?;
    let actions = actions.into_iter().map(str::to_owned).collect();
    assert_eq!(scenario.used_since(before)?, actions);
    Ok(())
}

/// A user who may list builders may do nothing to them.
#[test]
fn builders_are_listed_with_two_rights() -> Result<()> {
    let scenario = Scenario::without_rights()?;
    let before = scenario.aws.decisions()?.len();
    let terraform = scenario.pinned(super::REQUIRED)?;
    terraform.write("a.tfquery.hcl", &super::list::query("", ""))?;
    let refused = terraform.run(&["query", "-no-color"])?;
    ensure!(!refused.status.success(), "{refused}");
    ensure!(refused.all().contains("AWS access denied"), "{refused}");
    let policy = filled_in("find-builders")?;
    scenario
        .aws
        .put_user_policy(USER, "find-builders", &policy)?;
    let found = terraform.query()?;
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["identity"]["name"], NAME);
    let used = ["lambda:ListFunctions", "lambda:ListTags"].map(str::to_owned);
    assert_eq!(scenario.used_since(before)?, used.into());
    Ok(())
}

#[test]
fn without_a_statement_the_life_fails() -> Result<()> {
    let scenario = Scenario::new()?;
    let policies = policies()?;
    scenario.create_bus()?;
    let (mut tried, mut decided) = (0, 0);
    // A request that was under way when terraform ended may be decided during the next life.
    let mut before = BTreeSet::new();
    for (name, document) in &policies {
        let arguments = match name.as_str() {
            "event-bus" => format!("{EVERYTHING}\n  {BUS}"),
            _ => EVERYTHING.to_owned(),
        };
        for (index, statement) in statements(document)?.iter().enumerate() {
            let id = statement["Sid"].as_str().context("no Sid")?;
            scenario.permit(&policies)?;
            let mut others = document.clone();
            let left = others["Statement"]
                .as_array_mut()
                .context("no statements")?;
            left.remove(index);
            if left.is_empty() {
                scenario.aws.delete_user_policy(USER, name)?;
            } else {
                scenario.aws.put_user_policy(USER, name, &others)?;
            }
            let said = life(&scenario.terraform, &arguments)?;
            ensure!(is_denied(&said), "{id}: {said}");
            let decisions = scenario.aws.decisions()?;
            let denied: BTreeSet<&str> = decisions[decided..]
                .iter()
                .filter(|its| its.statement.is_none())
                .map(|its| its.action.as_str())
                .collect();
            let of_statement: BTreeSet<&str> = strings(&statement["Action"]).into_iter().collect();
            ensure!(
                !denied.is_disjoint(&of_statement) && denied.is_subset(&(&of_statement | &before)),
                "{id}: {denied:?}"
            );
            before = of_statement;
            decided = decisions.len();
            tried += 1;
        }
    }
    // Whatever the failures left goes with all rights.
    scenario.permit(&policies)?;
    scenario.terraform.destroy()?;
    let account = scenario.aws.account()?;
    ensure!(account.is_empty(), "destroy left {account:#?}");
    ensure!(tried > 15, "{tried} statements only");
    Ok(())
}

/// Whether terraform says that a right is missing. A builder is complete without the images that it
/// could not pass on, so that is a warning.
fn is_denied(said: &str) -> bool {
    said.contains("AWS access denied") || said.contains("Existing images not indexed yet")
}

/// Destroys what an earlier life left, creates a builder and changes it; returns what terraform says
/// up to the first denial.
fn life(terraform: &Terraform, arguments: &str) -> Result<String> {
    let replace = format!("-replace={BUILDER}");
    let mut said = String::new();
    let update = "-refresh=true";
    // A boundary is set by a right of its own only where there was none.
    let steps = [
        (arguments, replace.as_str()),
        (ARGUMENTS, update),
        (arguments, update),
    ];
    for (arguments, option) in steps {
        terraform.write("main.tf", &configuration(arguments))?;
        let apply = [
            "apply",
            "-no-color",
            "-input=false",
            "-auto-approve",
            option,
        ];
        said.push_str(&terraform.run(&apply)?.all());
        if is_denied(&said) {
            break;
        }
    }
    Ok(said)
}

#[test]
fn the_example_puts_policies_together() -> Result<()> {
    let terraform = Terraform::new()?;
    for entry in std::fs::read_dir(directory())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let text = std::fs::read_to_string(&path)?;
        terraform.write(name.context("a name that is not UTF-8")?, &text)?;
    }
    terraform.init()?;
    terraform.apply()?;
    let output = terraform.output("policy")?;
    let got: Value = serde_json::from_str(output.as_str().context("no string")?)?;
    let values = [
        ("name", "soci-index-builder"),
        ("account", "123456789012"),
        ("region", "eu-west-1"),
        ("repositories", "*"),
    ];
    let values = values.map(|(name, value)| (name, value.to_owned())).into();
    let mut wanted = Vec::new();
    for name in ["base", "index-existing", "reuse-ztocs"] {
        wanted.extend(statements(&policy(name, &values)?)?.iter().cloned());
    }
    assert_eq!(got["Statement"], Value::from(wanted));
    Ok(())
}

/// Runs the check of policies against AWS's reference; returns what it finds.
fn check(files: &[&str]) -> Result<String> {
    let mut command = Command::new(binaries::python()?);
    command.arg(workspace::root().join("tests/aws/reference.py"));
    command.args(files).current_dir(directory());
    let output = process::run(&mut command, wait::SOON, &Interrupt::default())?;
    Ok(output.success()?.stdout)
}

#[test]
fn policies_are_as_narrow_as_aws_allows() -> Result<()> {
    let mut files: Vec<String> = names()?.iter().map(|name| format!("{name}.json")).collect();
    let golden = workspace::root().join("provider/src/builder/golden");
    for file in ["event-filter-full.json", "index-generator-full.json"] {
        files.push(golden.join(file).display().to_string());
    }
    let deployment = workspace::root().join("examples/ecs-deployment/policy.json");
    files.push(deployment.display().to_string());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    assert_eq!(check(&files)?, "");
    Ok(())
}

#[test]
fn wide_and_wrong_policies_are_found() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("wrong.json");
    for (action, resource, condition, found) in [
        ("lambda:Invoke", "*", json!({}), "no action lambda:Invoke"),
        (
            "lambda:*",
            "arn:aws:lambda:r:1:function:f",
            json!({}),
            "no action lambda:*",
        ),
        ("iam:PassRole", "*", json!({}), "can be limited"),
        (
            "logs:DescribeLogGroups",
            "arn:aws:logs:r:1:x",
            json!({}),
            "knows no resources",
        ),
        (
            "iam:GetRole",
            "arn:aws:lambda:r:1:function:f",
            json!({}),
            "no resource of iam:GetRole",
        ),
        (
            "iam:GetRole",
            "arn:aws:iam::1:role/r",
            json!({"StringEquals": {"iam:PassedToService": "x"}}),
            "knows no condition iam:PassedToService",
        ),
    ] {
        let statement = json!({"Sid": "S", "Effect": "Allow", "Action": action,
            "Resource": resource, "Condition": condition});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        std::fs::write(&file, policy.to_string())?;
        let said = check(&[&file.display().to_string()])?;
        ensure!(
            said.contains(found),
            "{action}: want {found:?}, got {said:?}"
        );
    }
    Ok(())
}

//! The contents of an account, in every service that a builder uses.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{LocalAws, Service};

/// Names of everything in an account, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Lambda functions.
    pub functions: BTreeSet<String>,
    /// IAM roles.
    pub roles: BTreeSet<String>,
    /// Customer-managed IAM policies.
    pub policies: BTreeSet<String>,
    /// CloudWatch log groups.
    pub log_groups: BTreeSet<String>,
    /// EventBridge rules, on every bus.
    pub rules: BTreeSet<String>,
    /// DynamoDB tables.
    pub tables: BTreeSet<String>,
}

impl Account {
    /// Returns whether the account has none of these.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl LocalAws {
    /// Lists everything in the account.
    pub fn account(&self) -> Result<Account> {
        let functions = self.lambda("GET", "/2015-03-31/functions", &Value::Null)?;
        let groups = self.call(Service::Logs, "DescribeLogGroups", &json!({}))?;
        let buses = self.call(Service::Events, "ListEventBuses", &json!({}))?;
        let mut rules = BTreeSet::new();
        for bus in names(&buses["EventBuses"], "Name") {
            let body = json!({"EventBusName": bus});
            rules.append(&mut names(
                &self.call(Service::Events, "ListRules", &body)?["Rules"],
                "Name",
            ));
        }
        let tables = self.call(Service::Tables, "ListTables", &json!({}))?;
        let tables = tables["TableNames"].as_array().into_iter().flatten();
        let tables = tables.filter_map(|name| Some(name.as_str()?.to_owned()));
        Ok(Account {
            functions: names(&functions.unwrap_or_default()["Functions"], "FunctionName"),
            roles: elements(&self.iam("ListRoles", "")?, "RoleName"),
            policies: elements(&self.iam("ListPolicies", "&Scope=Local")?, "PolicyName"),
            log_groups: names(&groups["logGroups"], "logGroupName"),
            rules,
            tables: tables.collect(),
        })
    }

    /// Returns the configuration of a function, if it exists.
    pub fn function(&self, name: &str) -> Result<Option<Value>> {
        let path = format!("/2015-03-31/functions/{name}/configuration");
        self.lambda("GET", &path, &Value::Null)
    }

    /// Invokes a function and returns its response.
    pub fn invoke(&self, name: &str, event: &Value) -> Result<Value> {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let answer = self.lambda("POST", &path, event)?;
        answer.ok_or_else(|| anyhow::anyhow!("no function {name}"))
    }

    /// Returns every line that a function logged, oldest first; empty if its log group is missing.
    pub fn function_log(&self, name: &str) -> Result<Vec<String>> {
        let group = format!("/aws/lambda/{name}");
        let groups = self.call(Service::Logs, "DescribeLogGroups", &json!({}))?;
        if !names(&groups["logGroups"], "logGroupName").contains(&group) {
            return Ok(Vec::new());
        }
        let body = json!({"logGroupName": group, "limit": 10_000});
        let answer = self.call(Service::Logs, "FilterLogEvents", &body)?;
        let events = answer["events"].as_array().into_iter().flatten();
        let messages = events.filter_map(|event| event["message"].as_str());
        Ok(messages.flat_map(str::lines).map(str::to_owned).collect())
    }

    /// Returns the tags of a repository, sorted.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>> {
        let images = self.images(repository)?;
        Ok(names(&images, "imageTag").into_iter().collect())
    }

    /// Returns the digest of a tag, which must exist.
    pub fn digest(&self, repository: &str, tag: &str) -> Result<String> {
        let images = self.images(repository)?;
        let mut images = images.as_array().into_iter().flatten();
        let found = images.find(|image| image["imageTag"] == tag);
        let digest = found.and_then(|image| image["imageDigest"].as_str());
        Ok(digest
            .with_context(|| format!("{repository}: no tag {tag}"))?
            .to_owned())
    }

    /// Returns the digests of the manifests of a repository, sorted.
    pub fn digests(&self, repository: &str) -> Result<Vec<String>> {
        let images = self.images(repository)?;
        Ok(names(&images, "imageDigest").into_iter().collect())
    }

    /// Returns the digests of a repository, each with one of its tags.
    fn images(&self, repository: &str) -> Result<Value> {
        let body = json!({"repositoryName": repository});
        let mut answer = self.call(Service::Ecr, "ListImages", &body)?;
        Ok(answer["imageIds"].take())
    }
}

/// Collects the strings under `name` in a list of objects.
fn names(list: &Value, name: &str) -> BTreeSet<String> {
    let items = list.as_array().into_iter().flatten();
    let names = items.filter_map(|item| item[name].as_str());
    names.map(str::to_owned).collect()
}

/// Collects the texts of the XML elements called `name`, which have no attributes.
pub(super) fn elements(xml: &str, name: &str) -> BTreeSet<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts = xml.split(&open).skip(1);
    let texts = parts.filter_map(|part| part.split_once(&close));
    texts.map(|(text, _)| text.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_name() {
        let xml = "<Roles><member><RoleName>a</RoleName></member><RoleName>b</RoleName></Roles>";
        assert_eq!(Vec::from_iter(elements(xml, "RoleName")), ["a", "b"]);
        assert!(elements(xml, "PolicyName").is_empty());
    }
}

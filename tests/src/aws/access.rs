//! Users of the second local AWS, and the access control decisions about them.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::LocalAws;
use super::account::elements;
use crate::http;

/// An access key of a user.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// The ID.
    pub id: String,
    /// The secret, which exists only during one test.
    pub secret: String,
}

/// A decision of access control.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Decision {
    /// The action, such as `lambda:CreateFunction`.
    pub action: String,
    /// The ARN of the resource, or `*`.
    pub resource: String,
    /// The ID of the statement that allows it; `None` if it is denied.
    pub statement: Option<String>,
}

impl LocalAws {
    /// Creates a user without any permissions.
    pub fn create_user(&self, name: &str) -> Result<AccessKey> {
        self.iam("CreateUser", &format!("&UserName={name}"))?;
        let answer = self.iam("CreateAccessKey", &format!("&UserName={name}"))?;
        let text = |name| elements(&answer, name).pop_first().context("no access key");
        Ok(AccessKey {
            id: text("AccessKeyId")?,
            secret: text("SecretAccessKey")?,
        })
    }

    /// Grants a user the permissions of a policy, replacing any policy with the same name.
    pub fn put_user_policy(&self, user: &str, policy: &str, document: &Value) -> Result<()> {
        let document = percent_encoded(&document.to_string());
        let arguments = format!("&UserName={user}&PolicyName={policy}&PolicyDocument={document}");
        self.iam("PutUserPolicy", &arguments)?;
        Ok(())
    }

    /// Revokes the permissions of a policy from a user.
    pub fn delete_user_policy(&self, user: &str, policy: &str) -> Result<()> {
        let arguments = format!("&UserName={user}&PolicyName={policy}");
        self.iam("DeleteUserPolicy", &arguments)?;
        Ok(())
    }

    /// Returns all decisions about users so far, oldest first.
    pub fn decisions(&self) -> Result<Vec<Decision>> {
        let response = http::request(self.address, "GET", "/decisions", &[], b"")?;
        ensure!(response.status == 200, "status {}", response.status);
        let decisions: Vec<Value> = serde_json::from_slice(&response.body)?;
        let decisions = decisions.iter().map(|json| {
            let text = |name: &str| json[name].as_str().map(str::to_owned);
            Ok(Decision {
                action: text("action").context("no action")?,
                resource: text("resource").context("no resource")?,
                statement: text("statement"),
            })
        });
        decisions.collect()
    }
}

/// Percent-encodes a text for a form.
pub fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

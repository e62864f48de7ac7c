//! Permissions to invoke a function: the statements of its resource policy.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::aws::AwsError;
use crate::builder::part::difference::{Property, unmanaged};
use crate::builder::part::if_exists;
use crate::shared::Session;

/// ID of the statement that lets the rule invoke the event filter.
pub(in crate::builder) const STATEMENT: &str = "AllowEventBridgeRule";
/// ID of the statement that lets the rule for sweeps invoke the event filter.
pub(in crate::builder) const SWEEP_STATEMENT: &str = "AllowEventBridgeSchedule";
const ACTION: &str = "lambda:InvokeFunction";
const EVENTBRIDGE: &str = "events.amazonaws.com";

/// The statements of a function's policy, by ID.
pub(in crate::builder) type Permissions = BTreeMap<String, Permission>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) enum Permission {
    /// The EventBridge rule with this ARN may invoke the function.
    Rule(String),
    /// Anything else.
    Other(Json),
}

/// Returns the permissions of a function that rules invoke, given the statement ID and ARN of each.
/// Without rules, only the account itself may invoke it.
pub(super) fn desired(rules: &[(&str, &str)]) -> Permissions {
    let rules = rules.iter();
    let rules = rules.map(|(id, arn)| ((*id).to_owned(), Permission::Rule((*arn).to_owned())));
    rules.collect()
}

impl Property for Permission {
    fn difference(&self, observed: &Self) -> String {
        match (self, observed) {
            (Self::Rule(desired), Self::Rule(observed)) => {
                format!("is for the rule {observed:?}, want {desired:?}")
            }
            _ => "differs".to_owned(),
        }
    }
}

impl From<Json> for Permission {
    /// Reads a statement of a policy.
    fn from(statement: Json) -> Self {
        let rule = statement["Condition"]["ArnLike"]["AWS:SourceArn"].as_str();
        match rule {
            Some(rule)
                if statement["Effect"] == "Allow"
                    && statement["Action"] == ACTION
                    && statement["Principal"]["Service"] == EVENTBRIDGE =>
            {
                Self::Rule(rule.to_owned())
            }
            _ => Self::Other(statement),
        }
    }
}

/// Observes who may invoke a function.
pub(super) async fn observe(
    session: &Session<'_>,
    function: &str,
) -> Result<Permissions, AwsError> {
    let get = session.lambda.get_policy().function_name(function);
    let policy = match session.call.send(|| get.clone().send()).await {
        Ok(output) => output.policy.unwrap_or_default(),
        Err(error) if error.is_not_found() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let mut policy: Json = serde_json::from_str(&policy).unwrap_or_default();
    let Json::Array(statements) = policy["Statement"].take() else {
        return Ok(BTreeMap::new());
    };
    let by_id = statements.into_iter().map(|statement| {
        let id = statement["Sid"].as_str().unwrap_or_default().to_owned();
        (id, Permission::from(statement))
    });
    Ok(by_id.collect())
}

/// Permits exactly the desired invocations of a function.
pub(super) async fn permit(
    session: &Session<'_>,
    function: &str,
    desired: &Permissions,
    observed: &Permissions,
) -> Result<(), AwsError> {
    for id in unmanaged(desired, observed) {
        remove(session, function, id).await?;
    }
    for (id, permission) in desired {
        let existing = observed.get(id);
        if existing == Some(permission) {
            continue;
        }
        if existing.is_some() {
            remove(session, function, id).await?;
        }
        let Permission::Rule(arn) = permission else {
            continue;
        };
        let add = session
            .lambda
            .add_permission()
            .function_name(function)
            .statement_id(id)
            .action(ACTION)
            .principal(EVENTBRIDGE)
            .source_arn(arn);
        match session.call.send_to_new(|| add.clone().send()).await {
            // An earlier attempt added it, but its response was lost.
            Err(taken) if taken.is_taken() => {
                let added = self::observe(session, function).await?;
                if added.get(id) != Some(permission) {
                    return Err(taken);
                }
            }
            added => drop(added?),
        }
    }
    Ok(())
}

async fn remove(session: &Session<'_>, function: &str, id: &str) -> Result<(), AwsError> {
    let remove = session.lambda.remove_permission();
    let remove = remove.function_name(function).statement_id(id);
    if_exists(session.call.send(|| remove.clone().send()).await)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_rules_statement_is_recognized() {
        let statement = json!({
            "Sid": STATEMENT,
            "Effect": "Allow",
            "Action": ACTION,
            "Principal": {"Service": EVENTBRIDGE},
            "Resource": "arn:f",
            "Condition": {"ArnLike": {"AWS:SourceArn": "arn:r"}},
        });
        let permission = Permission::from(statement.clone());
        assert_eq!(permission, desired(&[(STATEMENT, "arn:r")])[STATEMENT]);
        for (pointer, value) in [
            ("/Effect", json!("Deny")),
            ("/Action", json!("lambda:*")),
            ("/Principal", json!("*")),
            ("/Condition", json!({})),
        ] {
            let mut statement = statement.clone();
            *statement.pointer_mut(pointer).unwrap() = value;
            let permission = Permission::from(statement.clone());
            assert_eq!(permission, Permission::Other(statement), "{pointer}");
        }
    }
}

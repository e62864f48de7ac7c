//! An IAM role with one inline policy.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use serde_json::Value as Json;
use tfplugin_sdk::Diagnostic;

use super::names::{OWNER_TAG, POLICY};
use super::settings::surplus_tags;
use crate::aws::AwsError;
use crate::shared::Session;

/// More pages of a role's policies than it can have.
const MAX_PAGES: usize = 10;

/// A role as it should be.
#[derive(Debug, Clone)]
pub(super) struct Role {
    pub name: String,
    pub description: &'static str,
    pub path: String,
    pub trust: Json,
    pub boundary: Option<String>,
    pub policy: Json,
    /// ARNs of AWS's own policies.
    pub attached: Vec<String>,
    pub tags: BTreeMap<String, String>,
}

/// A role as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct FoundRole {
    pub path: String,
    pub trust: Json,
    pub boundary: Option<String>,
    pub policies: BTreeMap<String, Json>,
    pub attached: BTreeSet<String>,
    pub tags: BTreeMap<String, String>,
}

impl Role {
    fn to_sdk(&self) -> Vec<Tag> {
        let tags = self.tags.iter();
        let tags =
            tags.filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok());
        tags.collect()
    }

    fn wants_attached(&self) -> BTreeSet<String> {
        self.attached.iter().cloned().collect()
    }
}

impl FoundRole {
    /// What is not as it should be.
    pub(super) fn differences(&self, want: &Role) -> Vec<String> {
        let mut found = Vec::new();
        if self.trust != want.trust {
            found.push("trust policy changed".to_owned());
        }
        if self.boundary != want.boundary {
            found.push("permissions boundary changed".to_owned());
        }
        match self.policies.get(POLICY) {
            None => found.push("policy missing".to_owned()),
            Some(policy) if *policy != want.policy => found.push("policy changed".to_owned()),
            Some(_) => {}
        }
        let others = self.policies.keys().filter(|name| *name != POLICY);
        found.extend(others.map(|name| format!("foreign policy {name:?}")));
        let attached = want.wants_attached();
        let missing = attached.difference(&self.attached);
        found.extend(missing.map(|arn| format!("{arn} not attached")));
        let foreign = self.attached.difference(&attached);
        found.extend(foreign.map(|arn| format!("foreign policy {arn} attached")));
        found
    }
}

/// The role of that name, if there is one.
pub(super) async fn find(
    session: &Session<'_>,
    name: &str,
) -> Result<Option<FoundRole>, Diagnostic> {
    let doing = || format!("reading the role {name:?}");
    match look(session, name).await {
        Ok(role) => Ok(role),
        // Removed in the middle of it.
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.diagnose(&doing())),
    }
}

async fn look(session: &Session<'_>, name: &str) -> Result<Option<FoundRole>, AwsError> {
    let iam = &session.iam;
    let got = session
        .call
        .send(|| iam.get_role().role_name(name).send())
        .await;
    let role = match got {
        Ok(output) => output.role,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(role) = role else {
        return Ok(None);
    };
    let mut policies = BTreeMap::new();
    for policy in inline(session, name).await? {
        let send = || {
            iam.get_role_policy()
                .role_name(name)
                .policy_name(&policy)
                .send()
        };
        let output = session.call.send(send).await?;
        policies.insert(policy, document(&output.policy_document));
    }
    let tags = role.tags.unwrap_or_default().into_iter();
    Ok(Some(FoundRole {
        path: role.path,
        trust: document(&role.assume_role_policy_document.unwrap_or_default()),
        boundary: role
            .permissions_boundary
            .and_then(|boundary| boundary.permissions_boundary_arn),
        policies,
        attached: attached(session, name).await?,
        tags: tags.map(|tag| (tag.key, tag.value)).collect(),
    }))
}

async fn inline(session: &Session<'_>, name: &str) -> Result<Vec<String>, AwsError> {
    let (mut found, mut marker) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let list = session.iam.list_role_policies().role_name(name);
        let list = list.set_marker(marker.take());
        let page = session.call.send(|| list.clone().send()).await?;
        found.extend(page.policy_names);
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            break;
        }
    }
    Ok(found)
}

async fn attached(session: &Session<'_>, name: &str) -> Result<BTreeSet<String>, AwsError> {
    let (mut found, mut marker) = (BTreeSet::new(), None);
    for _ in 0..MAX_PAGES {
        let list = session.iam.list_attached_role_policies().role_name(name);
        let list = list.set_marker(marker.take());
        let page = session.call.send(|| list.clone().send()).await?;
        let policies = page.attached_policies.unwrap_or_default().into_iter();
        found.extend(policies.filter_map(|policy| policy.policy_arn));
        marker = page.marker.filter(|_| page.is_truncated);
        if marker.is_none() {
            break;
        }
    }
    Ok(found)
}

/// Makes the role so. Says whether it was made anew.
pub(super) async fn ensure(
    session: &Session<'_>,
    want: &Role,
    found: Option<FoundRole>,
) -> Result<bool, Diagnostic> {
    let created = found.is_none();
    let done = match found {
        Some(found) => Ok(found),
        None => create(session, want).await,
    };
    let done = match done {
        Ok(found) => change(session, want, &found).await,
        Err(error) => Err(error),
    };
    let doing = if created { "creating" } else { "changing" };
    done.map_err(|error| error.diagnose(&format!("{doing} the role {:?}", want.name)))?;
    Ok(created)
}

async fn create(session: &Session<'_>, want: &Role) -> Result<FoundRole, AwsError> {
    let create = session
        .iam
        .create_role()
        .role_name(&want.name)
        .description(want.description)
        .path(&want.path)
        .assume_role_policy_document(want.trust.to_string())
        .set_permissions_boundary(want.boundary.clone())
        .set_tags(Some(want.to_sdk()));
    session.call.send(|| create.clone().send()).await?;
    Ok(FoundRole {
        path: want.path.clone(),
        trust: want.trust.clone(),
        boundary: want.boundary.clone(),
        tags: want.tags.clone(),
        ..FoundRole::default()
    })
}

async fn change(session: &Session<'_>, want: &Role, found: &FoundRole) -> Result<(), AwsError> {
    let (iam, name) = (&session.iam, &want.name);
    if found.trust != want.trust {
        let update = iam
            .update_assume_role_policy()
            .role_name(name)
            .policy_document(want.trust.to_string());
        session.call.send(|| update.clone().send()).await?;
    }
    match &want.boundary {
        boundary if *boundary == found.boundary => {}
        Some(boundary) => {
            let put = iam.put_role_permissions_boundary().role_name(name);
            let put = put.permissions_boundary(boundary);
            session.call.send(|| put.clone().send()).await?;
        }
        None => {
            let delete = iam.delete_role_permissions_boundary().role_name(name);
            session.call.send(|| delete.clone().send()).await?;
        }
    }
    if found.policies.get(POLICY) != Some(&want.policy) {
        let put = iam
            .put_role_policy()
            .role_name(name)
            .policy_name(POLICY)
            .policy_document(want.policy.to_string());
        session.call.send_to_new(|| put.clone().send()).await?;
    }
    for policy in found.policies.keys().filter(|policy| *policy != POLICY) {
        remove_inline(session, name, policy).await?;
    }
    let attached = want.wants_attached();
    for arn in attached.difference(&found.attached) {
        let attach = iam.attach_role_policy().role_name(name).policy_arn(arn);
        session.call.send_to_new(|| attach.clone().send()).await?;
    }
    for arn in found.attached.difference(&attached) {
        detach(session, name, arn).await?;
    }
    if found.tags != want.tags {
        let tag = iam.tag_role().role_name(name).set_tags(Some(want.to_sdk()));
        session.call.send_to_new(|| tag.clone().send()).await?;
        let gone = surplus_tags(&found.tags, &want.tags);
        if !gone.is_empty() {
            let untag = iam.untag_role().role_name(name).set_tag_keys(Some(gone));
            session.call.send(|| untag.clone().send()).await?;
        }
    }
    Ok(())
}

async fn remove_inline(session: &Session<'_>, name: &str, policy: &str) -> Result<(), AwsError> {
    let delete = session
        .iam
        .delete_role_policy()
        .role_name(name)
        .policy_name(policy);
    absent(session.call.send(|| delete.clone().send()).await)
}

async fn detach(session: &Session<'_>, name: &str, arn: &str) -> Result<(), AwsError> {
    let detach = session
        .iam
        .detach_role_policy()
        .role_name(name)
        .policy_arn(arn);
    absent(session.call.send(|| detach.clone().send()).await)
}

/// Removes the role and what belongs to it.
pub(super) async fn delete(session: &Session<'_>, name: &str) -> Result<(), Diagnostic> {
    let removed = async {
        let policies = inline(session, name).await?;
        for policy in &policies {
            remove_inline(session, name, policy).await?;
        }
        for arn in &attached(session, name).await? {
            detach(session, name, arn).await?;
        }
        session
            .call
            .send(|| session.iam.delete_role().role_name(name).send())
            .await?;
        session
            .call
            .until(async || {
                match session
                    .call
                    .send(|| session.iam.get_role().role_name(name).send())
                    .await
                {
                    Ok(_) => Ok(false),
                    Err(error) if error.is_not_found() => Ok(true),
                    Err(error) => Err(error),
                }
            })
            .await
    };
    absent(removed.await).map_err(|error| error.diagnose(&format!("deleting the role {name:?}")))
}

/// Whether a thing belongs to the builder of that name.
pub(super) fn is_ours(tags: &BTreeMap<String, String>, builder: &str) -> bool {
    tags.get(OWNER_TAG).is_some_and(|owner| owner == builder)
}

/// What is to be removed may be gone.
pub(super) fn absent<T>(done: Result<T, AwsError>) -> Result<(), AwsError> {
    match done {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// A policy document as IAM gives it: JSON, percent-encoded.
fn document(encoded: &str) -> Json {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(escaped) if byte == b'%' => {
                decoded.push(escaped);
                rest = &after[2..];
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    serde_json::from_slice(&decoded).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_decoded() {
        for (text, want) in [
            ("%7B%22a%22%3A%22b+%25%22%7D", json!({"a": "b+%"})),
            (r#"{"a":"b"}"#, json!({"a": "b"})),
            ("%7", Json::Null),
            ("%", Json::Null),
        ] {
            assert_eq!(document(text), want, "{text}");
        }
    }

    #[test]
    fn differences_are_named() {
        let want = Role {
            name: "r".to_owned(),
            description: "",
            path: "/".to_owned(),
            trust: json!({"t": 1}),
            boundary: None,
            policy: json!({"p": 1}),
            attached: vec!["arn:a".to_owned()],
            tags: BTreeMap::new(),
        };
        let good = FoundRole {
            trust: json!({"t": 1}),
            policies: [(POLICY.to_owned(), json!({"p": 1}))].into(),
            attached: ["arn:a".to_owned()].into(),
            ..FoundRole::default()
        };
        assert!(good.differences(&want).is_empty());
        let bad = FoundRole {
            trust: json!({}),
            policies: [(POLICY.to_owned(), json!({})), ("x".to_owned(), json!({}))].into(),
            attached: ["arn:b".to_owned()].into(),
            ..good
        };
        let found = [
            "trust policy changed",
            "policy changed",
            "foreign policy \"x\"",
            "arn:a not attached",
            "foreign policy arn:b attached",
        ];
        assert_eq!(bad.differences(&want), found);
    }
}

//! An IAM role with one inline policy.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use serde_json::Value as Json;

use super::difference::{difference, entries, unmanaged};
use super::{Observed, Part, exists, if_exists};
use crate::aws::{Account, AwsError};
use crate::builder::arguments::Arguments;
use crate::builder::policy;
use crate::builder::tags::Tags;
use crate::bundle::Function;
use crate::shared::Session;

/// Maximum number of pages of a role's policies. IAM allows fewer policies.
const MAX_PAGES: usize = 10;
/// Name of the one inline policy.
pub(in crate::builder) const POLICY: &str = "soci-index-builder";

/// The role of a function, by name.
#[derive(Debug, Clone)]
pub(in crate::builder) struct Role {
    pub name: String,
    pub of: Function,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Properties {
    pub path: String,
    pub trust: Json,
    pub boundary: Option<String>,
    /// Inline policies by name.
    pub policies: BTreeMap<String, Json>,
    /// ARNs of managed policies.
    pub attached: BTreeSet<String>,
}

impl Properties {
    /// Returns the role requested by the arguments.
    pub(in crate::builder) fn desired(
        of: Function,
        arguments: &Arguments,
        account: &Account,
    ) -> Self {
        let policy = policy::policy(of, arguments, account);
        Self {
            path: arguments.role_path.clone(),
            trust: policy::trust(),
            boundary: arguments.permissions_boundary.clone(),
            policies: [(POLICY.to_owned(), policy)].into(),
            attached: policy::attached(of, arguments, account),
        }
    }
}

impl Part for Role {
    const KIND: &'static str = "role";
    type Desired = Properties;
    type Observed = Properties;

    fn name(&self) -> &str {
        &self.name
    }

    async fn observe(&self, session: &Session<'_>) -> Result<Option<Observed<Self>>, AwsError> {
        let get = session.iam.get_role().role_name(&self.name);
        let Some(role) = session.call.send(|| get.clone().send()).await?.role else {
            return Ok(None);
        };
        let mut policies = BTreeMap::new();
        for policy in self.policy_names(session).await? {
            let get = session.iam.get_role_policy().role_name(&self.name);
            let get = get.policy_name(&policy);
            let output = session.call.send(|| get.clone().send()).await?;
            policies.insert(policy, parse_document(&output.policy_document));
        }
        let boundary = role.permissions_boundary;
        let tags = role.tags.unwrap_or_default().into_iter();
        Ok(Some(Observed {
            properties: Properties {
                path: role.path,
                trust: parse_document(&role.assume_role_policy_document.unwrap_or_default()),
                boundary: boundary.and_then(|boundary| boundary.permissions_boundary_arn),
                policies,
                attached: self.attached(session).await?,
            },
            tags: Some(tags.map(|tag| (tag.key, tag.value)).collect()),
        }))
    }

    async fn exists(&self, session: &Session<'_>) -> Result<bool, AwsError> {
        let get = session.iam.get_role().role_name(&self.name);
        exists(session.call.send(|| get.clone().send()).await)
    }

    async fn create(
        &self,
        session: &Session<'_>,
        desired: &Properties,
        tags: &Tags,
    ) -> Result<Properties, AwsError> {
        let create = session
            .iam
            .create_role()
            .role_name(&self.name)
            .description(self.description())
            .path(&desired.path)
            .assume_role_policy_document(desired.trust.to_string())
            .set_permissions_boundary(desired.boundary.clone())
            .set_tags(Some(to_sdk(tags)));
        session.call.send(|| create.clone().send()).await?;
        Ok(Properties {
            policies: BTreeMap::new(),
            attached: BTreeSet::new(),
            ..desired.clone()
        })
    }

    async fn change(
        &self,
        session: &Session<'_>,
        desired: &Properties,
        observed: &Properties,
    ) -> Result<(), AwsError> {
        let Properties {
            path: _, // cannot be changed; another one replaces the builder
            trust,
            boundary,
            policies,
            attached,
        } = desired;
        let (iam, name) = (&session.iam, &self.name);
        if *trust != observed.trust {
            let update = iam.update_assume_role_policy().role_name(name);
            let update = update.policy_document(trust.to_string());
            session.call.send(|| update.clone().send()).await?;
        }
        if *boundary != observed.boundary {
            self.set_boundary(session, boundary.as_deref()).await?;
        }
        for (policy, document) in policies {
            if observed.policies.get(policy) != Some(document) {
                let put = iam.put_role_policy().role_name(name);
                let put = put
                    .policy_name(policy)
                    .policy_document(document.to_string());
                session.call.send_to_new(|| put.clone().send()).await?;
            }
        }
        for policy in unmanaged(policies, &observed.policies) {
            self.remove_policy(session, policy).await?;
        }
        for arn in attached.difference(&observed.attached) {
            let attach = iam.attach_role_policy().role_name(name).policy_arn(arn);
            session.call.send_to_new(|| attach.clone().send()).await?;
        }
        for arn in observed.attached.difference(attached) {
            self.detach(session, arn).await?;
        }
        Ok(())
    }

    async fn tag(&self, session: &Session<'_>, tags: &Tags) -> Result<(), AwsError> {
        let tag = session.iam.tag_role().role_name(&self.name);
        let tag = tag.set_tags(Some(to_sdk(tags)));
        session.call.send_to_new(|| tag.clone().send()).await?;
        Ok(())
    }

    async fn untag(&self, session: &Session<'_>, keys: Vec<String>) -> Result<(), AwsError> {
        let untag = session.iam.untag_role().role_name(&self.name);
        let untag = untag.set_tag_keys(Some(keys));
        session.call.send(|| untag.clone().send()).await?;
        Ok(())
    }

    /// Deletes the role, after everything that IAM does not delete with it.
    async fn delete(&self, session: &Session<'_>) -> Result<(), AwsError> {
        for policy in &self.policy_names(session).await? {
            self.remove_policy(session, policy).await?;
        }
        for arn in &self.attached(session).await? {
            self.detach(session, arn).await?;
        }
        let delete = session.iam.delete_role().role_name(&self.name);
        session.call.send(|| delete.clone().send()).await?;
        Ok(())
    }

    fn differences(desired: &Properties, observed: &Properties) -> Vec<String> {
        let Properties {
            path: _, // the attribute `role_path`
            trust,
            boundary,
            policies,
            attached,
        } = observed;
        let mut found = Vec::new();
        found.extend(difference("trust policy", &desired.trust, trust));
        found.extend(difference(
            "permissions boundary",
            &desired.boundary,
            boundary,
        ));
        found.extend(entries("inline policy", &desired.policies, policies));
        let missing = desired.attached.difference(attached);
        found.extend(missing.map(|arn| format!("policy {arn:?} not attached")));
        let unmanaged = attached.difference(&desired.attached);
        found.extend(unmanaged.map(|arn| format!("unmanaged policy {arn:?} attached")));
        found
    }
}

impl Role {
    fn description(&self) -> &'static str {
        match self.of {
            Function::EventFilter => "Lets the SOCI event filter invoke the SOCI index generator",
            Function::IndexGenerator => {
                "Lets the SOCI index generator read images and write their indexes"
            }
        }
    }

    async fn policy_names(&self, session: &Session<'_>) -> Result<Vec<String>, AwsError> {
        let (mut found, mut marker) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let list = session.iam.list_role_policies().role_name(&self.name);
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

    async fn attached(&self, session: &Session<'_>) -> Result<BTreeSet<String>, AwsError> {
        let (mut found, mut marker) = (BTreeSet::new(), None);
        for _ in 0..MAX_PAGES {
            let list = session.iam.list_attached_role_policies();
            let list = list.role_name(&self.name).set_marker(marker.take());
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

    async fn set_boundary(
        &self,
        session: &Session<'_>,
        boundary: Option<&str>,
    ) -> Result<(), AwsError> {
        let (iam, name) = (&session.iam, &self.name);
        if let Some(boundary) = boundary {
            let put = iam.put_role_permissions_boundary().role_name(name);
            let put = put.permissions_boundary(boundary);
            session.call.send(|| put.clone().send()).await?;
        } else {
            let delete = iam.delete_role_permissions_boundary().role_name(name);
            session.call.send(|| delete.clone().send()).await?;
        }
        Ok(())
    }

    async fn remove_policy(&self, session: &Session<'_>, policy: &str) -> Result<(), AwsError> {
        let delete = session.iam.delete_role_policy().role_name(&self.name);
        let delete = delete.policy_name(policy);
        if_exists(session.call.send(|| delete.clone().send()).await)
    }

    async fn detach(&self, session: &Session<'_>, arn: &str) -> Result<(), AwsError> {
        let detach = session.iam.detach_role_policy().role_name(&self.name);
        let detach = detach.policy_arn(arn);
        if_exists(session.call.send(|| detach.clone().send()).await)
    }
}

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    let tags = tags.iter();
    let tags = tags.filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok());
    tags.collect()
}

/// Parses a policy document, which IAM percent-encodes. Returns null if it is
/// not JSON.
fn parse_document(encoded: &str) -> Json {
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
            assert_eq!(parse_document(text), want, "{text}");
        }
    }

    #[test]
    fn differences_are_named() {
        let desired = Properties {
            path: "/".to_owned(),
            trust: json!({"t": 1}),
            boundary: None,
            policies: [(POLICY.to_owned(), json!({"p": 1}))].into(),
            attached: ["arn:a".to_owned()].into(),
        };
        assert!(Role::differences(&desired, &desired).is_empty());
        let observed = Properties {
            path: "/".to_owned(),
            trust: json!({}),
            boundary: Some("arn:c".to_owned()),
            policies: [(POLICY.to_owned(), json!({})), ("x".to_owned(), json!({}))].into(),
            attached: ["arn:b".to_owned()].into(),
        };
        let found = [
            "trust policy differs",
            "permissions boundary is \"arn:c\", want none",
            "inline policy \"soci-index-builder\" differs",
            "unmanaged inline policy \"x\"",
            "policy \"arn:a\" not attached",
            "unmanaged policy \"arn:b\" attached",
        ];
        assert_eq!(Role::differences(&desired, &observed), found);
    }
}

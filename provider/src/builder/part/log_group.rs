//! A CloudWatch log group.

use super::difference::difference;
use super::{Observed, Part, if_exists, if_supported};
use crate::aws::AwsError;
use crate::builder::arguments::Arguments;
use crate::builder::tags::Tags;
use crate::shared::Session;

/// A log group, by name and ARN.
#[derive(Debug, Clone)]
pub(in crate::builder) struct LogGroup {
    pub name: String,
    pub arn: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Properties {
    /// In days; 0 keeps everything.
    pub retention: i64,
    /// Name of a policy of the account that overrides the retention and hides the group's own.
    pub retention_policy: Option<String>,
    pub kms_key: Option<String>,
}

impl Properties {
    /// Returns the log group requested by the arguments.
    pub(in crate::builder) fn desired(arguments: &Arguments) -> Self {
        Self {
            retention: arguments.log_retention_in_days,
            retention_policy: None,
            kms_key: arguments.log_kms_key_id.clone(),
        }
    }

    /// Returns the group's own retention, unless a policy of the account hides it.
    pub(in crate::builder) fn own_retention(&self) -> Option<i64> {
        self.retention_policy.is_none().then_some(self.retention)
    }
}

impl Part for LogGroup {
    const KIND: &'static str = "log group";
    type Desired = Properties;
    type Observed = Properties;

    fn name(&self) -> &str {
        &self.name
    }

    async fn observe(&self, session: &Session<'_>) -> Result<Option<Observed<Self>>, AwsError> {
        let Some(group) = self.describe(session).await? else {
            return Ok(None);
        };
        let list = session.logs.list_tags_for_resource();
        let list = list.resource_arn(&self.arn);
        let tags = if_supported(session.call.send(|| list.clone().send()).await)?;
        Ok(Some(Observed {
            properties: Properties {
                retention: group.retention_in_days.unwrap_or_default().into(),
                retention_policy: group.retention_policy_name,
                kms_key: group.kms_key_id,
            },
            tags: tags.map(|found| found.tags.unwrap_or_default().into_iter().collect()),
        }))
    }

    async fn exists(&self, session: &Session<'_>) -> Result<bool, AwsError> {
        Ok(self.describe(session).await?.is_some())
    }

    async fn create(
        &self,
        session: &Session<'_>,
        desired: &Properties,
        tags: &Tags,
    ) -> Result<Properties, AwsError> {
        let create = session
            .logs
            .create_log_group()
            .log_group_name(&self.name)
            .set_kms_key_id(desired.kms_key.clone())
            .set_tags(Some(tags.clone().into_iter().collect()));
        match session.call.send(|| create.clone().send()).await {
            Err(error) if error.is_unsupported() => {
                let untagged = create.set_tags(None);
                session.call.send(|| untagged.clone().send()).await?;
            }
            created => {
                created?;
            }
        }
        Ok(Properties {
            retention: 0,
            retention_policy: None,
            kms_key: desired.kms_key.clone(),
        })
    }

    async fn change(
        &self,
        session: &Session<'_>,
        desired: &Properties,
        observed: &Properties,
    ) -> Result<(), AwsError> {
        let Properties {
            retention,
            retention_policy: _, // nothing of the group
            kms_key,
        } = desired;
        let name = &self.name;
        // Set even if a policy hides it, because it takes effect again when the policy is removed.
        if observed.own_retention() != Some(*retention) {
            self.set_retention(session, *retention).await?;
        }
        if *kms_key != observed.kms_key {
            if let Some(key) = kms_key {
                let associate = session.logs.associate_kms_key();
                let associate = associate.log_group_name(name).kms_key_id(key);
                session.call.send(|| associate.clone().send()).await?;
            } else {
                let disassociate = session.logs.disassociate_kms_key();
                let disassociate = disassociate.log_group_name(name);
                session.call.send(|| disassociate.clone().send()).await?;
            }
        }
        Ok(())
    }

    async fn tag(&self, session: &Session<'_>, tags: &Tags) -> Result<(), AwsError> {
        let tag = session.logs.tag_resource().resource_arn(&self.arn);
        let tag = tag.set_tags(Some(tags.clone().into_iter().collect()));
        session.call.send_to_new(|| tag.clone().send()).await?;
        Ok(())
    }

    async fn untag(&self, session: &Session<'_>, keys: Vec<String>) -> Result<(), AwsError> {
        let untag = session.logs.untag_resource().resource_arn(&self.arn);
        let untag = untag.set_tag_keys(Some(keys));
        session.call.send(|| untag.clone().send()).await?;
        Ok(())
    }

    async fn delete(&self, session: &Session<'_>) -> Result<(), AwsError> {
        let delete = session.logs.delete_log_group();
        let delete = delete.log_group_name(&self.name);
        session.call.send(|| delete.clone().send()).await?;
        Ok(())
    }

    fn differences(desired: &Properties, observed: &Properties) -> Vec<String> {
        let Properties {
            retention,
            retention_policy: _, // nothing of the group
            kms_key,
        } = desired;
        let own = observed.own_retention();
        let retention = own.and_then(|own| difference("retention in days", retention, &own));
        let kms_key = difference("KMS key", kms_key, &observed.kms_key);
        retention.into_iter().chain(kms_key).collect()
    }
}

impl LogGroup {
    /// Returns whether CloudWatch Logs refuses to delete the group.
    pub(in crate::builder) async fn is_protected(
        &self,
        session: &Session<'_>,
    ) -> Result<bool, AwsError> {
        let group = self.describe(session).await?;
        Ok(group.is_some_and(|group| group.deletion_protection_enabled == Some(true)))
    }

    async fn describe(
        &self,
        session: &Session<'_>,
    ) -> Result<Option<aws_sdk_cloudwatchlogs::types::LogGroup>, AwsError> {
        // Groups with this prefix are returned in order, so an exact match comes first.
        let describe = session.logs.describe_log_groups();
        let describe = describe.log_group_name_prefix(&self.name);
        let page = session.call.send(|| describe.clone().send()).await?;
        let mut groups = page.log_groups.unwrap_or_default().into_iter();
        Ok(groups.find(|group| group.log_group_name.as_ref() == Some(&self.name)))
    }

    async fn set_retention(&self, session: &Session<'_>, days: i64) -> Result<(), AwsError> {
        match i32::try_from(days) {
            Ok(days) if days > 0 => {
                let put = session.logs.put_retention_policy();
                let put = put.log_group_name(&self.name).retention_in_days(days);
                session.call.send_to_new(|| put.clone().send()).await?;
                Ok(())
            }
            _ => {
                let delete = session.logs.delete_retention_policy();
                let delete = delete.log_group_name(&self.name);
                if_exists(session.call.send(|| delete.clone().send()).await)
            }
        }
    }
}

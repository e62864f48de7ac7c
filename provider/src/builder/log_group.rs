//! A CloudWatch log group.

use std::collections::BTreeMap;

use tfplugin_sdk::Diagnostic;

use super::role::absent;
use super::settings::surplus_tags;
use crate::aws::AwsError;
use crate::shared::Session;

/// A log group as it should be.
#[derive(Debug, Clone)]
pub(super) struct LogGroup {
    pub name: String,
    pub arn: String,
    /// 0 keeps everything.
    pub retention: i64,
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// A log group as it is.
#[derive(Debug, Clone)]
pub(super) struct FoundLogGroup {
    pub retention: i64,
    pub kms_key: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// The log group, if there is one.
pub(super) async fn find(
    session: &Session<'_>,
    name: &str,
    arn: &str,
) -> Result<Option<FoundLogGroup>, Diagnostic> {
    match look(session, name, arn).await {
        Ok(found) => Ok(found),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.diagnose(&format!("reading the log group {name:?}"))),
    }
}

async fn look(
    session: &Session<'_>,
    name: &str,
    arn: &str,
) -> Result<Option<FoundLogGroup>, AwsError> {
    // What has the name as a prefix comes sorted, the name itself first.
    let describe = session
        .logs
        .describe_log_groups()
        .log_group_name_prefix(name);
    let page = session.call.send(|| describe.clone().send()).await?;
    let mut groups = page.log_groups.unwrap_or_default().into_iter();
    let Some(group) = groups.find(|group| group.log_group_name.as_deref() == Some(name)) else {
        return Ok(None);
    };
    let list = session.logs.list_tags_for_resource().resource_arn(arn);
    let tags = session.call.send(|| list.clone().send()).await?.tags;
    Ok(Some(FoundLogGroup {
        retention: group.retention_in_days.unwrap_or_default().into(),
        kms_key: group.kms_key_id,
        tags: tags.unwrap_or_default().into_iter().collect(),
    }))
}

/// Makes the log group so.
pub(super) async fn ensure(
    session: &Session<'_>,
    want: &LogGroup,
    found: Option<FoundLogGroup>,
) -> Result<(), Diagnostic> {
    let doing = if found.is_none() {
        "creating"
    } else {
        "changing"
    };
    let done = async {
        let found = match found {
            Some(found) => found,
            None => create(session, want).await?,
        };
        change(session, want, &found).await
    };
    done.await
        .map_err(|error| error.diagnose(&format!("{doing} the log group {:?}", want.name)))
}

async fn create(session: &Session<'_>, want: &LogGroup) -> Result<FoundLogGroup, AwsError> {
    let create = session
        .logs
        .create_log_group()
        .log_group_name(&want.name)
        .set_kms_key_id(want.kms_key.clone())
        .set_tags(Some(want.tags.clone().into_iter().collect()));
    session.call.send(|| create.clone().send()).await?;
    Ok(FoundLogGroup {
        retention: 0,
        kms_key: want.kms_key.clone(),
        tags: want.tags.clone(),
    })
}

async fn change(
    session: &Session<'_>,
    want: &LogGroup,
    found: &FoundLogGroup,
) -> Result<(), AwsError> {
    let (logs, name) = (&session.logs, &want.name);
    if found.retention != want.retention {
        match i32::try_from(want.retention) {
            Ok(days) if days > 0 => {
                let put = logs.put_retention_policy().log_group_name(name);
                let put = put.retention_in_days(days);
                session.call.send_to_new(|| put.clone().send()).await?;
            }
            _ => {
                let delete = logs.delete_retention_policy().log_group_name(name);
                absent(session.call.send(|| delete.clone().send()).await)?;
            }
        }
    }
    match &want.kms_key {
        key if *key == found.kms_key => {}
        Some(key) => {
            let associate = logs
                .associate_kms_key()
                .log_group_name(name)
                .kms_key_id(key);
            session.call.send(|| associate.clone().send()).await?;
        }
        None => {
            let disassociate = logs.disassociate_kms_key().log_group_name(name);
            session.call.send(|| disassociate.clone().send()).await?;
        }
    }
    if found.tags != want.tags {
        let tags = want.tags.clone().into_iter().collect();
        let tag = logs
            .tag_resource()
            .resource_arn(&want.arn)
            .set_tags(Some(tags));
        session.call.send_to_new(|| tag.clone().send()).await?;
        let gone = surplus_tags(&found.tags, &want.tags);
        if !gone.is_empty() {
            let untag = logs.untag_resource().resource_arn(&want.arn);
            let untag = untag.set_tag_keys(Some(gone));
            session.call.send(|| untag.clone().send()).await?;
        }
    }
    Ok(())
}

/// Removes the log group with all that it holds.
pub(super) async fn delete(session: &Session<'_>, name: &str) -> Result<(), Diagnostic> {
    let delete = session.logs.delete_log_group().log_group_name(name);
    let removed = async {
        absent(session.call.send(|| delete.clone().send()).await)?;
        let describe = session
            .logs
            .describe_log_groups()
            .log_group_name_prefix(name);
        session
            .call
            .until(async || {
                let page = session.call.send(|| describe.clone().send()).await?;
                let mut groups = page.log_groups.unwrap_or_default().into_iter();
                Ok(!groups.any(|group| group.log_group_name.as_deref() == Some(name)))
            })
            .await
    };
    removed
        .await
        .map_err(|error| error.diagnose(&format!("deleting the log group {name:?}")))
}

//! The DynamoDB table in which the index generator remembers layers.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TableDescription, TableStatus, Tag, TimeToLiveSpecification, TimeToLiveStatus,
};
use lambda::ztoc_table::{EXPIRES, KEY};

use super::difference::field_differences;
use super::{Observed, Part, exists};
use crate::aws::AwsError;
use crate::builder::tags::Tags;
use crate::shared::Session;

/// Maximum number of pages of a table's tags, of which there are at most fifty.
const MAX_PAGES: usize = 10;

/// A table, by name and ARN.
#[derive(Debug, Clone)]
pub(in crate::builder) struct Table {
    pub name: String,
    pub arn: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::builder) struct Properties {
    /// Whether the table is billed per request rather than by capacity.
    pub on_demand: bool,
    /// Attribute with the time at which an item expires, if items expire.
    pub expires: Option<String>,
}

impl Properties {
    /// Returns the table that remembers layers.
    pub(in crate::builder) fn desired() -> Self {
        Self {
            on_demand: true,
            expires: Some(EXPIRES.to_owned()),
        }
    }
}

impl Part for Table {
    const KIND: &'static str = "table";
    type Desired = Properties;
    type Observed = Properties;

    fn name(&self) -> &str {
        &self.name
    }

    async fn observe(&self, session: &Session<'_>) -> Result<Option<Observed<Self>>, AwsError> {
        let table = self.describe(session).await?;
        if matches!(table.table_status, Some(TableStatus::Deleting)) {
            return Ok(None);
        }
        let describe = session.dynamodb.describe_time_to_live();
        let describe = describe.table_name(&self.name);
        let expiry = session.call.send(|| describe.clone().send()).await?;
        let expiry = expiry.time_to_live_description.filter(|expiry| {
            use TimeToLiveStatus::{Enabled, Enabling};
            matches!(expiry.time_to_live_status, Some(Enabled | Enabling))
        });
        let billing = table.billing_mode_summary.and_then(|it| it.billing_mode);
        Ok(Some(Observed {
            properties: Properties {
                on_demand: billing == Some(BillingMode::PayPerRequest),
                expires: expiry.and_then(|expiry| expiry.attribute_name),
            },
            tags: Some(self.tags(session).await?),
        }))
    }

    async fn exists(&self, session: &Session<'_>) -> Result<bool, AwsError> {
        exists(self.describe(session).await)
    }

    async fn create(
        &self,
        session: &Session<'_>,
        _: &Properties,
        tags: &Tags,
    ) -> Result<Properties, AwsError> {
        let key = KeySchemaElement::builder().attribute_name(KEY);
        let key = key.key_type(KeyType::Hash).build();
        let attribute = AttributeDefinition::builder().attribute_name(KEY);
        let attribute = attribute.attribute_type(ScalarAttributeType::S).build();
        let create = session
            .dynamodb
            .create_table()
            .table_name(&self.name)
            .billing_mode(BillingMode::PayPerRequest)
            .key_schema(key.map_err(incomplete)?)
            .attribute_definitions(attribute.map_err(incomplete)?)
            .set_tags(Some(sdk_tags(tags)?));
        session.call.send(|| create.clone().send()).await?;
        Ok(Properties {
            on_demand: true,
            expires: None,
        })
    }

    async fn wait_until_created(&self, session: &Session<'_>) -> Result<(), AwsError> {
        let active = async || match self.describe(session).await {
            Ok(table) => Ok(table.table_status == Some(TableStatus::Active)),
            // The table was created a moment ago.
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        };
        session.call.until(active).await
    }

    async fn change(
        &self,
        session: &Session<'_>,
        desired: &Properties,
        observed: &Properties,
    ) -> Result<(), AwsError> {
        let Properties { on_demand, expires } = desired;
        if *on_demand != observed.on_demand {
            let update = session.dynamodb.update_table().table_name(&self.name);
            let update = update.billing_mode(BillingMode::PayPerRequest);
            session.call.send(|| update.clone().send()).await?;
            self.wait_until_created(session).await?;
        }
        if let Some(attribute) = expires
            && observed.expires.as_ref() != Some(attribute)
        {
            let expiry = TimeToLiveSpecification::builder().enabled(true);
            let expiry = expiry.attribute_name(attribute).build();
            let update = session.dynamodb.update_time_to_live();
            let update = update.table_name(&self.name);
            let update = update.time_to_live_specification(expiry.map_err(incomplete)?);
            session.call.send_to_new(|| update.clone().send()).await?;
        }
        Ok(())
    }

    async fn tag(&self, session: &Session<'_>, tags: &Tags) -> Result<(), AwsError> {
        let tag = session.dynamodb.tag_resource().resource_arn(&self.arn);
        let tag = tag.set_tags(Some(sdk_tags(tags)?));
        session.call.send_to_new(|| tag.clone().send()).await?;
        Ok(())
    }

    async fn untag(&self, session: &Session<'_>, keys: Vec<String>) -> Result<(), AwsError> {
        let untag = session.dynamodb.untag_resource().resource_arn(&self.arn);
        let untag = untag.set_tag_keys(Some(keys));
        session.call.send(|| untag.clone().send()).await?;
        Ok(())
    }

    async fn delete(&self, session: &Session<'_>) -> Result<(), AwsError> {
        let delete = session.dynamodb.delete_table().table_name(&self.name);
        session.call.send(|| delete.clone().send()).await?;
        Ok(())
    }

    fn differences(desired: &Properties, observed: &Properties) -> Vec<String> {
        field_differences!(
            Properties {
                on_demand: "billing on demand",
                expires: "time to live",
            },
            desired,
            observed
        )
    }
}

impl Table {
    /// Returns whether DynamoDB refuses to delete the table.
    pub(in crate::builder) async fn is_protected(
        &self,
        session: &Session<'_>,
    ) -> Result<bool, AwsError> {
        match self.describe(session).await {
            Ok(table) => Ok(table.deletion_protection_enabled == Some(true)),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn describe(&self, session: &Session<'_>) -> Result<TableDescription, AwsError> {
        let describe = session.dynamodb.describe_table().table_name(&self.name);
        let answer = session.call.send(|| describe.clone().send()).await?;
        answer.table.ok_or_else(|| incomplete("no table"))
    }

    async fn tags(&self, session: &Session<'_>) -> Result<Tags, AwsError> {
        let mut tags = Tags::new();
        let mut next = None;
        for _ in 0..MAX_PAGES {
            let list = session.dynamodb.list_tags_of_resource();
            let list = list.resource_arn(&self.arn).set_next_token(next);
            let page = session.call.send(|| list.clone().send()).await?;
            let found = page.tags.unwrap_or_default().into_iter();
            tags.extend(found.map(|tag| (tag.key, tag.value)));
            next = page.next_token;
            if next.is_none() {
                break;
            }
        }
        Ok(tags)
    }
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, AwsError> {
    let tags = tags.iter().map(|(key, value)| {
        let tag = Tag::builder().key(key).value(value);
        tag.build().map_err(incomplete)
    });
    tags.collect()
}

fn incomplete(error: impl ToString) -> AwsError {
    AwsError::service("InvalidResponse", error.to_string())
}

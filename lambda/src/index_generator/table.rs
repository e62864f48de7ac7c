//! Memory of layers in an Amazon DynamoDB table.
//!
//! Only the index generator writes to the table, so pushers of images cannot determine its content.
//! A table that is missing, throttled or inaccessible costs only time: after the first failure, the
//! invocation continues without it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::timeout::TimeoutConfig;
use soci::{Knowledge, KnownKey, KnownLayer};

use crate::runtime;
use crate::ztoc_table::{EXPIRES, KEY};

/// Attribute with the remembered result, in JSON.
const KNOWN: &str = "known";
/// How long a layer is remembered.
const LIFETIME: Duration = Duration::from_secs(90 * 24 * 3600);
/// Maximum time for a request including its retries. Reading a layer takes longer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A table, and the client for it.
pub(super) struct Table {
    client: Client,
    name: String,
}

impl Table {
    pub(super) async fn open(name: &str) -> Self {
        let timeouts = TimeoutConfig::builder().operation_timeout(PATIENCE);
        let shared = runtime::aws_config().await;
        let config = aws_sdk_dynamodb::config::Builder::from(shared);
        let config = config.timeout_config(timeouts.build());
        Self {
            client: Client::from_conf(config.build()),
            name: name.to_owned(),
        }
    }

    /// Returns the remembered layers of a repository.
    pub(super) fn of<'a>(&'a self, repository: &'a str) -> KnownLayers<'a> {
        KnownLayers {
            table: self,
            repository,
            learned: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        }
    }
}

/// Remembered layers of a repository, which an invocation uses and adds to.
pub(super) struct KnownLayers<'a> {
    table: &'a Table,
    repository: &'a str,
    learned: AtomicU64,
    failed: AtomicBool,
}

impl KnownLayers<'_> {
    /// Returns the number of layers that were added.
    pub(super) fn learned(&self) -> u64 {
        self.learned.load(Ordering::Relaxed)
    }

    fn key(&self, key: &KnownKey) -> AttributeValue {
        AttributeValue::S(format!("{}@{key}", self.repository))
    }

    fn fail(&self, doing: &str, error: &(dyn std::error::Error + 'static)) {
        if !self.failed.swap(true, Ordering::Relaxed) {
            let table = self.table.name.as_str();
            let error = runtime::aws_error(error);
            tracing::warn!(
                table,
                error,
                "cannot {doing}: every layer is read, and none remembered"
            );
        }
    }
}

#[async_trait]
impl Knowledge for KnownLayers<'_> {
    async fn recall(&self, key: &KnownKey) -> Option<KnownLayer> {
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        let get = self.table.client.get_item();
        let get = get.table_name(&self.table.name).key(KEY, self.key(key));
        let item = match get.send().await {
            Ok(answer) => answer.item?,
            Err(error) => {
                self.fail("look up known layers", &error);
                return None;
            }
        };
        let known = item.get(KNOWN)?.as_s().ok()?;
        // An earlier version of the program may have stored a different format.
        serde_json::from_str(known).ok()
    }

    async fn learn(&self, key: &KnownKey, known: &KnownLayer) {
        if self.failed.load(Ordering::Relaxed) {
            return;
        }
        let Ok(known) = serde_json::to_string(known) else {
            return;
        };
        let expires = SystemTime::now() + LIFETIME;
        let expires = expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        let put = self.table.client.put_item();
        let put = put
            .table_name(&self.table.name)
            .item(KEY, self.key(key))
            .item(KNOWN, AttributeValue::S(known))
            .item(EXPIRES, AttributeValue::N(expires.as_secs().to_string()));
        match put.send().await {
            Ok(_) => {
                self.learned.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => self.fail("remember a layer", &error),
        }
    }
}

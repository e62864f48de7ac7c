//! Data sources.

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// A data source: something that Terraform looks up and never changes.
#[async_trait]
pub trait DataSource<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// The type's full name.
    fn type_name(&self) -> &str;

    /// Its schema; the same at every call.
    fn schema(&self) -> Schema;

    /// Checks that take more than one attribute. Values may be unknown, and
    /// must pass then.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Looks up: returns the configuration, which is wholly known here, with
    /// its computed attributes filled in. Defaults of the schema are filled in
    /// already.
    async fn read(&self, cx: &Context<D>, config: Value) -> Result<Value, Diagnostics>;
}

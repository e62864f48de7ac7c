//! Data sources.

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// A data source, which reads existing objects without changing them.
///
/// `D` is the provider's data.
#[async_trait]
pub trait DataSource<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// Returns the full name of the type.
    fn type_name(&self) -> &str;

    /// Returns the schema, which must be the same for every call.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Must accept unknown values.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Reads the data source and returns the configuration with computed
    /// attributes filled in. The configuration is wholly known and includes the
    /// schema's defaults.
    async fn read(&self, cx: &Context<D>, config: Value) -> Result<Value, Diagnostics>;
}

//! Data sources.

use async_trait::async_trait;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// A data source: reads what exists, and changes nothing.
///
/// `D` is the provider's data.
#[async_trait]
pub trait DataSource<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// Returns the full name of the type.
    fn type_name(&self) -> &str;

    /// Returns the schema, which must be the same at every call.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Unknown values must pass.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Reads the data source: returns the configuration with computed attributes
    /// filled in. The configuration is wholly known and has the schema's defaults.
    async fn read(&self, cx: &Context<D>, config: Value) -> Result<Value, Diagnostics>;
}

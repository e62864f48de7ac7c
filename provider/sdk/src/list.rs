//! List resources.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// A list resource (Terraform 1.14 and later), which finds existing resources
/// of a managed type, for `terraform query`.
///
/// `D` is the provider's data.
#[async_trait]
pub trait ListResource<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// Returns the full name of the type, which must be that of a managed
    /// resource with an [identity](Schema::identity).
    fn type_name(&self) -> &str;

    /// Returns the schema, which must be the same for every call. A list
    /// resource has only arguments.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Must accept unknown values.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Finds resources and reports each of them until no more are wanted. The
    /// configuration is wholly known and includes the schema's defaults.
    async fn list(
        &self,
        cx: &Context<D>,
        config: Value,
        results: &ListResults,
    ) -> Result<(), Diagnostics>;
}

/// Receives the results of a list resource.
#[derive(Debug)]
pub struct ListResults(mpsc::Sender<Listed>);

/// A resource that was found.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) display_name: String,
    pub(crate) state: Value,
}

impl ListResults {
    /// Maximum number of results that wait to be taken. Kept small, because
    /// results beyond the limit are wasted work.
    const QUEUE: usize = 4;

    /// Creates the results and the receiver for them.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Listed>) {
        let (sender, receiver) = mpsc::channel(Self::QUEUE);
        (Self(sender), receiver)
    }

    /// Reports a resource with a human-readable name and a state in the form
    /// that [`Resource::import_state`](crate::Resource::import_state) returns,
    /// with at least the attributes of the identity. If Terraform wants the
    /// whole resource, it is [read](crate::Resource::read) from that state, as
    /// after an import, and omitted if it no longer exists.
    ///
    /// Returns whether more results are wanted; if not, the list should end.
    #[must_use]
    pub async fn report(&self, display_name: impl Into<String>, state: Value) -> bool {
        let display_name = display_name.into();
        let listed = Listed {
            display_name,
            state,
        };
        self.0.send(listed).await.is_ok() && self.are_wanted()
    }

    /// Returns whether more results are wanted: the limit has not been reached,
    /// and Terraform is still connected.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        !self.0.is_closed()
    }
}

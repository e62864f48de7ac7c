//! List resources.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// A list resource (Terraform 1.14 and later): finds the resources of a managed
/// type that exist, for `terraform query`.
///
/// `D` is the provider's data.
#[async_trait]
pub trait ListResource<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// Returns the full name of the type. It is that of a managed resource, which
    /// has an [identity](Schema::identity).
    fn type_name(&self) -> &str;

    /// Returns the schema, which must be the same at every call. A list resource
    /// has arguments only.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Unknown values must pass.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Finds resources and reports each, until no more are wanted. The
    /// configuration is wholly known and has the schema's defaults.
    async fn list(
        &self,
        cx: &Context<D>,
        config: Value,
        results: &ListResults,
    ) -> Result<(), Diagnostics>;
}

/// Takes what a list resource finds.
#[derive(Debug)]
pub struct ListResults(mpsc::Sender<Listed>);

/// A resource that was found.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) display_name: String,
    pub(crate) state: Value,
}

impl ListResults {
    /// Number of results that wait to be taken. Few, since most that are found
    /// beyond the limit are found in vain.
    const QUEUE: usize = 4;

    /// Creates the results and their receiver.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<Listed>) {
        let (sender, receiver) = mpsc::channel(Self::QUEUE);
        (Self(sender), receiver)
    }

    /// Reports a resource by a name for people and a state as
    /// [`Resource::import_state`](crate::Resource::import_state) returns it, which
    /// has the attributes of the identity at least. If Terraform wants the whole
    /// resource, it is [read](crate::Resource::read) from that, as after an import,
    /// and left out if it is gone by then.
    ///
    /// Returns whether more are wanted; otherwise the list should end.
    #[must_use]
    pub async fn report(&self, display_name: impl Into<String>, state: Value) -> bool {
        let display_name = display_name.into();
        let listed = Listed {
            display_name,
            state,
        };
        self.0.send(listed).await.is_ok() && self.are_wanted()
    }

    /// Returns whether more results are wanted: the limit is not reached, and
    /// Terraform is still there.
    #[must_use]
    pub fn are_wanted(&self) -> bool {
        !self.0.is_closed()
    }
}

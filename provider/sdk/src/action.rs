//! Actions.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// An action (Terraform 1.14 and later): does something once when it is invoked,
/// by name or by a change of a resource, and keeps no state.
///
/// `D` is the provider's data.
#[async_trait]
pub trait Action<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// Returns the full name of the type.
    fn type_name(&self) -> &str;

    /// Returns the schema, which must be the same at every call. An action has
    /// arguments only.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Unknown values must pass.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Does what the action is for. The configuration is wholly known and has the
    /// schema's defaults.
    async fn invoke(
        &self,
        cx: &Context<D>,
        config: Value,
        progress: &ActionProgress,
    ) -> Result<(), Diagnostics>;
}

/// Tells Terraform how far an action has come.
#[derive(Debug)]
pub struct ActionProgress(mpsc::Sender<String>);

impl ActionProgress {
    /// Number of messages that wait for Terraform to take them.
    const QUEUE: usize = 16;

    /// Creates a progress and the receiver of its messages.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(Self::QUEUE);
        (Self(sender), receiver)
    }

    /// Shows a line to the person who waits.
    pub async fn report(&self, message: impl Into<String>) {
        // Terraform may have gone.
        let _ = self.0.send(message.into()).await;
    }
}

//! Actions.

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::context::Context;
use crate::diagnostic::Diagnostics;
use crate::schema::Schema;
use crate::value::Value;

/// An action (Terraform 1.14 and later), which performs a one-time operation
/// without keeping state. It is invoked by name or by a change to a resource.
///
/// `D` is the provider's data.
#[async_trait]
pub trait Action<D: Send + Sync + 'static>: Send + Sync + 'static {
    /// Returns the full name of the type.
    fn type_name(&self) -> &str;

    /// Returns the schema, which must be the same for every call. An action has
    /// only arguments.
    fn schema(&self) -> Schema;

    /// Checks combinations of attributes. Must accept unknown values.
    fn validate(&self, config: &Value) -> Diagnostics {
        let _ = config;
        Diagnostics::new()
    }

    /// Performs the action. The configuration is wholly known and includes the
    /// schema's defaults.
    async fn invoke(
        &self,
        cx: &Context<D>,
        config: Value,
        progress: &ActionProgress,
    ) -> Result<(), Diagnostics>;
}

/// Reports the progress of an action to Terraform.
#[derive(Debug)]
pub struct ActionProgress(mpsc::Sender<String>);

impl ActionProgress {
    /// Maximum number of messages that wait for Terraform to take them.
    const QUEUE: usize = 16;

    /// Creates a progress and the receiver of its messages.
    pub(crate) fn channel() -> (Self, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(Self::QUEUE);
        (Self(sender), receiver)
    }

    /// Shows a line of progress to the user.
    pub async fn report(&self, message: impl Into<String>) {
        // Terraform may have disconnected.
        let _ = self.0.send(message.into()).await;
    }
}

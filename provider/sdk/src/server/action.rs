//! Actions.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tonic::Status;

use super::Server;
use super::call::Call;
use super::events::{Step, Underway};
use crate::action::{Action, ActionProgress};
use crate::plan::with_defaults;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::invoke_action::{Event, event};
use crate::provider::Provider;

/// The events of an invocation.
pub(super) type Events = BoxStream<'static, Result<Event, Status>>;

impl<P: Provider> Server<P> {
    pub(super) async fn validate_action(
        &self,
        request: proto::validate_action_config::Request,
    ) -> proto::validate_action_config::Response {
        let call = self.action("ValidateActionConfig", &request.type_name);
        let config = request.config.as_ref();
        proto::validate_action_config::Response {
            diagnostics: call.validate(config, Action::validate).await,
        }
    }

    /// Plans an action. It does what its configuration says, so there is nothing to add.
    pub(super) async fn plan_action(
        &self,
        request: proto::plan_action::Request,
    ) -> proto::plan_action::Response {
        let call = self.action("PlanAction", &request.action_type);
        let config = request.config.as_ref();
        proto::plan_action::Response {
            diagnostics: call.validate(config, Action::validate).await,
            deferred: None,
        }
    }

    pub(super) fn invoke_action(
        self: &Arc<Self>,
        request: proto::invoke_action::Request,
    ) -> Events {
        let server = Arc::clone(self);
        let (progress, messages) = ActionProgress::channel();
        let invoking = async move {
            let done =
                server
                    .action("InvokeAction", &request.action_type)
                    .run(
                        &[],
                        |entry| {
                            let config = entry.decode(request.config.as_ref())?;
                            Ok(with_defaults(&entry.schema, &config))
                        },
                        |entry, cx, config| async move {
                            entry.item.invoke(&cx, config, &progress).await
                        },
                    )
                    .await;
            done.into_diagnostics()
        };
        let invocation = Underway::new(messages, invoking);
        stream::unfold(invocation, |mut invocation| async move {
            let event = match invocation.next().await? {
                Step::Message(message) => event::Type::Progress(event::Progress { message }),
                Step::End(diagnostics) => event::Type::Completed(event::Completed { diagnostics }),
            };
            Some((
                Ok(Event {
                    r#type: Some(event),
                }),
                invocation,
            ))
        })
        .boxed()
    }

    fn action<'s>(
        &'s self,
        rpc: &'static str,
        type_name: &'s str,
    ) -> Call<'s, P, dyn Action<P::Data>> {
        Call {
            server: self,
            rpc,
            type_name,
            entry: self.catalog.actions.find(type_name),
        }
    }
}

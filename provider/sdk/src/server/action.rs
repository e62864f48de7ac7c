//! Actions.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tonic::Status;

use super::Server;
use super::call::Call;
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

    /// Plans an action: it does what its configuration says, so there is nothing to add.
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
        let invocation = Invocation {
            messages: Some(messages),
            invoking: Some(invoking.boxed()),
            found: None,
        };
        stream::unfold(invocation, |mut invocation| async move {
            let event = invocation.next().await?;
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

/// An invocation on its way: all of its messages come before its end.
struct Invocation {
    /// `None` once there can be no more.
    messages: Option<mpsc::Receiver<String>>,
    /// `None` once it has ended.
    invoking: Option<BoxFuture<'static, Vec<proto::Diagnostic>>>,
    /// Diagnostics of the end, until it is reported.
    found: Option<Vec<proto::Diagnostic>>,
}

impl Invocation {
    async fn next(&mut self) -> Option<event::Type> {
        loop {
            match (&mut self.messages, &mut self.invoking) {
                (Some(messages), Some(invoking)) => tokio::select! {
                    biased;
                    message = messages.recv() => match message {
                        Some(message) => return Some(progress(message)),
                        None => self.messages = None,
                    },
                    found = invoking => {
                        self.found = Some(found);
                        self.invoking = None;
                    }
                },
                (Some(messages), None) => match messages.recv().await {
                    Some(message) => return Some(progress(message)),
                    None => self.messages = None,
                },
                (None, Some(invoking)) => {
                    self.found = Some(invoking.await);
                    self.invoking = None;
                }
                (None, None) => {
                    let diagnostics = self.found.take()?;
                    return Some(event::Type::Completed(event::Completed { diagnostics }));
                }
            }
        }
    }
}

fn progress(message: String) -> event::Type {
    event::Type::Progress(event::Progress { message })
}

//! List resources.

use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tonic::Status;

use super::Server;
use super::call::Call;
use super::events::{self, Underway};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::list::{ListResource, ListResults, Listed};
use crate::path::AttributePath;
use crate::plan::with_defaults;
use crate::proto::tfplugin6 as proto;
use crate::proto::tfplugin6::attribute_path::Step;
use crate::proto::tfplugin6::attribute_path::step::Selector;
use crate::proto::tfplugin6::list_resource::Event;
use crate::provider::Provider;

/// The results of a list.
pub(super) type Results = BoxStream<'static, Result<Event, Status>>;

impl<P: Provider> Server<P> {
    pub(super) async fn validate_list(
        &self,
        request: proto::validate_list_resource_config::Request,
    ) -> proto::validate_list_resource_config::Response {
        let call = self.list_resource("ValidateListResourceConfig", &request.type_name);
        let config = request.config.as_ref();
        proto::validate_list_resource_config::Response {
            diagnostics: in_config(call.validate(config, ListResource::validate).await),
        }
    }

    pub(super) fn list(self: &Arc<Self>, request: proto::list_resource::Request) -> Results {
        let server = Arc::clone(self);
        let (results, found) = ListResults::channel();
        let (type_name, whole) = (request.type_name.clone(), request.include_resource_object);
        // Terraform always sends a limit.
        let limit = u64::try_from(request.limit).ok().filter(|limit| *limit > 0);
        let work = async move {
            let done = server
                .list_resource("ListResource", &request.type_name)
                .run(
                    &[],
                    |entry| {
                        let config = entry.decode(request.config.as_ref())?;
                        Ok(with_defaults(&entry.schema, &config))
                    },
                    |entry, cx, config| async move { entry.item.list(&cx, config, &results).await },
                )
                .await;
            in_config(done.into_diagnostics())
        };
        let listing = Listing {
            server: Arc::clone(self),
            type_name,
            whole,
            left: limit,
            underway: Some(Underway::new(found, work)),
        };
        stream::unfold(listing, |mut listing| async move {
            let event = listing.next().await?;
            Some((Ok(event), listing))
        })
        .boxed()
    }

    fn list_resource<'s>(
        &'s self,
        rpc: &'static str,
        type_name: &'s str,
    ) -> Call<'s, P, dyn ListResource<P::Data>> {
        Call {
            server: self,
            rpc,
            type_name,
            entry: self.catalog.list_resources.find(type_name),
        }
    }
}

/// A list in progress.
struct Listing<P: Provider> {
    server: Arc<Server<P>>,
    type_name: String,
    /// Whether whole resources are wanted, rather than only identities.
    whole: bool,
    /// Number of results that are still wanted; `None` for all.
    left: Option<u64>,
    /// `None` once it is no longer needed, which stops the work.
    underway: Option<Underway<Listed, Vec<proto::Diagnostic>>>,
}

impl<P: Provider> Listing<P> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if self.left == Some(0) {
                self.underway = None;
            }
            match self.underway.as_mut()?.next().await? {
                events::Step::Message(listed) => {
                    let event = self.server.listed(&self.type_name, listed, self.whole);
                    if let Some(event) = event.await {
                        self.left = self.left.map(|left| left.saturating_sub(1));
                        return Some(event);
                    }
                }
                events::Step::End(found) if found.is_empty() => {}
                events::Step::End(diagnostic) => {
                    return Some(Event {
                        diagnostic,
                        ..Default::default()
                    });
                }
            }
        }
    }
}

impl<P: Provider> Server<P> {
    /// Returns the event for a resource, or `None` if it no longer exists.
    ///
    /// A resource that cannot be read does not affect the others: it is listed without its state,
    /// and its errors become warnings.
    async fn listed(&self, type_name: &str, listed: Listed, whole: bool) -> Option<Event> {
        let Listed {
            display_name,
            state,
        } = listed;
        let partial = state.clone();
        let mut done = self
            .resource("ListResource", type_name)
            .run(
                &[],
                |_| Ok(state),
                |entry, cx, state| async move {
                    if !whole {
                        return Ok(Ok(Some(state)));
                    }
                    match entry.item.read(&cx, state).await {
                        Err(found) if cx.is_cancelled() => Err(found),
                        read => Ok(read),
                    }
                },
            )
            .await;
        let (mut identity, mut resource_object) = (None, None);
        match done.result.take() {
            Some(Ok(None)) => return None,
            Some(Ok(Some(state))) => {
                let (object, of_state) = done.encode_state(state);
                (identity, resource_object) = (of_state, object.filter(|_| whole));
                done.expect_identity(identity.as_ref());
            }
            Some(Err(found)) => {
                done.found.extend(as_warnings(found));
                (_, identity) = done.encode_state(partial);
                done.expect_identity(identity.as_ref());
            }
            // It panicked, or the call was stopped.
            None => {}
        }
        // A path would point to an attribute of the resource rather than of the list block.
        let found = std::mem::take(&mut done.found).into_iter();
        done.found = found.map(|found| found.at(AttributePath::new())).collect();
        Some(Event {
            identity,
            display_name,
            resource_object,
            diagnostic: done.into_diagnostics(),
        })
    }
}

/// Moves the paths of diagnostics into the block `config`, which surrounds the arguments in
/// Terraform's list blocks.
fn in_config(mut found: Vec<proto::Diagnostic>) -> Vec<proto::Diagnostic> {
    let paths = found
        .iter_mut()
        .filter_map(|found| found.attribute.as_mut());
    for path in paths.filter(|path| !path.steps.is_empty()) {
        let selector = Selector::AttributeName("config".to_owned());
        let step = Step {
            selector: Some(selector),
        };
        path.steps.insert(0, step);
    }
    found
}

fn as_warnings(found: Diagnostics) -> impl Iterator<Item = Diagnostic> {
    found.into_iter().map(|mut diagnostic| {
        diagnostic.severity = Severity::Warning;
        diagnostic
    })
}

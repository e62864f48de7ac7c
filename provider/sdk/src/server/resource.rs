//! Managed resources: validate, read, plan, apply.

use std::sync::Arc;

use super::Server;
use super::call::Call;
use crate::diagnostic::Diagnostic;
use crate::path::AttributePath;
use crate::plan::Plan;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::{Create, Resource, Update};
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) async fn validate_resource(
        &self,
        request: proto::validate_resource_config::Request,
    ) -> proto::validate_resource_config::Response {
        let call = self.resource("ValidateResourceConfig", &request.type_name);
        let config = request.config.as_ref();
        let diagnostics = call.validate(config, Resource::validate);
        proto::validate_resource_config::Response {
            diagnostics: diagnostics.await,
        }
    }

    pub(super) async fn read(
        &self,
        request: proto::read_resource::Request,
    ) -> proto::read_resource::Response {
        let mut done = self
            .resource("ReadResource", &request.type_name)
            .run(
                &request.private,
                |entry| entry.decode(request.current_state.as_ref()),
                |entry, cx, state| async move { entry.item.read(&cx, state).await },
            )
            .await;
        // Terraform keeps the state unless the read says otherwise.
        let (mut new_state, mut new_identity) = (request.current_state, request.current_identity);
        if let Some(state) = done.result.take() {
            let (state, identity) = done.encode_state(state.unwrap_or_default());
            new_state = state.or(new_state);
            new_identity = identity.or(new_identity);
        }
        proto::read_resource::Response {
            new_state,
            new_identity,
            private: done.private(request.private),
            diagnostics: done.into_diagnostics(),
            ..Default::default()
        }
    }

    pub(super) async fn plan(
        &self,
        request: proto::plan_resource_change::Request,
    ) -> proto::plan_resource_change::Response {
        let mut done = self
            .resource("PlanResourceChange", &request.type_name)
            .run(
                &request.prior_private,
                |entry| {
                    let prior = entry.decode(request.prior_state.as_ref())?;
                    let proposed = entry.decode(request.proposed_new_state.as_ref())?;
                    let config = entry.decode(request.config.as_ref())?;
                    Ok((prior, proposed, config))
                },
                |entry, cx, (prior, proposed, config)| async move {
                    if proposed.is_null() {
                        entry.item.plan_destroy(&cx, &prior).await?;
                        return Ok((Value::Null, Vec::new()));
                    }
                    let mut plan = Plan::new(Arc::clone(&entry.schema), config, prior, proposed);
                    entry.item.modify_plan(&cx, &mut plan).await?;
                    let (planned, replace) = plan.finish();
                    let replace = replace.iter().map(|path| entry.ty.address(path));
                    Ok((planned, replace.collect()))
                },
            )
            .await;
        let mut response = proto::plan_resource_change::Response {
            planned_state: request.proposed_new_state,
            planned_private: request.prior_private,
            planned_identity: request.prior_identity,
            ..Default::default()
        };
        if let Some((planned, replace)) = done.result.take() {
            response.requires_replace = replace.iter().map(AttributePath::to_proto).collect();
            response.planned_private = done.private(Vec::new());
            response.planned_state = done.encode(planned).or(response.planned_state);
        }
        response.diagnostics = done.into_diagnostics();
        response
    }

    pub(super) async fn apply(
        &self,
        request: proto::apply_resource_change::Request,
    ) -> proto::apply_resource_change::Response {
        let mut before = Value::Null;
        let mut destroys = false;
        let mut done = self
            .resource("ApplyResourceChange", &request.type_name)
            .run(
                &request.planned_private,
                |entry| {
                    let prior = entry.decode(request.prior_state.as_ref())?;
                    let planned = entry.decode(request.planned_state.as_ref())?;
                    let config = entry.decode(request.config.as_ref())?;
                    before = prior.clone();
                    destroys = planned.is_null();
                    Ok((prior, planned, config))
                },
                // A failure also has a state, so it is treated as a result
                // here.
                |entry, cx, (prior, planned, config)| async move {
                    let resource = &entry.item;
                    Ok(if planned.is_null() {
                        resource.delete(&cx, prior).await.map(|()| Value::Null)
                    } else if prior.is_null() {
                        resource.create(&cx, Create { config, planned }).await
                    } else if planned.is_wholly_known()
                        && !entry.schema.changes_thing(&prior, &planned)
                    {
                        Ok(planned)
                    } else {
                        let update = Update {
                            config,
                            prior,
                            planned,
                        };
                        resource.update(&cx, update).await
                    })
                },
            )
            .await;
        let mut response = proto::apply_resource_change::Response {
            // Terraform saves the returned state even along with an error:
            // anything other than the prior state would forget an existing
            // object.
            new_state: request.prior_state,
            new_identity: request.planned_identity,
            ..Default::default()
        };
        // Without effects, provider code did not run and nothing has changed.
        let checkpoint = done
            .effects
            .as_mut()
            .map(|effects| effects.checkpoint.take());
        if let Some(checkpoint) = checkpoint {
            let state = match done.result.take() {
                Some(Ok(state)) => {
                    if state.is_null() && !destroys {
                        let detail = "The change succeeded but returned no state.";
                        done.found.push(Diagnostic::bug(detail));
                    }
                    state
                }
                Some(Err(failure)) => {
                    done.found.extend(failure.diagnostics);
                    if !done.found.has_errors() {
                        let detail = "The change failed without an error.";
                        done.found.push(Diagnostic::bug(detail));
                    }
                    failure.state.or(checkpoint).unwrap_or(before)
                }
                // The provider code panicked.
                None => checkpoint.unwrap_or(before),
            };
            let (state, identity) = done.encode_state(state);
            response.new_state = state.or(response.new_state);
            response.new_identity = identity.or(response.new_identity);
        }
        // Also after a failure, because it belongs to the state that is kept.
        response.private = done.private(request.planned_private);
        response.diagnostics = done.into_diagnostics();
        response
    }

    pub(super) fn resource<'s>(
        &'s self,
        rpc: &'static str,
        type_name: &'s str,
    ) -> Call<'s, P, dyn Resource<P::Data>> {
        Call {
            server: self,
            rpc,
            type_name,
            entry: self.catalog.resources.find(type_name),
        }
    }
}

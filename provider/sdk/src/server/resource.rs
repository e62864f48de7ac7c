//! The life of a managed resource.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::call::{collect, take};
use super::{Server, decode, encode, to_proto};
use crate::context::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::plan::{Plan, fill_missing};
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::resource::{Create, Failure, Update};
use crate::schema::Schema;
use crate::types::Type;
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) async fn validate_resource(
        &self,
        request: proto::validate_resource_config::Request,
    ) -> Vec<proto::Diagnostic> {
        let entry = match self.catalog.resource(&request.type_name) {
            Ok(entry) => entry,
            Err(found) => return found.to_proto(),
        };
        let config = match decode(request.config.as_ref(), &entry.ty) {
            Ok(config) => config,
            Err(found) => return to_proto(found, &entry.ty),
        };
        let (schema, item) = (Arc::clone(&entry.schema), Arc::clone(&entry.item));
        let work = async move {
            let mut found = schema.validate(&config);
            found.extend(item.validate(&config));
            found
        };
        let outcome = self.run(
            "ValidateResourceConfig",
            &request.type_name,
            self.token(),
            work,
        );
        let found = outcome.await.unwrap_or_else(Diagnostics::from);
        to_proto(found, &entry.ty)
    }

    pub(super) async fn upgrade(
        &self,
        request: proto::upgrade_resource_state::Request,
    ) -> proto::upgrade_resource_state::Response {
        let answer = |ty: &Type, result: Result<proto::DynamicValue, Diagnostics>| match result {
            Ok(state) => proto::upgrade_resource_state::Response {
                upgraded_state: Some(state),
                diagnostics: Vec::new(),
            },
            Err(found) => proto::upgrade_resource_state::Response {
                upgraded_state: None,
                diagnostics: to_proto(found, ty),
            },
        };
        let entry = match self.catalog.resource(&request.type_name) {
            Ok(entry) => entry,
            Err(found) => return answer(&Type::Dynamic, Err(found)),
        };
        let (item, schema) = (Arc::clone(&entry.item), Arc::clone(&entry.schema));
        let token = self.token();
        let cx = Context::new(Arc::new(()), token.clone(), Vec::new());
        let type_name = request.type_name.clone();
        let work = async move {
            let mut state = match stored_state(&schema, &request)? {
                Stored::Present(state) => state,
                Stored::Old(state) => {
                    let version = request.version;
                    item.upgrade_state(&cx, version, state.get()).await?
                }
            };
            fill_missing(&schema, &mut state);
            let state = known(state, &mut Diagnostics::new());
            Ok(encode(&schema, state)?)
        };
        let outcome = self
            .run("UpgradeResourceState", &type_name, token, work)
            .await;
        let result = outcome.unwrap_or_else(|panic| Err(panic.into()));
        answer(&entry.ty, result)
    }

    pub(super) async fn read(
        &self,
        request: proto::read_resource::Request,
    ) -> proto::read_resource::Response {
        let mut found = Diagnostics::new();
        let mut response = proto::read_resource::Response {
            // What Terraform has stays, unless the read says otherwise.
            new_state: request.current_state.clone(),
            new_identity: request.current_identity.clone(),
            private: request.private.clone(),
            ..Default::default()
        };
        let ready = self.catalog.resource(&request.type_name).and_then(|entry| {
            let state = decode(request.current_state.as_ref(), &entry.ty)?;
            Ok((entry, state, self.data()?))
        });
        let (entry, state, data) = match ready {
            Ok(ready) => ready,
            Err(found) => {
                response.diagnostics = found.to_proto();
                return response;
            }
        };
        let token = self.token();
        let cx = Context::new(data, token.clone(), request.private);
        let trace = cx.trace();
        let item = Arc::clone(&entry.item);
        let work = async move { item.read(&cx, state).await };
        let outcome = self
            .run("ReadResource", &request.type_name, token, work)
            .await;
        let trace = take(&trace);
        found.extend(trace.warnings);
        response.private = trace.private;
        if let Some(state) = collect(&mut found, outcome) {
            let state = known(state.unwrap_or_default(), &mut found);
            if let Some(identity) = entry.schema.identity_of(&state) {
                response.new_identity = Some(identity);
            }
            match encode(&entry.schema, state) {
                Ok(state) => response.new_state = Some(state),
                Err(bug) => found.push(bug),
            }
        }
        response.diagnostics = to_proto(found, &entry.ty);
        response
    }

    pub(super) async fn plan(
        &self,
        request: proto::plan_resource_change::Request,
    ) -> proto::plan_resource_change::Response {
        let mut found = Diagnostics::new();
        let mut response = proto::plan_resource_change::Response {
            planned_state: request.proposed_new_state.clone(),
            planned_private: request.prior_private.clone(),
            planned_identity: request.prior_identity.clone(),
            ..Default::default()
        };
        let ready = self.catalog.resource(&request.type_name).and_then(|entry| {
            let prior = decode(request.prior_state.as_ref(), &entry.ty)?;
            let proposed = decode(request.proposed_new_state.as_ref(), &entry.ty)?;
            let config = decode(request.config.as_ref(), &entry.ty)?;
            Ok((entry, prior, proposed, config, self.data()?))
        });
        let (entry, prior, proposed, config, data) = match ready {
            Ok(ready) => ready,
            Err(found) => {
                response.diagnostics = found.to_proto();
                return response;
            }
        };
        let token = self.token();
        let cx = Context::new(data, token.clone(), request.prior_private);
        let trace = cx.trace();
        let (item, schema) = (Arc::clone(&entry.item), Arc::clone(&entry.schema));
        let work = async move {
            if proposed.is_null() {
                item.plan_destroy(&cx, &prior).await?;
                return Ok((Value::Null, Vec::new()));
            }
            let mut plan = Plan::new(schema, config, prior, proposed);
            item.modify_plan(&cx, &mut plan).await?;
            Ok(plan.finish())
        };
        let outcome = self
            .run("PlanResourceChange", &request.type_name, token, work)
            .await;
        let trace = take(&trace);
        found.extend(trace.warnings);
        if let Some((planned, replace)) = collect(&mut found, outcome) {
            let address = |path: &AttributePath| entry.ty.address(path);
            response.requires_replace = replace.iter().map(|p| address(p).to_proto()).collect();
            response.planned_private = trace.private;
            match encode(&entry.schema, planned) {
                Ok(planned) => response.planned_state = Some(planned),
                Err(bug) => found.push(bug),
            }
        }
        response.diagnostics = to_proto(found, &entry.ty);
        response
    }

    pub(super) async fn apply(
        &self,
        request: proto::apply_resource_change::Request,
    ) -> proto::apply_resource_change::Response {
        let mut found = Diagnostics::new();
        let mut response = proto::apply_resource_change::Response {
            // Terraform saves what comes back beside an error too: anything
            // but the prior state would forget an existing thing.
            new_state: request.prior_state.clone(),
            new_identity: request.planned_identity.clone(),
            private: request.planned_private.clone(),
            ..Default::default()
        };
        let ready = self.catalog.resource(&request.type_name).and_then(|entry| {
            let prior = decode(request.prior_state.as_ref(), &entry.ty)?;
            let planned = decode(request.planned_state.as_ref(), &entry.ty)?;
            let config = decode(request.config.as_ref(), &entry.ty)?;
            Ok((entry, prior, planned, config, self.data()?))
        });
        let (entry, prior, planned, config, data) = match ready {
            Ok(ready) => ready,
            Err(found) => {
                response.diagnostics = found.to_proto();
                return response;
            }
        };
        let token = self.token();
        let cx = Context::new(data, token.clone(), request.planned_private);
        let trace = cx.trace();
        let (item, schema) = (Arc::clone(&entry.item), Arc::clone(&entry.schema));
        let (destroys, before) = (planned.is_null(), prior.clone());
        let work = async move {
            if planned.is_null() {
                item.delete(&cx, prior).await.map(|()| Value::Null)
            } else if prior.is_null() {
                item.create(&cx, Create { config, planned }).await
            } else if planned.is_wholly_known() && !schema.changes_thing(&prior, &planned) {
                Ok(planned)
            } else {
                let update = Update {
                    config,
                    prior,
                    planned,
                };
                item.update(&cx, update).await
            }
        };
        let outcome = self
            .run("ApplyResourceChange", &request.type_name, token, work)
            .await;
        let trace = take(&trace);
        found.extend(trace.warnings);
        let state = match outcome.unwrap_or_else(|panic| Err(Failure::from(panic))) {
            Ok(state) => {
                if state.is_null() && !destroys {
                    found.push(Diagnostic::bug("The change succeeded but gave no state."));
                }
                state
            }
            Err(failure) => {
                found.extend(failure.diagnostics);
                if !found.has_errors() {
                    found.push(Diagnostic::bug("The change failed without an error."));
                }
                failure.state.or(trace.checkpoint).unwrap_or(before)
            }
        };
        let state = known(state, &mut found);
        if let Some(identity) = entry.schema.identity_of(&state) {
            response.new_identity = Some(identity);
        }
        match encode(&entry.schema, state) {
            Ok(state) => response.new_state = Some(state),
            Err(bug) => found.push(bug),
        }
        // Of a failure too: it belongs to the state that is kept.
        response.private = trace.private;
        response.diagnostics = to_proto(found, &entry.ty);
        response
    }

    /// An identity has had one form so far, so that what was stored is what it is.
    pub(super) fn upgrade_identity(
        &self,
        request: &proto::upgrade_resource_identity::Request,
    ) -> proto::upgrade_resource_identity::Response {
        let upgraded = self.catalog.resource(&request.type_name).and_then(|entry| {
            let json = request.raw_identity.as_ref().map(|raw| raw.json.as_slice());
            let ty = entry.schema.identity_type().unwrap_or(Type::Dynamic);
            let identity = Value::from_json(json.unwrap_or(b"null"), &ty)?;
            Ok(entry.schema.identity_of(&identity))
        });
        let (upgraded_identity, found) = match upgraded {
            Ok(identity) => (identity, Diagnostics::new()),
            Err(found) => (None, found),
        };
        proto::upgrade_resource_identity::Response {
            upgraded_identity,
            diagnostics: found.to_proto(),
        }
    }

    pub(super) async fn import(
        &self,
        request: proto::import_resource_state::Request,
    ) -> proto::import_resource_state::Response {
        let mut found = Diagnostics::new();
        let ready = self
            .catalog
            .resource(&request.type_name)
            .and_then(|entry| Ok((entry, self.data()?)));
        let (entry, data) = match ready {
            Ok(ready) => ready,
            Err(found) => {
                return proto::import_resource_state::Response {
                    diagnostics: found.to_proto(),
                    ..Default::default()
                };
            }
        };
        let token = self.token();
        let cx = Context::new(data, token.clone(), Vec::new());
        let trace = cx.trace();
        let (item, schema) = (Arc::clone(&entry.item), Arc::clone(&entry.schema));
        let work = async move {
            let Some(identity) = request.identity else {
                return item.import_state(&cx, &request.id).await;
            };
            let ty = schema.identity_type().unwrap_or(Type::Dynamic);
            let identity = decode(identity.identity_data.as_ref(), &ty)?;
            let state = schema.state_of_identity(&identity);
            item.import_identity(&cx, state).await
        };
        let outcome = self
            .run("ImportResourceState", &request.type_name, token, work)
            .await;
        let trace = take(&trace);
        found.extend(trace.warnings);
        let mut imported_resources = Vec::new();
        if let Some(state) = collect(&mut found, outcome) {
            if state.is_null() {
                found.push(Diagnostic::bug("The import succeeded but gave no state."));
            }
            let state = known(state, &mut found);
            let identity = entry.schema.identity_of(&state);
            match encode(&entry.schema, state) {
                Ok(state) if !found.has_errors() => {
                    imported_resources.push(proto::import_resource_state::ImportedResource {
                        type_name: request.type_name.clone(),
                        state: Some(state),
                        private: trace.private,
                        identity,
                    });
                }
                Ok(_) => {}
                Err(bug) => found.push(bug),
            }
        }
        proto::import_resource_state::Response {
            imported_resources,
            diagnostics: to_proto(found, &entry.ty),
            deferred: None,
        }
    }
}

/// A state without unknowns. Where it has some beside a success, the provider
/// is at fault; beside an error they are what was not reached.
fn known(state: Value, found: &mut Diagnostics) -> Value {
    if state.is_wholly_known() {
        return state;
    }
    if !found.has_errors() {
        let unknown = state.unknown_paths().into_iter();
        found.extend(unknown.map(|path| {
            let detail = format!("The value of {path} is still unknown in the new state.");
            Diagnostic::bug(detail).at(path)
        }));
    }
    state.unknown_as_null()
}

/// A state as Terraform stored it.
enum Stored {
    /// With the present version of the schema; an attribute may be missing
    /// nonetheless, as a new one needs no new version.
    Present(Value),
    /// With an older one: text, as numbers would lose digits in a parsed form.
    Old(Box<RawValue>),
}

fn stored_state(
    schema: &Schema,
    request: &proto::upgrade_resource_state::Request,
) -> Result<Stored, Diagnostics> {
    const SUMMARY: &str = "Stored state not readable";

    let raw = request.raw_state.as_ref();
    let json = raw.map_or(&[][..], |raw| &raw.json);
    if json.is_empty() {
        let detail = "The state was stored by Terraform 0.11 or older. Apply it once with an \
                      older version of the provider, or import the resource anew.";
        return Err(Diagnostic::error(SUMMARY, detail).into());
    }
    let (stored, present) = (request.version, schema.stored_version());
    if stored > present {
        let detail = format!(
            "The state was stored by a newer version of the provider (schema {stored}, this one \
             has {present}). Use that version or a newer one."
        );
        return Err(Diagnostic::error(SUMMARY, detail).into());
    }
    if stored == present {
        return Ok(Stored::Present(Value::from_stored(json, &schema.ty())?));
    }
    serde_json::from_slice(json).map(Stored::Old).map_err(|e| {
        let detail = format!("The state is not JSON: {e}.");
        Diagnostic::error(SUMMARY, detail).into()
    })
}

//! Calls to managed resources.

use super::{Client, answer, not_found, pack, pack_identity, unpack, unpack_identity};
use crate::diagnostic::Diagnostics;
use crate::path::AttributePath;
use crate::proto::tfplugin6 as proto;
use crate::schema::Schema;
use crate::testing::answer::{Answer, Instance, Planned};
use crate::testing::error::Error;
use crate::testing::proposal::propose;
use crate::value::Value;

impl Client {
    /// Checks a resource block.
    pub async fn validate_resource(
        &self,
        type_name: &str,
        config: &Value,
    ) -> Result<Diagnostics, Error> {
        let request = proto::validate_resource_config::Request {
            type_name: type_name.to_owned(),
            config: pack(self.resource(type_name)?, config)?,
            client_capabilities: None,
        };
        let sent = self.rpc().validate_resource_config(request).await;
        let sent = answer("ValidateResourceConfig", sent)?;
        Ok(Diagnostics::from_proto(sent.diagnostics))
    }

    /// Plans a resource. A null configuration plans its destruction.
    pub async fn plan(
        &self,
        type_name: &str,
        config: &Value,
        prior: &Instance,
    ) -> Result<Planned, Error> {
        let schema = self.resource(type_name)?;
        let config = schema.fit(config.clone())?;
        let proposed = propose(schema, &config, &prior.state);
        let request = proto::plan_resource_change::Request {
            type_name: type_name.to_owned(),
            prior_state: pack(schema, &prior.state)?,
            proposed_new_state: pack(schema, &proposed)?,
            config: pack(schema, &config)?,
            prior_private: prior.private.clone(),
            prior_identity: pack_identity(schema, prior.identity.as_ref())?,
            ..Default::default()
        };
        let sent = self.rpc().plan_resource_change(request).await;
        let sent = answer("PlanResourceChange", sent)?;
        let replace = sent.requires_replace.iter();
        Ok(Planned {
            planned: unpack_instance(
                schema,
                sent.planned_state,
                sent.planned_private,
                sent.planned_identity,
            )?,
            replace: replace.map(AttributePath::from_proto).collect(),
            diagnostics: Diagnostics::from_proto(sent.diagnostics),
        })
    }

    /// Plans and applies a resource. A null configuration destroys it.
    ///
    /// # Errors
    ///
    /// [`Error::Diagnostics`] if the plan has errors. Errors of the apply are
    /// in the answer, along with the state that it left behind.
    pub async fn apply(
        &self,
        type_name: &str,
        config: &Value,
        prior: &Instance,
    ) -> Result<Answer<Instance>, Error> {
        let plan = self.plan(type_name, config, prior).await?;
        if plan.diagnostics.has_errors() {
            return Err(Error::Diagnostics(plan.diagnostics));
        }
        let planned = plan.planned;
        let schema = self.resource(type_name)?;
        let request = proto::apply_resource_change::Request {
            type_name: type_name.to_owned(),
            prior_state: pack(schema, &prior.state)?,
            planned_state: pack(schema, &planned.state)?,
            config: pack(schema, config)?,
            planned_private: planned.private,
            planned_identity: pack_identity(schema, planned.identity.as_ref())?,
            ..Default::default()
        };
        let sent = self.rpc().apply_resource_change(request).await;
        let sent = answer("ApplyResourceChange", sent)?;
        Ok(Answer {
            value: unpack_instance(schema, sent.new_state, sent.private, sent.new_identity)?,
            diagnostics: Diagnostics::from_proto(sent.diagnostics),
        })
    }

    /// Reads a resource. If it no longer exists, its state is null.
    pub async fn read(
        &self,
        type_name: &str,
        instance: &Instance,
    ) -> Result<Answer<Instance>, Error> {
        let schema = self.resource(type_name)?;
        let request = proto::read_resource::Request {
            type_name: type_name.to_owned(),
            current_state: pack(schema, &instance.state)?,
            private: instance.private.clone(),
            current_identity: pack_identity(schema, instance.identity.as_ref())?,
            ..Default::default()
        };
        let sent = self.rpc().read_resource(request).await;
        let sent = answer("ReadResource", sent)?;
        Ok(Answer {
            value: unpack_instance(schema, sent.new_state, sent.private, sent.new_identity)?,
            diagnostics: Diagnostics::from_proto(sent.diagnostics),
        })
    }

    /// Imports a resource by its ID. The returned states still have to be
    /// [`read`](Self::read).
    pub async fn import(&self, type_name: &str, id: &str) -> Result<Answer<Vec<Instance>>, Error> {
        let request = proto::import_resource_state::Request {
            type_name: type_name.to_owned(),
            id: id.to_owned(),
            ..Default::default()
        };
        self.import_with(request).await
    }

    /// Imports a resource by its identity. The returned states still have to be
    /// [`read`](Self::read).
    pub async fn import_identity(
        &self,
        type_name: &str,
        identity: &Value,
    ) -> Result<Answer<Vec<Instance>>, Error> {
        let schema = self.resource(type_name)?;
        let request = proto::import_resource_state::Request {
            type_name: type_name.to_owned(),
            identity: pack_identity(schema, Some(identity))?,
            ..Default::default()
        };
        self.import_with(request).await
    }

    async fn import_with(
        &self,
        request: proto::import_resource_state::Request,
    ) -> Result<Answer<Vec<Instance>>, Error> {
        let sent = self.rpc().import_resource_state(request).await;
        let sent = answer("ImportResourceState", sent)?;
        let imported = sent.imported_resources.into_iter().map(|imported| {
            let schema = self.resource(&imported.type_name)?;
            unpack_instance(schema, imported.state, imported.private, imported.identity)
        });
        Ok(Answer {
            value: imported.collect::<Result<_, Error>>()?,
            diagnostics: Diagnostics::from_proto(sent.diagnostics),
        })
    }

    /// Upgrades a stored state, given as JSON. Returns `None` if it cannot be
    /// upgraded.
    pub async fn upgrade_state(
        &self,
        type_name: &str,
        version: i64,
        json: &[u8],
    ) -> Result<Answer<Option<Value>>, Error> {
        let schema = self.resource(type_name)?;
        let request = proto::upgrade_resource_state::Request {
            type_name: type_name.to_owned(),
            version,
            raw_state: raw(json),
        };
        let sent = self.rpc().upgrade_resource_state(request).await;
        let sent = answer("UpgradeResourceState", sent)?;
        let state = sent.upgraded_state;
        Ok(Answer {
            value: state.map(|s| unpack(Some(s), &schema.ty())).transpose()?,
            diagnostics: Diagnostics::from_proto(sent.diagnostics),
        })
    }

    /// Upgrades a stored identity, given as JSON. Returns `None` if it cannot
    /// be upgraded.
    pub async fn upgrade_identity(
        &self,
        type_name: &str,
        version: i64,
        json: &[u8],
    ) -> Result<Answer<Option<Value>>, Error> {
        let request = proto::upgrade_resource_identity::Request {
            type_name: type_name.to_owned(),
            version,
            raw_identity: raw(json),
        };
        let sent = self.rpc().upgrade_resource_identity(request).await;
        let sent = answer("UpgradeResourceIdentity", sent)?;
        let schema = self.resource(type_name)?;
        Ok(Answer {
            value: unpack_identity(schema, sent.upgraded_identity)?,
            diagnostics: Diagnostics::from_proto(sent.diagnostics),
        })
    }

    pub(super) fn resource(&self, name: &str) -> Result<&Schema, Error> {
        let schema = self.schemas.resources.get(name);
        schema.ok_or_else(|| not_found("resource type", name))
    }
}

/// Extracts a resource from a response.
fn unpack_instance(
    schema: &Schema,
    state: Option<proto::DynamicValue>,
    private: Vec<u8>,
    identity: Option<proto::ResourceIdentityData>,
) -> Result<Instance, Error> {
    Ok(Instance {
        state: unpack(state, &schema.ty())?,
        private,
        identity: unpack_identity(schema, identity)?,
    })
}

fn raw(json: &[u8]) -> Option<proto::RawState> {
    Some(proto::RawState {
        json: json.to_vec(),
        ..Default::default()
    })
}

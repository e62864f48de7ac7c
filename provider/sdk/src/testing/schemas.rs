//! Schemas of a provider, as received from it.

use std::collections::BTreeMap;

use super::error::Error;
use crate::diagnostic::Diagnostics;
use crate::function::Signature;
use crate::proto::tfplugin6 as proto;
use crate::schema::Schema;

/// Everything that a provider declares.
///
/// A received schema has types, flags, descriptions and the identity. Parts
/// that a provider does not send are missing: defaults, validators and plan
/// modifiers.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Schemas {
    /// Schema of the provider block.
    pub provider: Schema,
    /// Schemas of the managed resources, by type.
    pub resources: BTreeMap<String, Schema>,
    /// Identities of the managed resources that have one, by type.
    pub identities: BTreeMap<String, Vec<IdentityAttribute>>,
    /// Schemas of the data sources, by type.
    pub data_sources: BTreeMap<String, Schema>,
    /// Schemas of the list resources, by type.
    pub list_resources: BTreeMap<String, Schema>,
    /// Schemas of the actions, by type.
    pub actions: BTreeMap<String, Schema>,
    /// Signatures of the functions, by name.
    pub functions: BTreeMap<String, Signature>,
    /// Optional parts of the protocol that the provider supports.
    pub capabilities: Capabilities,
}

/// An attribute of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IdentityAttribute {
    /// Name of the attribute, in both the identity and the state.
    pub name: String,
    /// Whether an import has to set it.
    pub required: bool,
}

/// Optional parts of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether destroying is planned too.
    pub plan_destroy: bool,
    /// Whether calls may precede the one for the schemas.
    pub get_provider_schema_optional: bool,
    /// Whether states can move between resource types.
    pub move_resource_state: bool,
    /// Whether configurations can be generated.
    pub generate_resource_config: bool,
}

/// Names of everything that a provider declares.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// Types of the managed resources.
    pub resources: Vec<String>,
    /// Types of the data sources.
    pub data_sources: Vec<String>,
    /// Types of the list resources.
    pub list_resources: Vec<String>,
    /// Types of the actions.
    pub actions: Vec<String>,
    /// Names of the functions.
    pub functions: Vec<String>,
    /// Optional parts of the protocol that the provider supports.
    pub capabilities: Capabilities,
}

impl Schemas {
    pub(super) fn from_proto(
        sent: proto::get_provider_schema::Response,
        identities: proto::get_resource_identity_schemas::Response,
    ) -> Result<Self, Error> {
        let mut found = Diagnostics::from_proto(sent.diagnostics);
        found.extend(Diagnostics::from_proto(identities.diagnostics));
        if found.has_errors() {
            return Err(Error::Diagnostics(found));
        }
        let provider = sent.provider.ok_or(Error::Missing("provider schema"))?;
        let mut resources = schemas(sent.resource_schemas)?;
        let mut named = BTreeMap::new();
        for (name, identity) in identities.identity_schemas {
            let schema = resources.remove(&name).ok_or(Error::NotFound {
                kind: "resource type",
                name: name.clone(),
            })?;
            let attributes = identity.identity_attributes.into_iter();
            let attributes = attributes.map(|attribute| IdentityAttribute {
                name: attribute.name,
                required: attribute.required_for_import,
            });
            let attributes: Vec<_> = attributes.collect();
            let names = attributes.iter().map(|attribute| attribute.name.clone());
            resources.insert(name.clone(), schema.identity(names));
            named.insert(name, attributes);
        }
        let actions = sent.action_schemas.into_iter();
        let actions = actions.filter_map(|(name, action)| Some((name, action.schema?)));
        Ok(Self {
            actions: schemas(actions)?,
            provider: Schema::from_proto(provider)?,
            resources,
            identities: named,
            data_sources: schemas(sent.data_source_schemas)?,
            list_resources: schemas(sent.list_resource_schemas)?,
            functions: signatures(sent.functions)?,
            capabilities: sent.server_capabilities.into(),
        })
    }
}

impl Metadata {
    pub(super) fn from_proto(sent: proto::get_metadata::Response) -> Result<Self, Error> {
        let found = Diagnostics::from_proto(sent.diagnostics);
        if found.has_errors() {
            return Err(Error::Diagnostics(found));
        }
        let resources = sent.resources.into_iter();
        let data_sources = sent.data_sources.into_iter();
        let actions = sent.actions.into_iter();
        let functions = sent.functions.into_iter();
        let list_resources = sent.list_resources.into_iter();
        Ok(Self {
            list_resources: list_resources.map(|its| its.type_name).collect(),
            actions: actions.map(|its| its.type_name).collect(),
            resources: resources.map(|its| its.type_name).collect(),
            data_sources: data_sources.map(|its| its.type_name).collect(),
            functions: functions.map(|its| its.name).collect(),
            capabilities: sent.server_capabilities.into(),
        })
    }
}

impl From<Option<proto::ServerCapabilities>> for Capabilities {
    fn from(sent: Option<proto::ServerCapabilities>) -> Self {
        let sent = sent.unwrap_or_default();
        Self {
            plan_destroy: sent.plan_destroy,
            get_provider_schema_optional: sent.get_provider_schema_optional,
            move_resource_state: sent.move_resource_state,
            generate_resource_config: sent.generate_resource_config,
        }
    }
}

fn schemas(
    sent: impl IntoIterator<Item = (String, proto::Schema)>,
) -> Result<BTreeMap<String, Schema>, Error> {
    let sent = sent.into_iter();
    sent.map(|(name, schema)| Ok((name, Schema::from_proto(schema)?)))
        .collect()
}

pub(super) fn signatures(
    sent: impl IntoIterator<Item = (String, proto::Function)>,
) -> Result<BTreeMap<String, Signature>, Error> {
    let sent = sent.into_iter();
    sent.map(|(name, function)| Ok((name, Signature::from_proto(function)?)))
        .collect()
}

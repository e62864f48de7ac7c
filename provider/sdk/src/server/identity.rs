//! Identities of resources.

use super::Server;
use crate::diagnostic::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::types::Type;
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) fn identities(&self) -> proto::get_resource_identity_schemas::Response {
        let resources = self.catalog.resources.iter();
        let identities = resources.filter_map(|(name, entry)| {
            let schema = entry.schema.identity_to_proto()?;
            Some((name.clone(), schema))
        });
        proto::get_resource_identity_schemas::Response {
            identity_schemas: identities.collect(),
            // GetProviderSchema reports the mistakes in schemas.
            diagnostics: Vec::new(),
        }
    }

    /// Returns the stored identity, in which attributes of later versions are
    /// null.
    pub(super) fn upgrade_identity(
        &self,
        request: &proto::upgrade_resource_identity::Request,
    ) -> proto::upgrade_resource_identity::Response {
        let entry = self.catalog.resources.find(&request.type_name);
        let upgraded = entry.and_then(|entry| {
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
}

//! Import of resources.

use super::Server;
use super::codec;
use crate::diagnostic::Diagnostic;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::types::Type;
use crate::value::Value;

/// Identifier of a resource to import.
enum Target {
    Id(String),
    /// The state given by an identity.
    Identity(Value),
}

impl<P: Provider> Server<P> {
    pub(super) async fn import(
        &self,
        request: proto::import_resource_state::Request,
    ) -> proto::import_resource_state::Response {
        let mut done = self
            .resource("ImportResourceState", &request.type_name)
            .run(
                &[],
                |entry| {
                    let Some(identity) = &request.identity else {
                        return Ok(Target::Id(request.id.clone()));
                    };
                    let ty = entry.schema.identity_type().unwrap_or(Type::Dynamic);
                    let identity = codec::decode(identity.identity_data.as_ref(), &ty)?;
                    Ok(Target::Identity(entry.schema.state_of_identity(&identity)))
                },
                |entry, cx, target| async move {
                    let resource = &entry.item;
                    match target {
                        Target::Id(id) => resource.import_state(&cx, &id).await,
                        Target::Identity(state) => resource.import_identity(&cx, state).await,
                    }
                },
            )
            .await;
        let mut imported_resources = Vec::new();
        if let Some(state) = done.result.take() {
            if state.is_null() {
                let detail = "The import succeeded but returned no state.";
                done.found.push(Diagnostic::bug(detail));
            }
            let (state, identity) = done.encode_state(state);
            if state.is_some() && !done.found.has_errors() {
                imported_resources.push(proto::import_resource_state::ImportedResource {
                    type_name: request.type_name.clone(),
                    state,
                    private: done.private(Vec::new()),
                    identity,
                });
            }
        }
        proto::import_resource_state::Response {
            imported_resources,
            diagnostics: done.into_diagnostics(),
            deferred: None,
        }
    }
}

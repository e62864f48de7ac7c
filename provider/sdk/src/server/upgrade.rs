//! Upgrade of stored resource states to the current version of the schema.

use serde_json::value::RawValue;

use super::Server;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::plan::fill_missing;
use crate::proto::tfplugin6 as proto;
use crate::provider::Provider;
use crate::schema::Schema;
use crate::value::Value;

impl<P: Provider> Server<P> {
    pub(super) async fn upgrade(
        &self,
        request: proto::upgrade_resource_state::Request,
    ) -> proto::upgrade_resource_state::Response {
        let version = request.version;
        let mut done = self
            .resource("UpgradeResourceState", &request.type_name)
            .run_unconfigured(
                |entry| stored_state(&entry.schema, &request),
                |entry, cx, stored| async move {
                    let mut state = match stored {
                        Stored::Present(state) => state,
                        Stored::Old(state) => {
                            entry.item.upgrade_state(&cx, version, state.get()).await?
                        }
                    };
                    fill_missing(&entry.schema, &mut state);
                    Ok(state.unknown_as_null())
                },
            )
            .await;
        let state = done.result.take();
        proto::upgrade_resource_state::Response {
            upgraded_state: state.and_then(|state| done.encode(state)),
            diagnostics: done.into_diagnostics(),
        }
    }
}

/// A state as Terraform stored it.
enum Stored {
    /// Has the current version. Attributes may still be missing, because a new
    /// attribute does not require a new version.
    Present(Value),
    /// Has an older version. Kept as text, because parsing numbers would lose
    /// digits.
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
                      older version of the provider, or import the resource again.";
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

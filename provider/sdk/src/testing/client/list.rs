//! Calls to list resources.

use super::{Client, answer, not_found, pack, unpack, unpack_identity};
use crate::diagnostic::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::schema::Schema;
use crate::testing::answer::{Answer, Listed};
use crate::testing::error::Error;
use crate::value::Value;

impl Client {
    /// Checks a list block. Paths of diagnostics begin with its block `config`.
    pub async fn validate_list(
        &self,
        type_name: &str,
        config: &Value,
    ) -> Result<Diagnostics, Error> {
        let request = proto::validate_list_resource_config::Request {
            type_name: type_name.to_owned(),
            config: pack(self.list_resource(type_name)?, config)?,
            ..Default::default()
        };
        let sent = self.rpc().validate_list_resource_config(request).await;
        let sent = answer("ValidateListResourceConfig", sent)?;
        Ok(Diagnostics::from_proto(sent.diagnostics))
    }

    /// Lists at most `limit` resources, with their states if requested. Like Terraform, it stops at
    /// the first error.
    pub async fn list(
        &self,
        type_name: &str,
        config: &Value,
        include_resource: bool,
        limit: u32,
    ) -> Result<Answer<Vec<Listed>>, Error> {
        let request = proto::list_resource::Request {
            type_name: type_name.to_owned(),
            config: pack(self.list_resource(type_name)?, config)?,
            include_resource_object: include_resource,
            limit: limit.into(),
        };
        let resource = self.schemas.resources.get(type_name);
        let resource = resource.ok_or_else(|| not_found("resource type", type_name))?;
        let sent = self.rpc().list_resource(request).await;
        let mut events = answer("ListResource", sent)?;
        let mut answer = Answer {
            value: Vec::new(),
            diagnostics: Diagnostics::new(),
        };
        loop {
            let event = events.message().await.map_err(|status| Error::Rpc {
                rpc: "ListResource",
                status: status.to_string(),
            })?;
            let Some(event) = event else {
                return Ok(answer);
            };
            let found = Diagnostics::from_proto(event.diagnostic);
            answer.diagnostics.extend(found);
            if answer.diagnostics.has_errors() {
                return Ok(answer);
            }
            let Some(identity) = unpack_identity(resource, event.identity)? else {
                continue;
            };
            let state = event.resource_object;
            let state = state.map(|state| unpack(Some(state), &resource.ty()));
            answer.value.push(Listed {
                identity,
                display_name: event.display_name,
                state: state.transpose()?,
            });
        }
    }

    fn list_resource(&self, name: &str) -> Result<&Schema, Error> {
        let schema = self.schemas.list_resources.get(name);
        schema.ok_or_else(|| not_found("list resource", name))
    }
}

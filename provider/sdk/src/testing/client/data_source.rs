//! Calls to data sources.

use super::{Client, answer, not_found, pack, unpack};
use crate::diagnostic::Diagnostics;
use crate::proto::tfplugin6 as proto;
use crate::schema::Schema;
use crate::testing::answer::Answer;
use crate::testing::error::Error;
use crate::value::Value;

impl Client {
    /// Checks a data block.
    pub async fn validate_data_source(
        &self,
        type_name: &str,
        config: &Value,
    ) -> Result<Diagnostics, Error> {
        let request = proto::validate_data_resource_config::Request {
            type_name: type_name.to_owned(),
            config: pack(self.data_source(type_name)?, config)?,
        };
        let sent = self.rpc().validate_data_resource_config(request).await;
        let sent = answer("ValidateDataResourceConfig", sent)?;
        Ok(Diagnostics::from_proto(sent.diagnostics))
    }

    /// Reads a data source. The value is null if reading fails.
    pub async fn read_data_source(
        &self,
        type_name: &str,
        config: &Value,
    ) -> Result<Answer<Value>, Error> {
        let schema = self.data_source(type_name)?;
        let request = proto::read_data_source::Request {
            type_name: type_name.to_owned(),
            config: pack(schema, config)?,
            ..Default::default()
        };
        let sent = self.rpc().read_data_source(request).await;
        let sent = answer("ReadDataSource", sent)?;
        Ok(Answer {
            value: unpack(sent.state, &schema.ty())?,
            diagnostics: Diagnostics::from_proto(sent.diagnostics),
        })
    }

    fn data_source(&self, name: &str) -> Result<&Schema, Error> {
        let schema = self.schemas.data_sources.get(name);
        schema.ok_or_else(|| not_found("data source", name))
    }
}

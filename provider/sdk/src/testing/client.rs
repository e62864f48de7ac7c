//! Protocol 6 from the host's side, with one file per family of calls.

mod action;
mod data_source;
mod function;
mod list;
mod provider;
mod resource;

use std::sync::Arc;

use tonic::transport::Channel;
use tonic::{Response, Status};

use super::error::Error;
use super::schemas::Schemas;
use crate::proto::tfplugin6::provider_client::ProviderClient;
use crate::proto::tfplugin6::{self as proto};
use crate::protocol::MESSAGE_LIMIT;
use crate::schema::Schema;
use crate::types::Type;
use crate::value::Value;

/// A client of a provider, which knows the provider's schemas.
///
/// Values are given as a user would write them: omitted attributes are null.
/// Every call fails with [`Error::Rpc`] if the provider does not respond, and
/// with [`Error::Value`] if a value does not fit its schema.
#[derive(Debug, Clone)]
pub struct Client {
    client: ProviderClient<Channel>,
    schemas: Arc<Schemas>,
}

/// Unwraps a gRPC response.
fn answer<T>(rpc: &'static str, result: Result<Response<T>, Status>) -> Result<T, Error> {
    result.map(Response::into_inner).map_err(|status| {
        let status = status.to_string();
        Error::Rpc { rpc, status }
    })
}

/// Encodes a value of a schema.
fn pack(schema: &Schema, value: &Value) -> Result<Option<proto::DynamicValue>, Error> {
    let value = schema.fit(value.clone())?;
    pack_as(&schema.ty(), &value).map(Some)
}

fn pack_as(ty: &Type, value: &Value) -> Result<proto::DynamicValue, Error> {
    Ok(proto::DynamicValue {
        msgpack: value.to_msgpack(ty)?,
        json: Vec::new(),
    })
}

/// Decodes a value. An absent value is null.
fn unpack(value: Option<proto::DynamicValue>, ty: &Type) -> Result<Value, Error> {
    let value = value.map(|value| Value::from_msgpack(&value.msgpack, ty));
    Ok(value.transpose()?.unwrap_or_default())
}

fn pack_identity(
    schema: &Schema,
    identity: Option<&Value>,
) -> Result<Option<proto::ResourceIdentityData>, Error> {
    let Some((identity, ty)) = identity.zip(schema.identity_type()) else {
        return Ok(None);
    };
    let identity = identity.clone().conform(&ty)?;
    let identity_data = Some(pack_as(&ty, &identity)?);
    Ok(Some(proto::ResourceIdentityData { identity_data }))
}

fn unpack_identity(
    schema: &Schema,
    identity: Option<proto::ResourceIdentityData>,
) -> Result<Option<Value>, Error> {
    let Some((identity, ty)) = identity.zip(schema.identity_type()) else {
        return Ok(None);
    };
    unpack(identity.identity_data, &ty).map(Some)
}

impl Client {
    pub(super) async fn new(channel: Channel) -> Result<Self, Error> {
        let mut client = ProviderClient::new(channel)
            .max_decoding_message_size(MESSAGE_LIMIT)
            .max_encoding_message_size(MESSAGE_LIMIT);
        let request = proto::get_provider_schema::Request {};
        let sent = client.get_provider_schema(request).await;
        let sent = answer("GetProviderSchema", sent)?;
        let request = proto::get_resource_identity_schemas::Request {};
        let identities = client.get_resource_identity_schemas(request).await;
        let identities = answer("GetResourceIdentitySchemas", identities)?;
        Ok(Self {
            client,
            schemas: Arc::new(Schemas::from_proto(sent, identities)?),
        })
    }

    /// Returns a handle for a single call. Clones share the connection.
    fn rpc(&self) -> ProviderClient<Channel> {
        self.client.clone()
    }

    /// Returns the schemas of the provider.
    #[must_use]
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }
}

fn not_found(kind: &'static str, name: &str) -> Error {
    Error::NotFound {
        kind,
        name: name.to_owned(),
    }
}

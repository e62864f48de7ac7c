//! Conversion of values and diagnostics between the wire and the framework.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::proto::tfplugin6 as proto;
use crate::schema::Schema;
use crate::types::Type;
use crate::value::Value;

/// Decodes a value of a type. An absent value is null.
pub(super) fn decode(value: Option<&proto::DynamicValue>, ty: &Type) -> Result<Value, Diagnostics> {
    let value = match value {
        Some(value) if !value.msgpack.is_empty() => Value::from_msgpack(&value.msgpack, ty),
        Some(value) if !value.json.is_empty() => Value::from_json(&value.json, ty),
        _ => Ok(Value::Null),
    };
    Ok(value?)
}

/// Encodes a value from provider code in the form of a schema.
pub(super) fn encode(schema: &Schema, value: Value) -> Result<proto::DynamicValue, Diagnostic> {
    let bytes = schema
        .fit(value)
        .and_then(|value| value.to_msgpack(&schema.ty()));
    bytes.map(msgpack).map_err(|e| {
        let detail = format!("A value does not fit its schema: {}.", e.message());
        Diagnostic::bug(detail).at(e.path().clone())
    })
}

/// Wraps an encoded value.
pub(super) fn msgpack(msgpack: Vec<u8>) -> proto::DynamicValue {
    proto::DynamicValue {
        msgpack,
        json: Vec::new(),
    }
}

/// Converts diagnostics, with paths that Terraform can resolve in values of
/// `ty`.
pub(super) fn diagnostics(found: Diagnostics, ty: &Type) -> Vec<proto::Diagnostic> {
    let found = found.into_iter().map(|mut diagnostic| {
        diagnostic.path = ty.address(&diagnostic.path);
        diagnostic
    });
    Diagnostics::from_iter(found).to_proto()
}

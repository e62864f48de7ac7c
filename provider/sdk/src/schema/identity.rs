//! Identities of resources: the attributes by which they are found.

use super::Schema;
use crate::proto::tfplugin6::{self as proto, resource_identity_schema::IdentityAttribute};
use crate::types::Type;
use crate::value::Value;

impl Schema {
    /// Returns the type of the identity, which is an object, or `None` if there
    /// is no identity.
    pub(crate) fn identity_type(&self) -> Option<Type> {
        let named = self.identity.iter();
        let types = named.filter_map(|name| Some((name, self.root.attributes.get(name)?.ty())));
        (!self.identity.is_empty()).then(|| Type::object(types))
    }

    /// Returns whether an attribute at the root can never be null in a state.
    fn is_always_set(&self, name: &str) -> bool {
        let attribute = self.root.attributes.get(name);
        attribute.is_some_and(|attribute| attribute.required || attribute.default.is_some())
    }

    /// Returns the identity of a resource, or `None` while part of it is
    /// unknown.
    pub(crate) fn identity_of(&self, state: &Value) -> Option<proto::ResourceIdentityData> {
        let ty = self.identity_type()?;
        let parts = self.identity.iter();
        let parts = parts.map(|name| (name.as_str(), state.get(name).clone()));
        let parts: Vec<_> = parts.collect();
        let known = |(name, value): &(&str, Value)| {
            value.is_wholly_known() && !(value.is_null() && self.is_always_set(name))
        };
        if !parts.iter().all(known) {
            return None;
        }
        // Parts of a state have the types of their attributes.
        let msgpack = Value::object(parts).to_msgpack(&ty).ok()?;
        Some(proto::ResourceIdentityData {
            identity_data: Some(proto::DynamicValue {
                msgpack,
                json: Vec::new(),
            }),
        })
    }

    /// Returns the schema of the identity in its wire format.
    pub(crate) fn identity_to_proto(&self) -> Option<proto::ResourceIdentitySchema> {
        if self.identity.is_empty() {
            return None;
        }
        let named = self.identity.iter();
        let attributes = named.filter_map(|name| Some((name, self.root.attributes.get(name)?)));
        let identity_attributes = attributes.map(|(name, attribute)| IdentityAttribute {
            name: name.clone(),
            r#type: attribute.ty().to_json().to_string().into_bytes(),
            required_for_import: attribute.required,
            optional_for_import: !attribute.required,
            description: attribute.description.clone(),
        });
        Some(proto::ResourceIdentitySchema {
            version: self.identity_version,
            identity_attributes: identity_attributes.collect(),
        })
    }

    /// Returns a state that has only an identity, with defaults filled in.
    pub(crate) fn state_of_identity(&self, identity: &Value) -> Value {
        let mut state = Value::object::<&str>([]);
        for name in &self.identity {
            let mut value = identity.get(name).clone();
            if value.is_null()
                && let Some(attribute) = self.root.attributes.get(name)
            {
                value = attribute.fitting_default().unwrap_or_default();
            }
            state.set(name.as_str(), value);
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Attribute;

    #[test]
    fn an_identity_is_a_part_of_the_state() {
        let schema = Schema::new()
            .attribute("name", Attribute::string().required().requires_replace())
            .attribute("kind", Attribute::string().default("a").requires_replace())
            .attribute("label", Attribute::string().optional())
            .attribute("id", Attribute::string().computed())
            .identity(["name", "kind", "label"])
            .identity_version(1);
        let ty = schema.identity_type().unwrap();
        assert_eq!(
            ty,
            Type::object([
                ("name", Type::String),
                ("kind", Type::String),
                ("label", Type::String),
            ])
        );

        let sent = schema.identity_to_proto().unwrap();
        assert_eq!(sent.version, 1);
        let sent = sent.identity_attributes;
        let required: Vec<_> = sent.iter().map(|a| a.required_for_import).collect();
        assert_eq!(required, [true, false, false]);

        let state = schema.state_of_identity(&Value::object([("name", "n".into())]));
        assert_eq!(state.get("kind").as_str(), Some("a"));
        let identity = schema.identity_of(&state).unwrap().identity_data.unwrap();
        let identity = Value::from_msgpack(&identity.msgpack, &ty).unwrap();
        assert_eq!(identity, state);

        let unknown = Value::object([("name", Value::Unknown), ("kind", "a".into())]);
        assert_eq!(schema.identity_of(&unknown), None);
        let nameless = Value::object([("kind", "a".into()), ("label", "l".into())]);
        assert_eq!(schema.identity_of(&nameless), None);
        assert_eq!(Schema::new().identity_type(), None);
    }
}

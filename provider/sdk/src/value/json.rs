//! Values as JSON: how Terraform stores a state.
//!
//! Read with the type at hand, so that a number keeps all its digits and a set
//! becomes a set. Writing is not needed: answers go out as MessagePack.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Number, Value, ValueError};
use crate::types::Type;

/// What to do about an attribute that the type lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extra {
    /// An error.
    Refuse,
    /// Dropped: an older version of the provider wrote it.
    Drop,
}

impl Value {
    /// Reads JSON of a type.
    ///
    /// # Errors
    ///
    /// When the text is not a value of that type.
    pub fn from_json(json: &[u8], ty: &Type) -> Result<Self, ValueError> {
        Self::from_json_with(json, ty, Extra::Refuse)
    }

    /// Reads a state that an older version of the provider stored: attributes
    /// that the type lacks are dropped, those that are missing become null.
    ///
    /// # Errors
    ///
    /// When an attribute is there but of another type.
    pub fn from_old_state(state: &serde_json::Value, ty: &Type) -> Result<Self, ValueError> {
        Self::from_stored(state.to_string().as_bytes(), ty)
    }

    /// The same from text, which keeps every digit of a number.
    pub(crate) fn from_stored(json: &[u8], ty: &Type) -> Result<Self, ValueError> {
        Self::from_json_with(json, ty, Extra::Drop)
    }

    fn from_json_with(json: &[u8], ty: &Type, extra: Extra) -> Result<Self, ValueError> {
        // serde_json stops at 128 levels by itself.
        let mut input = serde_json::Deserializer::from_slice(json);
        Typed { ty, extra }
            .deserialize(&mut input)
            .and_then(|value| input.end().map(|()| value))
            .map_err(|e| ValueError::new(format!("not JSON of the schema's type: {e}")))
    }
}

#[derive(Clone, Copy)]
struct Typed<'t> {
    ty: &'t Type,
    extra: Extra,
}

impl<'t> Typed<'t> {
    fn of(self, ty: &'t Type) -> Self {
        Self { ty, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Typed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        match self.ty {
            Type::Number => {
                let raw: Option<&RawValue> = de::Deserialize::deserialize(input)?;
                let Some(raw) = raw else {
                    return Ok(Value::Null);
                };
                // Very large ones are written as text.
                let text = raw.get().trim_matches('"');
                let number =
                    Number::parse(text).ok_or_else(|| de::Error::custom("not a number"))?;
                Ok(Value::Number(number))
            }
            Type::Dynamic => {
                #[derive(serde::Deserialize)]
                struct Pair<'a> {
                    #[serde(rename = "type")]
                    ty: serde_json::Value,
                    #[serde(borrow)]
                    value: &'a RawValue,
                }
                let Some(pair): Option<Pair<'_>> = de::Deserialize::deserialize(input)? else {
                    return Ok(Value::Null);
                };
                let ty = Type::from_json(&pair.ty).map_err(de::Error::custom)?;
                // A text of its own, so the limit on depth would start anew.
                if ty.has_dynamic() {
                    return Err(de::Error::custom("a value of any type inside another"));
                }
                let value = Value::from_json_with(pair.value.get().as_bytes(), &ty, self.extra)
                    .map_err(de::Error::custom)?;
                Ok(Value::Dynamic(Box::new((ty, value))))
            }
            _ => input.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Typed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.ty.name())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
        match self.ty {
            Type::Bool => Ok(truth.into()),
            _ => Err(E::invalid_type(de::Unexpected::Other("bool"), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        match self.ty {
            Type::String => Ok(text.into()),
            _ => Err(E::invalid_type(de::Unexpected::Other("string"), &self)),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        match self.ty {
            Type::List(of) | Type::Set(of) => {
                while let Some(item) = input.next_element_seed(self.of(of))? {
                    items.push(item);
                }
            }
            Type::Tuple(of) => {
                for of in of {
                    let item = input.next_element_seed(self.of(of))?;
                    items.push(item.ok_or_else(|| de::Error::custom("a tuple too short"))?);
                }
            }
            _ => return Err(de::Error::invalid_type(de::Unexpected::Seq, &self)),
        }
        Ok(match self.ty {
            Type::Set(_) => Value::set_of(items),
            _ => Value::List(items),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Value, A::Error> {
        let mut items = BTreeMap::new();
        match self.ty {
            Type::Map(of) => {
                while let Some(key) = input.next_key::<String>()? {
                    items.insert(key, input.next_value_seed(self.of(of))?);
                }
            }
            Type::Object(of) => {
                items.extend(of.keys().map(|name| (name.clone(), Value::Null)));
                while let Some(name) = input.next_key::<String>()? {
                    if let Some(of) = of.get(&name) {
                        items.insert(name, input.next_value_seed(self.of(of))?);
                    } else if self.extra == Extra::Drop {
                        input.next_value::<IgnoredAny>()?;
                    } else {
                        let message = format!("the schema has no attribute {name:?}");
                        return Err(de::Error::custom(message));
                    }
                }
            }
            _ => return Err(de::Error::invalid_type(de::Unexpected::Map, &self)),
        }
        Ok(Value::Map(items))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Type {
        Type::object([
            ("number", Type::Number),
            ("set", Type::set(Type::String)),
            ("map", Type::map(Type::Bool)),
            ("tuple", Type::Tuple(vec![Type::String])),
            ("any", Type::Dynamic),
            ("null", Type::String),
        ])
    }

    #[test]
    fn reads_a_state() {
        let json = br#"{
            "number": 0.1000000000000000000001, "set": ["b","a"], "map": {"k":true},
            "tuple": ["t"], "any": {"type":["list","number"],"value":[1]}, "gone": {"x":[1]}
        }"#;
        assert!(Value::from_json(json, &object()).is_err());
        let value = Value::from_json_with(json, &object(), Extra::Drop).unwrap();
        let want = Value::object([
            (
                "number",
                Number::parse("0.1000000000000000000001").unwrap().into(),
            ),
            ("set", vec!["a", "b"].into()),
            ("map", Value::object([("k", true.into())])),
            ("tuple", vec!["t"].into()),
            (
                "any",
                Value::Dynamic(Box::new((Type::list(Type::Number), vec![1_i64].into()))),
            ),
            ("null", Value::Null),
        ]);
        assert_eq!(value, want);
    }

    #[test]
    fn nulls_and_text_numbers() {
        for (json, ty, want) in [
            ("null", Type::Number, Value::Null),
            ("null", Type::Dynamic, Value::Null),
            ("null", object(), Value::Null),
            ("\"12\"", Type::Number, 12_i64.into()),
            ("-3", Type::Number, (-3_i64).into()),
        ] {
            assert_eq!(Value::from_json(json.as_bytes(), &ty), Ok(want), "{json}");
        }
    }

    #[test]
    fn garbage_is_an_error() {
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        for (json, ty) in [
            ("", Type::Bool),
            ("true false", Type::Bool),
            ("1", Type::Bool),
            ("\"1\"", Type::Bool),
            ("\"x\"", Type::Number),
            ("[1]", Type::Tuple(vec![])),
            ("[]", Type::Tuple(vec![Type::Bool])),
            ("{}", Type::list(Type::Bool)),
            ("[]", Type::map(Type::Bool)),
            (r#"{"type":"dynamic","value":null}"#, Type::Dynamic),
            (deep.as_str(), Type::list(Type::String)),
        ] {
            assert!(Value::from_json(json.as_bytes(), &ty).is_err(), "{json}");
        }
    }
}

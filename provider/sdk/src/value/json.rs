//! JSON values, as Terraform stores them in states.
//!
//! The type guides the reader, so that numbers keep all their digits and sets
//! become sets. A value of dynamic type is an object with `type` and `value`,
//! or null. There is no writer: responses are sent as MessagePack.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{MAX_DEPTH, Number, Value, ValueError};
use crate::types::Type;

/// Origin of the JSON, which determines how its attributes relate to the
/// type's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Written with the same type. A missing attribute is null, and an
    /// attribute that the type lacks is an error.
    Current,
    /// Possibly written with another type, by another version of the provider.
    /// A missing attribute stays missing, and an attribute that the type lacks
    /// is dropped.
    Older,
}

impl Value {
    /// Reads a JSON value of a type.
    ///
    /// # Errors
    ///
    /// If the text is not a value of that type.
    pub fn from_json(json: &[u8], ty: &Type) -> Result<Self, ValueError> {
        Self::from_json_by(Writer::Current, json, ty)
    }

    /// Reads a state stored by an older version of the provider, in the JSON
    /// form that [`Resource::upgrade_state`](crate::Resource::upgrade_state)
    /// receives. Drops attributes that the type lacks. Missing attributes are
    /// also missing from the value: unless they are set, Terraform gets their
    /// defaults, or null if they have none.
    ///
    /// # Errors
    ///
    /// If an attribute has another type.
    pub fn from_old_state(state: &str, ty: &Type) -> Result<Self, ValueError> {
        Self::from_stored(state.as_bytes(), ty)
    }

    /// Reads such a state from bytes.
    pub(crate) fn from_stored(json: &[u8], ty: &Type) -> Result<Self, ValueError> {
        Self::from_json_by(Writer::Older, json, ty)
    }

    fn from_json_by(writer: Writer, json: &[u8], ty: &Type) -> Result<Self, ValueError> {
        let depth = MAX_DEPTH;
        Typed { ty, writer, depth }
            .read(json)
            .map_err(|e| ValueError::new(format!("not JSON of the schema's type: {e}")))
    }
}

#[derive(Clone, Copy)]
struct Typed<'t> {
    ty: &'t Type,
    writer: Writer,
    /// Number of levels that may follow, including this one.
    depth: usize,
}

impl<'t> Typed<'t> {
    /// Returns the reader for the next level.
    fn of(self, ty: &'t Type) -> Self {
        let depth = self.depth.saturating_sub(1);
        Self { ty, depth, ..self }
    }

    fn read(self, json: &[u8]) -> serde_json::Result<Value> {
        let mut input = serde_json::Deserializer::from_slice(json);
        let value = self.deserialize(&mut input)?;
        input.end()?;
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Typed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        if self.depth == 0 {
            return Err(de::Error::custom("nested too deep"));
        }
        match self.ty {
            Type::Number => {
                let raw: Option<&RawValue> = de::Deserialize::deserialize(input)?;
                let Some(raw) = raw else {
                    return Ok(Value::Null);
                };
                // Very large numbers are written as strings.
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
                // Parsed separately: serde_json's depth limit starts over, but
                // the one here continues.
                let value = self.of(&ty).read(pair.value.get().as_bytes());
                let value = value.map_err(de::Error::custom)?;
                if ty == Type::Dynamic {
                    return Ok(value);
                }
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
                if self.writer == Writer::Current {
                    items.extend(of.keys().map(|name| (name.clone(), Value::Null)));
                }
                while let Some(name) = input.next_key::<String>()? {
                    if let Some(of) = of.get(&name) {
                        items.insert(name, input.next_value_seed(self.of(of))?);
                    } else if self.writer == Writer::Older {
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
        let value = Value::from_stored(json, &object()).unwrap();
        assert!(!value.as_map().unwrap().contains_key("null"));
        let value = value.conform(&object()).unwrap();
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
    fn numbers_keep_their_digits() {
        for digits in [
            "123456789012345678901234567890.5",
            "0.1000000000000000000000000000001",
            "-98765432109876543210987654321",
            "1e100",
        ] {
            let number = Value::from(Number::parse(digits).unwrap());
            let json =
                format!(r#"{{"number":{digits},"any":{{"type":"number","value":{digits}}}}}"#);
            let value = Value::from_old_state(&json, &object()).unwrap();
            assert_eq!(*value.get("number"), number, "{digits}");
            let any = Value::Dynamic(Box::new((Type::Number, number)));
            assert_eq!(*value.get("any"), any, "{digits}");
        }
    }

    #[test]
    fn any_type_inside_any_type() {
        let any = |ty: &Type, value: Value| Value::Dynamic(Box::new((ty.clone(), value)));
        let of = Type::object([("a", Type::Dynamic), ("b", Type::String)]);
        let with = |a: Value| any(&of, Value::object([("a", a), ("b", "x".into())]));
        let tuple = Type::Tuple(vec![Type::Dynamic, Type::Bool]);
        for (json, want) in [
            // As Terraform stores `{ a = null, b = "x" }`.
            (
                r#"{"type":["object",{"a":"dynamic","b":"string"}],"value":{"a":null,"b":"x"}}"#,
                with(Value::Null),
            ),
            (
                r#"{"value":{"a":{"value":"y","type":"string"},"b":"x"},
                    "type":["object",{"a":"dynamic","b":"string"}]}"#,
                with(any(&Type::String, "y".into())),
            ),
            (
                r#"{"type":["tuple",["dynamic","bool"]],"value":[null,true]}"#,
                any(&tuple, Value::List(vec![Value::Null, true.into()])),
            ),
            (
                r#"{"type":"string","value":null}"#,
                any(&Type::String, Value::Null),
            ),
            (r#"{"type":"dynamic","value":null}"#, Value::Null),
            (
                r#"{"type":"dynamic","value":{"type":"bool","value":true}}"#,
                any(&Type::Bool, true.into()),
            ),
        ] {
            let value = Value::from_json(json.as_bytes(), &Type::Dynamic);
            assert_eq!(value, Ok(want.clone()), "{json}");
            let stored = Value::from_stored(json.as_bytes(), &Type::Dynamic);
            assert_eq!(stored, Ok(want.clone()), "{json}");
            // Equal to the value that the configuration gives.
            let bytes = want.to_msgpack(&Type::Dynamic).unwrap();
            assert_eq!(Value::from_msgpack(&bytes, &Type::Dynamic), Ok(want));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize, open: &str, close: &str| {
            format!("{}null{}", open.repeat(levels), close.repeat(levels))
        };
        let pair = (r#"{"type":"dynamic","value":"#, "}");
        // Two levels each here, but many more for the JSON parser.
        let tuple = (r#"{"type":["tuple",["dynamic"]],"value":["#, "]}");
        for ((open, close), most) in [(pair, MAX_DEPTH - 1), (tuple, (MAX_DEPTH - 1) / 2)] {
            for (levels, ok) in [(most, true), (most + 1, false), (10_000, false)] {
                let json = nested(levels, open, close);
                let value = Value::from_json(json.as_bytes(), &Type::Dynamic);
                assert_eq!(value.is_ok(), ok, "{levels} of {open}: {value:?}");
            }
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
            (r#"{"type":"bool","value":1}"#, Type::Dynamic),
            (r#"{"type":["list","dynamic"],"value":[1]}"#, Type::Dynamic),
            (r#"{"value":null}"#, Type::Dynamic),
            (deep.as_str(), Type::list(Type::String)),
        ] {
            assert!(Value::from_json(json.as_bytes(), &ty).is_err(), "{json}");
        }
    }
}

//! Conversion of a [`Value`] to a typed model, through serde.

use std::collections::btree_map;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::field::{FIELD, KNOWN, NULL, UNKNOWN};
use super::{Value, ValueError};
use crate::path::Step;

impl Value {
    /// Converts the value to a model: a struct with a field for each attribute
    /// of interest.
    ///
    /// A field of type `T` takes known values, `Option<T>` null as well, and
    /// [`Field<T>`](super::Field) also unknown ones.
    ///
    /// # Errors
    ///
    /// If a value does not fit its field; the error includes the path.
    pub fn to<T: DeserializeOwned>(&self) -> Result<T, ValueError> {
        T::deserialize(self)
    }
}

impl de::Error for ValueError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    // serde's messages for these two quote the value, which may be a secret.
    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let got = match unexpected {
            de::Unexpected::Bool(_) => "a bool",
            de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "an integer",
            de::Unexpected::Float(_) => "a fraction",
            de::Unexpected::Str(_) => "a string",
            de::Unexpected::Unit | de::Unexpected::Option => "null",
            de::Unexpected::Seq => "a list",
            de::Unexpected::Map => "a map or object",
            _ => "something else",
        };
        Self::new(format!("got {got}, want {expected}"))
    }

    fn invalid_value(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!("out of range, want {expected}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("want one of {}", expected.join(", ")))
    }
}

impl<'de> Deserializer<'de> for &'de Value {
    type Error = ValueError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Value::Null => visitor.visit_unit(),
            Value::Unknown => Err(ValueError::new("not known yet")),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (_, Some(int)) => visitor.visit_u64(int),
                (Some(int), None) => visitor.visit_i64(int),
                (None, None) => visitor.visit_f64(number.as_f64()),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(Items {
                items: items.iter().enumerate(),
            }),
            Value::Map(items) => visitor.visit_map(Entries {
                entries: items.iter(),
                value: None,
            }),
            Value::Dynamic(inner) => inner.1.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        match self {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ValueError> {
        // Ignores unknown values too, as nothing asks for them.
        visitor.visit_unit()
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        if name == FIELD {
            return visitor.visit_enum(State(self));
        }
        match self {
            Value::String(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Dynamic(inner) => inner.1.deserialize_enum(name, _variants, visitor),
            other => Err(ValueError::new(format!(
                "got {}, want a string",
                other.kind()
            ))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string
        bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// Elements of a list. Errors get the element's index.
struct Items<'de> {
    items: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = ValueError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, ValueError> {
        let Some((index, item)) = self.items.next() else {
            return Ok(None);
        };
        seed.deserialize(item)
            .map(Some)
            .map_err(|e| e.under(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// Elements of a map. Errors get the element's key.
struct Entries<'de> {
    entries: btree_map::Iter<'de, String, Value>,
    value: Option<(&'de String, &'de Value)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = ValueError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, ValueError> {
        self.value = self.entries.next();
        let Some((key, _)) = self.value else {
            return Ok(None);
        };
        let key: de::value::StrDeserializer<'_, ValueError> = key.as_str().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, ValueError> {
        let Some((key, value)) = self.value.take() else {
            return Err(ValueError::new("a value was asked for before its key"));
        };
        seed.deserialize(value)
            .map_err(|e| e.under(Step::Attribute(key.clone())))
    }
}

/// The state of a [`Field`](super::Field): null, unknown or known.
struct State<'de>(&'de Value);

impl<'de> EnumAccess<'de> for State<'de> {
    type Error = ValueError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self), ValueError> {
        let state = match self.0 {
            Value::Null => NULL,
            Value::Unknown => UNKNOWN,
            _ => KNOWN,
        };
        let state: de::value::StrDeserializer<'_, ValueError> = state.into_deserializer();
        Ok((seed.deserialize(state)?, self))
    }
}

impl<'de> VariantAccess<'de> for State<'de> {
    type Error = ValueError;

    fn unit_variant(self) -> Result<(), ValueError> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        self,
        seed: T,
    ) -> Result<T::Value, ValueError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ValueError> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ValueError> {
        self.0.deserialize_any(visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::super::Field;
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    enum Kind {
        V1,
        V2,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Model {
        name: String,
        size: Option<u32>,
        kind: Kind,
        maybe: Field<Vec<String>>,
        later: Field<bool>,
        never: Field<bool>,
        tags: BTreeMap<String, String>,
        share: f64,
    }

    fn value() -> Value {
        Value::object([
            ("name", "n".into()),
            ("size", Value::Null),
            ("kind", "V2".into()),
            ("maybe", vec!["a", "b"].into()),
            ("later", Value::Unknown),
            ("never", Value::Null),
            ("tags", Value::object([("k", "v".into())])),
            ("share", 0.5.into()),
            ("not_in_the_model", Value::Unknown),
        ])
    }

    #[test]
    fn reads_a_model() {
        let model: Model = value().to().unwrap();
        assert_eq!(
            model,
            Model {
                name: "n".to_owned(),
                size: None,
                kind: Kind::V2,
                maybe: Field::Known(vec!["a".to_owned(), "b".to_owned()]),
                later: Field::Unknown,
                never: Field::Null,
                tags: [("k".to_owned(), "v".to_owned())].into(),
                share: 0.5,
            }
        );
    }

    #[test]
    fn errors_name_the_place_and_not_the_value() {
        let table: [(&str, Value, &str); 6] = [
            ("name", Value::Unknown, "name: not known yet"),
            ("name", Value::Null, "name: got null, want a string"),
            ("size", "s3cret".into(), "size: got a string, want u32"),
            ("size", u64::MAX.into(), "size: out of range, want u32"),
            ("kind", "s3cret".into(), "kind: want one of V1, V2"),
            (
                "maybe",
                Value::List(vec!["a".into(), true.into()]),
                "maybe[1]: got a bool, want a string",
            ),
        ];
        for (name, bad, want) in table {
            let mut value = value();
            value.set(name, bad);
            let error = value.to::<Model>().unwrap_err();
            assert_eq!(error.to_string(), want);
        }
    }
}

//! Conversion of a typed model to a [`Value`], through serde.

use serde::ser::{self, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use super::field::{FIELD, UNKNOWN};
use super::{Value, ValueError};
use crate::path::Step;

impl Value {
    /// Converts a model to a value: structs and maps become objects, sequences
    /// become lists, `None` becomes null, and unit variants become strings.
    ///
    /// Attributes that the model lacks become null when the value is returned
    /// to the framework.
    ///
    /// # Errors
    ///
    /// If the model contains something that Terraform cannot represent, such as
    /// a map with keys that are not strings.
    pub fn from_serialize<T: Serialize + ?Sized>(model: &T) -> Result<Self, ValueError> {
        model.serialize(ToValue)
    }
}

impl ser::Error for ValueError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

struct ToValue;

type Made = Result<Value, ValueError>;

impl Serializer for ToValue {
    type Ok = Value;
    type Error = ValueError;
    type SerializeSeq = ListMaker;
    type SerializeTuple = ListMaker;
    type SerializeTupleStruct = ListMaker;
    type SerializeTupleVariant = ser::Impossible<Value, ValueError>;
    type SerializeMap = MapMaker;
    type SerializeStruct = MapMaker;
    type SerializeStructVariant = ser::Impossible<Value, ValueError>;

    fn serialize_bool(self, v: bool) -> Made {
        Ok(v.into())
    }
    fn serialize_i8(self, v: i8) -> Made {
        Ok(v.into())
    }
    fn serialize_i16(self, v: i16) -> Made {
        Ok(v.into())
    }
    fn serialize_i32(self, v: i32) -> Made {
        Ok(v.into())
    }
    fn serialize_i64(self, v: i64) -> Made {
        Ok(v.into())
    }
    fn serialize_u8(self, v: u8) -> Made {
        Ok(v.into())
    }
    fn serialize_u16(self, v: u16) -> Made {
        Ok(v.into())
    }
    fn serialize_u32(self, v: u32) -> Made {
        Ok(v.into())
    }
    fn serialize_u64(self, v: u64) -> Made {
        Ok(v.into())
    }
    fn serialize_f32(self, v: f32) -> Made {
        // Converted through text: 0.1_f32 means one tenth, not the nearest f64.
        let number = super::Number::parse(&v.to_string());
        number.map(Value::Number).ok_or_else(not_finite)
    }
    fn serialize_f64(self, v: f64) -> Made {
        let number = super::Number::from_f64(v);
        number.map(Value::Number).ok_or_else(not_finite)
    }
    fn serialize_char(self, v: char) -> Made {
        Ok(v.to_string().into())
    }
    fn serialize_str(self, v: &str) -> Made {
        Ok(v.into())
    }
    fn serialize_bytes(self, _: &[u8]) -> Made {
        Err(ValueError::new("bytes have no form in Terraform; use text"))
    }
    fn serialize_none(self) -> Made {
        Ok(Value::Null)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, v: &T) -> Made {
        v.serialize(self)
    }
    fn serialize_unit(self) -> Made {
        Ok(Value::Null)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Made {
        Ok(Value::Null)
    }
    fn serialize_unit_variant(self, name: &'static str, _: u32, variant: &'static str) -> Made {
        Ok(match (name, variant) {
            (FIELD, UNKNOWN) => Value::Unknown,
            (FIELD, _) => Value::Null,
            _ => variant.into(),
        })
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, v: &T) -> Made {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: u32,
        variant: &'static str,
        v: &T,
    ) -> Made {
        let inner = v.serialize(self)?;
        Ok(if name == FIELD {
            inner
        } else {
            Value::object([(variant, inner)])
        })
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<ListMaker, ValueError> {
        Ok(ListMaker::default())
    }
    fn serialize_tuple(self, _: usize) -> Result<ListMaker, ValueError> {
        Ok(ListMaker::default())
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<ListMaker, ValueError> {
        Ok(ListMaker::default())
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ValueError> {
        Err(ValueError::new("a tuple variant has no form in Terraform"))
    }
    fn serialize_map(self, _: Option<usize>) -> Result<MapMaker, ValueError> {
        Ok(MapMaker::default())
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<MapMaker, ValueError> {
        Ok(MapMaker::default())
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ValueError> {
        Err(ValueError::new("a struct variant has no form in Terraform"))
    }
}

fn not_finite() -> ValueError {
    ValueError::new("a number that is not finite has no form in Terraform")
}

#[derive(Default)]
struct ListMaker(Vec<Value>);

impl ListMaker {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        let index = self.0.len();
        let value = value.serialize(ToValue);
        self.0.push(value.map_err(|e| e.under(Step::Index(index)))?);
        Ok(())
    }
}

impl SerializeSeq for ListMaker {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.add(value)
    }
    fn end(self) -> Made {
        Ok(Value::List(self.0))
    }
}

impl ser::SerializeTuple for ListMaker {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.add(value)
    }
    fn end(self) -> Made {
        Ok(Value::List(self.0))
    }
}

impl ser::SerializeTupleStruct for ListMaker {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        self.add(value)
    }
    fn end(self) -> Made {
        Ok(Value::List(self.0))
    }
}

#[derive(Default)]
struct MapMaker {
    items: std::collections::BTreeMap<String, Value>,
    key: Option<String>,
}

impl SerializeMap for MapMaker {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        match key.serialize(ToValue)? {
            Value::String(key) => self.key = Some(key),
            Value::Number(key) => self.key = Some(key.to_string()),
            _ => return Err(ValueError::new("a map's keys must be text")),
        }
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        let key = self.key.take().unwrap_or_default();
        let value = value.serialize(ToValue);
        let value = value.map_err(|e| e.under(Step::Key(key.clone())))?;
        self.items.insert(key, value);
        Ok(())
    }
    fn end(self) -> Made {
        Ok(Value::Map(self.items))
    }
}

impl SerializeStruct for MapMaker {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), ValueError> {
        let value = value.serialize(ToValue);
        let value = value.map_err(|e| e.under(Step::Attribute(name.to_owned())))?;
        self.items.insert(name.to_owned(), value);
        Ok(())
    }
    fn end(self) -> Made {
        Ok(Value::Map(self.items))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Serialize};

    use super::super::Field;
    use super::*;

    #[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
    struct Inner {
        path: String,
        size: u64,
    }

    #[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
    struct Outer {
        a: Field<String>,
        b: Field<String>,
        c: Field<String>,
        inner: Vec<Inner>,
        tags: BTreeMap<String, f64>,
        none: Option<bool>,
    }

    #[test]
    fn there_and_back() {
        let model = Outer {
            a: Field::Null,
            b: Field::Unknown,
            c: Field::Known("c".to_owned()),
            inner: vec![Inner {
                path: "p".to_owned(),
                size: u64::MAX,
            }],
            tags: [("k".to_owned(), 0.1)].into(),
            none: None,
        };
        let value = Value::from_serialize(&model).unwrap();
        assert!(value.get("a").is_null());
        assert!(value.get("b").is_unknown());
        assert_eq!(value.get("c").as_str(), Some("c"));
        assert_eq!(
            value.get("tags").get("k").as_number().unwrap().to_string(),
            "0.1"
        );
        assert_eq!(value.to::<Outer>().unwrap(), model);
    }

    #[test]
    fn refuses_what_terraform_lacks() {
        let bad = BTreeMap::from([("x", f64::NAN)]);
        let error = Value::from_serialize(&bad).unwrap_err();
        assert!(
            error.to_string().starts_with("[\"x\"]: a number"),
            "{error}"
        );
    }
}

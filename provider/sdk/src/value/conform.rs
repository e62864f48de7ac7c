//! Conversion of a value to a type.

use std::collections::BTreeMap;

use super::{Value, ValueError};
use crate::path::Step;
use crate::types::Type;

impl Value {
    /// Converts the value to the canonical form of a type, on which equality
    /// relies: sets are sorted, and missing attributes of objects are null.
    ///
    /// # Errors
    ///
    /// If the value is not of that type; the error includes the path.
    pub fn conform(self, ty: &Type) -> Result<Self, ValueError> {
        match (self, ty) {
            (Self::Null, _) => Ok(Self::Null),
            (Self::Unknown, _) => Ok(Self::Unknown),

            (Self::Dynamic(inner), Type::Dynamic) => {
                let (ty, value) = *inner;
                let value = value.conform(&ty)?;
                Ok(Self::Dynamic(Box::new((ty, value))))
            }
            (Self::Dynamic(inner), ty) => inner.1.conform(ty),
            (value, Type::Dynamic) => {
                let ty = value.natural_type();
                let value = value.conform(&ty)?;
                Ok(Self::Dynamic(Box::new((ty, value))))
            }

            (value @ Self::Bool(_), Type::Bool)
            | (value @ Self::Number(_), Type::Number)
            | (value @ Self::String(_), Type::String) => Ok(value),

            (Self::List(items), Type::List(of)) => {
                Ok(Self::List(conform_items(items, |_| Ok(of.as_ref()))?))
            }
            (Self::List(items), Type::Set(of)) => {
                Ok(Self::set_of(conform_items(items, |_| Ok(of.as_ref()))?))
            }
            (Self::List(items), Type::Tuple(of)) => {
                if items.len() != of.len() {
                    return Err(ValueError::new(format!(
                        "got {} elements, want {}",
                        items.len(),
                        of.len()
                    )));
                }
                let of_index = |index: usize| {
                    of.get(index)
                        .ok_or_else(|| ValueError::new("no such element"))
                };
                Ok(Self::List(conform_items(items, of_index)?))
            }
            (Self::Map(items), Type::Map(of)) => {
                let items = items.into_iter().map(|(key, item)| match item.conform(of) {
                    Ok(item) => Ok((key, item)),
                    Err(e) => Err(e.under(Step::Key(key))),
                });
                Ok(Self::Map(items.collect::<Result<_, _>>()?))
            }
            (Self::Map(items), Type::Object(of)) => conform_object(items, of),

            (other, ty) => Err(ValueError::new(format!(
                "got {}, want a value of type {}",
                other.kind(),
                ty.name()
            ))),
        }
    }

    /// Creates a set in canonical order. Keeps multiple unknown elements,
    /// because they may turn out to be different.
    pub(crate) fn set_of(mut items: Vec<Self>) -> Self {
        items.sort();
        items.dedup_by(|a, b| a == b && a.is_wholly_known());
        Self::List(items)
    }

    /// Returns the inherent type of the value.
    fn natural_type(&self) -> Type {
        match self {
            Self::Null | Self::Unknown => Type::Dynamic,
            Self::Bool(_) => Type::Bool,
            Self::Number(_) => Type::Number,
            Self::String(_) => Type::String,
            Self::List(items) => Type::Tuple(items.iter().map(Self::natural_type).collect()),
            Self::Map(items) => Type::object(items.iter().map(|(k, v)| (k, v.natural_type()))),
            Self::Dynamic(inner) => inner.0.clone(),
        }
    }
}

fn conform_items<'t>(
    items: Vec<Value>,
    of: impl Fn(usize) -> Result<&'t Type, ValueError>,
) -> Result<Vec<Value>, ValueError> {
    let items = items.into_iter().enumerate().map(|(index, item)| {
        of(index)
            .and_then(|of| item.conform(of))
            .map_err(|e| e.under(Step::Index(index)))
    });
    items.collect()
}

fn conform_object(
    mut items: BTreeMap<String, Value>,
    of: &BTreeMap<String, Type>,
) -> Result<Value, ValueError> {
    let mut object = BTreeMap::new();
    for (name, ty) in of {
        let item = items.remove(name).unwrap_or_default();
        let item = item
            .conform(ty)
            .map_err(|e| e.under(Step::Attribute(name.clone())))?;
        object.insert(name.clone(), item);
    }
    match items.into_keys().next() {
        None => Ok(Value::Map(object)),
        Some(name) => {
            Err(ValueError::new("the schema has no such attribute").under(Step::Attribute(name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_form() {
        let ty = Type::object([
            ("set", Type::set(Type::String)),
            ("any", Type::Dynamic),
            ("none", Type::Bool),
        ]);
        let value = Value::object([
            ("set", vec!["b", "a", "b"].into()),
            ("any", vec!["x"].into()),
        ]);
        let value = value.conform(&ty).unwrap();
        assert_eq!(*value.get("set"), vec!["a", "b"].into());
        assert!(value.as_map().unwrap().contains_key("none"));
        let any = (Type::Tuple(vec![Type::String]), vec!["x"].into());
        assert_eq!(*value.get("any"), Value::Dynamic(Box::new(any)));
        // Idempotent.
        assert_eq!(value.clone().conform(&ty), Ok(value));
    }

    #[test]
    fn unknown_set_elements_stay_apart() {
        let set = Value::List(vec![Value::Unknown, Value::Unknown, "a".into(), "a".into()]);
        let set = set.conform(&Type::set(Type::String)).unwrap();
        assert_eq!(set.as_list().map(<[_]>::len), Some(3));
    }

    #[test]
    fn says_what_does_not_fit() {
        let object = Type::object([("a", Type::list(Type::Number))]);
        let table = [
            (
                Value::from(true),
                Type::String,
                "got a bool, want a value of type string",
            ),
            (
                Value::object([("a", vec!["x"].into())]),
                object.clone(),
                "a[0]: got a string, want a value of type number",
            ),
            (
                Value::object([("b", true.into())]),
                object,
                "b: the schema has no such attribute",
            ),
            (
                vec![1_i64].into(),
                Type::Tuple(vec![]),
                "got 1 elements, want 0",
            ),
        ];
        for (value, ty, want) in table {
            assert_eq!(value.conform(&ty).unwrap_err().to_string(), want);
        }
    }
}

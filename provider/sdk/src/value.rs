//! Values of Terraform's type system, known or unknown.

mod conform;
mod de;
mod field;
mod json;
mod msgpack;
mod number;
mod ser;

use std::collections::{BTreeMap, BTreeSet};

pub use field::Field;
pub use number::Number;

use crate::path::{AttributePath, Step};
use crate::types::Type;

/// Maximum nesting of a value, which bounds recursion on hostile input.
const MAX_DEPTH: usize = 128;

/// A value of the wrong form, with its path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{message}", .path, if .path.is_root() { "" } else { ": " })]
pub struct ValueError {
    path: AttributePath,
    message: String,
}

impl ValueError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            path: AttributePath::new(),
            message: message.into(),
        }
    }

    pub(crate) fn under(mut self, step: Step) -> Self {
        self.path.prepend(step);
        self
    }

    /// Returns the path of the value.
    #[must_use]
    pub fn path(&self) -> &AttributePath {
        &self.path
    }

    /// Returns the reason; it never contains the value itself.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// A value: null, unknown, or known.
///
/// Lists, sets and tuples share one form, as do maps and objects; the schema
/// distinguishes them where it matters. A set that has passed through the
/// schema, like everything sent or received, is sorted and without duplicates,
/// so `==` is Terraform's equality.
///
/// `Debug` prints everything, including secrets. Keep it out of logs.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// The value is not set.
    #[default]
    Null,
    /// The value is only known after an apply.
    Unknown,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// A list, set or tuple.
    List(Vec<Value>),
    /// A map or object.
    Map(BTreeMap<String, Value>),
    /// A value of an attribute of type [`Type::Dynamic`], along with its actual
    /// type.
    Dynamic(Box<(Type, Value)>),
}

static NULL: Value = Value::Null;

impl Value {
    /// Creates an object or map.
    #[must_use]
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(attributes.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// Returns whether the value is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Dynamic(inner) => inner.1.is_null(),
            _ => false,
        }
    }

    /// Returns whether the value as a whole is unknown.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Dynamic(inner) => inner.1.is_unknown(),
            _ => false,
        }
    }

    /// Returns whether the value and everything in it are known.
    #[must_use]
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown => false,
            Self::List(items) => items.iter().all(Self::is_wholly_known),
            Self::Map(items) => items.values().all(Self::is_wholly_known),
            Self::Dynamic(inner) => inner.1.is_wholly_known(),
            _ => true,
        }
    }

    /// Returns the value of a known string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value of a known bool.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// Returns a known number.
    #[must_use]
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// Returns a known number if it is an integer in the range of `i64`.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// Returns a known number if it is an integer in the range of `u64`.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// Returns the `f64` nearest to a known number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// Returns the elements of a known list, set or tuple.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the elements of a known map or object.
    #[must_use]
    pub fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Map(items) => Some(items),
            _ => None,
        }
    }

    /// Returns an attribute of an object, or null if there is none or the value
    /// is not an object.
    #[must_use]
    pub fn get(&self, name: &str) -> &Self {
        self.as_map().and_then(|m| m.get(name)).unwrap_or(&NULL)
    }

    /// Sets an attribute of an object. Any other value is first replaced with
    /// an empty object.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Self>) {
        let name = name.into();
        if let Self::Map(items) = self {
            items.insert(name, value.into());
        } else {
            *self = Self::object([(name, value.into())]);
        }
    }

    /// Returns the value at a path: null if the path leads nowhere, unknown
    /// below an unknown value.
    #[must_use]
    pub fn at(&self, path: &AttributePath) -> &Self {
        let mut here = self;
        for step in path.steps() {
            here = match (here, step) {
                (Self::Unknown, _) => return here,
                (Self::Map(items), Step::Attribute(key) | Step::Key(key)) => {
                    items.get(key).unwrap_or(&NULL)
                }
                (Self::List(items), Step::Index(index)) => items.get(*index).unwrap_or(&NULL),
                _ => &NULL,
            };
        }
        here
    }

    /// Replaces unknown values with null.
    #[must_use]
    pub(crate) fn unknown_as_null(self) -> Self {
        match self {
            Self::Unknown => Self::Null,
            Self::List(items) => Self::List(items.into_iter().map(Self::unknown_as_null).collect()),
            Self::Map(items) => Self::Map(
                items
                    .into_iter()
                    .map(|(k, v)| (k, v.unknown_as_null()))
                    .collect(),
            ),
            Self::Dynamic(inner) => match inner.1.unknown_as_null() {
                Self::Null => Self::Null,
                known => Self::Dynamic(Box::new((inner.0, known))),
            },
            known => known,
        }
    }

    /// Returns the paths of all unknown values.
    pub(crate) fn unknown_paths(&self) -> Vec<AttributePath> {
        fn walk(value: &Value, path: &AttributePath, found: &mut Vec<AttributePath>) {
            match value {
                Value::Unknown => found.push(path.clone()),
                Value::List(items) => {
                    for (i, item) in items.iter().enumerate() {
                        walk(item, &path.index(i), found);
                    }
                }
                Value::Map(items) => {
                    for (key, item) in items {
                        walk(item, &path.attribute(key), found);
                    }
                }
                Value::Dynamic(inner) => walk(&inner.1, path, found),
                _ => {}
            }
        }
        let mut found = Vec::new();
        walk(self, &AttributePath::new(), &mut found);
        found
    }

    /// Returns a short name of the form, for messages.
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Unknown => "an unknown value",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map or object",
            Self::Dynamic(_) => "a value with a type of its own",
        }
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::String(text.clone())
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<f64> for Value {
    /// Converts to the shortest decimal that parses back to the same float.
    /// Infinities and NaN, which Terraform does not support, become null.
    fn from(float: f64) -> Self {
        Number::from_f64(float).map_or(Self::Null, Self::Number)
    }
}

macro_rules! from_integers {
    ($via:ty: $($int:ty),*) => {$(
        impl From<$int> for Value {
            fn from(int: $int) -> Self {
                Self::Number(<$via>::from(int).into())
            }
        }
    )*};
}
from_integers!(i64: i8, i16, i32, i64);
from_integers!(u64: u8, u16, u32, u64);

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Self>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Self>> From<BTreeSet<T>> for Value {
    fn from(items: BTreeSet<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Self>> From<BTreeMap<String, T>> for Value {
    fn from(items: BTreeMap<String, T>) -> Self {
        Self::Map(items.into_iter().map(|(k, v)| (k, v.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_and_sets() {
        let mut value = Value::object([("a", Value::from(vec![1_i64, 2])), ("u", Value::Unknown)]);
        assert_eq!(
            value.at(&AttributePath::from("a").index(1)).as_i64(),
            Some(2)
        );
        assert!(value.at(&AttributePath::from("a").index(9)).is_null());
        assert!(
            value
                .at(&AttributePath::from("u").attribute("x"))
                .is_unknown()
        );
        assert!(value.get("none").is_null());
        value.set("b", "text");
        assert_eq!(value.get("b").as_str(), Some("text"));
        assert!(!value.is_wholly_known());
        assert_eq!(value.unknown_paths(), [AttributePath::from("u")]);
        assert!(value.unknown_as_null().is_wholly_known());
    }

    #[test]
    fn an_error_names_the_place() {
        let error = ValueError::new("wrong")
            .under(Step::Index(1))
            .under(Step::Attribute("list".to_owned()));
        assert_eq!(error.to_string(), "list[1]: wrong");
        assert_eq!(ValueError::new("wrong").to_string(), "wrong");
    }
}

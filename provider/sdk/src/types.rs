//! Terraform's types, and their JSON encoding on the wire, such as `"string"`
//! or `["map","number"]`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::path::{AttributePath, Step};

/// A type of Terraform's type system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// `bool`.
    Bool,
    /// `number`.
    Number,
    /// `string`.
    String,
    /// Any type. Each value carries its own type.
    Dynamic,
    /// `list(…)`.
    List(Box<Type>),
    /// `set(…)`.
    Set(Box<Type>),
    /// `map(…)`.
    Map(Box<Type>),
    /// `tuple([…])`.
    Tuple(Vec<Type>),
    /// `object({…})`.
    Object(BTreeMap<String, Type>),
}

/// JSON that is not a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("type constraint: {0}")]
pub struct TypeError(String);

/// Maximum nesting of a type, beyond that of any reasonable schema.
const MAX_DEPTH: usize = 64;

impl Type {
    /// Creates `list(element)`.
    #[must_use]
    pub fn list(element: Self) -> Self {
        Self::List(Box::new(element))
    }

    /// Creates `set(element)`.
    #[must_use]
    pub fn set(element: Self) -> Self {
        Self::Set(Box::new(element))
    }

    /// Creates `map(element)`.
    #[must_use]
    pub fn map(element: Self) -> Self {
        Self::Map(Box::new(element))
    }

    /// Creates `object({name = type, …})`.
    #[must_use]
    pub fn object<K: Into<String>>(attributes: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(attributes.into_iter().map(|(k, t)| (k.into(), t)).collect())
    }

    /// Returns the JSON form.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::String => json!("string"),
            Self::Dynamic => json!("dynamic"),
            Self::List(of) => json!(["list", of.to_json()]),
            Self::Set(of) => json!(["set", of.to_json()]),
            Self::Map(of) => json!(["map", of.to_json()]),
            Self::Tuple(of) => json!(["tuple", of.iter().map(Self::to_json).collect::<Vec<_>>()]),
            Self::Object(of) => {
                let attributes: serde_json::Map<_, _> =
                    of.iter().map(|(k, t)| (k.clone(), t.to_json())).collect();
                json!(["object", attributes])
            }
        }
    }

    /// Reads the JSON form.
    ///
    /// # Errors
    ///
    /// If the JSON is not a type or is nested too deeply.
    pub fn from_json(json: &Json) -> Result<Self, TypeError> {
        Self::parse(json, MAX_DEPTH)
    }

    pub(crate) fn from_json_bytes(bytes: &[u8]) -> Result<Self, TypeError> {
        let json = serde_json::from_slice(bytes).map_err(|e| TypeError(e.to_string()))?;
        Self::from_json(&json)
    }

    fn parse(json: &Json, depth: usize) -> Result<Self, TypeError> {
        let unknown = || TypeError(format!("not understood: {json}"));
        let Some(depth) = depth.checked_sub(1) else {
            return Err(TypeError("nested too deep".to_owned()));
        };
        match json {
            Json::String(name) => match name.as_str() {
                "bool" => Ok(Self::Bool),
                "number" => Ok(Self::Number),
                "string" => Ok(Self::String),
                "dynamic" => Ok(Self::Dynamic),
                _ => Err(unknown()),
            },
            Json::Array(parts) => match parts.as_slice() {
                [Json::String(kind), of] if kind == "list" => {
                    Ok(Self::list(Self::parse(of, depth)?))
                }
                [Json::String(kind), of] if kind == "set" => Ok(Self::set(Self::parse(of, depth)?)),
                [Json::String(kind), of] if kind == "map" => Ok(Self::map(Self::parse(of, depth)?)),
                [Json::String(kind), Json::Array(of)] if kind == "tuple" => {
                    let of = of.iter().map(|t| Self::parse(t, depth));
                    Ok(Self::Tuple(of.collect::<Result<_, _>>()?))
                }
                // A third part lists optional attributes, which only matters
                // when Terraform converts a value to the type.
                [Json::String(kind), Json::Object(of)]
                | [Json::String(kind), Json::Object(of), _]
                    if kind == "object" =>
                {
                    let of = of
                        .iter()
                        .map(|(k, t)| Ok((k.clone(), Self::parse(t, depth)?)));
                    Ok(Self::Object(of.collect::<Result<_, _>>()?))
                }
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }

    /// Returns whether values of the type can contain a value of dynamic type.
    pub(crate) fn has_dynamic(&self) -> bool {
        match self {
            Self::Bool | Self::Number | Self::String => false,
            Self::Dynamic => true,
            Self::List(of) | Self::Set(of) | Self::Map(of) => of.has_dynamic(),
            Self::Tuple(of) => of.iter().any(Self::has_dynamic),
            Self::Object(of) => of.values().any(Self::has_dynamic),
        }
    }

    /// Returns the part of a path that Terraform can resolve in values of this
    /// type. The path ends at a set, whose elements have no address, and steps
    /// into a map by key.
    pub(crate) fn address(&self, path: &AttributePath) -> AttributePath {
        let mut address = AttributePath::new();
        let mut here = self;
        for step in path.steps() {
            let (step, next) = match (here, step) {
                (Self::Object(of), Step::Attribute(name)) => (step.clone(), of.get(name)),
                (Self::Map(of), Step::Attribute(key) | Step::Key(key)) => {
                    (Step::Key(key.clone()), Some(of.as_ref()))
                }
                (Self::List(of), Step::Index(_)) => (step.clone(), Some(of.as_ref())),
                (Self::Tuple(of), Step::Index(index)) => (step.clone(), of.get(*index)),
                _ => break,
            };
            let Some(next) = next else {
                break;
            };
            address = address.with(step);
            here = next;
        }
        address
    }

    /// Returns a short name for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Dynamic => "value of any type",
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Map(_) => "map",
            Self::Tuple(_) => "tuple",
            Self::Object(_) => "object",
        }
    }
}

/// Returns whether a name is a valid identifier for an attribute or block.
pub(crate) fn is_identifier(name: &str) -> bool {
    let reserved: BTreeSet<&str> = [
        "count",
        "connection",
        "depends_on",
        "for_each",
        "lifecycle",
        "provider",
        "provisioner",
    ]
    .into();
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !reserved.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_there_and_back() {
        let table = [
            (Type::Bool, r#""bool""#),
            (Type::Dynamic, r#""dynamic""#),
            (Type::list(Type::String), r#"["list","string"]"#),
            (
                Type::set(Type::map(Type::Number)),
                r#"["set",["map","number"]]"#,
            ),
            (
                Type::Tuple(vec![Type::Bool, Type::String]),
                r#"["tuple",["bool","string"]]"#,
            ),
            (
                Type::object([("b", Type::Number), ("a", Type::String)]),
                r#"["object",{"a":"string","b":"number"}]"#,
            ),
        ];
        for (ty, json) in table {
            assert_eq!(ty.to_json().to_string(), json);
            assert_eq!(Type::from_json_bytes(json.as_bytes()), Ok(ty));
        }
    }

    #[test]
    fn optional_attributes_are_accepted_and_dropped() {
        let ty = Type::from_json_bytes(br#"["object",{"a":"string"},["a"]]"#);
        assert_eq!(ty, Ok(Type::object([("a", Type::String)])));
    }

    #[test]
    fn addresses() {
        let inner = Type::object([("x", Type::String)]);
        let ty = Type::object([
            ("list", Type::list(inner.clone())),
            ("set", Type::set(inner.clone())),
            ("map", Type::map(inner)),
        ]);
        let at = |name: &str| AttributePath::from(name);
        let table = [
            (at("list").index(1).attribute("x"), "list[1].x"),
            (at("set").index(1).attribute("x"), "set"),
            (at("map").attribute("k").attribute("x"), r#"map["k"].x"#),
            (at("list").attribute("x"), "list"),
            (at("none"), ""),
        ];
        for (path, want) in table {
            assert_eq!(ty.address(&path).to_string(), want);
        }
    }

    #[test]
    fn refuses_what_is_no_type() {
        let deep = format!("{}\"bool\"{}", "[\"list\",".repeat(100), "]".repeat(100));
        for json in [
            "",
            "1",
            "\"int\"",
            "[]",
            "[\"list\"]",
            "[\"tuple\",{}]",
            &deep,
        ] {
            assert!(Type::from_json_bytes(json.as_bytes()).is_err(), "{json}");
        }
    }
}

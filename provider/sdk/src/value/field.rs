//! Fields of a typed model that distinguish null, unknown and known.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, EnumAccess, VariantAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Name under which a [`Field`] requests its state from the crate's serde
/// formats.
pub(super) const FIELD: &str = "$tfplugin_sdk::Field";
pub(super) const NULL: &str = "Null";
pub(super) const UNKNOWN: &str = "Unknown";
pub(super) const KNOWN: &str = "Known";
const VARIANTS: &[&str] = &[NULL, UNKNOWN, KNOWN];

/// A value that may be null or unknown.
///
/// In a model for [`Value::to`](super::Value::to), `T` accepts only known
/// values, `Option<T>` also null, and `Field<T>` all three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Field<T> {
    /// The field is not set.
    #[default]
    Null,
    /// The value is only known after an apply.
    Unknown,
    /// A known value.
    Known(T),
}

impl<T> Field<T> {
    /// Returns the value, if known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the value, if known.
    pub fn into_known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            _ => None,
        }
    }

    /// Returns whether the field is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns whether the field is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

impl<T> From<Option<T>> for Field<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Self::Known)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct States<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for States<T> {
            type Value = Field<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Terraform value")
            }

            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Self::Value, A::Error> {
                let (state, content) = data.variant::<String>()?;
                match state.as_str() {
                    KNOWN => content.newtype_variant().map(Field::Known),
                    UNKNOWN => content.unit_variant().map(|()| Field::Unknown),
                    _ => content.unit_variant().map(|()| Field::Null),
                }
            }
        }

        deserializer.deserialize_enum(FIELD, VARIANTS, States(PhantomData))
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit_variant(FIELD, 0, NULL),
            Self::Unknown => serializer.serialize_unit_variant(FIELD, 1, UNKNOWN),
            Self::Known(value) => serializer.serialize_newtype_variant(FIELD, 2, KNOWN, value),
        }
    }
}

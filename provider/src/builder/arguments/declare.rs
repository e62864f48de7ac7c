//! Declares the table of arguments as a struct, a schema and a state.

use serde::de::DeserializeOwned;
use tfplugin_sdk::{Attribute, Block, Diagnostic, Schema, Value};

/// An attribute or block of a schema.
#[derive(Debug)]
pub(in crate::builder) enum Element {
    Attribute(Attribute),
    Block(Block),
}

impl Element {
    /// Adds the element to a schema.
    pub(in crate::builder) fn add_to(self, schema: Schema, name: &str) -> Schema {
        match self {
            Self::Attribute(attribute) => schema.attribute(name, attribute),
            Self::Block(block) => schema.block(name, block),
        }
    }
}

/// The form in which an argument is declared in a schema.
pub(super) trait Form {
    fn described(self, markdown: String) -> Element;
}

impl Form for Attribute {
    fn described(self, markdown: String) -> Element {
        Element::Attribute(self.description(markdown))
    }
}

impl Form for Block {
    fn described(self, markdown: String) -> Element {
        Element::Block(self.description(markdown))
    }
}

/// A type that arguments can have.
pub(super) trait ArgumentType: Clone + DeserializeOwned + Into<Value> {
    type Form: Form;

    /// Returns the schema of an argument with this default; `None` makes it optional.
    fn form(default: Self) -> Self::Form;

    /// Returns a different value, for tests.
    #[cfg(test)]
    fn altered(self) -> Self;
}

/// Returns the element for an argument. The doc comment's lines each start with a space.
pub(super) fn element<T: ArgumentType>(
    doc: &str,
    default: T,
    refine: fn(T::Form) -> T::Form,
) -> Element {
    let mut description = doc.trim().to_owned();
    if let Some(default) = shown(&default.clone().into()) {
        description.push_str(&format!(" Default: `{default}`."));
    }
    refine(T::form(default)).described(description)
}

/// Returns a default as written in a configuration, but strings without quotes.
fn shown(default: &Value) -> Option<String> {
    match default {
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::List(items) => {
            let items: Vec<String> = items
                .iter()
                .filter_map(|item| Some(format!("{:?}", item.as_str()?)))
                .collect();
            Some(format!("[{}]", items.join(", ")))
        }
        _ => None,
    }
}

/// Reads an argument. In states of versions that did not have it yet, it gets the default, as in a
/// new configuration.
pub(super) fn read<T: ArgumentType>(
    state: &Value,
    name: &str,
    default: impl FnOnce() -> T,
) -> Result<T, Diagnostic> {
    let value = state.get(name);
    if value.is_null() {
        return Ok(default());
    }
    value.to().map_err(|error| {
        Diagnostic::error("Argument not usable", format!("{name}: {error}.")).at(name)
    })
}

/// A set of arguments in which one differs from its default.
#[cfg(test)]
pub(in crate::builder) struct Variation {
    pub name: &'static str,
    pub arguments: super::Arguments,
}

/// Declares the arguments: the struct `Arguments` with a field for each, their schema, and
/// functions that read and write all of them.
macro_rules! arguments {
    ($(
        $(#[doc = $line:literal])+
        $name:ident: $type:ty = $default:expr => {
            schema: $schema:expr,
            refresh: $source:expr,
        }
    )+) => {
        /// The values of all arguments.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(in crate::builder) struct Arguments {
            $($(#[doc = $line])+ pub $name: $type,)+
        }

        impl Default for Arguments {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Arguments {
            /// Returns the schema of each argument, by name.
            pub(in crate::builder) fn schema() -> Vec<(&'static str, declare::Element)> {
                vec![$((
                    stringify!($name),
                    declare::element::<$type>(concat!($($line),+), $default, $schema),
                ),)+]
            }

            /// Reads the arguments from a planned or stored state.
            ///
            /// # Errors
            /// If one of them is not known or has another type.
            pub(in crate::builder) fn read(
                state: &tfplugin_sdk::Value,
            ) -> Result<Self, tfplugin_sdk::Diagnostic> {
                Ok(Self { $($name: declare::read(state, stringify!($name), || $default)?,)+ })
            }

            /// Writes the arguments to a state.
            pub(in crate::builder) fn write(&self, state: &mut tfplugin_sdk::Value) {
                $(state.set(stringify!($name), self.$name.clone());)+
            }

            /// Returns, for each argument, the defaults with a different value for that argument.
            #[cfg(test)]
            pub(in crate::builder) fn variations() -> Vec<declare::Variation> {
                vec![$(declare::Variation {
                    name: stringify!($name),
                    arguments: Self {
                        $name: declare::ArgumentType::altered($default),
                        ..Self::default()
                    },
                },)+]
            }
        }
    };
}
pub(super) use arguments;

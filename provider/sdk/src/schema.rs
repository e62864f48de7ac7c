//! Schemas: attributes, blocks, and how plans treat them.

mod attribute;
mod block;
mod check;
mod fit;
mod identity;
mod validate;
mod wire;

pub use attribute::{Attribute, Nesting};
pub use block::Block;

pub(crate) use attribute::{Form, Replace};

use crate::types::Type;
use crate::value::Value;

/// The schema of a provider, resource or data source.
///
/// ```
/// use tfplugin_sdk::{Attribute, Block, Nesting, Schema, Type, validators};
///
/// let schema = Schema::new()
///     .version(1)
///     .description("A file with a *checksum*.")
///     .attribute("path", Attribute::string().required().requires_replace())
///     .attribute("mode", Attribute::string().default("0644").validate(validators::length(4..=4)))
///     .attribute("labels", Attribute::map(Type::String).optional())
///     .attribute("sha256", Attribute::string().computed())
///     .attribute(
///         "chunks",
///         Attribute::nested(Nesting::List, [
///             ("offset", Attribute::number().computed()),
///             ("size", Attribute::number().computed()),
///         ])
///         .computed(),
///     )
///     .block("lock", Block::single().attribute("timeout", Attribute::string().optional()));
/// # let _ = schema;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Schema {
    version: i64,
    root: Block,
    identity: Vec<String>,
    identity_version: i64,
    mutable_identity: bool,
}

impl Schema {
    /// Creates an empty schema of version 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the version of stored states. Increase it with each change that old states do not fit;
    /// see [`Resource::upgrade_state`](crate::Resource::upgrade_state).
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// Sets the description, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.root = self.root.description(markdown);
        self
    }

    /// Marks the provider, resource or data source as deprecated.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.root = self.root.deprecated();
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        self.root = self.root.attribute(name, attribute);
        self
    }

    /// Adds a block.
    #[must_use]
    pub fn block(mut self, name: impl Into<String>, block: Block) -> Self {
        self.root = self.root.block(name, block);
        self
    }

    /// Sets the attributes that identify a resource, by which Terraform 1.12 and later can import
    /// it in an `import` block. They must be strings, numbers or bools at the root. An attribute
    /// that is required or has a default is always set and never changes. Any other is optional in
    /// an import and may be null.
    #[must_use]
    pub fn identity<K: Into<String>>(mut self, attributes: impl IntoIterator<Item = K>) -> Self {
        self.identity = attributes.into_iter().map(Into::into).collect();
        self
    }

    /// Allows the identity to change in place, for example if it includes a name that changes with
    /// each release. Otherwise, every attribute of the identity that is always set must require
    /// replacement.
    #[must_use]
    pub fn mutable_identity(mut self) -> Self {
        self.mutable_identity = true;
        self
    }

    /// Sets the version of stored identities. Increase it when attributes are added. They are null
    /// in the identities of older versions until the next refresh.
    #[must_use]
    pub fn identity_version(mut self, version: i64) -> Self {
        self.identity_version = version;
        self
    }

    /// Iterates over the attributes at the root, sorted by name.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        self.root
            .attributes
            .iter()
            .map(|(name, a)| (name.as_str(), a))
    }

    /// Iterates over the blocks at the root, sorted by name.
    pub fn blocks(&self) -> impl Iterator<Item = (&str, &Block)> {
        self.root.blocks.iter().map(|(name, b)| (name.as_str(), b))
    }

    /// Returns the type of a configuration or state, which is an object.
    #[must_use]
    pub fn ty(&self) -> Type {
        self.root.object_type()
    }

    /// Returns whether a plan changes the resource itself rather than only inert attributes.
    pub(crate) fn changes_thing(&self, prior: &Value, planned: &Value) -> bool {
        if prior.is_null() || planned.is_null() {
            return prior != planned;
        }
        let differs = |name: &String| prior.get(name) != planned.get(name);
        let (attributes, blocks) = (&self.root.attributes, &self.root.blocks);
        attributes.iter().any(|(name, a)| !a.inert && differs(name))
            || blocks.iter().any(|(name, b)| !b.inert && differs(name))
    }

    pub(crate) fn root(&self) -> &Block {
        &self.root
    }

    pub(crate) fn stored_version(&self) -> i64 {
        self.version
    }
}

//! Blocks, including the root of a schema.

use std::collections::BTreeMap;

use super::{Attribute, Nesting};
use crate::types::Type;

/// A block: attributes, nested blocks, and how often it may occur.
#[derive(Debug, Clone)]
pub struct Block {
    pub(crate) nesting: Nesting,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) blocks: BTreeMap<String, Block>,
    pub(crate) description: String,
    pub(crate) deprecated: bool,
    pub(crate) min_items: u32,
    pub(crate) max_items: u32,
    pub(crate) inert: bool,
    /// Names that were added twice, reported by `check`.
    pub(crate) twice: Vec<String>,
}

impl Default for Block {
    fn default() -> Self {
        Self::new(Nesting::Single)
    }
}

impl Block {
    fn new(nesting: Nesting) -> Self {
        Self {
            nesting,
            attributes: BTreeMap::new(),
            blocks: BTreeMap::new(),
            description: String::new(),
            deprecated: false,
            min_items: 0,
            max_items: 0,
            inert: false,
            twice: Vec::new(),
        }
    }

    /// Creates a block that occurs at most once. Its value is an object or null.
    #[must_use]
    pub fn single() -> Self {
        Self::new(Nesting::Single)
    }

    /// Creates a repeated block whose order matters.
    #[must_use]
    pub fn list() -> Self {
        Self::new(Nesting::List)
    }

    /// Creates a repeated block whose order does not matter.
    #[must_use]
    pub fn set() -> Self {
        Self::new(Nesting::Set)
    }

    /// Creates a repeated block with labels.
    #[must_use]
    pub fn map() -> Self {
        Self::new(Nesting::Map)
    }

    /// Adds an attribute.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        let name = name.into();
        if self.blocks.contains_key(&name) || self.attributes.contains_key(&name) {
            self.twice.push(name.clone());
        }
        self.attributes.insert(name, attribute);
        self
    }

    /// Adds a block.
    #[must_use]
    pub fn block(mut self, name: impl Into<String>, block: Self) -> Self {
        let name = name.into();
        if self.blocks.contains_key(&name) || self.attributes.contains_key(&name) {
            self.twice.push(name.clone());
        }
        self.blocks.insert(name, block);
        self
    }

    /// Sets the description, in Markdown.
    #[must_use]
    pub fn description(mut self, markdown: impl Into<String>) -> Self {
        self.description = markdown.into();
        self
    }

    /// Marks the block as deprecated: Terraform warns if it is used.
    #[must_use]
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Marks the block as inert; see [`Attribute::inert`]. Only allowed at the
    /// root.
    #[must_use]
    pub fn inert(mut self) -> Self {
        self.inert = true;
        self
    }

    /// Sets the minimum number of blocks in a list or set; 1 makes a single
    /// block required.
    #[must_use]
    pub fn min_items(mut self, n: u32) -> Self {
        self.min_items = n;
        self
    }

    /// Sets the maximum number of blocks in a list or set.
    #[must_use]
    pub fn max_items(mut self, n: u32) -> Self {
        self.max_items = n;
        self
    }

    /// Returns the type of a single occurrence.
    pub(crate) fn object_type(&self) -> Type {
        let attributes = self.attributes.iter().map(|(k, a)| (k.clone(), a.ty()));
        let blocks = self.blocks.iter().map(|(k, b)| (k.clone(), b.ty()));
        Type::Object(attributes.chain(blocks).collect())
    }

    /// Returns the type of all occurrences together.
    pub(crate) fn ty(&self) -> Type {
        self.nesting.ty(self.object_type())
    }
}

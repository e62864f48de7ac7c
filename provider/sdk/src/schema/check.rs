//! Mistakes in schemas, reported when Terraform fetches them.

use super::{Attribute, Block, Form, Nesting, Replace, Schema};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::types::{Type, is_identifier};

impl Schema {
    /// Returns the mistakes in the schema. Messages call the schema `owner`.
    /// Public for use in provider tests.
    #[must_use]
    pub fn check(&self, owner: &str) -> Diagnostics {
        let mut check = Check {
            owner,
            found: Diagnostics::new(),
        };
        check.block(&AttributePath::new(), &self.root);
        for name in &self.identity {
            check.identity(name, self.root.attributes.get(name), self.mutable_identity);
        }
        check.found
    }
}

struct Check<'a> {
    owner: &'a str,
    found: Diagnostics,
}

impl Check<'_> {
    fn wrong(&mut self, path: &AttributePath, what: &str) {
        let at = format!("schema of {}: {path}: {what}", self.owner);
        self.found.push(Diagnostic::bug(at));
    }

    fn identity(&mut self, name: &str, attribute: Option<&Attribute>, may_change: bool) {
        let path = AttributePath::from(name);
        let Some(attribute) = attribute else {
            self.wrong(&path, "part of the identity, but no attribute");
            return;
        };
        let simple = matches!(
            attribute.form,
            Form::Plain(Type::Bool | Type::Number | Type::String)
        );
        if !simple {
            self.wrong(&path, "part of the identity, but no string, number or bool");
        }
        let is_always_set = attribute.required || attribute.default.is_some();
        if is_always_set && !may_change && attribute.replace != Replace::Always {
            self.wrong(&path, "part of the identity, but may change");
        }
    }

    fn name(&mut self, path: &AttributePath, name: &str) {
        if !is_identifier(name) {
            self.wrong(
                path,
                "the name is reserved or not of the form a-z, 0-9 and _",
            );
        }
    }

    fn block(&mut self, path: &AttributePath, block: &Block) {
        for name in &block.twice {
            self.wrong(&path.attribute(name), "the name is used twice");
        }
        for (name, attribute) in &block.attributes {
            let path = path.attribute(name);
            self.name(&path, name);
            self.attribute(&path, attribute);
        }
        for (name, inner) in &block.blocks {
            let path = path.attribute(name);
            self.name(&path, name);
            match inner.nesting {
                Nesting::Single if inner.min_items > 1 || inner.max_items > 1 => {
                    self.wrong(&path, "a single block with more than one item");
                }
                Nesting::Map if inner.min_items > 0 || inner.max_items > 0 => {
                    self.wrong(&path, "a map of blocks has no limits");
                }
                Nesting::List | Nesting::Set
                    if inner.max_items > 0 && inner.min_items > inner.max_items =>
                {
                    self.wrong(&path, "more items required than allowed");
                }
                _ => {}
            }
            if inner.inert && path.steps().len() > 1 {
                self.wrong(&path, "inert below the root");
            }
            if inner.nesting != Nesting::Single && inner.object_type().has_dynamic() {
                self.wrong(&path, "a repeated block cannot hold values of any type");
            }
            self.block(&path, inner);
        }
    }

    fn attribute(&mut self, path: &AttributePath, a: &Attribute) {
        if a.required && (a.optional || a.computed) {
            self.wrong(path, "required, and optional or computed too");
        }
        if !(a.required || a.optional || a.computed) {
            self.wrong(path, "neither required nor optional nor computed");
        }
        if a.inert && path.steps().len() > 1 {
            self.wrong(path, "inert below the root");
        }
        if a.keep_prior && !a.computed {
            self.wrong(
                path,
                "use_state_for_unknown on an attribute that is not computed",
            );
        }
        if a.replace == Replace::IfConfigured && !a.optional {
            self.wrong(
                path,
                "requires_replace_if_configured on an attribute that is not optional",
            );
        }
        if let Some(default) = &a.default {
            if let Err(e) = default.clone().conform(&a.ty()) {
                self.wrong(path, &format!("the default is not of its type: {e}"));
            }
            if !default.is_wholly_known() {
                self.wrong(path, "the default is not known");
            }
        }
        if let Form::Nested(nesting, attributes) = &a.form {
            for (name, inner) in attributes {
                let path = path.attribute(name);
                self.name(&path, name);
                self.attribute(&path, inner);
                if *nesting == Nesting::Set && inner.default.is_some() {
                    self.wrong(&path, "a default inside a set");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type;

    #[test]
    fn a_good_schema_passes() {
        let schema = Schema::new()
            .attribute("a", Attribute::string().required().requires_replace())
            .attribute("b", Attribute::number().default(3_i64))
            .attribute("c", Attribute::bool().computed().use_state_for_unknown())
            .block(
                "d",
                Block::list().attribute("e", Attribute::string().optional()),
            );
        assert_eq!(schema.check("x"), Diagnostics::new());
    }

    #[test]
    fn each_mistake_is_named() {
        let table = [
            (
                Schema::new().attribute("a", Attribute::string()),
                "neither required",
            ),
            (
                Schema::new().attribute("a", Attribute::string().required().computed()),
                "too",
            ),
            (
                Schema::new().attribute("A", Attribute::string().optional()),
                "reserved",
            ),
            (
                Schema::new().attribute("count", Attribute::string().optional()),
                "reserved",
            ),
            (
                Schema::new().attribute("a", Attribute::string().default(1_i64)),
                "not of its type",
            ),
            (
                Schema::new()
                    .attribute("a", Attribute::string().optional().use_state_for_unknown()),
                "not computed",
            ),
            (
                Schema::new()
                    .attribute("a", Attribute::string().optional())
                    .block("a", Block::single()),
                "twice",
            ),
            (
                Schema::new().block(
                    "a",
                    Block::list().attribute("b", Attribute::new(Type::Dynamic).optional()),
                ),
                "any type",
            ),
            (
                Schema::new().block(
                    "a",
                    Block::single().attribute("b", Attribute::string().optional().inert()),
                ),
                "below the root",
            ),
            (
                Schema::new().attribute(
                    "a",
                    Attribute::nested(Nesting::Set, [("b", Attribute::string().default("x"))])
                        .optional(),
                ),
                "inside a set",
            ),
        ];
        for (schema, want) in table {
            let found = schema.check("x");
            assert_eq!(found.len(), 1, "{want}: {found:?}");
            assert!(
                found.iter().all(|d| d.detail.contains(want)),
                "{want}: {found:?}"
            );
        }
    }
}

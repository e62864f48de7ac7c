//! What an apply would do.
//!
//! Terraform sends the configuration, the prior state, and a proposal: the
//! configuration where it says something, the prior state's computed values
//! elsewhere. From these the framework makes the planned state:
//!
//! 1. attributes that the configuration does not set get their default;
//! 2. if nothing differs from the prior state then (or only what says how
//!    Terraform is to go about the thing), computed attributes keep their
//!    values, and Terraform shows nothing (or only that);
//! 3. otherwise each computed attribute may change, so it becomes unknown,
//!    except where the schema says that an update keeps it;
//! 4. the resource may refine the result, because it knows more: see
//!    [`Resource::modify_plan`](crate::Resource::modify_plan);
//! 5. what differs now, and is marked so in the schema, asks for a new thing.
//!
//! Terraform checks the plan (what the configuration sets must stay as it is)
//! and later the apply (what was planned known must come out the same).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::path::AttributePath;
use crate::schema::{Attribute, Block, Form, Nesting, Replace, Schema};
use crate::value::Value;

/// A plan for a create or an update, on its way from the schema's rules to
/// Terraform.
#[derive(Debug)]
pub struct Plan {
    schema: Arc<Schema>,
    config: Value,
    prior: Value,
    planned: Value,
    replace: Vec<AttributePath>,
}

impl Plan {
    /// Steps 1 to 3.
    pub(crate) fn new(schema: Arc<Schema>, config: Value, prior: Value, proposed: Value) -> Self {
        let mut plan = Self {
            schema,
            config,
            prior,
            planned: proposed,
            replace: Vec::new(),
        };
        let root = Object::from(plan.schema.root());
        set_defaults(root, &plan.config, &mut plan.planned);
        if plan.schema.changes_thing(&plan.prior, &plan.planned) {
            plan.mark_computed_unknown();
        }
        plan
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// The state before; `None` for a create.
    #[must_use]
    pub fn prior(&self) -> Option<&Value> {
        (!self.prior.is_null()).then_some(&self.prior)
    }

    /// The state to expect.
    #[must_use]
    pub fn planned(&self) -> &Value {
        &self.planned
    }

    /// Whether a new thing is made; also the second half of a replacement.
    #[must_use]
    pub fn is_create(&self) -> bool {
        self.prior.is_null()
    }

    /// Whether there is a thing already.
    #[must_use]
    pub fn is_update(&self) -> bool {
        !self.is_create()
    }

    /// Whether an apply would do anything, if only to the state.
    #[must_use]
    pub fn has_changes(&self) -> bool {
        self.planned != self.prior
    }

    /// Plans a value for an attribute of the root. It must be computed and not
    /// set in the configuration, or Terraform refuses the plan; and the apply
    /// must give exactly this value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.planned.set(name, value);
    }

    /// Plans that only the apply will tell.
    pub fn set_unknown(&mut self, name: impl Into<String>) {
        self.planned.set(name, Value::Unknown);
    }

    /// Makes computed attributes unknown, as for a change of the
    /// configuration: for a change that only the resource sees, such as a tag
    /// that has moved. Attributes that keep their prior value do so. To be
    /// called before values are [`set`](Self::set).
    pub fn mark_computed_unknown(&mut self) {
        let root = Object::from(self.schema.root());
        mark_unknown(root, &self.config, &self.prior, &mut self.planned);
    }

    /// Asks for a new thing, because of this attribute.
    pub fn require_replace(&mut self, path: impl Into<AttributePath>) {
        self.replace.push(path.into());
    }

    /// Step 5: the planned state, and the attributes that ask for a new thing.
    pub(crate) fn finish(mut self) -> (Value, Vec<AttributePath>) {
        if self.prior.is_null() {
            return (self.planned, Vec::new());
        }
        let root = Object::from(self.schema.root());
        find_replaced(
            root,
            &AttributePath::new(),
            &self.config,
            &self.prior,
            &self.planned,
            &mut self.replace,
        );
        self.replace.sort();
        self.replace.dedup();
        (self.planned, self.replace)
    }
}

/// Fills the schema's defaults into a configuration: all the planning that a
/// data source needs.
pub(crate) fn with_defaults(schema: &Schema, config: &Value) -> Value {
    let mut filled = config.clone();
    set_defaults(schema.root().into(), config, &mut filled);
    filled
}

/// Fills the schema's defaults into a stored state, for attributes that it
/// lacks altogether: a version of the provider without them wrote it. The plan
/// would find them null and change, or even replace, all that exists.
pub(crate) fn fill_missing(schema: &Schema, state: &mut Value) {
    set_missing(schema.root().into(), state);
}

/// What one object may hold: a block, or an attribute with a structure.
#[derive(Clone, Copy)]
struct Object<'s> {
    attributes: &'s BTreeMap<String, Attribute>,
    blocks: Option<&'s BTreeMap<String, Block>>,
}

impl<'s> From<&'s Block> for Object<'s> {
    fn from(block: &'s Block) -> Self {
        Self {
            attributes: &block.attributes,
            blocks: Some(&block.blocks),
        }
    }
}

impl<'s> From<&'s BTreeMap<String, Attribute>> for Object<'s> {
    fn from(attributes: &'s BTreeMap<String, Attribute>) -> Self {
        Self {
            attributes,
            blocks: None,
        }
    }
}

impl<'s> Object<'s> {
    fn blocks(self) -> impl Iterator<Item = (&'s String, &'s Block)> {
        self.blocks.into_iter().flatten()
    }
}

/// Visits each planned object of something nested together with what the
/// configuration and the prior state have in its place.
///
/// Elements of a set have no place. There the planned element stands for the
/// configuration: Terraform has merged matching prior elements into it.
fn for_each(
    nesting: Nesting,
    config: &Value,
    prior: &Value,
    planned: &mut Value,
    mut visit: impl FnMut(&Value, &Value, &mut Value),
) {
    match (nesting, planned) {
        (Nesting::Single, planned) => visit(config, prior, planned),
        (Nesting::List, Value::List(items)) => {
            for (index, item) in items.iter_mut().enumerate() {
                let place = AttributePath::new().index(index);
                visit(config.at(&place), prior.at(&place), item);
            }
        }
        (Nesting::Set, Value::List(items)) => {
            for item in items.iter_mut() {
                visit(&item.clone(), &Value::Null, item);
            }
            *items = match Value::set_of(std::mem::take(items)) {
                Value::List(items) => items,
                _ => Vec::new(),
            };
        }
        (Nesting::Map, Value::Map(items)) => {
            for (key, item) in items {
                visit(config.get(key), prior.get(key), item);
            }
        }
        _ => {}
    }
}

fn set_defaults(object: Object<'_>, config: &Value, planned: &mut Value) {
    let Value::Map(items) = planned else {
        return;
    };
    for (name, attribute) in object.attributes {
        let config = config.get(name);
        let slot = items.entry(name.clone()).or_default();
        if !config.is_null() {
            if let Form::Nested(nesting, inner) = &attribute.form {
                for_each(*nesting, config, &Value::Null, slot, |config, _, slot| {
                    set_defaults(inner.into(), config, slot);
                });
            }
        } else if let Some(default) = attribute.fitting_default() {
            *slot = default;
        }
    }
    for (name, block) in object.blocks() {
        let slot = items.entry(name.clone()).or_default();
        for_each(
            block.nesting,
            config.get(name),
            &Value::Null,
            slot,
            |config, _, slot| {
                set_defaults(block.into(), config, slot);
            },
        );
    }
}

fn set_missing(object: Object<'_>, state: &mut Value) {
    let Value::Map(items) = state else {
        return;
    };
    for (name, attribute) in object.attributes {
        match (items.get_mut(name), &attribute.form) {
            (Some(slot), Form::Nested(nesting, inner)) => {
                for_each_stored(*nesting, inner.into(), slot);
            }
            (Some(_), Form::Plain(_)) => {}
            (None, _) => {
                if let Some(default) = attribute.fitting_default() {
                    items.insert(name.clone(), default);
                }
            }
        }
    }
    for (name, block) in object.blocks() {
        if let Some(slot) = items.get_mut(name) {
            for_each_stored(block.nesting, block.into(), slot);
        }
    }
}

fn for_each_stored(nesting: Nesting, inner: Object<'_>, state: &mut Value) {
    let nothing = &Value::Null;
    for_each(nesting, nothing, nothing, state, |_, _, item| {
        set_missing(inner, item);
    });
}

fn mark_unknown(object: Object<'_>, config: &Value, prior: &Value, planned: &mut Value) {
    let Value::Map(items) = planned else {
        return;
    };
    for (name, attribute) in object.attributes {
        let (config, prior) = (config.get(name), prior.get(name));
        let slot = items.entry(name.clone()).or_default();
        if !config.is_null() {
            if let Form::Nested(nesting, inner) = &attribute.form {
                for_each(*nesting, config, prior, slot, |config, prior, slot| {
                    mark_unknown(inner.into(), config, prior, slot);
                });
            }
        } else if attribute.computed && attribute.default.is_none() {
            // A prior null may come from a version that lacked the attribute.
            *slot = if attribute.keep_prior && !prior.is_null() {
                prior.clone()
            } else {
                Value::Unknown
            };
        }
    }
    for (name, block) in object.blocks() {
        let slot = items.entry(name.clone()).or_default();
        for_each(
            block.nesting,
            config.get(name),
            prior.get(name),
            slot,
            |config, prior, slot| {
                mark_unknown(block.into(), config, prior, slot);
            },
        );
    }
}

fn find_replaced(
    object: Object<'_>,
    path: &AttributePath,
    config: &Value,
    prior: &Value,
    planned: &Value,
    found: &mut Vec<AttributePath>,
) {
    for (name, attribute) in object.attributes {
        let (config, prior, planned) = (config.get(name), prior.get(name), planned.get(name));
        if prior == planned {
            continue;
        }
        let path = path.attribute(name);
        match attribute.replace {
            Replace::Always => found.push(path),
            Replace::IfConfigured if !config.is_null() => found.push(path),
            _ => {
                if let Form::Nested(nesting, inner) = &attribute.form {
                    let inner = Object::from(inner);
                    find_replaced_inside(*nesting, inner, &path, config, prior, planned, found);
                }
            }
        }
    }
    for (name, block) in object.blocks() {
        let (config, prior, planned) = (config.get(name), prior.get(name), planned.get(name));
        if prior != planned {
            let path = path.attribute(name);
            let inner = Object::from(block);
            find_replaced_inside(block.nesting, inner, &path, config, prior, planned, found);
        }
    }
}

fn find_replaced_inside(
    nesting: Nesting,
    inner: Object<'_>,
    path: &AttributePath,
    config: &Value,
    prior: &Value,
    planned: &Value,
    found: &mut Vec<AttributePath>,
) {
    let steps: Vec<AttributePath> = match nesting {
        Nesting::Single => return find_replaced(inner, path, config, prior, planned, found),
        // Its elements have no address: any change counts as one of each.
        Nesting::Set => {
            if replaces(inner) {
                found.push(path.clone());
            }
            return;
        }
        Nesting::List => {
            let len = |v: &Value| v.as_list().map_or(0, <[_]>::len);
            (0..len(prior).max(len(planned)))
                .map(|index| AttributePath::new().index(index))
                .collect()
        }
        Nesting::Map => {
            let keys = |v: &Value| v.as_map().map(|m| m.keys().cloned().collect::<Vec<_>>());
            let (a, b) = (keys(prior), keys(planned));
            let mut keys: Vec<_> = a.into_iter().chain(b).flatten().collect();
            keys.sort();
            keys.dedup();
            keys.iter()
                .map(|key| AttributePath::new().key(key))
                .collect()
        }
    };
    for step in steps {
        let path = path.join(&step);
        find_replaced(
            inner,
            &path,
            config.at(&step),
            prior.at(&step),
            planned.at(&step),
            found,
        );
    }
}

/// Whether a change of anything in the object replaces the resource.
fn replaces(object: Object<'_>) -> bool {
    object.attributes.values().any(|a| {
        a.replace != Replace::Never
            || matches!(&a.form, Form::Nested(_, inner) if replaces(inner.into()))
    }) || object.blocks().any(|(_, block)| replaces(block.into()))
}

#[cfg(test)]
mod tests;

//! The rules of a plan, applied to an object and its nested objects.

use std::collections::BTreeMap;

use crate::path::AttributePath;
use crate::schema::{Attribute, Block, Form, Nesting, Replace};
use crate::value::Value;

/// The contents of an object: a block or a nested attribute.
#[derive(Clone, Copy)]
pub(super) struct Object<'s> {
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

/// Visits each planned nested object, along with the corresponding objects of
/// the configuration and the prior state.
///
/// Elements of a set have no position. The planned element then stands for the
/// configuration, as Terraform has merged matching prior elements into it.
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

pub(super) fn set_defaults(object: Object<'_>, config: &Value, planned: &mut Value) {
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

pub(super) fn set_missing(object: Object<'_>, state: &mut Value) {
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

pub(super) fn mark_unknown(object: Object<'_>, config: &Value, prior: &Value, planned: &mut Value) {
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
            // A prior null may come from a version without the attribute.
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

pub(super) fn find_replaced(
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
        // Elements have no address, so any change counts for each of them.
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

/// Returns whether any change within the object requires replacement.
pub(super) fn replaces(object: Object<'_>) -> bool {
    object.attributes.values().any(|a| {
        a.replace != Replace::Never
            || matches!(&a.form, Form::Nested(_, inner) if replaces(inner.into()))
    }) || object.blocks().any(|(_, block)| replaces(block.into()))
}

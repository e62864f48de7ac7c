//! The proposal that Terraform sends with a plan: the configuration, with the
//! prior state's values for computed attributes that it does not set.

use std::collections::BTreeMap;

use crate::schema::{Attribute, Block, Form, Nesting, Schema};
use crate::value::Value;

/// Returns the proposed new state.
pub(super) fn propose(schema: &Schema, config: &Value, prior: &Value) -> Value {
    match config {
        Value::Map(_) => of_block(schema.root(), config, prior),
        _ => config.clone(),
    }
}

fn of_block(block: &Block, config: &Value, prior: &Value) -> Value {
    let mut proposed = of_attributes(&block.attributes, config, prior);
    for (name, inner) in &block.blocks {
        let (config, prior) = (config.get(name), prior.get(name));
        let value = nested(inner.nesting, config, prior, &|config, prior| {
            of_block(inner, config, prior)
        });
        proposed.set(name, value);
    }
    proposed
}

fn of_attributes(attributes: &BTreeMap<String, Attribute>, config: &Value, prior: &Value) -> Value {
    let values = attributes.iter().map(|(name, attribute)| {
        let (config, prior) = (config.get(name), prior.get(name));
        let value = match &attribute.form {
            _ if config.is_null() && attribute.computed => prior.clone(),
            Form::Plain(_) => config.clone(),
            Form::Nested(nesting, inner) => nested(*nesting, config, prior, &|config, prior| {
                of_attributes(inner, config, prior)
            }),
        };
        (name.clone(), value)
    });
    Value::object(values)
}

/// Proposes each object of a nested value, given the corresponding prior
/// object.
fn nested(
    nesting: Nesting,
    config: &Value,
    prior: &Value,
    propose: &dyn Fn(&Value, &Value) -> Value,
) -> Value {
    match (nesting, config) {
        (Nesting::Single, Value::Map(_)) => propose(config, prior),
        (Nesting::List, Value::List(items)) => {
            let prior = prior.as_list().unwrap_or_default();
            let items = items.iter().enumerate();
            let items = items.map(|(i, item)| propose(item, prior.get(i).unwrap_or(&Value::Null)));
            Value::List(items.collect())
        }
        // Elements of a set have no position. The matching prior element is the
        // one that the proposal leaves unchanged wherever the configuration has
        // a value.
        (Nesting::Set, Value::List(items)) => {
            let prior = prior.as_list().unwrap_or_default();
            let items = items.iter().map(|item| {
                let mut candidates = prior.iter().map(|prior| (prior, propose(item, prior)));
                let same = candidates.find(|(prior, proposed)| *prior == proposed);
                same.map_or_else(|| propose(item, &Value::Null), |(_, proposed)| proposed)
            });
            Value::List(items.collect())
        }
        (Nesting::Map, Value::Map(items)) => {
            let items = items.iter();
            Value::object(items.map(|(key, item)| (key.clone(), propose(item, prior.get(key)))))
        }
        _ => config.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prior_values_fill_computed_attributes_only() {
        let inner = || {
            [
                ("name", Attribute::string().required()),
                ("hash", Attribute::string().computed()),
            ]
        };
        let schema = Schema::new()
            .attribute("plain", Attribute::string().optional())
            .attribute("both", Attribute::string().optional().computed())
            .attribute("list", Attribute::nested(Nesting::List, inner()).optional())
            .attribute("map", Attribute::nested(Nesting::Map, inner()).optional())
            .block(
                "set",
                Block::set()
                    .attribute("name", Attribute::string().required())
                    .attribute("hash", Attribute::string().computed()),
            )
            .block(
                "one",
                Block::single().attribute("id", Attribute::string().computed()),
            );
        let item = |name: &str, hash: Option<&str>| {
            Value::object([("name", name.into()), ("hash", hash.into())])
        };
        let prior = Value::object([
            ("plain", "before".into()),
            ("both", "before".into()),
            ("list", vec![item("x", Some("1"))].into()),
            ("map", Value::object([("k", item("x", Some("2")))])),
            (
                "set",
                vec![item("b", Some("4")), item("a", Some("3"))].into(),
            ),
            ("one", Value::object([("id", "5".into())])),
        ]);
        let config = Value::object([
            ("list", vec![item("y", None), item("z", None)].into()),
            (
                "map",
                Value::object([("k", item("x", None)), ("l", item("x", None))]),
            ),
            ("set", vec![item("a", None), item("c", None)].into()),
            ("one", Value::object([("id", Value::Null)])),
        ]);
        let want = Value::object([
            ("plain", Value::Null),
            ("both", "before".into()),
            ("list", vec![item("y", Some("1")), item("z", None)].into()),
            (
                "map",
                Value::object([("k", item("x", Some("2"))), ("l", item("x", None))]),
            ),
            ("set", vec![item("a", Some("3")), item("c", None)].into()),
            ("one", Value::object([("id", "5".into())])),
        ]);
        assert_eq!(propose(&schema, &config, &prior), want);
        assert_eq!(propose(&schema, &Value::Null, &prior), Value::Null);
        let created = propose(&schema, &config, &Value::Null);
        assert!(created.get("both").is_null());
    }
}

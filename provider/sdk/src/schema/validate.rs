//! Running the checks of all attributes over a configuration.

use std::collections::BTreeMap;

use super::{Attribute, Block, Form, Nesting, Schema};
use crate::diagnostic::Diagnostics;
use crate::path::AttributePath;
use crate::value::Value;

impl Schema {
    /// Everything the attributes' own checks find in a configuration; also for a provider's own
    /// tests.
    #[must_use]
    pub fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = Diagnostics::new();
        block(&self.root, config, &AttributePath::new(), &mut found);
        found
    }
}

fn block(block_: &Block, value: &Value, path: &AttributePath, found: &mut Diagnostics) {
    attributes(&block_.attributes, value, path, found);
    for (name, inner) in &block_.blocks {
        let path = path.attribute(name);
        each(inner.nesting, value.get(name), &path, |value, path| {
            block(inner, value, path, found);
        });
    }
}

fn attributes(
    all: &BTreeMap<String, Attribute>,
    value: &Value,
    path: &AttributePath,
    found: &mut Diagnostics,
) {
    for (name, attribute) in all {
        let (value, path) = (value.get(name), path.attribute(name));
        for validator in &attribute.validators {
            validator.run(value, &path, found);
        }
        if let Form::Nested(nesting, inner) = &attribute.form {
            each(*nesting, value, &path, |value, path| {
                attributes(inner, value, path, found);
            });
        }
    }
}

/// Visits each object of something nested.
fn each(
    nesting: Nesting,
    value: &Value,
    path: &AttributePath,
    mut visit: impl FnMut(&Value, &AttributePath),
) {
    match (nesting, value) {
        (Nesting::Single, value) => visit(value, path),
        (Nesting::List | Nesting::Set, Value::List(items)) => {
            for (index, item) in items.iter().enumerate() {
                visit(item, &path.index(index));
            }
        }
        (Nesting::Map, Value::Map(items)) => {
            for (key, item) in items {
                visit(item, &path.key(key));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validators::one_of;

    #[test]
    fn all_faults_are_found_at_once() {
        let x = || Attribute::string().optional().validate(one_of(["x"]));
        let schema = Schema::new()
            .attribute("a", x())
            .attribute(
                "n",
                Attribute::nested(Nesting::Map, [("b", x())]).optional(),
            )
            .block("list", Block::list().attribute("c", x()))
            .block("one", Block::single().attribute("d", x()));
        let bad = |name| Value::object([(name, "y".into())]);
        let config = Value::object([
            ("a", "y".into()),
            ("n", Value::object([("k", bad("b"))])),
            ("list", Value::List(vec![Value::Unknown, bad("c")])),
            ("one", bad("d")),
        ]);
        let found = schema.validate(&config);
        let paths: Vec<_> = found.iter().map(|d| d.path.to_string()).collect();
        assert_eq!(paths, ["a", r#"n["k"].b"#, "list[1].c", "one.d"]);
        assert!(schema.validate(&Value::Unknown).is_empty());
    }
}

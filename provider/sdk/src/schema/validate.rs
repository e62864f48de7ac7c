//! Validation of a configuration: who may set what, and the validators.

use std::collections::BTreeMap;

use super::{Attribute, Block, Form, Nesting, Schema};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::path::AttributePath;
use crate::value::Value;

impl Schema {
    /// Checks a configuration: it must set required attributes and no read-only
    /// ones, and satisfy the attributes' validators. Public for use in provider
    /// tests.
    ///
    /// Unknown values pass, because they may still turn out to be valid.
    #[must_use]
    pub fn validate(&self, config: &Value) -> Diagnostics {
        let mut found = Diagnostics::new();
        check_block(&self.root, config, &AttributePath::new(), &mut found);
        found
    }
}

fn check_block(block: &Block, value: &Value, path: &AttributePath, found: &mut Diagnostics) {
    // The contents of null and unknown values cannot be checked.
    if !matches!(value, Value::Map(_)) {
        return;
    }
    check_attributes(&block.attributes, value, path, found);
    for (name, inner) in &block.blocks {
        let path = path.attribute(name);
        each(inner.nesting, value.get(name), &path, |value, path| {
            check_block(inner, value, path, found);
        });
    }
}

fn check_attributes(
    all: &BTreeMap<String, Attribute>,
    value: &Value,
    path: &AttributePath,
    found: &mut Diagnostics,
) {
    if !matches!(value, Value::Map(_)) {
        return;
    }
    for (name, attribute) in all {
        let (value, path) = (value.get(name), path.attribute(name));
        if attribute.required && value.is_null() {
            found.push(missing(&path));
        }
        if !attribute.required && !attribute.optional {
            // Its nested attributes are read-only as a whole.
            if !value.is_null() {
                found.push(read_only(&path));
            }
            continue;
        }
        for validator in &attribute.validators {
            validator.run(value, &path, found);
        }
        if let Form::Nested(nesting, inner) = &attribute.form {
            each(*nesting, value, &path, |value, path| {
                check_attributes(inner, value, path, found);
            });
        }
    }
}

/// Returns the error for a required argument that is null. Terraform itself
/// rejects absent arguments, but not those set to null.
fn missing(path: &AttributePath) -> Diagnostic {
    let detail = format!("{path} is required and cannot be null.");
    Diagnostic::error("Missing required argument", detail).at(path.clone())
}

/// Returns the error for a read-only attribute that is set. Terraform allows
/// this, but would later report an inconsistent plan.
fn read_only(path: &AttributePath) -> Diagnostic {
    let detail = format!("{path} is set by the provider. Remove it from the configuration.");
    Diagnostic::error("Read-only attribute", detail).at(path.clone())
}

/// Visits each object of a nested value.
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
    fn required_and_read_only_attributes() {
        let part = || {
            [
                ("in", Attribute::string().required()),
                ("out", Attribute::string().computed()),
            ]
        };
        let schema = Schema::new()
            .attribute("name", Attribute::string().required())
            .attribute("id", Attribute::string().computed())
            .attribute("mode", Attribute::string().default("a"))
            .attribute("list", Attribute::nested(Nesting::List, part()).optional())
            .attribute("one", Attribute::nested(Nesting::Single, part()).optional())
            .attribute(
                "found",
                Attribute::nested(Nesting::Single, part()).computed(),
            )
            .block(
                "b",
                Block::single().attribute("in", Attribute::string().required()),
            );
        let found = |config: &Value| {
            let found = schema.validate(config);
            let found = found.iter().map(|d| format!("{}: {}", d.path, d.summary));
            found.collect::<Vec<_>>()
        };
        let set = |read_only: Value| Value::object([("in", "i".into()), ("out", read_only)]);

        let good = Value::object([
            ("name", "n".into()),
            ("list", Value::List(vec![Value::Unknown, set(Value::Null)])),
            ("one", Value::Null),
        ]);
        assert!(found(&good).is_empty(), "{:?}", found(&good));
        let unknown = Value::object([
            ("name", Value::Unknown),
            ("list", Value::Unknown),
            ("one", Value::Unknown),
            ("b", Value::object([("in", Value::Unknown)])),
        ]);
        assert!(found(&unknown).is_empty(), "{:?}", found(&unknown));

        let bad = Value::object([
            ("id", Value::Unknown),
            (
                "list",
                vec![set("o".into()), Value::object([("in", Value::Null)])].into(),
            ),
            ("one", Value::object([("out", "o".into())])),
            ("found", set("o".into())),
            ("b", Value::object([("in", Value::Null)])),
        ]);
        let want = [
            "found: Read-only attribute",
            "id: Read-only attribute",
            "list[0].out: Read-only attribute",
            "list[1].in: Missing required argument",
            "name: Missing required argument",
            "one.in: Missing required argument",
            "one.out: Read-only attribute",
            "b.in: Missing required argument",
        ];
        assert_eq!(found(&bad), want);
    }

    #[test]
    fn validators_report_all_faults_at_once() {
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

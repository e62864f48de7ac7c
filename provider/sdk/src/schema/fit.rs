//! Conversion of a provider's value to the form of a schema.

use super::{Block, Nesting, Schema};
use crate::value::{Value, ValueError};

impl Schema {
    /// Converts a value to the schema's type. Missing attributes become null;
    /// missing repeated blocks become empty, as they are never null in
    /// Terraform.
    pub(crate) fn fit(&self, value: Value) -> Result<Value, ValueError> {
        let mut value = value.conform(&self.ty())?;
        fill(&self.root, &mut value);
        Ok(value)
    }
}

fn fill(block: &Block, value: &mut Value) {
    let Value::Map(items) = value else {
        return;
    };
    for (name, inner) in &block.blocks {
        let slot = items.entry(name.clone()).or_default();
        match (inner.nesting, &mut *slot) {
            (Nesting::List | Nesting::Set, Value::Null) => *slot = Value::List(Vec::new()),
            (Nesting::Map, Value::Null) => *slot = Value::Map([].into()),
            (_, Value::List(blocks)) => blocks.iter_mut().for_each(|b| fill(inner, b)),
            (Nesting::Map, Value::Map(blocks)) => blocks.values_mut().for_each(|b| fill(inner, b)),
            (_, single) => fill(inner, single),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::Attribute;

    #[test]
    fn repeated_blocks_are_never_null() {
        let inner = || Block::list().block("more", Block::set());
        let schema = Schema::new()
            .attribute("a", Attribute::string().optional())
            .block("one", Block::single().block("list", inner()))
            .block("list", inner())
            .block("map", Block::map());
        let empty = schema.fit(Value::Map([].into())).unwrap();
        assert!(empty.get("a").is_null() && empty.get("one").is_null());
        assert_eq!(*empty.get("list"), Value::List(vec![]));
        assert_eq!(*empty.get("map"), Value::Map([].into()));
        let value = Value::object([
            ("one", Value::object([("list", Value::Null)])),
            ("list", Value::List(vec![Value::Map([].into())])),
        ]);
        let value = schema.fit(value).unwrap();
        assert_eq!(*value.get("one").get("list"), Value::List(vec![]));
        let first = &value.get("list").as_list().unwrap()[0];
        assert_eq!(*first.get("more"), Value::List(vec![]));
        assert_eq!(schema.fit(Value::Null), Ok(Value::Null));
    }
}

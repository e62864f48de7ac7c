//! The schema as the protocol sends it.

use super::{Attribute, Block, Form, Nesting, Schema};
use crate::proto::tfplugin6::{self as proto, StringKind, schema};

impl Schema {
    pub(crate) fn to_proto(&self) -> proto::Schema {
        let mut block = self.root.to_proto();
        block.version = self.version;
        proto::Schema {
            version: self.version,
            block: Some(block),
        }
    }
}

impl Block {
    fn to_proto(&self) -> schema::Block {
        use schema::nested_block::NestingMode as Mode;

        let blocks = self.blocks.iter().map(|(name, block)| {
            let nesting = match block.nesting {
                Nesting::Single => Mode::Single,
                Nesting::List => Mode::List,
                Nesting::Set => Mode::Set,
                Nesting::Map => Mode::Map,
            };
            // For a single block the two must agree: it is there or not.
            let max_items = match block.nesting {
                Nesting::Single => block.min_items,
                _ => block.max_items,
            };
            schema::NestedBlock {
                type_name: name.clone(),
                block: Some(block.to_proto()),
                nesting: nesting.into(),
                min_items: block.min_items.into(),
                max_items: max_items.into(),
            }
        });
        schema::Block {
            version: 0,
            attributes: self.attributes.iter().map(attribute).collect(),
            block_types: blocks.collect(),
            description: self.description.clone(),
            description_kind: StringKind::Markdown.into(),
            deprecated: self.deprecated,
        }
    }
}

fn attribute((name, a): (&String, &Attribute)) -> schema::Attribute {
    use schema::object::NestingMode as Mode;

    let (ty, nested_type) = match &a.form {
        Form::Plain(ty) => (ty.to_json().to_string().into_bytes(), None),
        Form::Nested(nesting, attributes) => {
            let nesting = match nesting {
                Nesting::Single => Mode::Single,
                Nesting::List => Mode::List,
                Nesting::Set => Mode::Set,
                Nesting::Map => Mode::Map,
            };
            let object = schema::Object {
                attributes: attributes.iter().map(attribute).collect(),
                nesting: nesting.into(),
                ..Default::default()
            };
            (Vec::new(), Some(object))
        }
    };
    schema::Attribute {
        name: name.clone(),
        r#type: ty,
        nested_type,
        description: a.description.clone(),
        required: a.required,
        optional: a.optional,
        computed: a.computed,
        sensitive: a.sensitive,
        description_kind: StringKind::Markdown.into(),
        deprecated: a.deprecated,
        write_only: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type;

    #[test]
    fn everything_gets_there() {
        let schema = Schema::new()
            .version(3)
            .description("root")
            .attribute(
                "a",
                Attribute::list(Type::Bool)
                    .optional()
                    .sensitive()
                    .deprecated(),
            )
            .attribute(
                "n",
                Attribute::nested(Nesting::Map, [("x", Attribute::number().computed())])
                    .computed()
                    .description("nested"),
            )
            .block("b", Block::set().min_items(1).max_items(2))
            .block("s", Block::single().min_items(1))
            .to_proto();
        assert_eq!(schema.version, 3);
        let block = schema.block.unwrap();
        assert_eq!((block.version, block.description.as_str()), (3, "root"));
        let [a, n] = block.attributes.as_slice() else {
            panic!("two attributes");
        };
        assert_eq!(a.r#type, br#"["list","bool"]"#);
        assert!(a.optional && a.sensitive && a.deprecated && !a.computed && !a.required);
        assert!(n.r#type.is_empty() && n.description == "nested");
        let nested = n.nested_type.as_ref().unwrap();
        assert_eq!(nested.nesting(), schema::object::NestingMode::Map);
        assert_eq!(nested.attributes[0].r#type, b"\"number\"");
        let limits: Vec<_> = block
            .block_types
            .iter()
            .map(|b| (b.min_items, b.max_items))
            .collect();
        assert_eq!(limits, [(1, 2), (1, 1)]);
    }
}

//! Schemas in their wire format.

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
            // For a single block, the two must agree.
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

/// Reading of schemas from the wire, where defaults and validators are not
/// sent.
#[cfg(feature = "testing")]
mod read {
    use super::{Attribute, Block, Nesting, Schema, proto, schema};
    use crate::types::{Type, TypeError};

    impl Schema {
        pub(crate) fn from_proto(sent: proto::Schema) -> Result<Self, TypeError> {
            let block = sent.block.unwrap_or_default();
            Ok(Self {
                version: sent.version,
                root: Block::single().filled(block)?,
                identity: Vec::new(),
                identity_version: 0,
                mutable_identity: false,
            })
        }
    }

    impl Block {
        fn filled(mut self, sent: schema::Block) -> Result<Self, TypeError> {
            self.description = sent.description;
            self.deprecated = sent.deprecated;
            for sent in sent.attributes {
                let (name, attribute) = attribute(sent)?;
                self = self.attribute(name, attribute);
            }
            for sent in sent.block_types {
                use schema::nested_block::NestingMode as Mode;

                let block = match sent.nesting() {
                    Mode::List => Self::list(),
                    Mode::Set => Self::set(),
                    Mode::Map => Self::map(),
                    Mode::Single | Mode::Group | Mode::Invalid => Self::single(),
                };
                let limit = |n: i64| u32::try_from(n).unwrap_or(0);
                let block = block
                    .min_items(limit(sent.min_items))
                    .max_items(limit(sent.max_items))
                    .filled(sent.block.unwrap_or_default())?;
                self = self.block(sent.type_name, block);
            }
            Ok(self)
        }
    }

    fn attribute(sent: schema::Attribute) -> Result<(String, Attribute), TypeError> {
        let mut attribute = match sent.nested_type {
            None => Attribute::new(Type::from_json_bytes(&sent.r#type)?),
            Some(nested) => {
                use schema::object::NestingMode as Mode;

                let nesting = match nested.nesting() {
                    Mode::List => Nesting::List,
                    Mode::Set => Nesting::Set,
                    Mode::Map => Nesting::Map,
                    Mode::Single | Mode::Invalid => Nesting::Single,
                };
                let attributes = nested.attributes.into_iter().map(self::attribute);
                Attribute::nested(nesting, attributes.collect::<Result<Vec<_>, _>>()?)
            }
        };
        attribute.description = sent.description;
        attribute.required = sent.required;
        attribute.optional = sent.optional;
        attribute.computed = sent.computed;
        attribute.sensitive = sent.sensitive;
        attribute.deprecated = sent.deprecated;
        Ok((sent.name, attribute))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Type;

    #[test]
    fn sends_everything() {
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
        #[cfg(feature = "testing")]
        assert_eq!(
            Schema::from_proto(schema.clone()).unwrap().to_proto(),
            schema
        );
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

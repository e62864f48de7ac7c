//! The types of arguments.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer};
use tfplugin_sdk::{Attribute, Block, Type, Value, validators};

use super::declare::ArgumentType;
use crate::builder::checks;
use crate::builder::tags::ConfiguredTags;

/// The VPC in which the functions run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(in crate::builder) struct VpcConfig {
    pub subnet_ids: BTreeSet<String>,
    pub security_group_ids: BTreeSet<String>,
    /// Null in states of versions that did not have it yet.
    #[serde(default, deserialize_with = "null_is_false")]
    pub ipv6_allowed_for_dual_stack: bool,
}

fn null_is_false<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

impl From<VpcConfig> for Value {
    fn from(config: VpcConfig) -> Self {
        let VpcConfig {
            subnet_ids,
            security_group_ids,
            ipv6_allowed_for_dual_stack,
        } = config;
        Value::object([
            ("subnet_ids", subnet_ids.into()),
            ("security_group_ids", security_group_ids.into()),
            (
                "ipv6_allowed_for_dual_stack",
                ipv6_allowed_for_dual_stack.into(),
            ),
        ])
    }
}

/// Implements the type of arguments that always have a value.
macro_rules! with_default {
    ($type:ty, $form:expr, $altered:expr) => {
        impl ArgumentType for $type {
            type Form = Attribute;

            fn form(default: Self) -> Attribute {
                $form.default(default)
            }

            #[cfg(test)]
            fn altered(self) -> Self {
                let altered: fn(Self) -> Self = $altered;
                altered(self)
            }
        }
    };
}
with_default!(bool, Attribute::bool(), |truth| !truth);
with_default!(i64, Attribute::number(), |number| number + 1);
with_default!(String, Attribute::string(), |text| text + "x");
with_default!(Vec<String>, Attribute::list(Type::String), |items| {
    let altered = items.into_iter().map(|item| item + "x");
    let altered: Vec<String> = altered.collect();
    match altered.is_empty() {
        true => vec!["x".to_owned()],
        false => altered,
    }
});

impl ArgumentType for Option<String> {
    type Form = Attribute;

    fn form(_: Self) -> Attribute {
        Attribute::string().optional()
    }

    #[cfg(test)]
    fn altered(self) -> Self {
        Some(self.unwrap_or_default() + "x")
    }
}

impl ArgumentType for BTreeSet<String> {
    type Form = Attribute;

    fn form(default: Self) -> Attribute {
        Attribute::set(Type::String).default(default)
    }

    #[cfg(test)]
    fn altered(mut self) -> Self {
        self.insert("x".to_owned());
        self
    }
}

impl ArgumentType for Option<BTreeSet<String>> {
    type Form = Attribute;

    fn form(_: Self) -> Attribute {
        Attribute::set(Type::String).optional()
    }

    #[cfg(test)]
    fn altered(self) -> Self {
        Some(self.unwrap_or_default().altered())
    }
}

/// Tags, some of which may be null.
impl ArgumentType for Option<ConfiguredTags> {
    type Form = Attribute;

    fn form(_: Self) -> Attribute {
        Attribute::map(Type::String).optional()
    }

    #[cfg(test)]
    fn altered(self) -> Self {
        Some([("x".to_owned(), Some("y".to_owned()))].into())
    }
}

impl ArgumentType for Option<VpcConfig> {
    type Form = Block;

    fn form(_: Self) -> Block {
        let ids = |prefix| {
            Attribute::set(Type::String)
                .required()
                .validate(validators::length(1..=16))
                .validate(checks::ids(prefix))
        };
        Block::single()
            .attribute(
                "subnet_ids",
                ids("subnet-").description("IDs of the subnets, 1 to 16."),
            )
            .attribute(
                "security_group_ids",
                ids("sg-").description("IDs of the security groups, 1 to 16."),
            )
            .attribute(
                "ipv6_allowed_for_dual_stack",
                Attribute::bool().default(false).description(
                    "Whether the functions may connect over IPv6. Requires that every subnet is \
                     dual-stack. Default: `false`.",
                ),
            )
    }

    #[cfg(test)]
    fn altered(self) -> Self {
        Some(VpcConfig {
            subnet_ids: ["subnet-1".to_owned()].into(),
            security_group_ids: ["sg-1".to_owned()].into(),
            ipv6_allowed_for_dual_stack: true,
        })
    }
}

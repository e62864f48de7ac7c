//! Names and ARNs of a builder's parts.

use crate::aws::Account;
use crate::bundle::Function;

/// Maximum length of a builder's name. Names of functions, roles and rules have at most 64
/// characters. The longest is a role's, `<name>-generator-<region>`: IAM is global, so without the
/// region, builders with the same name in two regions would share their roles. This leaves 17
/// characters for the region.
pub(super) const MAX_NAME: usize = 36;

/// Key of the tag that identifies the owner of a part.
pub(super) const OWNER_TAG: &str = "soci-index-builder";

/// Returns whether a builder may have this name.
pub(super) fn is_valid(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && name.chars().all(is_name_char)
}

/// Returns whether a builder's name may contain this character.
pub(super) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Returns the suffix of a function's name.
fn suffix(function: Function) -> &'static str {
    match function {
        Function::EventFilter => "filter",
        Function::IndexGenerator => "generator",
    }
}

pub(super) fn function(name: &str, of: Function) -> String {
    format!("{name}-{}", suffix(of))
}

/// Returns the name of the builder to which a function with this name would belong.
pub(super) fn builder_of(function: &str, of: Function) -> Option<&str> {
    let name = function.strip_suffix(suffix(of))?.strip_suffix('-')?;
    is_valid(name).then_some(name)
}

pub(super) fn role(name: &str, of: Function, region: &str) -> String {
    format!("{name}-{}-{region}", suffix(of))
}

pub(super) fn log_group(name: &str, of: Function) -> String {
    format!("/aws/lambda/{}", function(name, of))
}

pub(super) fn table(name: &str) -> String {
    format!("{name}-ztocs")
}

pub(super) fn rule(name: &str) -> String {
    name.to_owned()
}

/// Returns the name of the rule that starts sweeps. No builder can have this name, so it cannot be
/// another builder's rule.
pub(super) fn sweep_rule(name: &str) -> String {
    format!("{name}.sweep")
}

impl Account {
    fn arn(&self, service: &str, resource: &str) -> String {
        let Self {
            partition,
            region,
            id,
        } = self;
        format!("arn:{partition}:{service}:{region}:{id}:{resource}")
    }

    pub(super) fn function_arn(&self, name: &str) -> String {
        self.arn("lambda", &format!("function:{name}"))
    }

    pub(super) fn role_arn(&self, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:role{path}{name}", self.partition, self.id)
    }

    pub(super) fn table_arn(&self, name: &str) -> String {
        self.arn("dynamodb", &format!("table/{name}"))
    }

    pub(super) fn event_bus_arn(&self, name: &str) -> String {
        self.arn("events", &format!("event-bus/{name}"))
    }

    pub(super) fn log_group_arn(&self, name: &str) -> String {
        self.arn("logs", &format!("log-group:{name}"))
    }

    pub(super) fn rule_arn(&self, bus: &str, name: &str) -> String {
        match bus {
            "default" => self.arn("events", &format!("rule/{name}")),
            _ => self.arn("events", &format!("rule/{bus}/{name}")),
        }
    }

    /// Returns the event bus of a rule, if the ARN belongs to a rule with this name.
    pub(super) fn bus_of_rule<'a>(&self, arn: &'a str, name: &str) -> Option<&'a str> {
        let rule = arn.strip_prefix(&*self.arn("events", "rule/"))?;
        // Names of partner event buses contain slashes.
        let (bus, rule) = rule.rsplit_once('/').unwrap_or(("default", rule));
        (rule == name).then_some(bus)
    }

    pub(super) fn repository_arn(&self, pattern: &str) -> String {
        self.arn("ecr", &format!("repository/{pattern}"))
    }

    pub(super) fn network_arn(&self) -> String {
        self.arn("ec2", "*/*")
    }

    /// Returns the ARN of a policy that AWS manages.
    pub(super) fn managed_policy_arn(&self, name: &str) -> String {
        format!("arn:{}:iam::aws:policy/{name}", self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit() {
        let name = "n".repeat(MAX_NAME);
        for of in [Function::EventFilter, Function::IndexGenerator] {
            assert!(role(&name, of, "xx-northeast-1-ab").len() <= 64);
            assert!(function(&name, of).len() <= 64);
        }
        assert!(sweep_rule(&name).len() <= 64 && !is_valid(&sweep_rule("a")));
    }

    #[test]
    fn builders_are_found_by_their_functions() {
        for of in [Function::EventFilter, Function::IndexGenerator] {
            assert_eq!(builder_of(&function("a-b", of), of), Some("a-b"));
        }
        assert_eq!(builder_of("a-filter", Function::IndexGenerator), None);
        assert_eq!(builder_of("filter", Function::EventFilter), None);
    }

    #[test]
    fn arns() {
        let account = Account {
            id: "123456789012".to_owned(),
            partition: "aws".to_owned(),
            region: "eu-west-1".to_owned(),
        };
        for (got, want) in [
            (
                account.function_arn("f"),
                "arn:aws:lambda:eu-west-1:123456789012:function:f",
            ),
            (
                account.role_arn("/a/", "r"),
                "arn:aws:iam::123456789012:role/a/r",
            ),
            (
                account.log_group_arn("/l"),
                "arn:aws:logs:eu-west-1:123456789012:log-group:/l",
            ),
            (
                account.rule_arn("default", "r"),
                "arn:aws:events:eu-west-1:123456789012:rule/r",
            ),
            (
                account.rule_arn("b", "r"),
                "arn:aws:events:eu-west-1:123456789012:rule/b/r",
            ),
            (
                account.repository_arn("a/*"),
                "arn:aws:ecr:eu-west-1:123456789012:repository/a/*",
            ),
        ] {
            assert_eq!(got, want);
        }
        for bus in ["default", "b", "aws.partner/a.test/b"] {
            let arn = account.rule_arn(bus, "r");
            assert_eq!(account.bus_of_rule(&arn, "r"), Some(bus));
            assert_eq!(account.bus_of_rule(&arn, "s"), None);
        }
        let other = Account {
            region: "eu-west-2".to_owned(),
            ..account.clone()
        };
        assert_eq!(account.bus_of_rule(&other.rule_arn("b", "r"), "r"), None);
    }
}

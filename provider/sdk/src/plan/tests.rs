use super::object::replaces;
use super::*;
use crate::schema::{Attribute, Block, Nesting};
use crate::types::Type;

fn schema() -> Schema {
    Schema::new()
        .attribute("name", Attribute::string().required().requires_replace())
        .attribute("size", Attribute::number().optional())
        .attribute("mode", Attribute::string().default("auto"))
        .attribute(
            "region",
            Attribute::string()
                .optional()
                .computed()
                .requires_replace_if_configured(),
        )
        .attribute("id", Attribute::string().computed().use_state_for_unknown())
        .attribute("digest", Attribute::string().computed())
        .attribute(
            "parts",
            Attribute::nested(
                Nesting::List,
                [
                    ("path", Attribute::string().required()),
                    ("level", Attribute::number().default(6_i64)),
                    ("hash", Attribute::string().computed()),
                ],
            )
            .optional(),
        )
        .block(
            "lock",
            Block::single()
                .attribute("owner", Attribute::string().optional().requires_replace())
                .attribute("token", Attribute::string().computed()),
        )
        .attribute("patience", Attribute::number().optional().inert())
        .block(
            "rule",
            Block::set().attribute("key", Attribute::string().required().requires_replace()),
        )
}

/// Creates a value of the schema with these attributes, and null for the
/// others.
fn object<const N: usize>(attributes: [(&str, Value); N]) -> Value {
    let mut value = Value::object(attributes);
    if value.get("rule").is_null() {
        value.set("rule", Value::List(vec![]));
    }
    value.conform(&schema().ty()).unwrap()
}

/// Proposes as Terraform does: the configuration merged over the prior computed
/// values.
fn proposed(config: &Value, prior: &Value) -> Value {
    let mut proposed = config.clone();
    for name in ["mode", "region", "id", "digest"] {
        if config.get(name).is_null() {
            proposed.set(name, prior.get(name).clone());
        }
    }
    proposed
}

fn plan(config: &Value, prior: &Value) -> (Value, Vec<String>) {
    let proposed = proposed(config, prior);
    let plan = Plan::new(schema().into(), config.clone(), prior.clone(), proposed);
    let (planned, replace) = plan.finish();
    let planned = planned.conform(&schema().ty()).unwrap();
    (planned, replace.iter().map(ToString::to_string).collect())
}

fn prior() -> Value {
    object([
        ("name", "n".into()),
        ("mode", "auto".into()),
        ("region", "eu".into()),
        ("id", "i-1".into()),
        ("digest", "d-1".into()),
    ])
}

#[test]
fn create_knows_the_configuration_and_defaults() {
    let config = object([("name", "n".into())]);
    let (planned, replace) = plan(&config, &Value::Null);
    let want = object([
        ("name", "n".into()),
        ("mode", "auto".into()),
        ("region", Value::Unknown),
        ("id", Value::Unknown),
        ("digest", Value::Unknown),
    ]);
    assert_eq!(planned, want);
    assert!(replace.is_empty());
}

#[test]
fn nothing_changed_plans_the_prior_state() {
    let config = object([("name", "n".into())]);
    assert_eq!(plan(&config, &prior()), (prior(), vec![]));
}

#[test]
fn a_change_makes_computed_values_unknown() {
    let config = object([("name", "n".into()), ("size", 1_i64.into())]);
    let (planned, replace) = plan(&config, &prior());
    let mut want = prior();
    want.set("size", 1_i64);
    want.set("region", Value::Unknown);
    want.set("digest", Value::Unknown);
    assert_eq!(planned, want);
    assert!(replace.is_empty(), "{replace:?}");
}

#[test]
fn what_is_inert_changes_nothing_else() {
    let config = object([("name", "n".into()), ("patience", 1_i64.into())]);
    let mut want = prior();
    want.set("patience", 1_i64);
    assert_eq!(plan(&config, &prior()), (want, vec![]));
}

#[test]
fn replacements() {
    let name = ("name", Value::from("n"));
    let table = [
        (object([("name", "other".into())]), vec!["name"]),
        (object([("name", Value::Unknown)]), vec!["name"]),
        (
            object([name.clone(), ("region", "us".into())]),
            vec!["region"],
        ),
        (object([name.clone(), ("mode", "manual".into())]), vec![]),
        (
            object([
                name.clone(),
                ("lock", Value::object([("owner", "me".into())])),
            ]),
            vec!["lock.owner"],
        ),
        (
            object([
                name,
                ("rule", vec![Value::object([("key", "k".into())])].into()),
            ]),
            vec!["rule"],
        ),
    ];
    for (config, want) in table {
        assert_eq!(plan(&config, &prior()).1, want, "{config:?}");
    }
}

#[test]
fn nested_attributes_follow_the_same_rules() {
    let part = |path: &str| Value::object([("path", path.into())]);
    let config = object([
        ("name", "n".into()),
        ("parts", Value::List(vec![part("a"), part("b")])),
        ("lock", Value::object([("owner", "me".into())])),
    ]);
    let (planned, _) = plan(&config, &Value::Null);
    let parts = planned.get("parts").as_list().unwrap();
    assert_eq!(parts.len(), 2);
    for part in parts {
        assert_eq!(part.get("level").as_i64(), Some(6));
        assert!(part.get("hash").is_unknown());
    }
    assert!(planned.get("lock").get("token").is_unknown());
}

#[test]
fn a_hook_can_start_an_update() {
    let config = object([("name", "n".into())]);
    let prior = prior();
    let mut plan = Plan::new(
        schema().into(),
        config.clone(),
        prior.clone(),
        proposed(&config, &prior),
    );
    assert!(plan.is_update() && !plan.has_changes());
    plan.mark_computed_unknown();
    plan.set("digest", "d-2");
    plan.require_replace("digest");
    assert!(plan.has_changes());
    let (planned, replace) = plan.finish();
    assert_eq!(planned.get("digest").as_str(), Some("d-2"));
    assert_eq!(planned.get("id").as_str(), Some("i-1"));
    assert!(planned.get("region").is_unknown());
    assert_eq!(replace, [AttributePath::from("digest")]);
}

#[test]
fn an_unset_prior_value_is_not_kept() {
    let mut prior = prior();
    prior.set("id", Value::Null);
    let config = object([("name", "n".into()), ("size", 1_i64.into())]);
    assert!(plan(&config, &prior).0.get("id").is_unknown());
}

#[test]
fn a_set_counts_as_one() {
    let inner = Schema::new().attribute(
        "s",
        Attribute::nested(Nesting::Set, [("k", Attribute::string().required())]).optional(),
    );
    assert!(matches!(inner.ty(), Type::Object(_)));
    assert!(!replaces(inner.root().into()));
    assert!(replaces(schema().root().into()));
}

#[test]
fn a_stored_state_gets_the_defaults_that_it_lacks() {
    let schema = schema().attribute(
        "cache",
        Attribute::nested(
            Nesting::Single,
            [
                ("level", Attribute::number().default(1_i64)),
                ("path", Attribute::string().optional()),
            ],
        )
        .optional(),
    );
    let fill = |json: &str| {
        let mut state = Value::from_old_state(json, &schema.ty()).unwrap();
        fill_missing(&schema, &mut state);
        schema.fit(state).unwrap()
    };
    let state = fill(
        r#"{"name":"n","parts":[{"path":"a"},{"path":"b","level":null}],"cache":{"path":"c"}}"#,
    );
    assert_eq!(state.get("mode").as_str(), Some("auto"));
    let parts = state.get("parts").as_list().unwrap();
    assert_eq!(parts[0].get("level").as_i64(), Some(6));
    // Null is a value too.
    assert!(parts[1].get("level").is_null());
    assert_eq!(state.get("cache").get("level").as_i64(), Some(1));
    assert!(state.get("size").is_null() && state.get("digest").is_null());

    let state = fill(r#"{"name":"n","mode":null,"cache":null}"#);
    for name in ["mode", "cache", "parts"] {
        assert!(state.get(name).is_null(), "{name}");
    }
}

#[test]
fn a_new_attribute_with_a_default_is_no_change() {
    let schema = Schema::new()
        .attribute("name", Attribute::string().required())
        .attribute(
            "mode",
            Attribute::string().default("auto").requires_replace(),
        )
        .attribute("id", Attribute::string().computed());
    let config = Value::object([("name", "n".into())]);
    let config = config.conform(&schema.ty()).unwrap();
    let mut prior = Value::from_old_state(r#"{"name":"n","id":"1"}"#, &schema.ty()).unwrap();
    fill_missing(&schema, &mut prior);
    let prior = schema.fit(prior).unwrap();
    let mut proposed = prior.clone();
    proposed.set("name", "n");
    let plan = Plan::new(schema.into(), config, prior.clone(), proposed);
    assert_eq!(plan.finish(), (prior, vec![]));
}

use tfplugin_sdk::Value;

use super::*;

#[test]
fn every_argument_is_read_and_written() {
    for variation in Arguments::variations() {
        let (name, arguments) = (variation.name, variation.arguments);
        assert_ne!(arguments, Arguments::default(), "{name}");
        let mut state = Value::object([("id", Value::Unknown)]);
        arguments.write(&mut state);
        assert_eq!(Arguments::read(&state).unwrap(), arguments, "{name}");
        assert!(state.get("id").is_unknown());

        state.set(name, Value::Unknown);
        let error = Arguments::read(&state).unwrap_err();
        assert_eq!(error.path.to_string(), name);
        state.set(name, Value::Null);
        assert_eq!(
            Arguments::read(&state).unwrap(),
            Arguments::default(),
            "{name}"
        );
    }
}

#[test]
fn defaults_are_documented() {
    let table = [
        ("name", Some("Default: `soci-index-builder`.")),
        ("span_size", Some("Default: `4194304`.")),
        ("architectures", Some("Default: `[\"x86_64\"]`.")),
        ("index_existing", Some("Default: `false`.")),
        ("kms_key_arn", None),
    ];
    let schema = Arguments::schema();
    for (argument, want) in table {
        let (_, element) = schema.iter().find(|(name, _)| *name == argument).unwrap();
        let text = format!("{element:?}");
        match want {
            Some(want) => assert!(text.contains(&want.replace('"', "\\\"")), "{text}"),
            None => assert!(!text.contains("Default: "), "{text}"),
        }
    }
}

/// States of versions without `ipv6_allowed_for_dual_stack` have null there, once upgraded.
#[test]
fn a_vpc_of_an_older_state_is_read() {
    let ids = |id: &str| Value::from(vec![id]);
    let older = Value::object([
        ("subnet_ids", ids("subnet-1")),
        ("security_group_ids", ids("sg-1")),
    ]);
    let mut upgraded = older.clone();
    upgraded.set("ipv6_allowed_for_dual_stack", Value::Null);
    for vpc in [older, upgraded] {
        let state = Value::object([("vpc_config", vpc)]);
        let vpc = Arguments::read(&state).unwrap().vpc_config.unwrap();
        assert!(!vpc.ipv6_allowed_for_dual_stack);
        assert_eq!(vpc.subnet_ids.len(), 1);
    }
}

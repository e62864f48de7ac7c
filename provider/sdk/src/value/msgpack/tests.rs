use super::*;

fn object() -> Type {
    Type::object([
        ("list", Type::list(Type::Number)),
        ("map", Type::map(Type::Bool)),
        ("any", Type::Dynamic),
        ("tuple", Type::Tuple(vec![Type::String, Type::Bool])),
    ])
}

/// Values with the bytes that Terraform's library writes for them.
#[test]
fn bytes_on_the_wire() {
    let table: Vec<(Value, Type, &[u8])> = vec![
        (Value::Null, Type::String, b"\xc0"),
        (Value::Unknown, Type::String, b"\xd4\x00\x00"),
        (true.into(), Type::Bool, b"\xc3"),
        (1_i64.into(), Type::Number, b"\x01"),
        ((-1_i64).into(), Type::Number, b"\xff"),
        (300_i64.into(), Type::Number, b"\xcd\x01\x2c"),
        (
            u64::MAX.into(),
            Type::Number,
            b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        ),
        (0.1.into(), Type::Number, b"\xa30.1"),
        ("hi".into(), Type::String, b"\xa2hi"),
        (vec!["a"].into(), Type::list(Type::String), b"\x91\xa1a"),
        (
            Value::object([("k", Value::Null)]),
            Type::map(Type::String),
            b"\x81\xa1k\xc0",
        ),
        ("x".into(), Type::Dynamic, b"\x92\xc4\x08\"string\"\xa1x"),
    ];
    for (value, ty, bytes) in table {
        assert_eq!(value.to_msgpack(&ty).unwrap(), bytes, "{value:?}");
        let value = value.conform(&ty).unwrap();
        assert_eq!(Value::from_msgpack(bytes, &ty), Ok(value));
    }
}

#[test]
fn other_forms_are_read_too() {
    let table: [(&[u8], Type, Value); 6] = [
        // A refined unknown: extension 12 with one byte, and with many.
        (b"\xd4\x0c\x80", Type::String, Value::Unknown),
        (b"\xc7\x03\x0c\x81\x01\xc2", Type::Dynamic, Value::Unknown),
        (b"\xcb\x3f\xe0\0\0\0\0\0\0", Type::Number, 0.5.into()),
        (b"\xcb\x40\0\0\0\0\0\0\0", Type::Number, 2_i64.into()),
        (b"\xa11", Type::Number, 1_i64.into()),
        (
            b"\x93\xa1b\xa1a\xa1b",
            Type::set(Type::String),
            vec!["a", "b"].into(),
        ),
    ];
    for (bytes, ty, want) in table {
        assert_eq!(Value::from_msgpack(bytes, &ty), Ok(want), "{bytes:x?}");
    }
}

#[test]
fn nested_there_and_back() {
    let value = Value::object([
        ("list", Value::List(vec![1_i64.into(), Value::Unknown])),
        ("map", Value::object([("x", true.into())])),
        ("any", Value::object([("deep", vec!["a", "b"].into())])),
        ("tuple", Value::List(vec!["s".into(), false.into()])),
    ]);
    let value = value.conform(&object()).unwrap();
    let bytes = value.to_msgpack(&object()).unwrap();
    assert_eq!(Value::from_msgpack(&bytes, &object()), Ok(value));
}

#[test]
fn a_missing_attribute_is_null() {
    let value = Value::from_msgpack(b"\x80", &object()).unwrap();
    assert_eq!(value.as_map().unwrap().len(), 4);
}

#[test]
fn garbage_is_an_error() {
    let bytes = Value::object([("list", vec![1_i64].into()), ("any", "x".into())])
        .to_msgpack(&object())
        .unwrap();
    for end in 0..bytes.len() {
        assert!(Value::from_msgpack(&bytes[..end], &object()).is_err());
    }
    // Each byte changed to every other value must give an error or some value,
    // not a panic.
    for at in 0..bytes.len() {
        for byte in 0..=255 {
            let mut bad = bytes.clone();
            bad[at] = byte;
            let _ = Value::from_msgpack(&bad, &object());
        }
    }
    let table: [(&[u8], Type); 9] = [
        (b"", Type::Bool),
        (b"\xc1", Type::Bool),
        (b"\xc0\xc0", Type::Bool),
        (b"\xd4\x07\x00", Type::Bool),
        (b"\xa1\xff", Type::String),
        (b"\xcb\x7f\xf0\0\0\0\0\0\0", Type::Number),
        (b"\xdd\xff\xff\xff\xff", Type::list(Type::Bool)),
        (b"\xdf\xff\xff\xff\xff", Type::map(Type::Bool)),
        (b"\x81\xa1z\xc0", object()),
    ];
    for (bytes, ty) in table {
        assert!(Value::from_msgpack(bytes, &ty).is_err(), "{bytes:x?}");
    }
}

#[test]
fn depth_is_bounded() {
    // Values of dynamic type, nested within each other.
    let mut bytes = Vec::new();
    for _ in 0..100_000 {
        bytes.extend_from_slice(b"\x92\xc4\x09\"dynamic\"");
    }
    bytes.push(0xc0);
    let error = Value::from_msgpack(&bytes, &Type::Dynamic).unwrap_err();
    assert_eq!(error.message(), "nested too deep");
}

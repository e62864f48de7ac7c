//! Values as MessagePack, the way cty writes them.
//!
//! The type decides how bytes are read: an array is a list, a set or a tuple,
//! a map is a map or an object. Null is nil. Unknown is extension 0, or
//! extension 12 with a payload that narrows down what the value will be; we
//! promise nothing about unknowns, so the payload is skipped. A number is an
//! integer, a float, or text where neither is exact. A value of any type is an
//! array of its type (as JSON in a binary) and the value.

use std::collections::BTreeMap;

use rmp::{Marker, encode};

use super::number::Wire;
use super::{MAX_DEPTH, Number, Value, ValueError};
use crate::path::Step;
use crate::types::Type;

/// Extension types of an unknown value: plain, and with refinements.
const UNKNOWN: i8 = 0;
const REFINED_UNKNOWN: i8 = 12;

impl Value {
    /// Writes the value as MessagePack of a type.
    ///
    /// # Errors
    ///
    /// When it is not of that type.
    pub fn to_msgpack(&self, ty: &Type) -> Result<Vec<u8>, ValueError> {
        let value = self.clone().conform(ty)?;
        let mut out = Vec::new();
        write(&mut out, &value, ty)?;
        Ok(out)
    }

    /// Reads MessagePack of a type.
    ///
    /// # Errors
    ///
    /// When the bytes are not a value of that type.
    pub fn from_msgpack(bytes: &[u8], ty: &Type) -> Result<Self, ValueError> {
        let mut input = Input(bytes);
        let value = read(&mut input, ty, MAX_DEPTH)?;
        if input.0.is_empty() {
            Ok(value)
        } else {
            Err(ValueError::new("bytes after the end of the value"))
        }
    }
}

fn write(out: &mut Vec<u8>, value: &Value, ty: &Type) -> Result<(), ValueError> {
    // Writing to a Vec fails only where a length does not fit.
    fn done<T, E>(result: Result<T, E>) -> Result<(), ValueError> {
        result.map(drop).map_err(|_| too_long())
    }
    fn len(n: usize) -> Result<u32, ValueError> {
        u32::try_from(n).map_err(|_| too_long())
    }
    fn too_long() -> ValueError {
        ValueError::new("too long to be sent")
    }

    match (value, ty) {
        (Value::Null, _) => done(encode::write_nil(out)),
        (Value::Unknown, _) => {
            // What cty writes: an extension of one byte, which is not used.
            done(encode::write_ext_meta(out, 1, UNKNOWN))?;
            out.push(0);
            Ok(())
        }
        (Value::Bool(truth), _) => done(encode::write_bool(out, *truth)),
        (Value::Number(number), _) => match number.to_wire() {
            Wire::Int(int) => done(encode::write_sint(out, int)),
            Wire::UInt(int) => done(encode::write_uint(out, int)),
            Wire::Float(float) => done(encode::write_f64(out, float)),
            Wire::Text(text) => done(encode::write_str(out, text)),
        },
        (Value::String(text), _) => done(encode::write_str(out, text)),
        (Value::Dynamic(inner), _) => {
            done(encode::write_array_len(out, 2))?;
            done(encode::write_bin(
                out,
                inner.0.to_json().to_string().as_bytes(),
            ))?;
            write(out, &inner.1, &inner.0)
        }
        (Value::List(items), ty) => {
            done(encode::write_array_len(out, len(items.len())?))?;
            for (index, item) in items.iter().enumerate() {
                let of = match ty {
                    Type::List(of) | Type::Set(of) => of.as_ref(),
                    Type::Tuple(of) => of.get(index).unwrap_or(&Type::Dynamic),
                    _ => &Type::Dynamic,
                };
                write(out, item, of)?;
            }
            Ok(())
        }
        (Value::Map(items), ty) => {
            done(encode::write_map_len(out, len(items.len())?))?;
            for (key, item) in items {
                let of = match ty {
                    Type::Map(of) => of.as_ref(),
                    Type::Object(of) => of.get(key).unwrap_or(&Type::Dynamic),
                    _ => &Type::Dynamic,
                };
                done(encode::write_str(out, key))?;
                write(out, item, of)?;
            }
            Ok(())
        }
    }
}

/// What is left to read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], ValueError> {
        let (head, tail) = self
            .0
            .split_at_checked(n)
            .ok_or_else(|| ValueError::new("the bytes end too early"))?;
        self.0 = tail;
        Ok(head)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn marker(&mut self) -> Result<Marker, ValueError> {
        Ok(Marker::from_u8(self.bytes::<1>()?[0]))
    }

    /// A length of the width that follows a marker.
    fn len<const N: usize>(&mut self) -> Result<usize, ValueError> {
        let mut len = 0_u64;
        for byte in self.bytes::<N>()? {
            len = len << 8 | u64::from(byte);
        }
        usize::try_from(len).map_err(|_| ValueError::new("a length that does not fit"))
    }

    /// A number of elements. Each takes a byte at least, so that a false
    /// length is found before anything is allocated for it.
    fn count(&mut self, n: usize, each: usize) -> Result<usize, ValueError> {
        if n.saturating_mul(each) > self.0.len() {
            return Err(ValueError::new("the bytes end too early"));
        }
        Ok(n)
    }
}

fn unexpected(marker: Marker, want: &str) -> ValueError {
    ValueError::new(format!("got MessagePack {marker:?}, want {want}"))
}

fn read(input: &mut Input<'_>, ty: &Type, depth: usize) -> Result<Value, ValueError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(ValueError::new("nested too deep"));
    };
    let marker = input.marker()?;
    match marker {
        Marker::Null => return Ok(Value::Null),
        Marker::FixExt1 => return read_unknown(input, 1),
        Marker::FixExt2 => return read_unknown(input, 2),
        Marker::FixExt4 => return read_unknown(input, 4),
        Marker::FixExt8 => return read_unknown(input, 8),
        Marker::FixExt16 => return read_unknown(input, 16),
        Marker::Ext8 => {
            let len = input.len::<1>()?;
            return read_unknown(input, len);
        }
        Marker::Ext16 => {
            let len = input.len::<2>()?;
            return read_unknown(input, len);
        }
        Marker::Ext32 => {
            let len = input.len::<4>()?;
            return read_unknown(input, len);
        }
        _ => {}
    }
    match ty {
        Type::Bool => match marker {
            Marker::True => Ok(Value::Bool(true)),
            Marker::False => Ok(Value::Bool(false)),
            other => Err(unexpected(other, "a bool")),
        },
        Type::Number => read_number(input, marker),
        Type::String => read_str(input, marker).map(Value::from),
        Type::List(of) => {
            let items = read_items(input, marker, |_| Some(of), depth)?;
            Ok(Value::List(items))
        }
        Type::Set(of) => {
            let items = read_items(input, marker, |_| Some(of), depth)?;
            Ok(Value::set_of(items))
        }
        Type::Tuple(of) => {
            let items = read_items(input, marker, |index| of.get(index), depth)?;
            if items.len() == of.len() {
                Ok(Value::List(items))
            } else {
                Err(ValueError::new("a tuple with elements missing"))
            }
        }
        Type::Map(of) => {
            let len = map_len(input, marker)?;
            let mut items = BTreeMap::new();
            for _ in 0..len {
                let key = read_key(input)?;
                let item = read(input, of, depth);
                let item = item.map_err(|e| e.under(Step::Key(key.to_owned())))?;
                items.insert(key.to_owned(), item);
            }
            Ok(Value::Map(items))
        }
        Type::Object(of) => {
            let len = map_len(input, marker)?;
            let mut items: BTreeMap<_, _> =
                of.keys().map(|name| (name.clone(), Value::Null)).collect();
            for _ in 0..len {
                let name = read_key(input)?;
                let under = |e: ValueError| e.under(Step::Attribute(name.to_owned()));
                let ty = of
                    .get(name)
                    .ok_or_else(|| ValueError::new("the schema has no such attribute"))
                    .map_err(under)?;
                items.insert(name.to_owned(), read(input, ty, depth).map_err(under)?);
            }
            Ok(Value::Map(items))
        }
        Type::Dynamic => {
            if array_len(input, marker)? != 2 {
                return Err(ValueError::new("a value of any type is a pair"));
            }
            let marker = input.marker()?;
            let ty = Type::from_json_bytes(read_bytes(input, marker)?)
                .map_err(|e| ValueError::new(e.to_string()))?;
            let value = read(input, &ty, depth)?;
            Ok(Value::Dynamic(Box::new((ty, value))))
        }
    }
}

fn read_unknown(input: &mut Input<'_>, len: usize) -> Result<Value, ValueError> {
    let kind = i8::from_be_bytes(input.bytes()?);
    input.take(len)?;
    match kind {
        UNKNOWN | REFINED_UNKNOWN => Ok(Value::Unknown),
        other => Err(ValueError::new(format!(
            "MessagePack extension {other} is not known"
        ))),
    }
}

fn read_number(input: &mut Input<'_>, marker: Marker) -> Result<Value, ValueError> {
    let number = match marker {
        Marker::FixPos(n) => u64::from(n).into(),
        Marker::FixNeg(n) => i64::from(n).into(),
        Marker::U8 => u64::from(u8::from_be_bytes(input.bytes()?)).into(),
        Marker::U16 => u64::from(u16::from_be_bytes(input.bytes()?)).into(),
        Marker::U32 => u64::from(u32::from_be_bytes(input.bytes()?)).into(),
        Marker::U64 => u64::from_be_bytes(input.bytes()?).into(),
        Marker::I8 => i64::from(i8::from_be_bytes(input.bytes()?)).into(),
        Marker::I16 => i64::from(i16::from_be_bytes(input.bytes()?)).into(),
        Marker::I32 => i64::from(i32::from_be_bytes(input.bytes()?)).into(),
        Marker::I64 => i64::from_be_bytes(input.bytes()?).into(),
        Marker::F32 => finite(f64::from(f32::from_be_bytes(input.bytes()?)))?,
        Marker::F64 => finite(f64::from_be_bytes(input.bytes()?))?,
        marker => {
            let text = read_str(input, marker).map_err(|_| unexpected(marker, "a number"))?;
            Number::parse(text).ok_or_else(|| ValueError::new("text that is no number"))?
        }
    };
    Ok(Value::Number(number))
}

fn finite(float: f64) -> Result<Number, ValueError> {
    Number::from_wire_float(float).ok_or_else(|| ValueError::new("a number that is not finite"))
}

fn read_key<'a>(input: &mut Input<'a>) -> Result<&'a str, ValueError> {
    let marker = input.marker()?;
    read_str(input, marker)
}

fn read_str<'a>(input: &mut Input<'a>, marker: Marker) -> Result<&'a str, ValueError> {
    let bytes = match marker {
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => {
            read_bytes(input, marker)?
        }
        other => return Err(unexpected(other, "a string")),
    };
    std::str::from_utf8(bytes).map_err(|_| ValueError::new("a string that is not UTF-8"))
}

/// A string or binary.
fn read_bytes<'a>(input: &mut Input<'a>, marker: Marker) -> Result<&'a [u8], ValueError> {
    let len = match marker {
        Marker::FixStr(len) => usize::from(len),
        Marker::Str8 | Marker::Bin8 => input.len::<1>()?,
        Marker::Str16 | Marker::Bin16 => input.len::<2>()?,
        Marker::Str32 | Marker::Bin32 => input.len::<4>()?,
        other => return Err(unexpected(other, "bytes")),
    };
    input.take(len)
}

fn array_len(input: &mut Input<'_>, marker: Marker) -> Result<usize, ValueError> {
    let len = match marker {
        Marker::FixArray(len) => usize::from(len),
        Marker::Array16 => input.len::<2>()?,
        Marker::Array32 => input.len::<4>()?,
        other => return Err(unexpected(other, "an array")),
    };
    input.count(len, 1)
}

fn map_len(input: &mut Input<'_>, marker: Marker) -> Result<usize, ValueError> {
    let len = match marker {
        Marker::FixMap(len) => usize::from(len),
        Marker::Map16 => input.len::<2>()?,
        Marker::Map32 => input.len::<4>()?,
        other => return Err(unexpected(other, "a map")),
    };
    input.count(len, 2)
}

fn read_items<'t>(
    input: &mut Input<'_>,
    marker: Marker,
    of: impl Fn(usize) -> Option<&'t Type>,
    depth: usize,
) -> Result<Vec<Value>, ValueError> {
    let len = array_len(input, marker)?;
    let mut items = Vec::new();
    for index in 0..len {
        let item = of(index)
            .ok_or_else(|| ValueError::new("one element too many"))
            .and_then(|of| read(input, of, depth));
        items.push(item.map_err(|e| e.under(Step::Index(index)))?);
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Type {
        Type::object([
            ("list", Type::list(Type::Number)),
            ("map", Type::map(Type::Bool)),
            ("any", Type::Dynamic),
            ("tuple", Type::Tuple(vec![Type::String, Type::Bool])),
        ])
    }

    /// Bytes that Terraform's own library gives for these values.
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
        // Each byte changed to each value: an error or some value, no panic.
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
        // A value of any type inside a value of any type, and so on.
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            bytes.extend_from_slice(b"\x92\xc4\x09\"dynamic\"");
        }
        bytes.push(0xc0);
        let error = Value::from_msgpack(&bytes, &Type::Dynamic).unwrap_err();
        assert_eq!(error.message(), "nested too deep");
    }
}

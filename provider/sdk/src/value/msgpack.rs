//! MessagePack values, as encoded by cty.
//!
//! The type determines how bytes are read: an array is a list, set or tuple; a
//! map is a map or object. Null is nil. Unknown is extension 0, or extension 12
//! with refinements, which are skipped. A number is an integer, a float, or a
//! string if neither is exact. A value of dynamic type is an array of its type
//! (as JSON in a binary) and the value.

use std::collections::BTreeMap;

use rmp::{Marker, encode};

use super::number::Wire;
use super::{MAX_DEPTH, Number, Value, ValueError};
use crate::path::Step;
use crate::types::Type;

/// Extension types of an unknown value, without and with refinements.
const UNKNOWN: i8 = 0;
const REFINED_UNKNOWN: i8 = 12;

impl Value {
    /// Encodes the value as MessagePack for a type.
    ///
    /// # Errors
    ///
    /// If the value is not of that type.
    pub fn to_msgpack(&self, ty: &Type) -> Result<Vec<u8>, ValueError> {
        let value = self.clone().conform(ty)?;
        let mut out = Vec::new();
        write(&mut out, &value, ty)?;
        Ok(out)
    }

    /// Decodes a MessagePack value of a type.
    ///
    /// # Errors
    ///
    /// If the bytes are not a value of that type.
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
    // Writing to a Vec fails only if a length does not fit.
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
            // Same encoding as cty: an extension of one byte, whose value is
            // ignored.
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

/// Bytes left to read.
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

    /// Reads the length that follows a marker, with the marker's width.
    fn len<const N: usize>(&mut self) -> Result<usize, ValueError> {
        let mut len = 0_u64;
        for byte in self.bytes::<N>()? {
            len = len << 8 | u64::from(byte);
        }
        usize::try_from(len).map_err(|_| ValueError::new("a length that does not fit"))
    }

    /// Checks a number of elements. Each takes at least one byte, so a false
    /// length is detected before any memory is allocated for it.
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

/// Reads a string or binary.
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
mod tests;

//! PAX extended headers.

use std::borrow::Cow;

use super::entry::Records;
use super::header::{Header, Timestamp};
use super::packed::put_bytes;

const MALFORMED: &str = "a malformed PAX record";

const SPARSE_MAJOR: &[u8] = b"GNU.sparse.major";
const SPARSE_MINOR: &[u8] = b"GNU.sparse.minor";
const SPARSE_MAP: &[u8] = b"GNU.sparse.map";
const SPARSE_OFFSET: &[u8] = b"GNU.sparse.offset";
const SPARSE_NUMBYTES: &[u8] = b"GNU.sparse.numbytes";

/// Parses the content of an extended header. Returns its records packed and sorted by key; the last
/// record of each key wins.
pub(super) fn parse(content: &[u8]) -> Result<Vec<u8>, &'static str> {
    // There may be hundreds of thousands of records, so they are sorted in place.
    let mut records: Vec<Record> = Vec::new();
    let mut sparse_map: Vec<&[u8]> = Vec::new();
    let mut at = 0;
    while at < content.len() {
        let (record, next) = record(content, at).ok_or(MALFORMED)?;
        at = next;
        let (key, value) = (record.key(content), record.value(content));
        if key == SPARSE_OFFSET || key == SPARSE_NUMBYTES {
            let want = [SPARSE_OFFSET, SPARSE_NUMBYTES][sparse_map.len() % 2];
            if key != want || value.contains(&b',') {
                return Err(MALFORMED);
            }
            sparse_map.push(value);
        } else {
            records.push(record);
        }
    }
    let position = |record: &Record| record.start;
    records.sort_unstable_by(|a, b| {
        let keys = a.key(content).cmp(b.key(content));
        keys.then(position(a).cmp(&position(b)))
    });
    let joined = (!sparse_map.is_empty()).then(|| sparse_map.join(&b','));
    let mut joined = joined.as_deref();
    let mut packed = Vec::with_capacity(content.len());
    for (number, record) in records.iter().enumerate() {
        let key = record.key(content);
        let later = records.get(number + 1);
        if later.is_some_and(|later| later.key(content) == key) {
            continue;
        }
        if key >= SPARSE_MAP
            && let Some(map) = joined.take()
        {
            put_record(&mut packed, SPARSE_MAP, map);
            if key == SPARSE_MAP {
                continue;
            }
        }
        put_record(&mut packed, key, record.value(content));
    }
    if let Some(map) = joined {
        put_record(&mut packed, SPARSE_MAP, map);
    }
    Ok(packed)
}

fn put_record(packed: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    put_bytes(packed, key);
    put_bytes(packed, value);
}

/// Location of a record in an extended header, which is at most 1 MiB long.
struct Record {
    /// Position of the key in bytes.
    start: u32,
    /// Position of the equals sign.
    equals: u32,
    /// Position after the value.
    end: u32,
}

impl Record {
    fn key<'a>(&self, content: &'a [u8]) -> &'a [u8] {
        &content[self.start as usize..self.equals as usize]
    }

    fn value<'a>(&self, content: &'a [u8]) -> &'a [u8] {
        &content[self.equals as usize + 1..self.end as usize]
    }
}

/// Reads the record at `at`, `"<length> <key>=<value>\n"`, whose length includes itself. Returns it
/// and the position after it.
fn record(content: &[u8], at: usize) -> Option<(Record, usize)> {
    let rest = &content[at..];
    let space = rest.iter().position(|&b| b == b' ')?;
    let length = usize::try_from(integer(&rest[..space])?).ok()?;
    if length < 5 || length > rest.len() || length <= space + 1 {
        return None;
    }
    let text = rest[space + 1..length].strip_suffix(b"\n")?;
    let equals = text.iter().position(|&b| b == b'=')?;
    let (key, value) = (&text[..equals], &text[equals + 1..]);
    let suspect = match key {
        b"" => return None,
        b"path" | b"linkpath" | b"uname" | b"gname" => value,
        _ => key,
    };
    let position = |offset: usize| u32::try_from(at + space + 1 + offset).ok();
    let record = Record {
        start: position(0)?,
        equals: position(equals)?,
        end: position(text.len())?,
    };
    (!suspect.contains(&0)).then_some((record, at + length))
}

/// Overrides fields of the header with records. Empty values override nothing.
pub(super) fn merge<'a>(header: &mut Header<'a>, records: Records<'a>) -> Result<(), &'static str> {
    for (key, value) in records.iter().filter(|(_, value)| !value.is_empty()) {
        let number = || integer(value).ok_or(MALFORMED);
        match key {
            b"path" => header.name = Cow::Borrowed(value),
            b"linkpath" => header.linkname = value,
            b"uname" => header.uname = value,
            b"gname" => header.gname = value,
            b"uid" => header.uid = number()?,
            b"gid" => header.gid = number()?,
            b"size" => header.size = number()?,
            b"mtime" => header.mtime = time(value).ok_or(MALFORMED)?,
            // Not used, but must be valid.
            b"atime" | b"ctime" => drop(time(value).ok_or(MALFORMED)?),
            _ => {}
        }
    }
    Ok(())
}

/// Returns whether the records mark a sparse file (GNU formats 0.0, 0.1 and 1.0).
pub(super) fn is_sparse(records: Records<'_>) -> bool {
    let [mut major, mut minor, mut map] = [&[][..]; 3];
    for (key, value) in records.iter() {
        match key {
            SPARSE_MAJOR => major = value,
            SPARSE_MINOR => minor = value,
            SPARSE_MAP => map = value,
            _ => {}
        }
    }
    match (major, minor) {
        (b"0", b"0" | b"1") | (b"1", b"0") => true,
        (b"", b"") => !map.is_empty(),
        _ => false,
    }
}

/// Parses a decimal integer as Go's `strconv.ParseInt` does: a sign is allowed.
fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Parses seconds with an optional fraction, of which the first nine digits are used.
fn time(text: &[u8]) -> Option<Timestamp> {
    let point = text.iter().position(|&b| b == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[][..]),
    };
    let seconds = integer(whole)?;
    let mut nanoseconds = 0_u32;
    for at in 0..fraction.len().max(9) {
        let digit = match fraction.get(at) {
            Some(digit @ b'0'..=b'9') => u32::from(digit - b'0'),
            Some(_) => return None,
            None => 0,
        };
        if at < 9 {
            nanoseconds = nanoseconds * 10 + digit;
        }
    }
    if whole.starts_with(b"-") && nanoseconds > 0 {
        return Some(Timestamp {
            seconds: seconds.checked_sub(1)?,
            nanoseconds: 1_000_000_000 - nanoseconds,
        });
    }
    Some(Timestamp {
        seconds,
        nanoseconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        let offset = "25 GNU.sparse.offset=512\n";
        let bytes = "26 GNU.sparse.numbytes=10\n";
        let map = ("GNU.sparse.map", "512,10");
        for (content, want) in [
            (
                "6 a=b\n12 path=xyz\n6 a=c\n5 k=\n".to_owned(),
                vec![("a", "c"), ("k", ""), ("path", "xyz")],
            ),
            (format!("{offset}{bytes}"), vec![map]),
            (format!("{offset}{bytes}6 a=b\n"), vec![map, ("a", "b")]),
            (
                format!("{offset}{bytes}20 GNU.sparse.map=1\n6 A=b\n"),
                vec![("A", "b"), map],
            ),
        ] {
            let good = parse(content.as_bytes()).expect(&content);
            let want = want.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes()));
            assert!(Records::Packed(&good).iter().eq(want), "{content}");
        }
        for bad in [
            &b"6 a=b"[..],
            b"7 a=b\n",
            b"5 =b\n",
            b"4 a=\n",
            b"6 abc\n",
            b"10 path=\0\n",
            b"-6 a=b\n",
            b"99999999999999999999 a=b\n",
            b"a=b\n",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times() {
        for (text, want) in [
            ("1.5", Some((1, 500_000_000))),
            ("1.0000000019", Some((1, 1))),
            ("-1.25", Some((-2, 750_000_000))),
            ("-0.5", Some((-1, 500_000_000))),
            ("7.", Some((7, 0))),
            ("", None),
            (".5", None),
            ("1.x", None),
            ("1.1234567891x", None),
        ] {
            let got = time(text.as_bytes()).map(|t| (t.seconds, t.nanoseconds));
            assert_eq!(got, want, "{text}");
        }
    }
}

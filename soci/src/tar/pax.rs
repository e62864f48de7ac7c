//! PAX extended headers.

use std::collections::BTreeMap;

use super::header::{Header, Timestamp};

/// Records of one extended header, sorted by key.
pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

const MALFORMED: &str = "a malformed PAX record";

const SPARSE_MAJOR: &[u8] = b"GNU.sparse.major";
const SPARSE_MINOR: &[u8] = b"GNU.sparse.minor";
const SPARSE_MAP: &[u8] = b"GNU.sparse.map";
const SPARSE_OFFSET: &[u8] = b"GNU.sparse.offset";
const SPARSE_NUMBYTES: &[u8] = b"GNU.sparse.numbytes";

/// Parses the content of an extended header.
pub(super) fn parse(mut content: &[u8]) -> Result<Records, &'static str> {
    let mut records = Records::new();
    let mut sparse_map: Vec<&[u8]> = Vec::new();
    while !content.is_empty() {
        let (key, value, rest) = record(content).ok_or(MALFORMED)?;
        content = rest;
        if key == SPARSE_OFFSET || key == SPARSE_NUMBYTES {
            let want = [SPARSE_OFFSET, SPARSE_NUMBYTES][sparse_map.len() % 2];
            if key != want || value.contains(&b',') {
                return Err(MALFORMED);
            }
            sparse_map.push(value);
        } else {
            records.insert(key.to_vec(), value.to_vec());
        }
    }
    if !sparse_map.is_empty() {
        records.insert(SPARSE_MAP.to_vec(), sparse_map.join(&b','));
    }
    Ok(records)
}

/// Splits off one record, `"<length> <key>=<value>\n"`, whose length includes itself. Returns its
/// key, its value and the rest.
fn record(content: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = content.iter().position(|&b| b == b' ')?;
    let length = usize::try_from(integer(&content[..space])?).ok()?;
    if length < 5 || length > content.len() || length <= space + 1 {
        return None;
    }
    let (record, rest) = content.split_at(length);
    let record = record[space + 1..].strip_suffix(b"\n")?;
    let equals = record.iter().position(|&b| b == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    let suspect = match key {
        b"" => return None,
        b"path" | b"linkpath" | b"uname" | b"gname" => value,
        _ => key,
    };
    (!suspect.contains(&0)).then_some((key, value, rest))
}

/// Overrides fields of the header by records. Empty values override nothing.
pub(super) fn merge(header: &mut Header, records: &Records) -> Result<(), &'static str> {
    for (key, value) in records.iter().filter(|(_, value)| !value.is_empty()) {
        let number = || integer(value).ok_or(MALFORMED);
        match key.as_slice() {
            b"path" => header.name.clone_from(value),
            b"linkpath" => header.linkname.clone_from(value),
            b"uname" => header.uname.clone_from(value),
            b"gname" => header.gname.clone_from(value),
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

/// Whether the records mark a sparse file (GNU formats 0.0, 0.1 and 1.0).
pub(super) fn is_sparse(records: &Records) -> bool {
    let value = |key: &[u8]| records.get(key).map_or(&[][..], Vec::as_slice);
    match (value(SPARSE_MAJOR), value(SPARSE_MINOR)) {
        (b"0", b"0" | b"1") | (b"1", b"0") => true,
        (b"", b"") => !value(SPARSE_MAP).is_empty(),
        _ => false,
    }
}

/// Parses a decimal integer as Go's `strconv.ParseInt` does: a sign is allowed.
fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Parses seconds with an optional fraction, of which nine digits count.
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
        let good = parse(b"6 a=b\n12 path=xyz\n6 a=c\n5 k=\n").unwrap();
        let want = [("a", "c"), ("k", ""), ("path", "xyz")];
        assert!(
            good.iter()
                .map(|(k, v)| (&k[..], &v[..]))
                .eq(want.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())))
        );
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

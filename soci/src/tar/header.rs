//! One 512-byte header block.

use std::borrow::Cow;

/// Size of a tar block in bytes.
pub(super) const BLOCK: usize = 512;

const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Fields of a header, verbatim.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub kind: u8,
    pub name: Cow<'a, [u8]>,
    pub linkname: &'a [u8],
    pub size: i64,
    pub mode: i64,
    pub uid: i64,
    pub gid: i64,
    pub mtime: Timestamp,
    pub uname: &'a [u8],
    pub gname: &'a [u8],
    pub devmajor: i64,
    pub devminor: i64,
}

impl<'a> Header<'a> {
    pub(super) fn parse(block: &'a [u8; BLOCK]) -> Result<Self, &'static str> {
        verify_checksum(block)?;
        let ustar = &block[257..263] == b"ustar\0";
        let star = ustar && &block[508..512] == b"tar\0";
        let gnu = &block[257..265] == b"ustar  \0";
        let mut header = Self {
            kind: block[156],
            name: Cow::Borrowed(until_nul(&block[..100])),
            linkname: until_nul(&block[157..257]),
            size: number(&block[124..136])?,
            mode: number(&block[100..108])?,
            uid: number(&block[108..116])?,
            gid: number(&block[116..124])?,
            mtime: Timestamp {
                seconds: number(&block[136..148])?,
                nanoseconds: 0,
            },
            uname: &[],
            gname: &[],
            devmajor: 0,
            devminor: 0,
        };
        if !ustar && !gnu {
            return Ok(header);
        }
        header.uname = until_nul(&block[265..297]);
        header.gname = until_nul(&block[297..329]);
        header.devmajor = number(&block[329..337])?;
        header.devminor = number(&block[337..345])?;
        let prefix = if star {
            // Access and change times are not used, but must be valid.
            number(&block[476..488])?;
            number(&block[488..500])?;
            until_nul(&block[345..476])
        } else if ustar {
            until_nul(&block[345..500])
        } else {
            gnu_prefix(block)
        };
        if !prefix.is_empty() {
            header.name = Cow::Owned([prefix, b"/", &header.name].concat());
        }
        Ok(header)
    }
}

/// Returns the prefix of a GNU header. The format has no prefix and stores two times in its place,
/// but Go before 1.8 wrote a prefix there, and Go's reader accepts it if the times are invalid.
fn gnu_prefix(block: &[u8; BLOCK]) -> &[u8] {
    let times = [&block[345..357], &block[357..369]];
    let sound = |time: &&[u8]| time[0] == 0 || number(time).is_ok();
    let prefix = until_nul(&block[345..500]);
    if times.iter().all(sound) || !prefix.is_ascii() {
        &[]
    } else {
        prefix
    }
}

fn verify_checksum(block: &[u8; BLOCK]) -> Result<(), &'static str> {
    let wrong = "a header with a wrong checksum";
    let want = octal(&block[CHECKSUM]).map_err(|_| wrong)?;
    let mut block = *block;
    block[CHECKSUM].fill(b' ');
    let unsigned: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    // Some old writers summed the bytes as signed characters.
    let signed: i32 = block
        .iter()
        .map(|&byte| i32::from(byte.cast_signed()))
        .sum();
    let (unsigned, signed) = (i64::from(unsigned), i64::from(signed));
    if want == unsigned || want == signed {
        Ok(())
    } else {
        Err(wrong)
    }
}

/// Returns the part of `field` before its first NUL.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|&b| b == 0).unwrap_or(field.len());
    &field[..end]
}

const NO_NUMBER: &str = "a number that is not one";

/// Parses a numeric field: octal digits, or base 256 if its first bit is set.
fn number(field: &[u8]) -> Result<i64, &'static str> {
    let Some(&first) = field.first().filter(|&&b| b & 0x80 != 0) else {
        return octal(field);
    };
    // Two's complement of any length; the value must fit in 64 bits.
    let invert = if first & 0x40 != 0 { 0xff } else { 0 };
    let mut value = 0_u64;
    for (at, &byte) in field.iter().enumerate() {
        let byte = byte ^ invert;
        let byte = if at == 0 { byte & 0x7f } else { byte };
        if value >> 56 != 0 {
            return Err(NO_NUMBER);
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).map_err(|_| NO_NUMBER)?;
    Ok(if invert == 0 { value } else { !value })
}

fn octal(field: &[u8]) -> Result<i64, &'static str> {
    let digit = |b: &u8| !matches!(b, b' ' | 0);
    let (Some(start), Some(end)) = (field.iter().position(digit), field.iter().rposition(digit))
    else {
        return Ok(0);
    };
    let mut value = 0_u64;
    for &digit in until_nul(&field[start..=end]) {
        if !(b'0'..=b'7').contains(&digit) || value >> 61 != 0 {
            return Err(NO_NUMBER);
        }
        value = value << 3 | u64::from(digit - b'0');
    }
    Ok(value.cast_signed())
}

/// A point in time: seconds since 1970 UTC, plus nanoseconds (0 to 999,999,999).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Timestamp {
    /// Formats the time as RFC 3339 in UTC, without trailing zeros in the fraction; empty outside
    /// the years 0 to 9999.
    pub(super) fn to_rfc3339(self) -> String {
        const YEAR_0: i64 = -62_167_219_200;
        const YEAR_10000: i64 = 253_402_300_800;
        if !(YEAR_0..YEAR_10000).contains(&self.seconds) {
            return String::new();
        }
        let (days, second) = (
            self.seconds.div_euclid(86_400),
            self.seconds.rem_euclid(86_400),
        );
        let (year, month, day) = civil(days);
        let mut text = format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
            second / 3600,
            second / 60 % 60,
            second % 60
        );
        if self.nanoseconds != 0 {
            text.push_str(format!(".{:09}", self.nanoseconds).trim_end_matches('0'));
        }
        text.push('Z');
        text
    }
}

/// Returns the year, month and day of a day counted from 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years start in March here, so that the leap day is the last day of a year.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (field, want) in [
            (&b"0000644\0"[..], Ok(0o644)),
            (b"   644 \0", Ok(0o644)),
            (b"\x00\x00644\0", Ok(0o644)),
            (b"644\x005", Ok(0o644)),
            (b"", Ok(0)),
            (b"  \0", Ok(0)),
            (b"6 4", Err(NO_NUMBER)),
            (b"644 \x005", Err(NO_NUMBER)),
            (b"8", Err(NO_NUMBER)),
            (b"-1", Err(NO_NUMBER)),
            (b"1777777777777777777777", Ok(-1)),
            (b"2000000000000000000000", Err(NO_NUMBER)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\x00", Ok(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe", Ok(-2)),
            (b"\x80\0\0\0\x80\0\0\0\0\0\0\0", Err(NO_NUMBER)),
            (b"\x80\0\0\x01\0\0\0\0\0\0\0\0", Err(NO_NUMBER)),
        ] {
            assert_eq!(number(field), want, "{field:?}");
        }
    }

    #[test]
    fn times() {
        for (seconds, nanoseconds, want) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (951_827_696, 120_000_000, "2000-02-29T12:34:56.12Z"),
            (-1, 999_999_999, "1969-12-31T23:59:59.999999999Z"),
            (-62_167_219_200, 0, "0000-01-01T00:00:00Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59Z"),
            (253_402_300_800, 0, ""),
            (i64::MIN, 0, ""),
        ] {
            let time = Timestamp {
                seconds,
                nanoseconds,
            };
            assert_eq!(time.to_rfc3339(), want);
        }
    }
}

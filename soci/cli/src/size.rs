//! Human-readable sizes.

use std::ops::RangeInclusive;

use bytesize::ByteSize;

/// Parses a number of bytes, such as `65536`, `64KiB` or `4MiB`, and checks its bounds.
pub(crate) fn parse(text: &str, bounds: RangeInclusive<u64>) -> Result<u64, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|_| "want a number of bytes, such as 65536, 64KiB or 4MiB".to_owned())?;
    if bounds.contains(&size.as_u64()) {
        Ok(size.as_u64())
    } else {
        let (least, most) = (show(*bounds.start()), show(*bounds.end()));
        Err(format!("want {least} to {most}"))
    }
}

/// Formats a number of bytes with the largest unit that divides it, such as `64 KiB`.
pub(crate) fn show(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units
        .into_iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let parse = |text| parse(text, 1 << 16..=1 << 30);
        for (text, want) in [
            ("65536", 1 << 16),
            ("64KiB", 1 << 16),
            ("4MiB", 4 << 20),
            ("4 MiB", 4 << 20),
            ("4MB", 4_000_000),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
        for text in ["65535", "2GiB", "0"] {
            let error = parse(text).expect_err(text);
            assert_eq!(error, "want 64 KiB to 1 GiB", "{text}");
        }
        for text in ["", "x", "-1", "4XiB", "NaN", "1e30", "inf"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(show(0), "0 bytes");
        assert_eq!(show(40_000), "40000 bytes");
        assert_eq!(show(10 << 20), "10 MiB");
    }
}

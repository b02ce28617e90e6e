//! Numbers as text, by Redis' rules: what counts as an integer, how a float is written.

use super::long_double;

/// The integer that `text` is the canonical form of: optional `-`, no `+`, no blanks, no leading
/// zeros, within 64 bits.
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return (!negative).then_some(0),
        [b'1'..=b'9', ..] if digits.len() <= 19 => {}
        _ => return None,
    }
    let mut magnitude = 0u64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        magnitude = magnitude * 10 + u64::from(digit - b'0');
    }
    if negative {
        (magnitude <= 1 << 63).then(|| (magnitude as i64).wrapping_neg())
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The number that all of `text` denotes by C's `strtod`, blanks in front and a NaN apart; too large a
/// number is infinite, too small a one is zero.
fn parse_any_f64(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (negative, magnitude) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if magnitude.starts_with(['-', '+']) {
        return None;
    }
    let number = match magnitude.parse::<f64>() {
        Ok(number) => number,
        Err(_) => long_double::parse_hexadecimal(magnitude)?,
    };
    (!number.is_nan()).then_some(if negative { -number } else { number })
}

/// The score or coordinate that `text` denotes, by Redis' rules: a decimal or hexadecimal number, or an
/// infinity by name; no blanks, no NaN, nothing too large, nothing so small that it becomes zero.
pub fn parse_f64(text: &[u8]) -> Option<f64> {
    let number = parse_any_f64(text)?;
    let named = text.iter().any(|byte| matches!(byte, b'i' | b'I'));
    let mantissa = text.split(|byte| matches!(byte, b'e' | b'E' | b'p' | b'P')).next().unwrap_or_default();
    let vanished = number == 0.0 && mantissa.iter().any(|byte| matches!(byte, b'1'..=b'9'));
    ((number.is_finite() || named) && !vanished).then_some(number)
}

/// The end of a range of scores that `text` denotes. Redis is laxer here than with scores: blanks in
/// front, nothing at all (0), and numbers that are too large or too small are taken.
pub fn parse_f64_bound(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() { Some(0.0) } else { parse_any_f64(text.trim_ascii_start()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_canonical_form_counts() {
        for bad in
            ["", "-", "-0", "+1", "01", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809"]
        {
            assert_eq!(parse_i64(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_i64(b"0"), Some(0));
    }

    #[test]
    fn floats_as_redis_reads_them() {
        for (text, expected) in [
            ("1", 1.0),
            ("-0", -0.0),
            ("+1.5", 1.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("0x10", 16.0),
            ("-0x1p-1", -0.5),
            ("inf", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("0e-999", 0.0),
        ] {
            let bits = parse_f64(text.as_bytes()).map(f64::to_bits);
            assert_eq!(bits, Some(expected.to_bits()), "{text:?}");
        }
        for bad in ["", " 1", "1 ", "nan", "-nan", "1e999", "1e-999", "--1", "+-1", "abc", "1e", "0x", "."] {
            assert_eq!(parse_f64(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(parse_f64_bound(b""), Some(0.0));
        assert_eq!(parse_f64_bound(b"  5"), Some(5.0));
        assert_eq!(parse_f64_bound(b"1e999"), Some(f64::INFINITY));
        assert_eq!(parse_f64_bound(b"5 "), None);
    }

    proptest! {
        #[test]
        fn floats_never_panic(text: Vec<u8>) {
            let _ = (parse_f64(&text), parse_f64_bound(&text));
        }

        #[test]
        fn round_trip(number: i64) {
            prop_assert_eq!(parse_i64(number.to_string().as_bytes()), Some(number));
        }

        #[test]
        fn never_panics(text: Vec<u8>) {
            let _ = parse_i64(&text);
        }
    }
}

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

/// The unsigned number that `text` denotes, by Redis' lax rules: what C's `strtoull` reads up to the first
/// byte of 0, blanks and a sign in front included, where a `-` counts from 2⁶⁴ downwards; but no negative
/// number in its canonical form.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if let Some(number) = parse_i64(text) {
        return u64::try_from(number).ok();
    }
    let (negative, digits) = match &text[blanks(text)..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |number: u64, digit: &u8| number.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    let number = digits.iter().try_fold(0, add)?;
    Some(if negative { number.wrapping_neg() } else { number })
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
    // The digits of a hexadecimal one may be letters.
    let is_hexadecimal = text.iter().any(|byte| matches!(byte, b'x' | b'X'));
    let exponent: &[u8] = if is_hexadecimal { b"pP" } else { b"eE" };
    let mantissa = text.split(|byte| exponent.contains(byte)).next().unwrap_or_default();
    let is_something = |byte: &u8| *byte != b'0' && byte.is_ascii_hexdigit();
    let vanished = number == 0.0 && mantissa.iter().any(is_something);
    ((number.is_finite() || named) && !vanished).then_some(number)
}

/// The end of a range of scores that `text` denotes. Redis is laxer here than with scores: blanks in
/// front, nothing at all (0), and numbers that are too large or too small are taken.
pub fn parse_f64_bound(text: &[u8]) -> Option<f64> {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() { Some(0.0) } else { parse_any_f64(&text[blanks(text)..]) }
}

/// How many blanks, as C knows them, stand in front.
fn blanks(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count()
}

/// A number as Redis writes it since 8.0: the shortest text that reads back as the same one.
pub fn f64_text(number: f64) -> String {
    // From here on not every whole number is one of 64 bits.
    const WHOLE: f64 = (i64::MAX / 2) as f64;
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() || number == 0.0 || (number.fract() == 0.0 && number.abs() <= WHOLE) {
        return format!("{number}");
    }
    let scientific = format!("{:e}", number.abs());
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    // The number is the digits as a whole number, times a power of ten.
    let power = exponent + 1 - digits.len() as i32;
    if (power >= 0 && exponent < digits.len() as i32 + 7) || (power < 0 && (power > -7 || exponent.abs() < 4))
    {
        return format!("{number}");
    }
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{mantissa}e{exponent_sign}{}", exponent.unsigned_abs())
}

/// As [`f64_text`], and never without a point where there is no exponent.
pub fn f64_text_with_point(number: f64) -> String {
    let text = f64_text(number);
    if number.is_finite() && !text.contains(['.', 'e']) { text + ".0" } else { text }
}

/// The number that `text` is, if it is the one way to write it: digits with a point among them.
pub fn canonical_f64(text: &[u8]) -> Option<f64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_plain = digits.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    if !is_plain || !digits.contains(&b'.') {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let number: f64 = text.parse().ok()?;
    (f64_text_with_point(number) == text).then_some(number)
}

/// Appends a word in quotes, as Redis shows bytes to people: what is not ASCII to print is escaped.
pub fn quote(word: &[u8], out: &mut String) {
    out.push('"');
    for byte in word {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            7 => out.push_str("\\a"),
            8 => out.push_str("\\b"),
            b' '..=b'~' => out.push(char::from(*byte)),
            other => {
                let digit = |number: u8| char::from_digit(number.into(), 16).unwrap_or('0');
                out.extend(['\\', 'x', digit(other >> 4), digit(other & 15)]);
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_may_begin_with_any_blank_of_c() {
        assert_eq!(parse_f64_bound(b"\x0b 1.5"), Some(1.5));
        assert_eq!(parse_f64_bound(b"1.5 "), None);
    }

    #[test]
    fn unsigned_numbers_are_read_as_c_reads_them() {
        for (text, number) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            (" \t+007", Some(7)),
            ("-1", None),
            ("-01", Some(u64::MAX)),
            ("-0", Some(0)),
            ("5\0x", Some(5)),
            ("", None),
            ("+", None),
            ("5 ", None),
            ("1e3", None),
        ] {
            assert_eq!(parse_u64(text.as_bytes()), number, "{text:?}");
        }
    }

    #[test]
    fn floats_as_redis_writes_them() {
        for (number, text) in [
            (1.0, "1"),
            (-0.0, "-0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (1e17, "100000000000000000"),
            (1e19, "1e+19"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (1.5e-5, "0.000015"),
            (1e-7, "1e-7"),
            (1.25e-7, "1.25e-7"),
            (123_456_789.123_456_78, "1.2345678912345678e+8"),
            (123_456_789.125, "123456789.125"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(f64_text(number), text);
        }
        assert_eq!(f64_text_with_point(1.0), "1.0");
        for (text, number) in
            [("1.0", Some(1.0)), ("-0.0", Some(-0.0)), ("3.25", Some(3.25)), ("0.5", Some(0.5))]
        {
            assert_eq!(canonical_f64(text.as_bytes()), number, "{text}");
        }
        for text in ["1", "1.", ".5", "0.50", "00.5", "1e5", "", "-", ".", "1.0.0", "+1.5", "-.5", "x"] {
            assert_eq!(canonical_f64(text.as_bytes()), None, "{text}");
        }
    }

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
            ("0x0p-5000", 0.0),
        ] {
            let bits = parse_f64(text.as_bytes()).map(f64::to_bits);
            assert_eq!(bits, Some(expected.to_bits()), "{text:?}");
        }
        for bad in ["", " 1", "1 ", "nan", "-nan", "1e999", "1e-999", "--1", "+-1", "abc", "1e", "0x", "."] {
            assert_eq!(parse_f64(bad.as_bytes()), None, "{bad:?}");
        }
        // Too small, whatever their digits are.
        for bad in ["0xep-1200", "-0xE1p-1200", "0xa.bp-1200", "0x1p-1200"] {
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
        fn written_floats_are_read_back(number in any::<f64>().prop_filter("a number", |n| !n.is_nan())) {
            let read = f64_text(number).parse::<f64>().unwrap();
            prop_assert_eq!(read.to_bits(), number.to_bits());
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

    #[test]
    fn words_for_people() {
        let mut line = String::new();
        quote(b"a\"\\\n\r\t\x07\x08\0 ~\x7f\xff", &mut line);
        assert_eq!(line, r#""a\"\\\n\r\t\a\b\x00 ~\x7f\xff""#);
    }
}

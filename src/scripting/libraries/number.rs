//! Numbers as C reads and casts them.

use rustc_apfloat::ieee::Double;

/// Reads a number at the beginning of a text, as glibc's `strtod` does but for blanks: the number, and how many
/// bytes it takes; 0: there is none.
pub fn strtod(text: &[u8]) -> (f64, usize) {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let (number, len) = unsigned(&text[sign..]);
    match (len, text.first()) {
        (0, _) => (0.0, 0),
        (_, Some(b'-')) => (-number, sign + len),
        _ => (number, sign + len),
    }
}

fn unsigned(text: &[u8]) -> (f64, usize) {
    let begins = |word: &[u8]| text.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    if begins(b"infinity") {
        return (f64::INFINITY, 8);
    }
    if begins(b"inf") {
        return (f64::INFINITY, 3);
    }
    if begins(b"nan") {
        return (f64::NAN, 3 + payload(&text[3..]));
    }
    if begins(b"0x") {
        let number = hexadecimal(&text[2..]);
        return number.map_or((0.0, 1), |(number, len)| (number, len + 2));
    }
    let len = mantissa(text, u8::is_ascii_digit);
    let len = len + if len == 0 { 0 } else { exponent(&text[len..], b'e') };
    let number = std::str::from_utf8(&text[..len]).ok().and_then(|text| text.parse().ok());
    number.map_or((0.0, 0), |number| (number, len))
}

/// How long the digits are, with a point among them or around; 0: there is no digit.
fn mantissa(text: &[u8], is_digit: fn(&u8) -> bool) -> usize {
    let count = |text: &[u8]| text.iter().take_while(|byte| is_digit(byte)).count();
    let whole = count(text);
    let fraction = match text.get(whole) {
        Some(b'.') => count(&text[whole + 1..]),
        _ => return whole,
    };
    if whole + fraction == 0 { 0 } else { whole + 1 + fraction }
}

/// How long the exponent is, with its letter; 0: there is none.
fn exponent(text: &[u8], letter: u8) -> usize {
    if !text.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&letter)) {
        return 0;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    let digits = text[1 + sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { 0 } else { 1 + sign + digits }
}

/// How long the part in brackets is that may follow `nan`.
fn payload(text: &[u8]) -> usize {
    let Some(rest) = text.strip_prefix(b"(") else { return 0 };
    let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    if rest.get(len) == Some(&b')') { len + 2 } else { 0 }
}

/// Reads what follows `0x`.
fn hexadecimal(text: &[u8]) -> Option<(f64, usize)> {
    let digits = mantissa(text, u8::is_ascii_hexdigit);
    if digits == 0 {
        return None;
    }
    let exponent = exponent(&text[digits..], b'p');
    let (number, len) = (std::str::from_utf8(&text[..digits]).ok()?, digits + exponent);
    let power = match std::str::from_utf8(&text[digits..len]).ok()?.get(1..) {
        Some(power) => {
            power.parse::<i32>().unwrap_or(if power.starts_with('-') { i32::MIN } else { i32::MAX })
        }
        None => 0,
    };
    let number: Double = format!("0x{number}p{}", power.clamp(-1_000_000, 1_000_000)).parse().ok()?;
    Some((f64::from_bits(rustc_apfloat::Float::to_bits(number) as u64), len))
}

/// As C casts a number to 64 bits without a sign.
pub fn to_u64(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    let whole = crate::scripting::convert::whole;
    if number >= HALF { (whole(number - HALF) as u64) ^ (1 << 63) } else { whole(number) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;

    /// What the C library says.
    fn judge(text: &[u8]) -> (f64, usize) {
        let text = CString::new(text).unwrap();
        let mut end = std::ptr::null_mut();
        // SAFETY: the text ends with a NUL.
        let number = unsafe { libc::strtod(text.as_ptr(), &mut end) };
        (number, end as usize - text.as_ptr() as usize)
    }

    fn check(text: &[u8]) {
        let ((number, len), (expected, expected_len)) = (strtod(text), judge(text));
        let text = String::from_utf8_lossy(text);
        assert_eq!(len, expected_len, "{text}");
        if expected.is_nan() {
            assert_eq!((number.is_nan(), number.is_sign_negative()), (true, expected.is_sign_negative()));
        } else {
            assert_eq!(number.to_bits(), expected.to_bits(), "{text}");
        }
    }

    #[test]
    fn as_the_c_library() {
        for text in "1 -1 +1 .5 5. 1e5 1e 1e+ 1e-3x -.5e1 . -. - + inf -infinity infinit nan -nan nan(1_a) nan( nan(-) \
                     0x 0x. 0x.8 0x1p4 0X1.8P-1 0x1p 0xg 0x1p99999999999 0x1p-99999999999 0x1.fffffffffffff8p0 \
                     1e400 1e-400 5e-324 0x0.8p-1074 00012 0x1.000000000000180p0 99999999999999999999999 -0"
            .split_whitespace()
        {
            check(text.as_bytes());
        }
        check(b"");
    }

    proptest! {
        #[test]
        fn any_text_of_such_letters(text in "[-+]?[0-9a-fxpINFnaty.()eE+-]{0,12}") {
            check(text.as_bytes());
        }
    }
}

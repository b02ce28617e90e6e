//! Floating-point numbers as replies show them.

/// Appends `number` as C's `%.17g` prints it, and infinities and NaN as Redis does.
pub fn put_double(out: &mut Vec<u8>, number: f64) {
    if number.is_nan() {
        out.extend_from_slice(b"nan");
    } else if number.is_infinite() {
        out.extend_from_slice(if number > 0.0 { b"inf" } else { b"-inf" });
    } else {
        put_general(out, number, 17);
    }
}

/// Appends a finite number as C's `%g` prints it with so many digits, one or more.
pub fn put_general(out: &mut Vec<u8>, number: f64, most_digits: u8) {
    let is_whole = number.fract() == 0.0 && (number != 0.0 || number.is_sign_positive());
    if is_whole && number.abs() < 10f64.powi(i32::from(most_digits.min(15))) {
        out.extend_from_slice(itoa::Buffer::new().format(number as i64).as_bytes());
        return;
    }
    let scientific = format!("{number:.*e}", usize::from(most_digits.saturating_sub(1)));
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    out.extend_from_slice(sign.as_bytes());
    if !(-4..i32::from(most_digits)).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        let text = format!("{first}{point}{rest}e{exponent_sign}{:02}", exponent.unsigned_abs());
        out.extend_from_slice(text.as_bytes());
    } else if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', exponent.unsigned_abs() as usize - 1));
        out.extend_from_slice(digits.as_bytes());
    } else {
        let whole = exponent as usize + 1;
        let (before, after) = digits.split_at(whole.min(digits.len()));
        out.extend_from_slice(before.as_bytes());
        out.extend(std::iter::repeat_n(b'0', whole - before.len()));
        if !after.is_empty() {
            out.push(b'.');
            out.extend_from_slice(after.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;

    fn text(number: f64) -> String {
        let mut out = Vec::new();
        put_double(&mut out, number);
        String::from_utf8(out).unwrap()
    }

    fn general(number: f64, digits: u8) -> String {
        let mut out = Vec::new();
        put_general(&mut out, number, digits);
        String::from_utf8(out).unwrap()
    }

    /// What the C library says.
    fn printed(number: f64, digits: u8) -> String {
        let mut out = [0u8; 64];
        let format = CString::new(format!("%.{digits}g")).unwrap();
        // SAFETY: the buffer is 64 bytes, and the format takes one double.
        let len = unsafe { libc::snprintf(out.as_mut_ptr().cast(), out.len(), format.as_ptr(), number) };
        String::from_utf8_lossy(&out[..len as usize]).into_owned()
    }

    #[test]
    fn as_redis_prints_them() {
        for (number, expected) in [
            (3.0, "3"),
            (-0.0, "-0"),
            (0.1, "0.10000000000000001"),
            (2.5, "2.5"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(text(number), expected);
        }
    }

    proptest! {
        #[test]
        fn as_the_c_library_prints_them(
            number in any::<f64>().prop_filter("finite", |n| n.is_finite()),
            digits in 1u8..=17,
        ) {
            prop_assert_eq!(general(number, digits), printed(number, digits));
        }

        #[test]
        fn whole_numbers_as_the_c_library_prints_them(number in -2_000_000_000_000_000i64..2_000_000_000_000_000, shift in 0u32..50, digits in 1u8..=17) {
            let number = (number >> shift) as f64;
            prop_assert_eq!(general(number, digits), printed(number, digits));
        }

        #[test]
        fn whole_numbers(number in -1_000_000_000_000_000_000i64..1_000_000_000_000_000_000) {
            prop_assert_eq!(text(number as f64).parse::<f64>().unwrap(), number as f64);
        }
    }
}

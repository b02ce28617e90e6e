//! The 80-bit floating point number that Redis calculates `INCRBYFLOAT` in (C's `long double` on
//! x86), calculated in software so that every machine gives the same answer.

use rustc_apfloat::ieee::{Double, X87DoubleExtended};
use rustc_apfloat::{Float, FloatConvert, Round, Status};
use std::cmp::Ordering;

/// No text of a number is longer, by Redis' rule.
const MAX_TEXT_BYTES: usize = 5 * 1024;

/// Decimal places of [`LongDouble::to_text`].
const PLACES: u32 = 17;

/// Digits of [`LongDouble::to_general_text`].
const GENERAL_DIGITS: usize = 17;

/// Exponents beyond this overflow or vanish, whatever the digits before them.
const MAX_DECIMAL_EXPONENT: i64 = 20_000;

/// An 80-bit number; never a NaN.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct LongDouble(X87DoubleExtended);

impl LongDouble {
    pub const ZERO: LongDouble = LongDouble(X87DoubleExtended::ZERO);

    /// The largest finite number.
    pub fn max() -> LongDouble {
        LongDouble(X87DoubleExtended::largest())
    }

    /// The number that `text` denotes, by C's rules and Redis' exceptions: decimal or hexadecimal,
    /// or an infinity by name; no blanks, nothing after the number, no NaN, nothing too large, and
    /// nothing so small that it would become zero.
    pub fn parse(text: &[u8]) -> Option<LongDouble> {
        if text.is_empty() || text.len() >= MAX_TEXT_BYTES {
            return None;
        }
        let text = std::str::from_utf8(text).ok()?;
        let (negative, magnitude) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let named = ["inf", "infinity"].iter().any(|name| magnitude.eq_ignore_ascii_case(name));
        let number = if named {
            X87DoubleExtended::INFINITY
        } else {
            let text = canonical(magnitude)?;
            let parsed = X87DoubleExtended::from_str_r(&text, Round::NearestTiesToEven).ok()?;
            let vanished = parsed.status.contains(Status::UNDERFLOW) && parsed.value.is_zero();
            if parsed.value.is_nan() || parsed.value.is_infinite() || vanished {
                return None;
            }
            parsed.value
        };
        Some(LongDouble(if negative { -number } else { number }))
    }

    /// The sum, rounded; none if there is none (∞ − ∞).
    pub fn checked_add(self, other: LongDouble) -> Option<LongDouble> {
        let sum = (self.0 + other.0).value;
        (!sum.is_nan()).then_some(LongDouble(sum))
    }

    /// The difference, rounded; none if there is none (∞ − ∞).
    pub fn checked_sub(self, other: LongDouble) -> Option<LongDouble> {
        let difference = (self.0 - other.0).value;
        (!difference.is_nan()).then_some(LongDouble(difference))
    }

    /// The negative of the number.
    pub fn negated(self) -> LongDouble {
        LongDouble(-self.0)
    }

    pub fn is_infinite(self) -> bool {
        self.0.is_infinite()
    }

    /// The number in thousandths, rounded up; none if that is more than 64 bits take. What is too low
    /// is the lowest.
    pub fn thousandths(self) -> Option<i64> {
        let thousand = X87DoubleExtended::from_u128(1000).value;
        let mut exact = false;
        let product = (self.0 * thousand).value;
        let number = product.to_i128_r(64, Round::TowardPositive, &mut exact);
        if !number.status.contains(Status::INVALID_OP) {
            return i64::try_from(number.value).ok();
        }
        self.0.is_negative().then_some(i64::MIN)
    }

    /// The same number.
    pub fn from_i64(number: i64) -> LongDouble {
        LongDouble(X87DoubleExtended::from_i128(number.into()).value)
    }

    /// The same number, unless it is a NaN.
    pub fn from_f64(number: f64) -> Option<LongDouble> {
        let mut loses_info = false;
        let number = Double::from_bits(number.to_bits().into()).convert(&mut loses_info).value;
        (!X87DoubleExtended::is_nan(number)).then_some(LongDouble(number))
    }

    /// The number without what is behind the point, if it is itself between the least and the largest
    /// integer of 64 bits.
    pub fn truncated(self) -> Option<i64> {
        if !(LongDouble::from_i64(i64::MIN)..=LongDouble::from_i64(i64::MAX)).contains(&self) {
            return None;
        }
        let mut is_exact = false;
        i64::try_from(self.0.to_i128_r(64, Round::TowardZero, &mut is_exact).value).ok()
    }

    /// The number as C's `%.17Lg` prints it: 17 digits, an exponent where it is large or small.
    pub fn to_general_text(self) -> String {
        if self.is_infinite() {
            return self.to_text();
        }
        let sign = if self.0.is_negative() { "-" } else { "" };
        let (significand, shift) = self.parts();
        if significand == 0 {
            return format!("{sign}0");
        }
        // The number is the digits as a whole number, over a power of ten.
        let (digits, places) = match u32::try_from(shift) {
            Ok(shift) => (whole_text(significand, shift), 0),
            Err(_) => (times_power_of_five(significand, shift.unsigned_abs()), shift.abs()),
        };
        let mut exponent = digits.len() as i32 - 1 - places;
        let mut digits = digits;
        if round_to(&mut digits, GENERAL_DIGITS) {
            exponent += 1;
        }
        let digits = digits.trim_end_matches('0');
        format!("{sign}{}", general(digits, exponent))
    }

    /// The number without its sign is the first times two to the power of the second.
    fn parts(self) -> (u64, i32) {
        let bits = self.0.to_bits();
        let exponent = (bits >> 64) as i32 & 0x7fff;
        (bits as u64, exponent.max(1) - 16383 - 63)
    }

    /// The number as Redis stores it: plain notation, at most 17 decimal places, no zeros at the end.
    pub fn to_text(self) -> String {
        if self.is_infinite() {
            return if self.0.is_negative() { "-inf".into() } else { "inf".into() };
        }
        let (significand, shift) = self.parts();
        let digits = match u32::try_from(shift) {
            Ok(shift) => whole_text(significand, shift),
            Err(_) => fraction_text(significand, shift.unsigned_abs()),
        };
        if self.0.is_negative() && digits != "0" { format!("-{digits}") } else { digits }
    }
}

/// The 64-bit number that hexadecimal `text` without a sign denotes, with `0x` in front.
pub(super) fn parse_hexadecimal(text: &str) -> Option<f64> {
    if !text.as_bytes().get(..2)?.eq_ignore_ascii_case(b"0x") {
        return None;
    }
    let number = Double::from_str_r(&canonical(text)?, Round::NearestTiesToEven).ok()?.value;
    Some(f64::from_bits(u64::try_from(number.to_bits()).ok()?))
}

/// The text in the form that the parser below takes: digits on at least one side of the point, an
/// exponent within bounds, and a binary exponent after hexadecimal digits.
fn canonical(text: &str) -> Option<String> {
    let hexadecimal = text.len() > 2 && text.as_bytes()[..2].eq_ignore_ascii_case(b"0x");
    let (body, mark) = if hexadecimal { (&text[2..], ['p', 'P']) } else { (text, ['e', 'E']) };
    let (mantissa, exponent) = match body.split_once(mark) {
        Some((mantissa, exponent)) => (mantissa, bounded_exponent(exponent)?),
        None => (body, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digit = |byte: u8| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let well_formed = whole.bytes().chain(fraction.bytes()).all(is_digit);
    if !well_formed || whole.len() + fraction.len() == 0 {
        return None;
    }
    let (prefix, mark) = if hexadecimal { ("0x", 'p') } else { ("", 'e') };
    Some(format!("{prefix}0{whole}.{fraction}0{mark}{exponent}"))
}

fn bounded_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let limit = MAX_DECIMAL_EXPONENT * 4;
    let exponent = digits.bytes().fold(0, |sum: i64, digit| (sum * 10 + i64::from(digit - b'0')).min(limit));
    Some(if negative { -exponent } else { exponent })
}

/// `significand` × 5^`power` in decimal digits.
fn times_power_of_five(significand: u64, power: u32) -> String {
    const STEP: u32 = 13;
    let mut limbs = vec![significand as u32, (significand >> 32) as u32];
    let mut left = power;
    while left > 0 {
        let step = left.min(STEP);
        let mut carry = 0;
        for limb in &mut limbs {
            let product = u64::from(*limb) * 5u64.pow(step) + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
        left -= step;
    }
    limbs_text(limbs)
}

/// Rounds digits, the first of them not 0, to so many, ties to even; returns whether that made one
/// more of them, which is cut off.
fn round_to(digits: &mut String, most: usize) -> bool {
    if digits.len() <= most {
        return false;
    }
    let rest = digits.split_off(most);
    let is_odd = digits.bytes().last().is_some_and(|digit| digit % 2 == 1);
    let tie = rest.starts_with('5') && rest[1..].bytes().all(|digit| digit == b'0');
    let up = if tie { is_odd } else { rest.as_bytes()[0] >= b'5' };
    if !up {
        return false;
    }
    let kept = digits.trim_end_matches('9').len();
    let nines = digits.len() - kept;
    digits.truncate(kept);
    let carried = match digits.pop() {
        Some(last) => {
            digits.push((last as u8 + 1) as char);
            false
        }
        None => {
            digits.push('1');
            true
        }
    };
    digits.extend(std::iter::repeat_n('0', nines - usize::from(carried)));
    carried
}

/// As `%g` lays out digits that have no zeros at the end, the first of them worth 10^`exponent`.
fn general(digits: &str, exponent: i32) -> String {
    if !(-4..GENERAL_DIGITS as i32).contains(&exponent) {
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs());
    }
    match usize::try_from(exponent + 1) {
        Ok(whole) if whole >= digits.len() => format!("{digits:0<whole$}"),
        Ok(whole) if whole > 0 => format!("{}.{}", &digits[..whole], &digits[whole..]),
        _ => format!("0.{}{digits}", "0".repeat((-exponent - 1) as usize)),
    }
}

/// `significand` × 2^`shift` in decimal digits.
fn whole_text(significand: u64, shift: u32) -> String {
    if shift <= 64 {
        return (u128::from(significand) << shift).to_string();
    }
    // Limbs of 32 bits, the lowest first.
    let mut limbs = vec![0u32; shift as usize / 32];
    let top = u128::from(significand) << (shift % 32);
    limbs.extend([top as u32, (top >> 32) as u32, (top >> 64) as u32]);
    limbs_text(limbs)
}

/// A whole number, of 32 bits and the lowest first, in decimal digits.
fn limbs_text(mut limbs: Vec<u32>) -> String {
    const BASE: u64 = 1_000_000_000;
    let mut groups = Vec::new();
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0;
        for limb in limbs.iter_mut().rev() {
            let part = rest << 32 | u64::from(*limb);
            *limb = (part / BASE) as u32;
            rest = part % BASE;
        }
        groups.push(rest);
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
    }
    let mut text = groups.pop().unwrap_or(0).to_string();
    for group in groups.iter().rev() {
        text += &format!("{group:09}");
    }
    text
}

/// `significand` ÷ 2^`shift`, rounded to [`PLACES`] decimal places, ties to even.
fn fraction_text(significand: u64, shift: u32) -> String {
    let scale = 10u128.pow(PLACES);
    // Below 2^121: nothing is lost.
    let scaled = u128::from(significand) * scale;
    let rounded = if shift >= 127 {
        0
    } else {
        let (quotient, rest) = (scaled >> shift, scaled & ((1 << shift) - 1));
        let up = match rest.cmp(&(1 << (shift - 1))) {
            Ordering::Less => false,
            Ordering::Equal => quotient % 2 == 1,
            Ordering::Greater => true,
        };
        quotient + u128::from(up)
    };
    let text = format!("{}.{:017}", rounded / scale, rounded % scale);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bits of the nearest 64-bit number.
    fn bits_of_double(number: LongDouble) -> u64 {
        let mut loses_info = false;
        let double: Double = number.0.convert(&mut loses_info).value;
        double.to_bits() as u64
    }

    fn sum(a: &str, b: &str) -> String {
        let [a, b] = [a, b].map(|text| LongDouble::parse(text.as_bytes()).unwrap());
        a.checked_add(b).unwrap().to_text()
    }

    #[test]
    fn sums_are_those_of_redis() {
        assert_eq!(sum("10.50", "0.1"), "10.6");
        assert_eq!(sum("5.0e3", "2.0e2"), "5200");
        assert_eq!(sum("0.1", "0.2"), "0.3");
        assert_eq!(sum("3.0", "1.000000000000000005"), "4.00000000000000001");
        assert_eq!(sum("1", "-1"), "0");
        assert_eq!(sum("-0.000000000000000001", "0"), "0");
        assert_eq!(sum("0x10", ".5"), "16.5");
        assert_eq!(sum("1e30", "0"), "1000000000000000000024696061952");
    }

    fn general_text(text: &str) -> String {
        LongDouble::parse(text.as_bytes()).unwrap().to_general_text()
    }

    #[test]
    fn general_text_is_that_of_the_c_library() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "-0"),
            ("60", "60"),
            ("100", "100"),
            ("0.1", "0.10000000000000000000"),
            ("1e16", "10000000000000000"),
            ("1e17", "1e+17"),
            ("99999999999999999.5", "1e+17"),
            ("123456789012345665", "1.2345678901234566e+17"),
            ("123456789012345675", "1.2345678901234568e+17"),
            ("0.0001", "0.0001"),
            ("0.00001234", "1.234e-05"),
            ("1e-4940", "9.9999999999605325e-4941"),
            ("1e-4950", "1.0935598595647424e-4950"),
            ("-1.5e4000", "-1.5e+4000"),
            ("inf", "inf"),
        ] {
            let expected = if expected.contains('.') && !expected.contains('e') {
                expected.trim_end_matches('0')
            } else {
                expected
            };
            assert_eq!(general_text(text), expected, "{text}");
        }
    }

    #[test]
    fn truncated_to_64_bits() {
        let truncated = |text: &str| LongDouble::parse(text.as_bytes()).unwrap().truncated();
        assert_eq!(truncated("-7.9"), Some(-7));
        assert_eq!(truncated("9223372036854775807"), Some(i64::MAX));
        assert_eq!(truncated("-9223372036854775808"), Some(i64::MIN));
        assert_eq!((truncated("9223372036854775807.5"), truncated("inf")), (None, None));
    }

    #[test]
    fn what_is_a_number_and_what_is_not() {
        for bad in [
            "", " 1", "1 ", "abc", "nan", "-nan", "1e", "1e5000", "1e-6000", ".", "0x", "--1", "1.2.3",
            "1_0", "0x1.8e5p", "é",
        ] {
            assert_eq!(LongDouble::parse(bad.as_bytes()), None, "{bad:?}");
        }
        for good in
            ["+1", "1.", ".1", "-.1e+3", "inf", "-INF", "+Infinity", "0e99999999", "0x1p3", "0X.8", "1e4932"]
        {
            assert!(LongDouble::parse(good.as_bytes()).is_some(), "{good:?}");
        }
        let long = [b'1'; MAX_TEXT_BYTES];
        assert_eq!(LongDouble::parse(&long), None);
    }

    #[test]
    fn thousandths_are_rounded_up() {
        let of = |text: &str| LongDouble::parse(text.as_bytes()).unwrap().thousandths();
        assert_eq!(of("1.5"), Some(1500));
        assert_eq!(of("1e-4000"), Some(1));
        assert_eq!(of("-0.0001"), Some(0));
        assert_eq!(of("-0.0011"), Some(-1));
        assert_eq!(of("9223372036854775.807"), Some(i64::MAX));
        assert_eq!(of("9223372036854775.808"), None);
        assert_eq!(of("inf"), None);
        assert_eq!(of("-1e4000"), Some(i64::MIN));
    }

    proptest! {
        #[test]
        fn doubles_survive(number in any::<f64>().prop_filter("no NaN", |number| !number.is_nan())) {
            let long = LongDouble::parse(format!("{number:.40e}").as_bytes()).unwrap();
            prop_assert_eq!(bits_of_double(long), number.to_bits());
        }

        #[test]
        fn text_is_exact_where_a_double_is(numerator in -(1i64 << 52)..1 << 52) {
            let number = numerator as f64 / 65536.0;
            let text = LongDouble::parse(format!("{number:.20}").as_bytes()).unwrap().to_text();
            let expected = format!("{number:.17}");
            let expected = expected.trim_end_matches('0').trim_end_matches('.');
            prop_assert_eq!(text, if expected == "-0" { "0" } else { expected });
        }

        #[test]
        fn general_text_of_doubles_is_right(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
            // Rounded to 17 digits it is still the same number of 64 bits.
            let text = LongDouble::from_f64(number).unwrap().to_general_text();
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
        }

        #[test]
        fn integers_survive(number: i64) {
            prop_assert_eq!(LongDouble::from_i64(number).truncated(), Some(number));
        }

        #[test]
        fn never_panics(text in "[-+0-9a-fxpeinty. ]{0,24}") {
            let _ = LongDouble::parse(text.as_bytes()).map(|n| (n.to_text(), n.to_general_text(), n.truncated()));
        }
    }
}

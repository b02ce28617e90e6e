//! Sorted sets.
//!
//! | type | what |
//! |---:|---|
//! | 3 | a number, as many members, each a string, and its score as text |
//! | 5 | a number, as many members, each a string, and its score as a little-endian double; what is written if 17 is not |
//! | 12 | a ziplist of members, each before its score |
//! | 17 | a listpack of the same; what is written of sets up to `zset-max-listpack-entries` |
//!
//! A score as text has its length before it in a byte. The lengths 253, 254 and 255 say NaN, ∞ and -∞.

use super::reader::{Reader, check_distinct, tuples};
use super::writer::{Writer, fit_listpack};
use super::{Limits, PayloadError, types};
use crate::encoding::listpack::Builder;
use crate::encoding::packed::Element;
use bytes::Bytes;
use std::cmp::Ordering;

const NAN: u8 = 253;
const INFINITE: u8 = 254;
const NEGATIVE_INFINITE: u8 = 255;

/// The digits that tell any two doubles apart.
const DIGITS: i32 = 17;

type Members = Vec<(Bytes, f64)>;

pub(super) fn read_texts(reader: &mut Reader) -> Result<Members, PayloadError> {
    read_members(reader, |reader| match reader.take()? {
        [NAN] => Err(PayloadError::Format),
        [INFINITE] => Ok(f64::INFINITY),
        [NEGATIVE_INFINITE] => Ok(f64::NEG_INFINITY),
        [length] => parse(reader.take_slice(length.into())?),
    })
}

pub(super) fn read_doubles(reader: &mut Reader) -> Result<Members, PayloadError> {
    read_members(reader, |reader| reader.fixed().map(f64::from_bits))
}

fn read_members(
    reader: &mut Reader,
    score: impl Fn(&mut Reader) -> Result<f64, PayloadError>,
) -> Result<Members, PayloadError> {
    let count = reader.length()?;
    checked(reader.times(count, |reader| Ok((reader.string()?, score(reader)?)))?)
}

/// The members of a listpack or ziplist.
pub(super) fn of_strings(strings: Vec<Bytes>) -> Result<Members, PayloadError> {
    let members = tuples(&strings)?.iter().map(|[member, score]| Ok((member.clone(), parse(score)?)));
    checked(members.collect::<Result<_, PayloadError>>()?)
}

fn checked(members: Members) -> Result<Members, PayloadError> {
    if members.iter().any(|(_, score)| score.is_nan()) {
        return Err(PayloadError::Format);
    }
    check_distinct(members.iter().map(|(member, _)| member))?;
    Ok(members)
}

fn parse(text: &[u8]) -> Result<f64, PayloadError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(PayloadError::Format)
}

pub(super) fn write(out: &mut Writer, members: &[(Bytes, f64)], limits: &Limits) {
    let mut members: Vec<&(Bytes, f64)> = members.iter().collect();
    members.sort_unstable_by(|a, b| a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal).then(a.0.cmp(&b.0)));
    if members.len() as u64 <= limits.zset_max_listpack_entries
        && fit_listpack(members.iter().map(|(member, _)| member), limits.zset_max_listpack_value)
    {
        out.byte(types::ZSET_LISTPACK);
        out.string(&listpack(&members));
        return;
    }
    out.byte(types::ZSET_2);
    out.length(members.len() as u64);
    // Redis has less to search for when the highest comes first.
    for (member, score) in members.into_iter().rev() {
        out.string(member);
        out.bytes(&score.to_le_bytes());
    }
}

fn listpack(members: &[&(Bytes, f64)]) -> Vec<u8> {
    let mut listpack = Builder::default();
    for (member, score) in members {
        listpack.push(Element::of(member));
        match integer(*score) {
            Some(score) => listpack.push(Element::Integer(score)),
            None => listpack.push(Element::String(text(*score).as_bytes())),
        }
    }
    listpack.finish()
}

/// The score as an integer, if it is one and far from the limits of integers.
fn integer(score: f64) -> Option<i64> {
    let is_integer = score.abs() <= (i64::MAX / 2) as f64 && score.fract() == 0.0;
    is_integer.then_some(score as i64)
}

/// A score that is no integer, as C's `%.17g` writes it.
fn text(score: f64) -> String {
    if score.is_infinite() {
        return score.to_string();
    }
    let exponential = format!("{score:.*e}", DIGITS as usize - 1);
    let (digits, exponent) = exponential.split_once('e').unwrap_or((&exponential, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..DIGITS).contains(&exponent) {
        let places = (DIGITS - 1 - exponent) as usize;
        return without_zeros(&format!("{score:.places$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(digits), exponent.abs())
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As `printf("%.17g")` of glibc has them.
    #[test]
    fn texts_of_scores() {
        for (score, expected) in [
            (0.1, "0.10000000000000001"),
            (-1.5, "-1.5"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1e300, "1.0000000000000001e+300"),
            (1e22, "1e+22"),
            (5e-324, "4.9406564584124654e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (1234567.125, "1234567.125"),
            (99999999999999999.0, "1e+17"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(text(score), expected);
        }
    }

    #[test]
    fn integers() {
        assert_eq!(integer(-3.0), Some(-3));
        assert_eq!(integer(4e18), Some(4_000_000_000_000_000_000));
        for score in [0.5, 5e18, -5e18, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(integer(score), None, "{score}");
        }
    }

    proptest! {
        #[test]
        fn every_score_comes_back(bits: u64) {
            let score = f64::from_bits(bits);
            prop_assume!(!score.is_nan());
            prop_assert_eq!(parse(text(score).as_bytes()), Ok(score));
        }
    }
}

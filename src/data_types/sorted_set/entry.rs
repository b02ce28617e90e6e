//! The entries of a sorted set's tree: score (8 bytes), member. As bytes they stand in the order of the
//! sorted set, but for scores of −0, which counts as 0 there and keeps its sign.
//!
//! A score is the bits of a 64-bit float, big-endian; those of positive ones with the highest bit
//! set, those of negative ones inverted.

use crate::encoding::{DecodeError, DecodeResult};
use bytes::{Buf, Bytes};
use std::cmp::Ordering;

/// Bytes of a score.
pub const SCORE_BYTES: usize = 8;

const SIGN: u64 = 1 << 63;
/// The scores −0 and 0.
const NEGATIVE_ZERO: [u8; SCORE_BYTES] = (SIGN - 1).to_be_bytes();
const ZERO: [u8; SCORE_BYTES] = SIGN.to_be_bytes();

/// The bytes of a score.
pub fn encode_score(score: f64) -> [u8; SCORE_BYTES] {
    let bits = score.to_bits();
    (if bits & SIGN == 0 { bits | SIGN } else { !bits }).to_be_bytes()
}

/// The score of these bytes.
///
/// # Errors
/// When they are not those of a score.
pub fn decode_score(bytes: &[u8]) -> DecodeResult<f64> {
    const BAD: DecodeError = DecodeError { what: "score" };
    let bits = u64::from_be_bytes(bytes.try_into().map_err(|_| BAD)?);
    let score = f64::from_bits(if bits & SIGN == 0 { !bits } else { bits ^ SIGN });
    if score.is_nan() { Err(BAD) } else { Ok(score) }
}

/// The bytes of an entry.
pub fn encode(score: f64, member: &[u8]) -> Vec<u8> {
    [&encode_score(score), member].concat()
}

/// The member and score of an entry; the member keeps its memory.
///
/// # Errors
/// When the bytes are not those of an entry.
pub fn decode(mut bytes: Bytes) -> DecodeResult<(Bytes, f64)> {
    let score = bytes.first_chunk::<SCORE_BYTES>().ok_or(DecodeError { what: "entry of a sorted set" })?;
    let score = decode_score(score)?;
    bytes.advance(SCORE_BYTES);
    Ok((bytes, score))
}

/// The member of an entry; empty where a separator ends before it.
pub fn member(entry: &[u8]) -> &[u8] {
    entry.get(SCORE_BYTES..).unwrap_or_default()
}

/// What an entry is looked for by: where it stands, whatever the sign of a zero.
pub fn target(score: f64, member: &[u8]) -> Vec<u8> {
    encode(score + 0.0, member)
}

/// How an entry or a separator stands to a [`target`].
pub fn order(stored: &[u8], target: &[u8]) -> Ordering {
    // Mostly the scores tell, and as numbers they tell it quickest.
    if let (Some((score, member)), Some((wanted, of))) =
        (stored.split_first_chunk(), target.split_first_chunk())
    {
        let score = if *score == NEGATIVE_ZERO { ZERO } else { *score };
        return u64::from_be_bytes(score).cmp(&u64::from_be_bytes(*wanted)).then_with(|| member.cmp(of));
    }
    stored.cmp(target)
}

/// How two entries, or an entry and a separator, stand to each other.
pub fn order_stored(left: &[u8], right: &[u8]) -> Ordering {
    match right.strip_prefix(&NEGATIVE_ZERO) {
        Some(member) => order(left, &[&ZERO, member].concat()),
        None => order(left, right),
    }
}

/// What parts two entries: as much of the right one as is needed, all of it beside a score of −0,
/// whose bytes do not stand where it does.
pub fn separator<'a>(left: &'a [u8], right: &'a [u8]) -> &'a [u8] {
    if left.starts_with(&NEGATIVE_ZERO) || right.starts_with(&NEGATIVE_ZERO) {
        return right;
    }
    crate::data_types::tree::shortest_separator(left, right)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        assert_eq!(encode(1.5, b"ab"), b"\xbf\xf8\0\0\0\0\0\0ab");
        assert_eq!(encode(-1.5, b""), b"\x40\x07\xff\xff\xff\xff\xff\xff");
        assert_eq!(encode(0.0, b"z"), b"\x80\0\0\0\0\0\0\0z");
        assert_eq!(encode(-0.0, b"z"), b"\x7f\xff\xff\xff\xff\xff\xff\xffz");
    }

    fn score() -> impl Strategy<Value = f64> {
        prop_oneof![
            Just(0.0),
            Just(-0.0),
            -2.0..2.0,
            any::<f64>().prop_filter("no NaN", |score| !score.is_nan())
        ]
    }

    proptest! {
        #[test]
        fn round_trip(score in score(), member: Vec<u8>) {
            let (found, decoded) = decode(encode(score, &member).into()).unwrap();
            prop_assert_eq!((found.as_ref(), decoded.to_bits()), (member.as_slice(), score.to_bits()));
        }

        #[test]
        fn order_is_that_of_score_and_member(a in score(), m: Vec<u8>, b in score(), n: Vec<u8>) {
            let expected = a.partial_cmp(&b).unwrap().then(m.cmp(&n));
            prop_assert_eq!(order(&encode(a, &m), &target(b, &n)), expected);
        }

        #[test]
        fn separators_part(a in score(), m: Vec<u8>, b in score(), n: Vec<u8>, c in score(), o: Vec<u8>) {
            let mut entries = [(a, m), (b, n), (c, o)];
            entries.sort_by(|(a, m), (b, n)| a.partial_cmp(b).unwrap().then(m.cmp(n)));
            let [left, right, other] = entries;
            prop_assume!(order(&encode(left.0, &left.1), &target(right.0, &right.1)).is_lt());
            let (left_bytes, right_bytes) = (encode(left.0, &left.1), encode(right.0, &right.1));
            let parted = separator(&left_bytes, &right_bytes);
            prop_assert!(order(parted, &target(left.0, &left.1)).is_gt());
            prop_assert!(order(parted, &target(right.0, &right.1)).is_le());
            prop_assert!(order(parted, &target(other.0, &other.1)).is_le());
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, other: Vec<u8>) {
            let _ = decode(Bytes::from(bytes.clone()));
            let _ = decode_score(&bytes);
            let _ = (member(&bytes), order(&bytes, &other), separator(&bytes, &other));
        }
    }
}

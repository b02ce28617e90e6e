//! Intsets: how Redis keeps small sets of integers, and sends them in `DUMP`.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | bytes of a member: 2, 4 or 8, little-endian |
//! | 4 | members, little-endian |
//! | … | the members in ascending order, each once, little-endian |

use super::packed::integer;
use super::{DecodeError, DecodeResult};

const BAD: DecodeError = DecodeError { what: "intset" };

/// The bytes of a set whose members, each once, come in ascending order; fewer than 2³² of them.
pub fn encode(members: &[i64]) -> Vec<u8> {
    let ends = [members.first(), members.last()].into_iter().flatten();
    let width = ends.map(|member| width_of(*member)).max().unwrap_or(2);
    let mut out = Vec::with_capacity(8 + width * members.len());
    out.extend_from_slice(&(width as u32).to_le_bytes());
    out.extend_from_slice(&(members.len() as u32).to_le_bytes());
    for member in members {
        out.extend_from_slice(&member.to_le_bytes()[..width]);
    }
    out
}

fn width_of(member: i64) -> usize {
    if i16::try_from(member).is_ok() {
        2
    } else if i32::try_from(member).is_ok() {
        4
    } else {
        8
    }
}

/// The members.
///
/// # Errors
/// When there are none, when their number and width do not fit the bytes, or when they are not in
/// ascending order.
pub fn decode(bytes: &[u8]) -> DecodeResult<Vec<i64>> {
    let (width, rest) = bytes.split_first_chunk().ok_or(BAD)?;
    let (count, rest) = rest.split_first_chunk().ok_or(BAD)?;
    let members = match u32::from_le_bytes(*width) {
        2 => members::<2>(rest),
        4 => members::<4>(rest),
        8 => members::<8>(rest),
        _ => return Err(BAD),
    };
    let members = members.ok_or(BAD)?;
    let fits = members.len() as u64 == u64::from(u32::from_le_bytes(*count));
    if !fits || members.is_empty() || !members.is_sorted_by(|a, b| a < b) {
        return Err(BAD);
    }
    Ok(members)
}

fn members<const N: usize>(bytes: &[u8]) -> Option<Vec<i64>> {
    let (members, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| members.iter().map(|member| integer(*member)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Written by redis-server 7.0.15.
    #[test]
    fn golden() {
        let cases: [(&[i64], &[u8]); 3] = [
            (&[-1, 3, 300], b"\x02\0\0\0\x03\0\0\0\xff\xff\x03\0\x2c\x01"),
            (&[-1, 70000], b"\x04\0\0\0\x02\0\0\0\xff\xff\xff\xff\x70\x11\x01\0"),
            (&[1 << 40], b"\x08\0\0\0\x01\0\0\0\0\0\0\0\0\x01\0\0"),
        ];
        for (members, bytes) in cases {
            assert_eq!(encode(members), bytes);
            assert_eq!(decode(bytes), Ok(members.to_vec()));
        }
    }

    #[test]
    fn damaged() {
        let good = encode(&[-5, 7, 1 << 20]);
        for length in 0..good.len() {
            assert_eq!(decode(&good[..length]), Err(BAD), "{length} bytes");
        }
        let cases: [&[u8]; 6] = [
            b"\x02\0\0\0\0\0\0\0",
            b"\x03\0\0\0\x01\0\0\0\x01\0\0",
            b"\x02\0\0\0\x02\0\0\0\x01\0",
            b"\x02\0\0\0\xff\xff\xff\xff\x01\0",
            b"\x02\0\0\0\x02\0\0\0\x01\0\x01\0",
            b"\x02\0\0\0\x02\0\0\0\x02\0\x01\0",
        ];
        for bytes in cases {
            assert_eq!(decode(bytes), Err(BAD), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(members in prop::collection::btree_set(any::<i64>(), 1..50), shift in 0..60u32) {
            let mut members: Vec<i64> = members.into_iter().map(|member| member >> shift).collect();
            members.dedup();
            prop_assert_eq!(decode(&encode(&members)), Ok(members));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>, width in 0..9u8) {
            let _ = decode(&bytes);
            let count = (bytes.len() / usize::from(width.max(1))) as u8;
            let _ = decode(&[&[width, 0, 0, 0, count, 0, 0, 0], &bytes[..]].concat());
        }
    }
}

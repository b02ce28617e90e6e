//! The ids of a stream's entries: two numbers, in text `ms-seq`.

use std::fmt;

/// The id of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// ms since the Unix epoch, mostly.
    pub ms: u64,
    /// Tells those of one millisecond apart.
    pub seq: u64,
}

/// The number of a word that C's `strtoull` takes, no sign but `+`.
fn parse_part(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text.strip_prefix(b"+").unwrap_or(text);
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

impl StreamId {
    /// Before every entry.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    /// The last that there can be.
    pub const MAX: StreamId = StreamId { ms: u64::MAX, seq: u64::MAX };

    /// As entries of a tree and payloads have it; the bytes order as the ids do.
    pub fn from_bytes(bytes: [u8; 16]) -> StreamId {
        let both = u128::from_be_bytes(bytes);
        StreamId { ms: (both >> 64) as u64, seq: both as u64 }
    }

    /// See [`StreamId::from_bytes`].
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.ms) << 64 | u128::from(self.seq)).to_be_bytes()
    }

    /// The id that follows at once, if there is one.
    pub fn next(self) -> Option<StreamId> {
        u128::from_be_bytes(self.to_bytes()).checked_add(1).map(|id| StreamId::from_bytes(id.to_be_bytes()))
    }

    /// The id just before, if there is one.
    pub fn previous(self) -> Option<StreamId> {
        u128::from_be_bytes(self.to_bytes()).checked_sub(1).map(|id| StreamId::from_bytes(id.to_be_bytes()))
    }

    /// The first part of an id in text, and the second if there is one.
    pub fn parse_parts(text: &[u8]) -> Option<(u64, Option<&[u8]>)> {
        match text.iter().position(|byte| *byte == b'-') {
            Some(dash) => Some((parse_part(&text[..dash])?, Some(&text[dash + 1..]))),
            None => Some((parse_part(text)?, None)),
        }
    }

    /// Reads `ms` or `ms-seq`; `missing_seq` stands for a second part that is not there.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<StreamId> {
        let (ms, seq) = StreamId::parse_parts(text)?;
        let seq = match seq {
            Some(seq) => parse_part(seq)?,
            None => missing_seq,
        };
        Some(StreamId { ms, seq })
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let id = StreamId { ms: 0x0102, seq: 3 };
        assert_eq!(id.to_bytes(), *b"\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03");
        assert_eq!(id.to_string(), "258-3");
    }

    #[test]
    fn text_as_redis_takes_it() {
        let id = |ms, seq| Some(StreamId { ms, seq });
        for (text, expected) in [
            ("5", id(5, 7)),
            ("5-1", id(5, 1)),
            ("05-01", id(5, 1)),
            ("18446744073709551615-18446744073709551615", Some(StreamId::MAX)),
            ("18446744073709551616-0", None),
            ("", None),
            ("-", None),
            ("5-", None),
            ("-5", None),
            ("5-x", None),
            ("5-1-1", None),
            ("5 ", None),
        ] {
            assert_eq!(StreamId::parse(text.as_bytes(), 7), expected, "{text}");
        }
    }

    #[test]
    fn neighbours() {
        let id = StreamId { ms: 5, seq: u64::MAX };
        assert_eq!(id.next(), Some(StreamId { ms: 6, seq: 0 }));
        assert_eq!(id.next().and_then(StreamId::previous), Some(id));
        assert_eq!((StreamId::MAX.next(), StreamId::MIN.previous()), (None, None));
    }

    proptest! {
        #[test]
        fn round_trip_and_order(a: (u64, u64), b: (u64, u64)) {
            let id = |(ms, seq)| StreamId { ms, seq };
            let (a, b) = (id(a), id(b));
            prop_assert_eq!(StreamId::from_bytes(a.to_bytes()), a);
            prop_assert_eq!(StreamId::parse(a.to_string().as_bytes(), 0), Some(a));
            prop_assert_eq!(a.to_bytes().cmp(&b.to_bytes()), a.cmp(&b));
        }

        #[test]
        fn never_panics(text: Vec<u8>) {
            let _ = StreamId::parse(&text, 0);
        }
    }
}

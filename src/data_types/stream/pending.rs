//! Entries that were delivered and not acknowledged, as entries of a group's tree: id (16), number of
//! the consumer, when it was last delivered (ms since the Unix epoch), how often (varints). A
//! consumer's own tree holds nothing but ids. Number 0 is nobody.

use crate::encoding::stream_id::StreamId;
use crate::encoding::{DecodeError, DecodeResult, varint};

/// The number of no consumer.
pub const NOBODY: u64 = 0;

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    pub id: StreamId,
    /// The number of the consumer that has it, or [`NOBODY`].
    pub consumer: u64,
    /// When it was last delivered, ms since the Unix epoch.
    pub time_ms: u64,
    /// How often it was delivered.
    pub count: u64,
}

impl Pending {
    /// How often it was delivered after it is once more; Redis counts no further than that.
    pub fn next_count(&self) -> u64 {
        self.count.saturating_add(1).min(i64::MAX as u64)
    }

    /// How long ago it was delivered, ms; none if it was given back.
    pub fn idle_ms(&self, now_ms: u64) -> Option<u64> {
        let was_given_back = self.consumer == NOBODY && self.time_ms == 0;
        (!was_given_back).then(|| now_ms.saturating_sub(self.time_ms))
    }

    /// The bytes for the tree.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.extend_from_slice(&self.id.to_bytes());
        for number in [self.consumer, self.time_ms, self.count] {
            varint::put(&mut out, number);
        }
        out
    }

    /// Reads an entry of the tree.
    ///
    /// # Errors
    /// When the bytes are not those of one.
    pub fn decode(bytes: &[u8]) -> DecodeResult<Pending> {
        const BAD: DecodeError = DecodeError { what: "pending entry of a stream" };
        let (id, mut rest) = bytes.split_first_chunk().ok_or(BAD)?;
        let mut number = || varint::take(&mut rest);
        let (consumer, time_ms, count) = (number()?, number()?, number()?);
        let pending = Pending { id: StreamId::from_bytes(*id), consumer, time_ms, count };
        if rest.is_empty() { Ok(pending) } else { Err(BAD) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let pending = Pending { id: StreamId { ms: 1, seq: 2 }, consumer: 3, time_ms: 300, count: 1 };
        assert_eq!(pending.encode(), b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\x03\xac\x02\x01");
    }

    proptest! {
        #[test]
        fn round_trip(ms: u64, seq: u64, consumer: u64, time_ms: u64, count: u64) {
            let pending = Pending { id: StreamId { ms, seq }, consumer, time_ms, count };
            prop_assert_eq!(Pending::decode(&pending.encode()).unwrap(), pending);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Pending::decode(&bytes);
        }
    }
}

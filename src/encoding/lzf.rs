//! LZF, as Redis compresses strings in `DUMP`.
//!
//! | bytes | what |
//! |---|---|
//! | `000xxxxx` … | x + 1 bytes as they are |
//! | `yyyxxxxx` z | y (1 to 6) + 2 bytes that came before, `xxxxx` and z + 1 back |
//! | `111xxxxx` y z | y + 9 bytes that came before, `xxxxx` and z + 1 back |
//!
//! What came before may be what is just being repeated.

use std::ops::Range;

/// The most bytes that are repeated at once.
pub const MAX_REPEATED_BYTES: usize = 264;

const MAX_LITERAL_BYTES: usize = 32;
const MAX_DISTANCE: usize = 1 << 13;
const SLOTS: usize = 1 << 16;

/// The most bytes that a repeat takes, one more than that: what Redis' compressor wants to have left.
const REPEAT_ROOM_BYTES: usize = 4;

/// What may be left over at the end, which is not looked at for repeats.
const REST_BYTES: usize = 3;

/// Compresses as Redis does, byte for byte: the choices below, odd as they may seem, are those of its
/// compressor. Keeps its memory for the next time.
#[derive(Default)]
pub struct Compressor {
    /// Where three bytes were seen last, counted from the beginning of all that was compressed.
    seen: Vec<u32>,
    /// Where the present bytes begin.
    base: u32,
}

impl Compressor {
    /// The bytes compressed; none if that takes more than `max_bytes`, or nearly as many. Linear in
    /// their number.
    pub fn compress(&mut self, bytes: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        let length = u32::try_from(bytes.len()).ok()?;
        if self.seen.is_empty() || self.base.checked_add(length).is_none() {
            *self = Compressor { seen: vec![0; SLOTS], base: 0 };
        }
        let out = self.run(bytes, max_bytes);
        self.base += length;
        out
    }

    fn run(&mut self, bytes: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let mut run = 0..0;
        let end = bytes.len().saturating_sub(2);
        while run.end < end {
            // With the length of the run, which stands before it.
            let size = out.len() + 1 + run.len();
            let Some((distance, length)) = self.find(bytes, run.end) else {
                if size >= max_bytes {
                    return None;
                }
                run.end += 1;
                flush_if_full(&mut out, bytes, &mut run);
                continue;
            };
            if size - usize::from(run.start == run.end) + REPEAT_ROOM_BYTES >= max_bytes {
                return None;
            }
            flush(&mut out, bytes, &mut run);
            put_repeat(&mut out, distance, length);
            let after = run.end + length;
            if after < end {
                self.note(bytes, after - 2);
                self.note(bytes, after - 1);
            }
            run = after..after;
        }
        if out.len() + 1 + run.len() + REST_BYTES > max_bytes {
            return None;
        }
        while run.end < bytes.len() {
            run.end += 1;
            flush_if_full(&mut out, bytes, &mut run);
        }
        flush(&mut out, bytes, &mut run);
        Some(out)
    }

    /// Remembers the three bytes at `at`, and returns what was in their place.
    fn note(&mut self, bytes: &[u8], at: usize) -> u32 {
        let three = u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]]);
        let slot = (three >> 8).wrapping_sub(three.wrapping_mul(5)) as usize % SLOTS;
        // All of the bytes are less than 2³² behind the base.
        std::mem::replace(&mut self.seen[slot], self.base + at as u32)
    }

    /// How far back, and for how many bytes, there is the same as at `at`. The very first byte is never
    /// repeated, nor are the last two part of a repeat that is much longer or shorter than 19 bytes.
    fn find(&mut self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        let there = self.note(bytes, at).checked_sub(self.base).filter(|there| *there > 0)? as usize;
        let distance = at - there;
        if distance > MAX_DISTANCE || bytes[there..there + 3] != bytes[at..at + 3] {
            return None;
        }
        let room = bytes.len() - at - 2;
        let most = room.max(if room > 16 { 19 } else { 3 }).min(MAX_REPEATED_BYTES);
        let pairs = bytes[at..at + most].iter().zip(&bytes[there..]);
        Some((distance, pairs.take_while(|(one, other)| one == other).count()))
    }
}

fn flush_if_full(out: &mut Vec<u8>, bytes: &[u8], run: &mut Range<usize>) {
    if run.len() == MAX_LITERAL_BYTES {
        flush(out, bytes, run);
    }
}

/// Writes the bytes that are no repeat.
fn flush(out: &mut Vec<u8>, bytes: &[u8], run: &mut Range<usize>) {
    if run.start < run.end {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(&bytes[run.clone()]);
        run.start = run.end;
    }
}

fn put_repeat(out: &mut Vec<u8>, distance: usize, length: usize) {
    let [high, low] = (distance as u16 - 1).to_be_bytes();
    match length - 2 {
        short @ ..7 => out.extend_from_slice(&[(short as u8) << 5 | high, low]),
        long => out.extend_from_slice(&[7 << 5 | high, (long - 7) as u8, low]),
    }
}

/// What was compressed, if it is `length` bytes; these are allocated, so the caller bounds them. Linear
/// in their number.
pub fn decompress(mut compressed: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(length);
    while let Some(&first) = compressed.split_off_first() {
        let repeated = match first >> 5 {
            0 => {
                out.extend_from_slice(compressed.split_off(..usize::from(first) + 1)?);
                if out.len() > length { return None } else { continue }
            }
            7 => usize::from(*compressed.split_off_first()?) + 9,
            short => usize::from(short) + 2,
        };
        let distance = usize::from(first & 0x1f) << 8 | usize::from(*compressed.split_off_first()?);
        let from = out.len().checked_sub(distance + 1)?;
        if out.len() + repeated > length {
            return None;
        }
        for at in from..from + repeated {
            out.push(out[at]);
        }
    }
    (out.len() == length).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compress(bytes: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        Compressor::default().compress(bytes, max_bytes)
    }

    /// As redis-server 7.0.15 compresses, in DUMP.
    #[test]
    fn golden() {
        let cases: [(&[u8], &[u8]); 4] = [
            (&[b'a'; 21], b"\x01aa\xe0\x0a\0"),
            (&[b'a'; 100], b"\x01aa\xe0\x57\0\x01aa"),
            (
                b"abcdefghijklmnoabcdefghijklmnoabcdefghijklmnobcdef",
                b"\x0fabcdefghijklmnoa\xe0\x14\x0e\x20\x1c\x01ef",
            ),
            (b"0123456789012345678901234567890123456789", b"\x0a01234567890\xe0\x12\x09\x0189"),
        ];
        for (bytes, compressed) in cases {
            assert_eq!(compress(bytes, bytes.len() - 4).as_deref(), Some(compressed));
            assert_eq!(decompress(compressed, bytes.len()).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn the_longest_repeats_and_distances() {
        let mut compressor = Compressor::default();
        for repeated in [3, 8, 9, 263, 264, 265, 600] {
            for between in [0, 5, MAX_DISTANCE - repeated, MAX_DISTANCE - repeated + 1] {
                let repeat: Vec<u8> = (0..repeated).map(|at| (at * at % 251) as u8).collect();
                let bytes = [b"x", &repeat[..], &vec![252; between], &repeat, b"yz"].concat();
                let compressed = compressor.compress(&bytes, usize::MAX).unwrap();
                assert_eq!(decompress(&compressed, bytes.len()), Some(bytes), "{repeated} {between}");
            }
        }
    }

    /// The positions are counted on, until there are no more numbers.
    #[test]
    fn one_compressor_for_many() {
        let bytes = [b'a'; 100];
        for base in [1, 1 << 31, u32::MAX - 201, u32::MAX - 101, u32::MAX - 100, u32::MAX - 99, u32::MAX] {
            let mut compressor = Compressor { seen: vec![0; SLOTS], base };
            for _ in 0..3 {
                assert_eq!(compressor.compress(&bytes, 96), compress(&bytes, 96), "{base}");
            }
        }
    }

    #[test]
    fn what_gets_too_long() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(compress(&bytes, 256), None);
        assert_eq!(compress(&bytes, 300).map(|compressed| compressed.len()), Some(264));
        for length in 0..4 {
            let compressed = compress(&bytes[..length], usize::MAX).unwrap();
            assert_eq!(decompress(&compressed, length).as_deref(), Some(&bytes[..length]));
        }
    }

    /// The compressor that we had before stumbled over this one.
    #[test]
    fn a_repeat_behind_what_does_not_compress() {
        let bytes: Vec<u8> = (0..160).chain([1, 2, 3, 200, 201]).collect();
        assert_eq!(compress(&bytes, bytes.len()), None);
        let compressed = compress(&bytes, usize::MAX).unwrap();
        assert_eq!(decompress(&compressed, bytes.len()), Some(bytes));
    }

    #[test]
    fn damaged() {
        let bytes = b"abcdefabcdxyz";
        let good = b"\x05abcdef\x40\x05\x02xyz";
        assert_eq!(decompress(good, bytes.len()).as_deref(), Some(&bytes[..]));
        assert_eq!(decompress(good, bytes.len() - 1), None);
        assert_eq!(decompress(good, bytes.len() + 1), None);
        for length in 0..good.len() {
            assert_eq!(decompress(&good[..length], bytes.len()), None, "{length} bytes");
        }
        for compressed in [&b"\x20\0"[..], b"\0a\x20\x01", b"\0a\xe0\xff\0", b"\0a\x20", b"\0a\xe0\0"] {
            assert_eq!(decompress(compressed, 5), None, "{compressed:?}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(parts in prop::collection::vec((any::<bool>(), any::<[u8; 7]>(), 0..400usize), 0..60)) {
            let mut bytes = Vec::new();
            for (is_new, new, from) in parts {
                let from = from.min(bytes.len());
                if is_new { bytes.extend(new) } else { bytes.extend_from_within(from..(from + 40).min(bytes.len())) }
            }
            let compressed = compress(&bytes, usize::MAX).unwrap();
            prop_assert!(compressed.len() <= bytes.len() + bytes.len().div_ceil(MAX_LITERAL_BYTES));
            // A limit is kept, and changes nothing but whether there is an answer.
            let limited = compress(&bytes, compressed.len());
            prop_assert!(limited.is_none_or(|limited| limited == compressed));
            let limited = compress(&bytes, compressed.len() + REPEAT_ROOM_BYTES);
            prop_assert!(limited.is_none_or(|limited| limited == compressed));
            prop_assert_eq!(decompress(&compressed, bytes.len()), Some(bytes));
        }

        #[test]
        fn never_panics(compressed: Vec<u8>, length in 0..1000usize) {
            let _ = decompress(&compressed, length);
        }
    }
}

//! What every type is written with: lengths and strings.

use super::reader::{ENCODED, INT8, INT16, INT32, LENGTH_32, LENGTH_64, LZF};
use crate::encoding::lzf::Compressor;
use crate::encoding::text;

/// The longest text that may be an integer of 4 bytes.
const INTEGER_TEXT_BYTES: usize = 11;

/// Shorter strings are not worth compressing.
const COMPRESSED_FROM_BYTES: usize = 21;

/// Compression has to save this much.
const SAVED_BYTES: usize = 4;

/// No listpack gets longer, by Redis' rule.
pub(super) const MAX_LISTPACK_BYTES: usize = 1 << 30;

/// A payload that is being written.
#[derive(Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    compressor: Compressor,
}

impl Writer {
    /// All that was written.
    pub(super) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Room for as many bytes, which are as good as known to come.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.out.reserve(bytes);
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.out.push(byte);
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A number of 8 bytes, little-endian.
    pub(super) fn fixed(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    pub(super) fn length(&mut self, length: u64) {
        if length < 1 << 6 {
            self.byte(length as u8);
        } else if length < 1 << 14 {
            self.bytes(&(0x4000 | length as u16).to_be_bytes());
        } else if let Ok(length) = u32::try_from(length) {
            self.byte(LENGTH_32);
            self.bytes(&length.to_be_bytes());
        } else {
            self.byte(LENGTH_64);
            self.bytes(&length.to_be_bytes());
        }
    }

    pub(super) fn string(&mut self, value: &[u8]) {
        if value.len() <= INTEGER_TEXT_BYTES
            && let Some(number) = text::parse_i64(value)
            && self.integer(number)
        {
            return;
        }
        if value.len() >= COMPRESSED_FROM_BYTES
            && let Some(compressed) = self.compressor.compress(value, value.len() - SAVED_BYTES)
        {
            self.byte(ENCODED | LZF);
            self.length(compressed.len() as u64);
            self.length(value.len() as u64);
            self.bytes(&compressed);
            return;
        }
        self.length(value.len() as u64);
        self.bytes(value);
    }

    /// Writes a number in 1, 2 or 4 bytes; returns whether it fits.
    fn integer(&mut self, number: i64) -> bool {
        if let Ok(number) = i8::try_from(number) {
            self.byte(ENCODED | INT8);
            self.bytes(&number.to_le_bytes());
        } else if let Ok(number) = i16::try_from(number) {
            self.byte(ENCODED | INT16);
            self.bytes(&number.to_le_bytes());
        } else if let Ok(number) = i32::try_from(number) {
            self.byte(ENCODED | INT32);
            self.bytes(&number.to_le_bytes());
        } else {
            return false;
        }
        true
    }
}

/// Whether Redis would keep these strings in one listpack: none longer than `max_bytes`, and all
/// together not too long.
pub(super) fn fit_listpack<T: AsRef<[u8]>>(strings: impl IntoIterator<Item = T>, max_bytes: u64) -> bool {
    let mut total = 0usize;
    strings.into_iter().all(|string| {
        let length = string.as_ref().len();
        total = total.saturating_add(length);
        length as u64 <= max_bytes && total < MAX_LISTPACK_BYTES
    })
}

//! What every type is read from: lengths, strings, and packed elements.

use super::PayloadError;
use crate::encoding::packed::Element;
use crate::encoding::{DecodeResult, listpack, lzf, ziplist};
use bytes::Bytes;
use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::Hash;

pub(super) const ENCODED: u8 = 0b1100_0000;
pub(super) const INT8: u8 = 0;
pub(super) const INT16: u8 = 1;
pub(super) const INT32: u8 = 2;
pub(super) const LZF: u8 = 3;
pub(super) const LENGTH_32: u8 = 0x80;
pub(super) const LENGTH_64: u8 = 0x81;

/// What may stand around the longest string when it is alone in a listpack.
const PACKED_BYTES: u64 = 64;

/// What is left of a payload. Nothing is allocated by a number in it: a vector grows only as its
/// elements are found.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    max_bytes: u64,
}

impl<'a> Reader<'a> {
    /// Reads `rest`; no string in it may be longer than `max_bytes`.
    pub(super) fn new(rest: &'a [u8], max_bytes: u64) -> Reader<'a> {
        Reader { rest, max_bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], PayloadError> {
        let (first, after) = self.rest.split_first_chunk().ok_or(PayloadError::Format)?;
        self.rest = after;
        Ok(*first)
    }

    pub(super) fn take_slice(&mut self, length: u64) -> Result<&'a [u8], PayloadError> {
        let length = usize::try_from(length).map_err(|_| PayloadError::Format)?;
        self.rest.split_off(..length).ok_or(PayloadError::Format)
    }

    /// A number of 8 bytes, little-endian.
    pub(super) fn fixed(&mut self) -> Result<u64, PayloadError> {
        Ok(u64::from_le_bytes(self.take()?))
    }

    pub(super) fn length(&mut self) -> Result<u64, PayloadError> {
        let [first] = self.take()?;
        match first {
            LENGTH_32 => Ok(u32::from_be_bytes(self.take()?).into()),
            LENGTH_64 => Ok(u64::from_be_bytes(self.take()?)),
            short if short & ENCODED == 0 => Ok(short.into()),
            medium if medium & ENCODED == 0x40 => {
                let [low] = self.take()?;
                Ok(u64::from(medium & !ENCODED) << 8 | u64::from(low))
            }
            _ => Err(PayloadError::Format),
        }
    }

    pub(super) fn string(&mut self) -> Result<Bytes, PayloadError> {
        Ok(match self.text(self.max_bytes)? {
            Cow::Borrowed(text) => Bytes::copy_from_slice(text),
            Cow::Owned(text) => text.into(),
        })
    }

    /// A number, and as many strings.
    pub(super) fn strings(&mut self) -> Result<Vec<Bytes>, PayloadError> {
        let count = self.length()?;
        self.times(count, Reader::string)
    }

    /// As many as `count` says, of what `read` reads.
    pub(super) fn times<T>(
        &mut self,
        count: u64,
        read: impl Fn(&mut Reader<'a>) -> Result<T, PayloadError>,
    ) -> Result<Vec<T>, PayloadError> {
        // Collecting results reserves nothing for what may not come.
        (0..count).map(|_| read(self)).collect()
    }

    /// A string that is not a value by itself but has others packed in it.
    pub(super) fn blob(&mut self) -> Result<Cow<'a, [u8]>, PayloadError> {
        self.text(self.max_bytes.saturating_add(PACKED_BYTES))
    }

    /// The elements of a listpack.
    pub(super) fn listpack(&mut self) -> Result<Vec<Bytes>, PayloadError> {
        let blob = self.blob()?;
        listpack::decode(&blob)?.map(|element| self.element(element)).collect()
    }

    /// The elements of a ziplist.
    pub(super) fn ziplist(&mut self) -> Result<Vec<Bytes>, PayloadError> {
        let blob = self.blob()?;
        ziplist::decode(&blob)?.map(|element| self.element(element)).collect()
    }

    /// The text of a packed element.
    pub(super) fn element(&self, element: DecodeResult<Element>) -> Result<Bytes, PayloadError> {
        self.unpacked(element?.to_bytes())
    }

    /// A string that was inside another one.
    pub(super) fn unpacked(&self, text: Bytes) -> Result<Bytes, PayloadError> {
        if text.len() as u64 > self.max_bytes { Err(PayloadError::Format) } else { Ok(text) }
    }

    fn text(&mut self, max_bytes: u64) -> Result<Cow<'a, [u8]>, PayloadError> {
        let number = match self.rest.first() {
            Some(first) if first & ENCODED == ENCODED => {
                self.rest = &self.rest[1..];
                match first & !ENCODED {
                    INT8 => i64::from(i8::from_le_bytes(self.take()?)),
                    INT16 => i64::from(i16::from_le_bytes(self.take()?)),
                    INT32 => i64::from(i32::from_le_bytes(self.take()?)),
                    LZF => return self.compressed(max_bytes).map(Cow::Owned),
                    _ => return Err(PayloadError::Format),
                }
            }
            _ => {
                let length = self.length()?;
                if length > max_bytes {
                    return Err(PayloadError::Format);
                }
                return Ok(Cow::Borrowed(self.take_slice(length)?));
            }
        };
        Ok(Cow::Owned(number.to_string().into_bytes()))
    }

    fn compressed(&mut self, max_bytes: u64) -> Result<Vec<u8>, PayloadError> {
        let compressed_length = self.length()?;
        let length = self.length()?;
        let compressed = self.take_slice(compressed_length)?;
        // The buffer is allocated by this number: no more of it than the input can fill.
        let most = (compressed.len() as u64).div_ceil(3).saturating_mul(lzf::MAX_REPEATED_BYTES as u64);
        if length > max_bytes.min(most) {
            return Err(PayloadError::Format);
        }
        let length = usize::try_from(length).map_err(|_| PayloadError::Format)?;
        lzf::decompress(compressed, length).ok_or(PayloadError::Format)
    }
}

/// Fails when one comes twice.
pub(super) fn check_distinct<T: Hash + Eq>(items: impl IntoIterator<Item = T>) -> Result<(), PayloadError> {
    let mut seen = HashSet::new();
    let distinct = items.into_iter().all(|item| seen.insert(item));
    if distinct { Ok(()) } else { Err(PayloadError::Format) }
}

/// The strings, `N` at a time.
pub(super) fn tuples<const N: usize>(strings: &[Bytes]) -> Result<&[[Bytes; N]], PayloadError> {
    match strings.as_chunks() {
        (tuples, []) => Ok(tuples),
        _ => Err(PayloadError::Format),
    }
}

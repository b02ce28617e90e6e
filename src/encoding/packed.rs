//! What listpacks and ziplists have in common: elements one behind the other, up to a byte that ends them.

use super::{DecodeError, DecodeResult, text};
use bytes::Bytes;

/// What comes behind the last element.
pub(super) const END: u8 = 0xff;

/// What a header says where there are as many elements as that, or more.
pub(super) const MANY: u16 = u16::MAX;

/// The longest text that may be an integer.
const INTEGER_TEXT_BYTES: usize = 20;

/// One element; an integer stands for its canonical text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element<'a> {
    Integer(i64),
    String(&'a [u8]),
}

impl<'a> Element<'a> {
    /// An element of this text: an integer if it is the canonical form of one.
    pub fn of(text: &'a [u8]) -> Element<'a> {
        let number = if text.len() <= INTEGER_TEXT_BYTES { text::parse_i64(text) } else { None };
        number.map_or(Element::String(text), Element::Integer)
    }

    /// The integer that it is, or is the text of.
    pub fn integer(self) -> Option<i64> {
        match self {
            Element::Integer(number) => Some(number),
            Element::String(text) => text::parse_i64(text),
        }
    }

    /// Its text.
    pub fn to_bytes(self) -> Bytes {
        match self {
            Element::Integer(number) => Bytes::from(number.to_string()),
            Element::String(text) => Bytes::copy_from_slice(text),
        }
    }
}

/// A way to write the elements, and what has to be known of those before to read the next.
pub trait Packing {
    /// What is told of bytes that are none.
    const BAD: DecodeError;

    /// Takes the next element off, with what stands before and behind it.
    fn take<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Element<'a>>;

    /// Whether the last element may be behind.
    fn ends_well(&self) -> bool {
        true
    }
}

/// The elements that are packed in some way. Takes no memory; ends after the first error.
#[derive(Debug)]
pub struct Elements<'a, P> {
    rest: &'a [u8],
    /// How many are still to come, unless there are too many for the header to say.
    left: Option<u16>,
    packing: P,
    is_over: bool,
}

impl<'a, P: Packing> Elements<'a, P> {
    /// Those of the bytes behind a header, which counts `count`.
    pub(super) fn new(rest: &'a [u8], count: u16, packing: P) -> Elements<'a, P> {
        Elements { rest, left: (count != MANY).then_some(count), packing, is_over: false }
    }

    fn take(&mut self) -> DecodeResult<Option<Element<'a>>> {
        if self.rest == [END] && self.left.unwrap_or(0) == 0 {
            return if self.packing.ends_well() { Ok(None) } else { Err(P::BAD) };
        }
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or(P::BAD)?;
        }
        self.packing.take(&mut self.rest).map(Some).ok_or(P::BAD)
    }
}

impl<'a, P: Packing> Iterator for Elements<'a, P> {
    type Item = DecodeResult<Element<'a>>;

    fn next(&mut self) -> Option<DecodeResult<Element<'a>>> {
        if self.is_over {
            return None;
        }
        let taken = self.take();
        self.is_over = taken.is_err();
        taken.transpose()
    }
}

/// The first `N` bytes, taken off.
pub(super) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    rest.split_off(..N)?.try_into().ok()
}

/// An integer of the first `N` bytes, taken off.
pub(super) fn take_integer<'a, const N: usize>(rest: &mut &[u8]) -> Option<Element<'a>> {
    Some(Element::Integer(integer(take::<N>(rest)?)))
}

/// A signed integer of `N` (1 to 8) bytes, little-endian.
pub(super) fn integer<const N: usize>(bytes: [u8; N]) -> i64 {
    let mut wide = [0; 8];
    wide[8 - N..].copy_from_slice(&bytes);
    i64::from_le_bytes(wide) >> (64 - 8 * N)
}

//! Listpacks, as Redis keeps small collections and nodes of large ones, and sends them in `DUMP`.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | bytes of all of it, little-endian |
//! | 2 | elements, little-endian; `ffff` from 65535 on |
//! | … | the elements |
//! | 1 | `ff` |
//!
//! An element is what it is written as, then the number of those bytes, 7 bits a byte, high bits first,
//! the high bit set in all but the first.
//!
//! | bytes | element |
//! |---|---|
//! | `0xxxxxxx` | 0 to 127 |
//! | `110xxxxx` 1 | an integer of 13 bits, big-endian |
//! | `f1` 2, `f2` 3, `f3` 4, `f4` 8 | an integer, little-endian |
//! | `10xxxxxx` … | a string of up to 63 bytes |
//! | `1110xxxx` 1 … | a string of up to 4095 bytes, the length big-endian |
//! | `f0` 4 … | a string, the length little-endian |

use super::packed::{self, END, Element, MANY, Packing, take, take_integer};
use super::{DecodeError, DecodeResult};

const HEADER_BYTES: usize = 6;

const INT_13: u8 = 0b1100_0000;
const STRING_6: u8 = 0b1000_0000;
const STRING_12: u8 = 0b1110_0000;
const STRING_32: u8 = 0xf0;
const INT_16: u8 = 0xf1;
const INT_24: u8 = 0xf2;
const INT_32: u8 = 0xf3;
const INT_64: u8 = 0xf4;

/// A listpack that is being written.
pub struct Builder {
    out: Vec<u8>,
    count: usize,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder { out: vec![0; HEADER_BYTES], count: 0 }
    }
}

impl Builder {
    /// Appends an element.
    pub fn push(&mut self, element: Element) {
        let start = self.out.len();
        match element {
            Element::Integer(number) => self.put_integer(number),
            Element::String(string) => self.put_string(string),
        }
        let back_length = BackLength::of(self.out.len() - start);
        self.out.extend_from_slice(back_length.bytes());
        self.count += 1;
    }

    /// Appends all elements of another one.
    pub fn append(&mut self, other: Builder) {
        self.out.extend_from_slice(&other.out[HEADER_BYTES..]);
        self.count += other.count;
    }

    /// Bytes so far, with those of the end.
    pub fn size(&self) -> usize {
        self.out.len() + 1
    }

    /// Elements so far.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The whole, of which the length is known to fit 32 bits.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(END);
        let size = self.out.len() as u32;
        let count = u16::try_from(self.count).unwrap_or(MANY);
        self.out[..4].copy_from_slice(&size.to_le_bytes());
        self.out[4..HEADER_BYTES].copy_from_slice(&count.to_le_bytes());
        self.out
    }

    fn put_integer(&mut self, number: i64) {
        let bytes = number.to_le_bytes();
        let (tag, width) = match number {
            0..=127 => return self.out.push(number as u8),
            -4096..=4095 => {
                let bits = (number as u16) & 0x1fff;
                return self.out.extend_from_slice(&[INT_13 | (bits >> 8) as u8, bits as u8]);
            }
            -0x8000..=0x7fff => (INT_16, 2),
            -0x80_0000..=0x7f_ffff => (INT_24, 3),
            -0x8000_0000..=0x7fff_ffff => (INT_32, 4),
            _ => (INT_64, 8),
        };
        self.out.push(tag);
        self.out.extend_from_slice(&bytes[..width]);
    }

    fn put_string(&mut self, string: &[u8]) {
        match string.len() {
            length @ ..64 => self.out.push(STRING_6 | length as u8),
            length @ ..4096 => {
                self.out.extend_from_slice(&[STRING_12 | (length >> 8) as u8, length as u8]);
            }
            length => {
                self.out.push(STRING_32);
                self.out.extend_from_slice(&(length as u32).to_le_bytes());
            }
        }
        self.out.extend_from_slice(string);
    }
}

/// The length of an element as it stands behind it.
struct BackLength {
    bytes: [u8; 5],
    width: usize,
}

impl BackLength {
    fn of(length: usize) -> BackLength {
        // The last number of each width takes one byte more than it would need.
        let width = match length {
            0..128 => 1,
            128..0x3fff => 2,
            0x3fff..0x1f_ffff => 3,
            0x1f_ffff..0xfff_ffff => 4,
            _ => 5,
        };
        let mut bytes = [0; 5];
        for (place, byte) in bytes[..width].iter_mut().rev().enumerate() {
            let more = if place + 1 < width { 0x80 } else { 0 };
            *byte = (length >> (7 * place)) as u8 & 0x7f | more;
        }
        BackLength { bytes, width }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.width]
    }
}

/// The elements of a listpack.
pub type Elements<'a> = packed::Elements<'a, Listpack>;

/// How a listpack has its elements.
#[derive(Debug)]
pub struct Listpack;

/// Begins to read a listpack, which is all of `bytes`.
///
/// # Errors
/// When the header does not fit the bytes; whatever is wrong behind it, [`Elements`] tell.
pub fn decode(bytes: &[u8]) -> DecodeResult<Elements<'_>> {
    let mut rest = bytes;
    let size = u32::from_le_bytes(take(&mut rest).ok_or(Listpack::BAD)?);
    let count = u16::from_le_bytes(take(&mut rest).ok_or(Listpack::BAD)?);
    if size as usize != bytes.len() {
        return Err(Listpack::BAD);
    }
    Ok(Elements::new(rest, count, Listpack))
}

impl Packing for Listpack {
    const BAD: DecodeError = DecodeError { what: "listpack" };

    fn take<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Element<'a>> {
        let before = rest.len();
        let element = take_element(rest)?;
        let back_length = BackLength::of(before - rest.len());
        *rest = rest.strip_prefix(back_length.bytes())?;
        Some(element)
    }
}

fn take_element<'a>(rest: &mut &'a [u8]) -> Option<Element<'a>> {
    let [tag] = take(rest)?;
    let length = match tag {
        0..=0x7f => return Some(Element::Integer(tag.into())),
        tag if tag & 0b1110_0000 == INT_13 => {
            let [low] = take(rest)?;
            let bits = u16::from(tag & 0x1f) << 8 | u16::from(low);
            // The sign bit of 13 moves to the top of 16 and back.
            return Some(Element::Integer(((bits << 3) as i16 >> 3).into()));
        }
        INT_16 => return take_integer::<2>(rest),
        INT_24 => return take_integer::<3>(rest),
        INT_32 => return take_integer::<4>(rest),
        INT_64 => return take_integer::<8>(rest),
        tag if tag & 0b1100_0000 == STRING_6 => usize::from(tag & 0x3f),
        tag if tag & 0xf0 == STRING_12 => {
            let [low] = take(rest)?;
            usize::from(tag & 0x0f) << 8 | usize::from(low)
        }
        STRING_32 => u32::from_le_bytes(take(rest)?) as usize,
        _ => return None,
    };
    rest.split_off(..length).map(Element::String)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode<'a>(elements: impl IntoIterator<Item = Element<'a>>) -> Vec<u8> {
        let mut builder = Builder::default();
        elements.into_iter().for_each(|element| builder.push(element));
        builder.finish()
    }

    /// How Redis 7.0.15 writes the elements.
    #[test]
    fn golden() {
        let texts: [&[u8]; 5] = [b"a", b"-1", b"4095", b"70000", b"hello"];
        let bytes = b"\x1c\0\0\0\x05\0\x81a\x02\xdf\xff\x02\xcf\xff\x02\xf2p\x11\x01\x04\x85hello\x06\xff";
        assert_eq!(encode(texts.map(Element::of)), bytes);
        let read: Vec<_> = decode(bytes).unwrap().map(|element| element.unwrap().to_bytes()).collect();
        assert_eq!(read, texts);
        assert_eq!(encode([]), b"\x07\0\0\0\0\0\xff");
    }

    fn first(element: Element) -> Vec<u8> {
        let all = encode([element]);
        all[HEADER_BYTES..all.len() - 1].to_vec()
    }

    #[test]
    fn every_integer_takes_the_least_bytes() {
        let cases: [(i64, &[u8]); 14] = [
            (0, b"\0\x01"),
            (127, b"\x7f\x01"),
            (128, b"\xc0\x80\x02"),
            (-4096, b"\xd0\0\x02"),
            (4096, b"\xf1\0\x10\x03"),
            (-4097, b"\xf1\xff\xef\x03"),
            (0x7fff, b"\xf1\xff\x7f\x03"),
            (-0x8001, b"\xf2\xff\x7f\xff\x04"),
            (0x7f_ffff, b"\xf2\xff\xff\x7f\x04"),
            (-0x80_0001, b"\xf3\xff\xff\x7f\xff\x05"),
            (0x7fff_ffff, b"\xf3\xff\xff\xff\x7f\x05"),
            (0x8000_0000, b"\xf4\0\0\0\x80\0\0\0\0\x09"),
            (i64::MAX, b"\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09"),
            (i64::MIN, b"\xf4\0\0\0\0\0\0\0\x80\x09"),
        ];
        for (number, bytes) in cases {
            assert_eq!(first(Element::Integer(number)), bytes, "{number}");
            let all = encode([Element::Integer(number)]);
            assert_eq!(decode(&all).unwrap().next(), Some(Ok(Element::Integer(number))));
        }
    }

    #[test]
    fn long_strings() {
        for (length, front, back) in [
            (63, &b"\xbf"[..], &b"\x40"[..]),
            (64, b"\xe0\x40", b"\x42"),
            (4095, b"\xef\xff", b"\x20\x81"),
            (4096, b"\xf0\0\x10\0\0", b"\x20\x85"),
            (16377, b"\xf0\xf9\x3f\0\0", b"\x7f\xfe"),
            (16378, b"\xf0\xfa\x3f\0\0", b"\x00\xff\xff"),
        ] {
            let string = vec![b'x'; length];
            let all = encode([Element::of(&string)]);
            let element = &all[HEADER_BYTES..all.len() - 1];
            assert!(element.starts_with(front) && element.ends_with(back), "{length}");
            assert_eq!(element.len(), front.len() + length + back.len(), "{length}");
            assert_eq!(decode(&all).unwrap().next(), Some(Ok(Element::String(&string))));
        }
    }

    #[test]
    fn more_elements_than_the_header_can_say() {
        for count in [65534, 65535, 65536, 70000] {
            let all = encode((0..count).map(Element::Integer));
            assert_eq!(u16::from_le_bytes([all[4], all[5]]), count.min(65535) as u16);
            assert!(decode(&all).unwrap().map(Result::unwrap).eq((0..count).map(Element::Integer)));
        }
    }

    fn is_refused(bytes: &[u8]) -> bool {
        decode(bytes).is_err() || decode(bytes).unwrap().any(|element| element.is_err())
    }

    #[test]
    fn damaged() {
        let good = encode([Element::Integer(1), Element::String(b"ab"), Element::String(&[b'x'; 200])]);
        assert!(!is_refused(&good));
        for length in 0..good.len() {
            assert!(is_refused(&good[..length]), "{length} bytes");
        }
        let longer = [&good[..], &[END]].concat();
        assert!(is_refused(&longer));
        // The size, the count, the first length behind, the end.
        for at in [0, 3, 4, 5, 7, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(is_refused(&bad), "byte {at}");
        }
        for tag in [0xf5, 0xfa, 0xfe] {
            assert!(is_refused(&[9, 0, 0, 0, 1, 0, tag, 1, END]));
        }
        // A string that would be longer than all.
        assert!(is_refused(b"\x0d\0\0\0\x01\0\xf0\xff\xff\xff\xff\x01\xff"));
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let mut elements = decode(b"\x0a\0\0\0\x02\0\xfe\x01\x01\xff").unwrap();
        assert_eq!((elements.next(), elements.next()), (Some(Err(Listpack::BAD)), None));
    }

    proptest! {
        #[test]
        fn round_trip(texts: Vec<Vec<u8>>, numbers: Vec<i64>) {
            let numbers: Vec<Vec<u8>> = numbers.iter().map(|number| number.to_string().into_bytes()).collect();
            let texts = [texts, numbers].concat();
            let all = encode(texts.iter().map(|text| Element::of(text)));
            let read: Vec<_> = decode(&all).unwrap().map(|element| element.unwrap().to_bytes()).collect();
            prop_assert_eq!(read, texts);
        }

        #[test]
        fn never_panics(mut bytes: Vec<u8>) {
            let _ = is_refused(&bytes);
            let size = (bytes.len() as u32 + 7).to_le_bytes();
            bytes.splice(..0, [&size[..], &[0xff, 0xff]].concat());
            bytes.push(END);
            let _ = is_refused(&bytes);
        }
    }
}

//! Ziplists: what Redis had before listpacks, up to 6.2. They are read, never written.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | bytes of all of it, little-endian |
//! | 4 | where the last element begins, little-endian |
//! | 2 | elements, little-endian; `ffff` from 65535 on |
//! | … | the elements |
//! | 1 | `ff` |
//!
//! An element begins with the bytes that the one before takes: 1 byte up to 253, else `fe` and 4,
//! little-endian. Then comes what it is.
//!
//! | bytes | element |
//! |---|---|
//! | `00xxxxxx` … | a string of up to 63 bytes |
//! | `01xxxxxx` 1 … | a string of up to 16383 bytes, the length big-endian |
//! | `80` 4 … | a string, the length big-endian |
//! | `c0` 2, `d0` 4, `e0` 8, `f0` 3, `fe` 1 | an integer, little-endian |
//! | `f1` to `fd` | 0 to 12 |

use super::packed::{END, Element, Elements, Packing, take, take_integer};
use super::{DecodeError, DecodeResult};

const HEADER_BYTES: usize = 10;
const LONG_PREVIOUS: u8 = 0xfe;

/// How a ziplist has its elements.
#[derive(Debug)]
pub struct Ziplist {
    /// Where the last one begins, in bytes from here; negative once it is behind.
    tail: i64,
    /// The bytes of the one before.
    previous: usize,
}

/// Begins to read a ziplist, which is all of `bytes`.
///
/// # Errors
/// When the header does not fit the bytes; whatever is wrong behind it, [`Elements`] tell.
pub fn decode(bytes: &[u8]) -> DecodeResult<Elements<'_, Ziplist>> {
    let mut rest = bytes;
    let size = u32::from_le_bytes(take(&mut rest).ok_or(Ziplist::BAD)?);
    let tail = u32::from_le_bytes(take(&mut rest).ok_or(Ziplist::BAD)?);
    let count = u16::from_le_bytes(take(&mut rest).ok_or(Ziplist::BAD)?);
    if size as usize != bytes.len() {
        return Err(Ziplist::BAD);
    }
    Ok(Elements::new(rest, count, Ziplist { tail: i64::from(tail) - HEADER_BYTES as i64, previous: 0 }))
}

impl Packing for Ziplist {
    const BAD: DecodeError = DecodeError { what: "ziplist" };

    fn take<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Element<'a>> {
        let before = rest.len();
        let previous = match take(rest)? {
            [LONG_PREVIOUS] => u32::from_le_bytes(take(rest)?) as usize,
            [END] => return None,
            [short] => usize::from(short),
        };
        if previous != self.previous {
            return None;
        }
        let element = take_element(rest)?;
        self.previous = before - rest.len();
        self.tail -= self.previous as i64;
        Some(element)
    }

    /// The tail is where the last element began; in an empty list, at the end.
    fn ends_well(&self) -> bool {
        self.tail == -(self.previous as i64)
    }
}

fn take_element<'a>(rest: &mut &'a [u8]) -> Option<Element<'a>> {
    let [tag] = take(rest)?;
    let length = match tag {
        0..=0x3f => usize::from(tag),
        0x40..=0x7f => {
            let [low] = take(rest)?;
            usize::from(tag & 0x3f) << 8 | usize::from(low)
        }
        0x80 => u32::from_be_bytes(take(rest)?) as usize,
        0xc0 => return take_integer::<2>(rest),
        0xd0 => return take_integer::<4>(rest),
        0xe0 => return take_integer::<8>(rest),
        0xf0 => return take_integer::<3>(rest),
        0xfe => return take_integer::<1>(rest),
        0xf1..=0xfd => return Some(Element::Integer(i64::from(tag) - 0xf1)),
        _ => return None,
    };
    rest.split_off(..length).map(Element::String)
}

#[cfg(test)]
mod tests {
    use super::super::packed::MANY;
    use super::*;
    use proptest::prelude::*;

    /// A ziplist of elements that are written already, without what stands before them.
    fn ziplist(elements: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0; HEADER_BYTES];
        let (mut tail, mut previous) = (HEADER_BYTES, 0);
        for element in elements {
            tail = out.len();
            match u8::try_from(previous) {
                Ok(short) if short < LONG_PREVIOUS => out.push(short),
                _ => {
                    out.push(LONG_PREVIOUS);
                    out.extend((previous as u32).to_le_bytes());
                }
            }
            out.extend_from_slice(element);
            previous = out.len() - tail;
        }
        out.push(END);
        let size = out.len() as u32;
        out[..4].copy_from_slice(&size.to_le_bytes());
        out[4..8].copy_from_slice(&(tail as u32).to_le_bytes());
        out[8..10].copy_from_slice(&u16::try_from(elements.len()).unwrap_or(MANY).to_le_bytes());
        out
    }

    fn texts(bytes: &[u8]) -> DecodeResult<Vec<Vec<u8>>> {
        decode(bytes)?.map(|element| Ok(element?.to_bytes().to_vec())).collect()
    }

    /// The example of Redis' own documentation of the format.
    #[test]
    fn golden() {
        let bytes = b"\x1c\0\0\0\x0e\0\0\0\x03\0\0\xf3\x02\xf6\x02\x0bHello World\xff";
        assert_eq!(texts(bytes), Ok(vec![b"2".to_vec(), b"5".to_vec(), b"Hello World".to_vec()]));
        assert_eq!(ziplist(&[b"\xf3", b"\xf6", b"\x0bHello World"]), bytes);
        assert_eq!(texts(b"\x0b\0\0\0\x0a\0\0\0\0\0\xff"), Ok(vec![]));
    }

    #[test]
    fn every_form_of_an_element() {
        let medium = [&[0x41, 0x2c][..], &[b'm'; 300]].concat();
        let long = [&[0x80, 0, 1, 0, 0][..], &vec![b'l'; 0x10000]].concat();
        let all = ziplist(&[
            b"\0",
            &medium,
            &long,
            b"\xc0\0\x80",
            b"\xd0\0\0\0\x80",
            b"\xe0\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"\xf0\0\0\x80",
            b"\xfe\xff",
            b"\xf1",
            b"\xfd",
        ]);
        let expected = [
            Element::String(b""),
            Element::String(&medium[2..]),
            Element::String(&long[5..]),
            Element::Integer(-0x8000),
            Element::Integer(-0x8000_0000),
            Element::Integer(i64::MAX),
            Element::Integer(-0x80_0000),
            Element::Integer(-1),
            Element::Integer(0),
            Element::Integer(12),
        ];
        assert!(decode(&all).unwrap().map(Result::unwrap).eq(expected));
    }

    #[test]
    fn more_elements_than_the_header_can_say() {
        assert_eq!(texts(&ziplist(&vec![&b"\xf1"[..]; 70000])).unwrap().len(), 70000);
    }

    #[test]
    fn damaged() {
        let good = ziplist(&[b"\x03abc", b"\xf1", &[&[0x3f][..], &[b'x'; 63]].concat()]);
        assert!(texts(&good).is_ok());
        for length in 0..good.len() {
            assert_eq!(texts(&good[..length]), Err(Ziplist::BAD), "{length} bytes");
        }
        // The size, the tail, the count, the lengths of those before, the end.
        for at in [0, 4, 7, 8, 10, 15, 17, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(texts(&bad), Err(Ziplist::BAD), "byte {at}");
        }
        for tag in [0x81, 0xc1, 0xff] {
            assert_eq!(texts(&ziplist(&[&[tag, 0, 0, 0, 0, 0, 0, 0, 0]])), Err(Ziplist::BAD));
        }
        assert_eq!(texts(&ziplist(&[b"\x80\xff\xff\xff\xff"])), Err(Ziplist::BAD));
    }

    proptest! {
        #[test]
        fn short_strings(strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..50)) {
            let written: Vec<Vec<u8>> =
                strings.iter().map(|string| [&[string.len() as u8], &string[..]].concat()).collect();
            let all = ziplist(&written.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(texts(&all), Ok(strings));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = texts(&bytes);
            let _ = texts(&ziplist(&[&bytes]));
            let mut all = ziplist(&[&bytes]);
            all[8..10].fill(0xff);
            let _ = texts(&all);
        }
    }
}

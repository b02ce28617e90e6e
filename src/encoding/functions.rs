//! A library of functions: the record `numbers::system_key::FUNCTIONS` + its name.
//!
//! | bytes | what |
//! |---|---|
//! | varint | how many functions it has registered, then for each: |
//! | 1 | its flags |
//! | varint, … | the length of its name, and its name |
//! | varint, … | 0, or 1 + the length of its description, and its description |
//! | … | the text of the library |

use super::numbers::function_flag;
use super::varint;
use super::{DecodeError, DecodeResult};
use bytes::Bytes;

/// A function, as its library has registered it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub description: Option<Bytes>,
    /// Bits, by their numbers in [`function_flag`].
    pub flags: u8,
}

const BAD: DecodeError = DecodeError { what: "library of functions" };

/// The bytes on disk.
pub fn encode(functions: &[Function], text: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 16 * functions.len() + varint::MAX_BYTES);
    varint::put(&mut out, functions.len() as u64);
    for function in functions {
        out.push(function.flags);
        varint::put(&mut out, function.name.len() as u64);
        out.extend_from_slice(function.name.as_bytes());
        match &function.description {
            None => varint::put(&mut out, 0),
            Some(description) => {
                varint::put(&mut out, description.len() as u64 + 1);
                out.extend_from_slice(description);
            }
        }
    }
    out.extend_from_slice(text);
    out.into()
}

/// Reads the bytes on disk: the functions, and the text.
///
/// # Errors
/// When the bytes are no record of this kind.
pub fn decode(bytes: &[u8]) -> DecodeResult<(Vec<Function>, Bytes)> {
    let rest = &mut &*bytes;
    // Collecting results reserves nothing for what may not come.
    let count = varint::take(rest)?;
    let functions = (0..count).map(|_| take_function(rest)).collect::<DecodeResult<_>>()?;
    Ok((functions, Bytes::copy_from_slice(rest)))
}

fn take_function(rest: &mut &[u8]) -> DecodeResult<Function> {
    let (&flags, left) = rest.split_first().ok_or(BAD)?;
    *rest = left;
    let length = varint::take(rest)?;
    let name = take_text(rest, length)?;
    let name = std::str::from_utf8(name).map_err(|_| BAD)?.to_owned();
    let description = match varint::take(rest)? {
        0 => None,
        length => Some(Bytes::copy_from_slice(take_text(rest, length - 1)?)),
    };
    if flags & !function_flag::KNOWN != 0 {
        return Err(BAD);
    }
    Ok(Function { name, description, flags })
}

fn take_text<'a>(rest: &mut &'a [u8], length: u64) -> DecodeResult<&'a [u8]> {
    let length = usize::try_from(length).map_err(|_| BAD)?;
    let (text, left) = rest.split_at_checked(length).ok_or(BAD)?;
    *rest = left;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let functions = [
            Function { name: "f".into(), description: None, flags: 0 },
            Function { name: "go".into(), description: Some(Bytes::from_static(b"d")), flags: 5 },
        ];
        let bytes = encode(&functions, b"#!lua name=l\n");
        assert_eq!(&bytes[..], b"\x02\0\x01f\0\x05\x02go\x02d#!lua name=l\n");
        assert_eq!(decode(&bytes).unwrap(), (functions.to_vec(), Bytes::from_static(b"#!lua name=l\n")));
    }

    proptest! {
        #[test]
        fn round_trip(functions: Vec<(String, Option<Vec<u8>>, u8)>, text: Vec<u8>) {
            let functions: Vec<Function> = functions
                .into_iter()
                .map(|(name, description, flags)| {
                    Function { name, description: description.map(Bytes::from), flags: flags & function_flag::KNOWN }
                })
                .collect();
            prop_assert_eq!(decode(&encode(&functions, &text)).unwrap(), (functions, Bytes::from(text)));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}

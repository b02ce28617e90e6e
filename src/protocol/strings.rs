//! Many byte strings in one reply, as they go over the wire: no allocation for each of them, and
//! nothing left to do when they are sent.

use super::reply::Reply;
use bytes::Bytes;

/// What a run of byte strings is to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Array,
    /// Keys and values by turns. RESP2: a flat array.
    Map,
    /// RESP2: an array.
    Set,
}

/// Byte strings one after the other, each as a bulk string of RESP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strings {
    shape: Shape,
    count: usize,
    encoded: Bytes,
}

/// Strings on their way into a reply.
#[derive(Debug, Default)]
pub struct StringsBuilder {
    count: usize,
    encoded: Vec<u8>,
}

/// Bytes around a short string.
const FRAME: usize = 6;

impl StringsBuilder {
    /// With room for so many short strings; more may come.
    pub fn with_room(count: usize) -> StringsBuilder {
        const MOST: usize = 1024;
        StringsBuilder { count: 0, encoded: Vec::with_capacity(count.min(MOST) * (FRAME + 6)) }
    }

    /// Appends a string.
    pub fn push(&mut self, string: &[u8]) {
        self.count += 1;
        let out = &mut self.encoded;
        if let Ok(length @ 0..=9) = u8::try_from(string.len()) {
            out.reserve(FRAME + string.len());
            out.extend_from_slice(&[b'$', b'0' + length, b'\r', b'\n']);
        } else {
            out.push(b'$');
            out.extend_from_slice(itoa::Buffer::new().format(string.len()).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(string);
        out.extend_from_slice(b"\r\n");
    }

    /// The strings, as this to the client.
    pub fn finish(self, shape: Shape) -> Strings {
        Strings { shape, count: self.count, encoded: self.encoded.into() }
    }
}

impl Strings {
    /// What they are to the client.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many strings there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// All of them, as they go over the wire.
    pub(super) fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Bytes> + '_ {
        let mut rest = self.encoded.clone();
        (0..self.count).map(move |_| {
            let line = memchr::memchr(b'\n', &rest).map_or(rest.len(), |end| end + 1);
            let head = rest.split_to(line);
            let digits = head.iter().filter(|byte| byte.is_ascii_digit());
            let length = digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'));
            let string = rest.split_to(length.min(rest.len()));
            drop(rest.split_to(2.min(rest.len())));
            string
        })
    }

    /// The reply as if each string had been put into it.
    pub fn unpacked(&self) -> Reply {
        let mut strings = self.iter().map(Reply::Bulk);
        match self.shape {
            Shape::Array => Reply::Array(strings.collect()),
            Shape::Set => Reply::Set(strings.collect()),
            Shape::Map => {
                Reply::Map(std::iter::from_fn(|| Some((strings.next()?, strings.next()?))).collect())
            }
        }
    }
}

impl From<Strings> for Reply {
    fn from(strings: Strings) -> Reply {
        Reply::Strings(strings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Dialect, ReplyBuffer};
    use proptest::prelude::*;

    fn written(reply: &Reply, dialect: Dialect) -> Vec<u8> {
        let mut out = ReplyBuffer::new();
        out.write(reply, dialect);
        out.chunk().to_vec()
    }

    proptest! {
        #[test]
        fn are_what_they_would_be_one_by_one(pairs: Vec<(Vec<u8>, Vec<u8>)>) {
            for shape in [Shape::Array, Shape::Set, Shape::Map] {
                let mut builder = StringsBuilder::with_room(pairs.len());
                for (key, value) in &pairs {
                    builder.push(key);
                    builder.push(value);
                }
                let strings = builder.finish(shape);
                prop_assert_eq!(strings.len(), pairs.len() * 2);
                let all: Vec<Bytes> = pairs.iter().flat_map(|(a, b)| [a.clone().into(), b.clone().into()]).collect();
                prop_assert_eq!(strings.iter().collect::<Vec<_>>(), all);
                let (one_by_one, reply) = (strings.unpacked(), Reply::from(strings));
                for dialect in [Dialect::Resp2, Dialect::Resp3, Dialect::Text] {
                    prop_assert_eq!(written(&reply, dialect), written(&one_by_one, dialect));
                }
            }
        }
    }

    #[test]
    fn golden() {
        let mut builder = StringsBuilder::default();
        builder.push(b"a");
        builder.push(b"0123456789");
        let reply = Reply::from(builder.finish(Shape::Map));
        assert_eq!(written(&reply, Dialect::Resp3), b"%1\r\n$1\r\na\r\n$10\r\n0123456789\r\n");
        assert_eq!(written(&reply, Dialect::Resp2), b"*2\r\n$1\r\na\r\n$10\r\n0123456789\r\n");
    }
}

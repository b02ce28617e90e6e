//! A reader of replies, for tests that look at the wire. Written from the protocol's specification,
//! and on purpose not from the code under test.

use bytes::Bytes;
use diskdb::protocol::Reply;

/// Reads the first reply in `bytes`, which `resp2` or `resp3` allow; returns it and what follows.
/// None when it is not complete. RESP2's `$-1` and RESP3's `_` are [`Reply::Null`], `*-1` is
/// [`Reply::NullArray`].
///
/// # Panics
/// When the bytes are no reply.
pub fn parse(bytes: &[u8]) -> Option<(Reply, &[u8])> {
    let line_end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = std::str::from_utf8(&bytes[1..line_end]).expect("a line of text");
    let rest = &bytes[line_end + 2..];
    let number = || line.parse::<i64>().expect("a number");
    Some(match bytes[0] {
        b'+' if line == "OK" => (Reply::Ok, rest),
        b'+' => (Reply::Simple(line.to_owned().into()), rest),
        b'-' => (Reply::Error(line.to_owned().into()), rest),
        b':' => (Reply::Integer(number()), rest),
        b'_' => (Reply::Null, rest),
        b'#' => (Reply::Boolean(line == "t"), rest),
        b',' => (Reply::Double(line.parse().expect("a double")), rest),
        b'(' => (Reply::BigNumber(line.to_owned()), rest),
        b'$' if line == "-1" => (Reply::Null, rest),
        b'*' if line == "-1" => (Reply::NullArray, rest),
        b'$' => {
            let (bulk, rest) = bulk(rest, number())?;
            (Reply::Bulk(bulk), rest)
        }
        b'=' => {
            let (bulk, rest) = bulk(rest, number())?;
            let format = match &bulk[..4] {
                b"txt:" => "txt",
                b"mkd:" => "mkd",
                other => panic!("unknown verbatim format {other:?}"),
            };
            (Reply::Verbatim(format, bulk.slice(4..)), rest)
        }
        b'*' => items(rest, number()).map(|(items, rest)| (Reply::Array(items), rest))?,
        b'~' => items(rest, number()).map(|(items, rest)| (Reply::Set(items), rest))?,
        b'>' => items(rest, number()).map(|(items, rest)| (Reply::Push(items), rest))?,
        b'%' => {
            let (items, rest) = items(rest, number() * 2)?;
            let pairs = items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
            (Reply::Map(pairs), rest)
        }
        other => panic!("no reply begins with {:?}", char::from(other)),
    })
}

/// Reads all replies in `bytes`.
///
/// # Panics
/// When the bytes are no replies, or the last one is cut off.
pub fn parse_all(mut bytes: &[u8]) -> Vec<Reply> {
    let mut replies = Vec::new();
    while !bytes.is_empty() {
        let (reply, rest) = parse(bytes).expect("a complete reply");
        replies.push(reply);
        bytes = rest;
    }
    replies
}

/// A request as clients write it: an array of bulk strings.
pub fn request<W: AsRef<[u8]>>(words: &[W]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.as_ref().len()).as_bytes());
        out.extend_from_slice(word.as_ref());
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn bulk(rest: &[u8], len: i64) -> Option<(Bytes, &[u8])> {
    let len = usize::try_from(len).expect("a length");
    let end = rest.get(len..len + 2)?;
    assert_eq!(end, b"\r\n");
    Some((Bytes::copy_from_slice(&rest[..len]), &rest[len + 2..]))
}

fn items(mut rest: &[u8], count: i64) -> Option<(Vec<Reply>, &[u8])> {
    let mut items = Vec::new();
    for _ in 0..count {
        let (item, after) = parse(rest)?;
        items.push(item);
        rest = after;
    }
    Some((items, rest))
}

//! Replies on the wire, in each dialect.

mod common;

use bytes::Bytes;
use common::wire;
use diskdb::protocol::{Dialect, Reply, ReplyBuffer, write::LARGE_BYTES};
use proptest::prelude::*;
use std::io::IoSlice;

/// Takes everything out of the buffer as `writev` would, at most `step` bytes at a time.
fn drain(buffer: &mut ReplyBuffer, step: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while !buffer.is_empty() {
        let mut slices = [IoSlice::new(&[]); 5];
        let filled = buffer.io_slices(&mut slices);
        let ready: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        assert!(!ready.is_empty() && ready.starts_with(buffer.chunk()) && !buffer.chunk().is_empty());
        let taken = ready.len().min(step);
        out.extend_from_slice(&ready[..taken]);
        buffer.advance(taken);
    }
    out
}

fn written(reply: &Reply, dialect: Dialect) -> String {
    let mut buffer = ReplyBuffer::new();
    buffer.write(reply, dialect);
    String::from_utf8(drain(&mut buffer, usize::MAX)).unwrap()
}

fn sample() -> Vec<(Reply, [&'static str; 3])> {
    let bulk = |text| Reply::text(text);
    vec![
        (Reply::Ok, ["+OK\r\n", "+OK\r\n", "OK\n"]),
        (Reply::Simple("PONG".into()), ["+PONG\r\n", "+PONG\r\n", "PONG\n"]),
        (Reply::Error("ERR a\r\nb".into()), ["-ERR a  b\r\n", "-ERR a  b\r\n", "ERROR: a  b\n"]),
        (
            Reply::Error("WRONGTYPE x".into()),
            ["-WRONGTYPE x\r\n", "-WRONGTYPE x\r\n", "ERROR: WRONGTYPE x\n"],
        ),
        (Reply::Integer(-42), [":-42\r\n", ":-42\r\n", "-42\n"]),
        (bulk("a b"), ["$3\r\na b\r\n", "$3\r\na b\r\n", "a b\n"]),
        (Reply::Chunks(vec!["ab".into(), "c".into()]), ["$3\r\nabc\r\n", "$3\r\nabc\r\n", "abc\n"]),
        (Reply::Null, ["$-1\r\n", "_\r\n", "(nil)\n"]),
        (Reply::NullArray, ["*-1\r\n", "_\r\n", "(nil)\n"]),
        (Reply::Array(vec![]), ["*0\r\n", "*0\r\n", "(empty)\n"]),
        (
            Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![bulk("a"), Reply::Null])]),
            ["*2\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n", "*2\r\n:1\r\n*2\r\n$1\r\na\r\n_\r\n", "1\na\n(nil)\n"],
        ),
        (
            Reply::Map(vec![
                (bulk("a"), Reply::Integer(1)),
                (bulk("b"), Reply::Array(vec![Reply::Ok])),
                (bulk("c"), Reply::Array(vec![])),
            ]),
            [
                "*6\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n+OK\r\n$1\r\nc\r\n*0\r\n",
                "%3\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n+OK\r\n$1\r\nc\r\n*0\r\n",
                "a: 1\nb:\nOK\nc: (empty)\n",
            ],
        ),
        (Reply::Set(vec![bulk("a")]), ["*1\r\n$1\r\na\r\n", "~1\r\n$1\r\na\r\n", "a\n"]),
        (Reply::Push(vec![bulk("a")]), ["*1\r\n$1\r\na\r\n", ">1\r\n$1\r\na\r\n", "a\n"]),
        (Reply::Double(2.5), ["$3\r\n2.5\r\n", ",2.5\r\n", "2.5\n"]),
        (Reply::Double(f64::NEG_INFINITY), ["$4\r\n-inf\r\n", ",-inf\r\n", "-inf\n"]),
        (Reply::Boolean(true), [":1\r\n", "#t\r\n", "true\n"]),
        (Reply::Boolean(false), [":0\r\n", "#f\r\n", "false\n"]),
        (
            Reply::BigNumber("12345678901234567890".into()),
            ["$20\r\n12345678901234567890\r\n", "(12345678901234567890\r\n", "12345678901234567890\n"],
        ),
        (
            Reply::Sequence(vec![Reply::Attributes(vec![(bulk("a"), Reply::Integer(1))]), bulk("b")]),
            ["$1\r\nb\r\n", "|1\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n", "b\n"],
        ),
        (Reply::Verbatim("txt", "hi".into()), ["$2\r\nhi\r\n", "=6\r\ntxt:hi\r\n", "hi\n"]),
        (Reply::Silence, ["", "", ""]),
    ]
}

#[test]
fn every_kind_in_every_dialect() {
    for (reply, [resp2, resp3, text]) in sample() {
        assert_eq!(written(&reply, Dialect::Resp2), resp2);
        assert_eq!(written(&reply, Dialect::Resp3), resp3);
        assert_eq!(written(&reply, Dialect::Text), text);
    }
}

#[test]
fn large_values_are_not_copied() {
    let large = Bytes::from(vec![b'x'; LARGE_BYTES]);
    let mut buffer = ReplyBuffer::new();
    buffer.write(&Reply::Ok, Dialect::Resp2);
    buffer.write(&Reply::Chunks(vec![large.clone(), large.clone()]), Dialect::Resp2);
    buffer.write(&Reply::Integer(1), Dialect::Resp2);
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(buffer.io_slices(&mut slices), 4);
    assert_eq!(buffer.pieces(), (2, 2 * LARGE_BYTES));
    assert_eq!(slices[1].as_ptr(), large.as_ptr());
    assert_eq!(slices[2].as_ptr(), large.as_ptr());
    assert_eq!(buffer.len(), 5 + 8 + 2 * LARGE_BYTES + 2 + 4);
    assert_eq!(&*slices[3], b"\r\n:1\r\n");
}

#[test]
fn an_emptied_buffer_gives_its_memory_back() {
    let mut buffer = ReplyBuffer::new();
    buffer.write(&Reply::Array(vec![Reply::text("0123456789"); 1 << 20]), Dialect::Resp2);
    assert!(buffer.buffer_bytes() > 10 << 20);
    buffer.clear();
    assert!(buffer.is_empty() && buffer.buffer_bytes() < 1 << 20);
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from),
        (LARGE_BYTES - 1..LARGE_BYTES + 2).prop_map(|len| Bytes::from(vec![b'v'; len])),
    ];
    let leaf = prop_oneof![
        Just(Reply::Ok),
        "[ -~]{0,10}"
            .prop_filter("OK is a reply of its own", |text| text != "OK")
            .prop_map(|text| Reply::Simple(text.into())),
        "[A-Z]{1,8} [ -~]{0,10}".prop_map(|text| Reply::Error(text.into())),
        any::<i64>().prop_map(Reply::Integer),
        bytes.clone().prop_map(Reply::Bulk),
        Just(Reply::Null),
        any::<f64>().prop_filter("equal to itself", |n| !n.is_nan()).prop_map(Reply::Double),
        any::<bool>().prop_map(Reply::Boolean),
        "[1-9][0-9]{0,40}".prop_map(Reply::BigNumber),
        bytes.prop_map(|bytes| Reply::Verbatim("txt", bytes)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            items.clone().prop_map(Reply::Array),
            items.clone().prop_map(Reply::Set),
            items.prop_map(Reply::Push),
            prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Reply::Map),
        ]
    })
}

/// What is left of a reply in RESP2.
fn in_resp2(reply: Reply) -> Reply {
    let all = |items: Vec<Reply>| Reply::Array(items.into_iter().map(in_resp2).collect());
    match reply {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => all(items),
        Reply::Map(pairs) => all(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
        Reply::Double(_) => Reply::bulk(written(&reply, Dialect::Resp3)[1..].trim_end().to_owned()),
        Reply::Boolean(yes) => Reply::Integer(yes.into()),
        Reply::BigNumber(digits) => Reply::bulk(digits),
        Reply::Verbatim(_, bytes) => Reply::Bulk(bytes),
        other => other,
    }
}

#[test]
fn pairs_are_flat_in_resp2() {
    let pairs =
        Reply::Pairs(vec![(Reply::text("a"), Reply::Integer(1)), (Reply::text("b"), Reply::Integer(2))]);
    assert_eq!(written(&pairs, Dialect::Resp2), "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:2\r\n");
    assert_eq!(written(&pairs, Dialect::Resp3), "*2\r\n*2\r\n$1\r\na\r\n:1\r\n*2\r\n$1\r\nb\r\n:2\r\n");
}

#[test]
fn tables_are_maps_in_resp3() {
    let table = Reply::Table(vec![(Reply::text("a"), Reply::Integer(1))]);
    assert_eq!(written(&table, Dialect::Resp2), "*1\r\n*2\r\n$1\r\na\r\n:1\r\n");
    assert_eq!(written(&table, Dialect::Resp3), "%1\r\n$1\r\na\r\n:1\r\n");
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        replies in prop::collection::vec(any_reply(), 0..5),
        step in 1..40_000usize,
    ) {
        let mut buffer = ReplyBuffer::new();
        replies.iter().for_each(|reply| buffer.write(reply, Dialect::Resp3));
        let len = buffer.len();
        let bytes = drain(&mut buffer, step);
        prop_assert_eq!(bytes.len(), len);
        prop_assert_eq!(wire::parse_all(&bytes), replies.clone());
        replies.iter().for_each(|reply| buffer.write(reply, Dialect::Resp2));
        let expected: Vec<Reply> = replies.into_iter().map(in_resp2).collect();
        prop_assert_eq!(wire::parse_all(&drain(&mut buffer, step)), expected);
    }

    /// Any sequence of writing, sending and taking back, against a plain list of bytes.
    #[test]
    fn taking_back(steps in prop::collection::vec((0..4u8, any_reply(), 0..70_000usize), 0..30)) {
        let mut buffer = ReplyBuffer::new();
        let (mut model, mut sent, mut model_sent) = (Vec::new(), Vec::new(), Vec::new());
        for (action, reply, bytes) in steps {
            match action {
                0 => {
                    let mark = buffer.mark();
                    buffer.write(&reply, Dialect::Resp2);
                    buffer.write(&reply, Dialect::Text);
                    buffer.truncate_to(mark);
                }
                1 => {
                    while buffer.len() > bytes {
                        let chunk = buffer.chunk().to_vec();
                        let taken = chunk.len().min(buffer.len() - bytes);
                        sent.extend_from_slice(&chunk[..taken]);
                        buffer.advance(taken);
                    }
                    let keep = model.len().min(bytes);
                    model_sent.extend(model.drain(..model.len() - keep));
                }
                _ => {
                    let mut other = ReplyBuffer::new();
                    other.write(&reply, Dialect::Resp3);
                    model.extend(drain(&mut other, usize::MAX));
                    buffer.write(&reply, Dialect::Resp3);
                }
            }
            prop_assert_eq!(buffer.len(), model.len());
        }
        prop_assert_eq!(sent, model_sent);
        prop_assert_eq!(drain(&mut buffer, 30_000), model);
    }
}

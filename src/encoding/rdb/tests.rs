use super::*;
use crate::encoding::listpack::Builder;
use crate::encoding::packed::Element;
use proptest::prelude::*;
use strategies::{limits, value};

mod strategies;

const MAX: u64 = 512 << 20;

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn bytes(text: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(text.as_ref())
}

fn string(value: impl AsRef<[u8]>) -> Value {
    Value::String(bytes(value))
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(bytes).collect())
}

fn set(members: &[&str]) -> Value {
    Value::Set(members.iter().map(bytes).collect())
}

fn sorted_set(members: &[(&str, f64)]) -> Value {
    Value::SortedSet(members.iter().map(|(member, score)| (bytes(member), *score)).collect())
}

fn hash(fields: &[(&str, &str)]) -> Value {
    Value::Hash(fields.iter().map(|(field, value)| (bytes(field), bytes(value), None)).collect())
}

fn expiring_hash(fields: &[(&str, &str, Option<u64>)]) -> Value {
    let fields = fields.iter().map(|(field, value, expire_ms)| (bytes(field), bytes(value), *expire_ms));
    Value::Hash(fields.collect())
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn entry(ms: u64, seq: u64, fields: &[(&str, &str)]) -> Entry {
    let fields = fields.iter().map(|(field, value)| (bytes(field), bytes(value)));
    Entry { id: id(ms, seq), fields: fields.collect() }
}

fn write_default(value: &Value) -> Vec<u8> {
    write(value, &Limits::default())
}

/// Strings as redis-server 7.0.15 writes them.
fn strings_of_redis() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("00000a005d9b5c400f7fa2da", b"".to_vec()),
        ("000568656c6c6f0a006372df766534200a", b"hello".to_vec()),
        ("00c0000a009840a778f8500308", b"0".to_vec()),
        ("00c0800a009966326d2f0c5bd9", b"-128".to_vec()),
        ("00c07f0a000db5eb315254c514", b"127".to_vec()),
        ("00c180000a00eb7ab3b510cf4b65", b"128".to_vec()),
        ("00c2ff7fffff0a00aee34c4d06c68536", b"-32769".to_vec()),
        ("00c2ffffff7f0a002c74e59ee02eada1", b"2147483647".to_vec()),
        ("000a323134373438333634380a00e7b129a34c1d76ee", b"2147483648".to_vec()),
        ("000b31323334353637383930310a00304e52d727176510", b"12345678901".to_vec()),
        ("00033030370a007258e27b4c69bad9", b"007".to_vec()),
        ("001461616161616161616161616161616161616161610a0083b46b5e1b11acf1", vec![b'a'; 20]),
        ("00c30615016161e00a000a00fd0cb36807413f68", vec![b'a'; 21]),
        ("00c3094064016161e057000161610a00e8a3b507b06df271", vec![b'a'; 100]),
        ("00c313414008616263646566676861e0ff07e124070167680a007628fd45fe339d11", b"abcdefgh".repeat(40)),
    ]
}

#[test]
fn strings() {
    for (payload, value) in strings_of_redis() {
        assert_eq!(read(&hex(payload), MAX), Ok(string(&value)), "{payload}");
        assert_eq!(write_default(&string(&value)), hex(payload), "{}", String::from_utf8_lossy(&value));
    }
}

/// Small values of every other type as redis-server 7.0.15 writes them.
fn values_of_redis_7_0() -> Vec<(&'static str, Value)> {
    let score = |score: &str| score.parse().unwrap();
    vec![
        (
            "1201021c1c0000000500816102dfff02cfff02f2701101048568656c6c6f06ff0a0088d15ae83d1c12a9",
            list(&["a", "-1", "4095", "70000", "hello"]),
        ),
        ("0b0e0200000003000000ffff03002c010a00dcfb67d5a2951ede", set(&["-1", "3", "300"])),
        ("0b100400000002000000ffffffff701101000a00bab1c665be29f9b6", set(&["-1", "70000"])),
        ("0b10080000000100000000000000000100000a00bb5a140dfd8d5995", set(&["1099511627776"])),
        ("0202c00c0261620a009e6c77f0d4eff82d", set(&["12", "ab"])),
        (
            "1015150000000400816602817602816e02f287d61204ff0a007a8c978e56d076c0",
            hash(&[("f", "v"), ("n", "1234567")]),
        ),
        (
            "1301100000000000000001000000000000000140444400000019000301000102018166028167020001020100010001817602010\
             105010201000101018177020201050100010401dfff020101856f74686572068176020601ff0305000101000003000a00f0b67d\
             bebb1f42ea",
            Value::Stream(stream_of_redis()),
        ),
        (
            "13000000000000000000010167000081ffffffffffffffff00000a00a01a953dfb9cddde",
            Value::Stream(Stream { groups: vec![group("g", id(0, 0), None)], ..Stream::default() }),
        ),
        (
            "040300c3094046017878e0390001787801660176016e0b31323334353637383930310a0041ccd176a2ac5093",
            hash(&[("", &"x".repeat(70)), ("f", "v"), ("n", "12345678901")]),
        ),
        (
            "11c32c3516350000000800816302842d696e660581620293302e3130e005000a311481610201018164028320240104ff0a0051776c\
             2c21ac980a",
            sorted_set(&[("c", score("-inf")), ("b", 0.1), ("a", 1.0), ("d", score("inf"))]),
        ),
        (
            "0502c3094041017979e03400017979000000000000f83f0162000000000000f0ff0a005601d50a0f12882f",
            sorted_set(&[(&"y".repeat(65), 1.5), ("b", score("-inf"))]),
        ),
        (
            "1301100000000000000001000000000000000140444400000019000201010102018166028167020001020100010001817602010\
             105010301000101018177020201050100010401dfff020101856f74686572068176020601ff0205000101010203000a00085504\
             9e2508c4e7",
            Value::Stream(stream_with_deleted(id(1, 2), 3)),
        ),
        (
            "1301100000000000000001000000000000000128280000000f00010101010101816602000103010001000181760204010201000\
             101018176020401ff01010201020101020101670101010100000000000000010000000000000001ed1625fea101000001020561\
             6c696365ed1625fea1010000010000000000000001000000000000000103626f62ed1625fea1010000000a00ca24c6ff139f109\
             0",
            Value::Stream(stream_with_group(0x1a1_fe25_16ed, Some(0x1a1_fe25_16ed), Some(1))),
        ),
    ]
}

fn stream_of_redis() -> Stream {
    Stream {
        entries: vec![
            entry(1, 1, &[("f", "v"), ("g", "1")]),
            entry(1, 2, &[("f", "w"), ("g", "2")]),
            entry(5, 0, &[("other", "v")]),
        ],
        last_id: id(5, 0),
        first_id: id(1, 1),
        entries_added: 3,
        ..Stream::default()
    }
}

fn stream_with_deleted(max_deleted_id: StreamId, entries_added: u64) -> Stream {
    let mut stream = Stream { max_deleted_id, entries_added, ..stream_of_redis() };
    stream.entries.remove(1);
    stream
}

fn group(name: &str, last_id: StreamId, entries_read: Option<u64>) -> Group {
    Group { name: bytes(name), last_id, entries_read, pending: vec![], consumers: vec![] }
}

/// Of two entries the first was given to alice, and deleted; bob has never got any.
fn stream_with_group(time_ms: u64, bob_active_ms: Option<u64>, entries_read: Option<u64>) -> Stream {
    let consumer =
        |name, active_time_ms| Consumer { name: bytes(name), seen_time_ms: time_ms, active_time_ms };
    let pending = Pending { id: id(1, 1), delivery_time_ms: time_ms, delivery_count: 1, consumer: Some(0) };
    Stream {
        entries: vec![entry(1, 2, &[("f", "v")])],
        last_id: id(1, 2),
        first_id: id(1, 2),
        max_deleted_id: id(1, 1),
        entries_added: 2,
        groups: vec![Group {
            pending: vec![pending],
            consumers: vec![consumer("alice", Some(time_ms)), consumer("bob", bob_active_ms)],
            ..group("g", id(1, 1), entries_read)
        }],
        ..Stream::default()
    }
}

#[test]
fn values_of_redis_7_0_15() {
    for (payload, value) in values_of_redis_7_0() {
        assert_eq!(read(&hex(payload), MAX).as_ref(), Ok(&value), "{payload}");
        let ours = write_default(&value);
        assert_eq!(read(&ours, MAX).as_ref(), Ok(&value), "{payload}");
        // Deleted entries stay in Redis' nodes.
        let has_deleted = matches!(&value, Value::Stream(stream) if stream.max_deleted_id > id(0, 0));
        assert_eq!(ours == hex(payload), !has_deleted, "{value:?}");
    }
}

/// From redis-server 6.2.14, 8.0.6 and 8.6.2.
#[test]
fn values_of_other_versions() {
    let expire_ms = 33_177_117_420_000;
    let infinity = f64::INFINITY;
    let scores = sorted_set(&[("c", -infinity), ("b", 0.1), ("a", 1.0), ("d", infinity)]);
    let z65 = "z".repeat(65);
    let first_id = id(0x1a1_fe25_6e38, 0);
    let producer = Producer { name: bytes("producer"), ids: vec![(bytes("iid1"), first_id)] };
    let cases = [
        (
            "0e01212100000019000000050000016103feff03c0ff0f04f0701101050568656c6c6fff0900407b2e909dbacafe",
            list(&["a", "-1", "4095", "70000", "hello"]),
        ),
        (
            "0d191900000013000000040000016603017603016e03f087d612ff090048965572ee73e5d4",
            hash(&[("f", "v"), ("n", "1234567")]),
        ),
        (
            "0cc33039043900000033200313080000016303042d696e660601620313302e3130e005000a3115016103f20201640303202400ff\
             0900b52e31b053a74d07",
            scores.clone(),
        ),
        (
            "0f0110000000000000000100000000000000014044440000001900020101010201816602816702000102010001000181760201010\
             5010301000101018177020201050100010401dfff020101856f74686572068176020601ff020500000900b4daba9fc28839cc",
            Value::Stream(stream_with_deleted(id(0, 0), 2)),
        ),
        (
            "0f01100000000000000001000000000000000128280000000f0001010101010181660200010301000100018176020401020100010\
             1018176020401ff01010201016701010100000000000000010000000000000001ef1625fea1010000010205616c696365ef1625fe\
             a1010000010000000000000001000000000000000103626f62ef1625fea1010000000900d6cbaa8e8ca14133",
            Value::Stream(Stream {
                max_deleted_id: id(0, 0),
                entries_added: 1,
                ..stream_with_group(0x1a1_fe25_16ef, Some(0x1a1_fe25_16ef), Some(0))
            }),
        ),
        ("140d0d0000000200826162030c01ff0c007206a1ae4a13369c", set(&["ab", "12"])),
        (
            "1125250000000800816302842d696e660581620283302e3104816102010181640283696e6604ff0c000707438414601ae9",
            scores,
        ),
        (
            "1501100000000000000001000000000000000128280000000f0001010101010181660200010301000100018176020401020100010\
             1018176020401ff01010201020101020101670101010100000000000000010000000000000001f11625fea1010000010205616c69\
             6365f11625fea1010000f11625fea1010000010000000000000001000000000000000103626f62f11625fea1010000fffffffffff\
             fffff000c00b79d86a19a0eeb81",
            Value::Stream(stream_with_group(0x1a1_fe25_16f1, None, Some(1))),
        ),
        (
            "19e0694ca62c1e00002f2f0000000900816102816202f4db694ca62c1e000009816602817602f4e0694ca62c1e000009816702817\
             7020001ff0c00712c78054001e343",
            expiring_hash(&[("a", "b", Some(expire_ms - 5)), ("f", "v", Some(expire_ms)), ("g", "w", None)]),
        ),
        (
            "18e0694ca62c1e00000300016801770101660176080167c3094041017a7ae03400017a7a0c005b42a451d0f959ee",
            expiring_hash(&[("h", "w", None), ("f", "v", Some(expire_ms)), ("g", &z65, Some(expire_ms + 7))]),
        ),
        (
            "1a0110000001a1fe256e3800000000000000001d1d0000000a0001010001010181660200010201000100018176020401ff0181000\
             001a1fe256e380081000001a1fe256e38000000010040644064010870726f647563657201046969643181000001a1fe256e380001\
             010d000b14b8296b879474",
            Value::Stream(Stream {
                entries: vec![Entry { id: first_id, fields: vec![(bytes("f"), bytes("v"))] }],
                last_id: first_id,
                first_id,
                entries_added: 1,
                producers: Producers { all: vec![producer], added: 1, duplicates: 1, ..Producers::default() },
                ..Stream::default()
            }),
        ),
    ];
    for (payload, value) in cases {
        assert_eq!(read(&hex(payload), MAX), Ok(value), "{payload}");
    }
}

/// By hand, from what is known of the format: no server was there to write them.
#[test]
fn values_of_versions_that_are_not_at_hand() {
    let fields = hash(&[("f", "v"), ("g", "7")]);
    let cases: [(&[u8], Value); 15] = [
        (b"\x01\x02\x01a\xc0\x07", list(&["a", "7"])),
        (b"\x0a\x0d\x0d\0\0\0\x0a\0\0\0\x01\0\0\xf6\xff", list(&["5"])),
        (b"\x12\x02\x01\x03abc\x02\x0a\x0a\0\0\0\x01\0\x81x\x02\xff", list(&["abc", "x"])),
        (b"\x03\x03\x01a\x031.5\x01b\xfe\x01c\xff", sorted_set(&[("a", 1.5), ("b", f64::INFINITY), ("c", -f64::INFINITY)])),
        (b"\x09\x0d\x02\x01f\x01\0v\x01g\x01\x017?\xff", fields.clone()),
        (b"\x16\x02\0\x01f\x01v\x41\x00\x01g\xc0\x07", expiring_hash(&[("f", "v", None), ("g", "7", Some(256))])),
        (b"\x18\xe8\x03\0\0\0\0\0\0\x02\x01\x01f\x01v\x03\x01g\xc0\x07", expiring_hash(&[("f", "v", Some(1000)), ("g", "7", Some(1002))])),
        (
            b"\x18\0\0\0\0\0\0\0\0\x02\x02\x01f\x01v\x01\x01g\xc0\x07",
            expiring_hash(&[("f", "v", Some(1)), ("g", "7", Some(1))]),
        ),
        (b"\x17\x10\x10\0\0\0\x03\0\x81f\x02\x81v\x02\xc1\0\x02\xff", expiring_hash(&[("f", "v", Some(256))])),
        (b"\x17\x0f\x0f\0\0\0\x03\0\x81f\x02\x81v\x02\0\x01\xff", hash(&[("f", "v")])),
        (b"\x1d\0\x0d\x0d\0\0\0\x02\0\x81f\x02\x81g\x02\xff\x0e\x0e\0\0\0\x03\0\x03\x01\x81v\x02\x07\x01\xff", fields.clone()),
        (b"\x1d\x01\x02\x01f\x01g\x0e\x0e\0\0\0\x03\0\x03\x01\x81v\x02\x07\x01\xff", fields.clone()),
        (b"\x1f\x01\x02\x01f\x01g\x01v\xc0\x07", fields.clone()),
        (b"\x1f\0\x0d\x0d\0\0\0\x02\0\x81f\x02\x81g\x02\xff\x01v\xc0\x07", fields),
        (b"\x0f\0\0\0\0\0", Value::Stream(Stream::default())),
    ];
    for (body, value) in cases {
        assert_eq!(read(&sealed(body, NEWEST_VERSION), MAX).as_ref(), Ok(&value), "{body:?}");
        assert_eq!(normal(read(&write_default(&value), MAX).unwrap()), normal(value), "{body:?}");
    }
}

/// What Redis 7.0 has no form for is written in the first form that there was.
#[test]
fn values_that_redis_7_0_does_not_know() {
    let mut stream = stream_with_group(1000, None, None);
    stream.groups[0].pending[0].consumer = None;
    let payload = write_default(&Value::Stream(stream.clone()));
    assert_eq!((payload[0], read(&payload, MAX)), (types::STREAM_LISTPACKS_5, Ok(Value::Stream(stream))));
    let long = "x".repeat(65);
    for (value, kind) in [("v", types::HASH_LISTPACK_EX), (&long, types::HASH_METADATA)] {
        let hash = expiring_hash(&[("f", value, Some(1000)), ("g", "w", Some(2000)), ("h", "", None)]);
        let payload = write_default(&hash);
        assert_eq!((payload[0], read(&payload, MAX)), (kind, Ok(hash)));
    }
    // Fields in any order: the earliest comes first.
    let hash = expiring_hash(&[("h", "", None), ("g", "w", Some(2000)), ("f", "v", Some(1000))]);
    let sorted = expiring_hash(&[("f", "v", Some(1000)), ("g", "w", Some(2000)), ("h", "", None)]);
    assert_eq!(read(&write_default(&hash), MAX), Ok(sorted));
}

#[test]
fn limits_choose_the_form() {
    let limits = Limits {
        list_max_listpack_size: 2,
        hash_max_listpack_entries: 2,
        hash_max_listpack_value: 3,
        set_max_intset_entries: 2,
        zset_max_listpack_entries: 2,
        zset_max_listpack_value: 3,
        stream_node_max_bytes: 0,
        stream_node_max_entries: 2,
    };
    let cases = [
        (hash(&[("a", "1"), ("b", "123")]), types::HASH_LISTPACK),
        (hash(&[("a", "1"), ("b", "1234")]), types::HASH),
        (hash(&[("abcd", "1")]), types::HASH),
        (hash(&[("a", "1"), ("b", "2"), ("c", "3")]), types::HASH),
        (set(&["1", "-9223372036854775808"]), types::SET_INTSET),
        (set(&["1", "02"]), types::SET),
        (set(&["1", "2", "3"]), types::SET),
        (sorted_set(&[("a", 1.0), ("abc", 0.5)]), types::ZSET_LISTPACK),
        (sorted_set(&[("abcd", 1.0)]), types::ZSET_2),
        (sorted_set(&[("a", 1.0), ("b", 2.0), ("c", 3.0)]), types::ZSET_2),
    ];
    for (value, kind) in cases {
        let payload = write(&value, &limits);
        assert_eq!(payload[0], kind, "{value:?}");
        assert_eq!(normal(read(&payload, MAX).unwrap()), normal(value));
    }
    // How many nodes there are stands first.
    let items = list(&["a", "b", "c", "d", "e"]);
    assert_eq!(write(&items, &limits)[1], 3);
    let stream = Value::Stream(stream_of_redis());
    assert_eq!(write(&stream, &limits)[1], 2);
    assert_eq!(write(&stream, &Limits { stream_node_max_bytes: 1, ..limits })[1], 3);
}

/// As redis-server 7.0.15 divides a list of items of 1000 bytes that were pushed one after the other.
#[test]
fn nodes_of_lists() {
    let items = Value::List(vec![Bytes::from(vec![b'x'; 1000]); 100]);
    for (max_size, nodes) in
        [(-1, 25), (-2, 13), (-3, 7), (-4, 4), (-5, 2), (-6, 2), (0, 100), (3, 34), (100, 13)]
    {
        let payload = write(&items, &Limits { list_max_listpack_size: max_size, ..Limits::default() });
        let count = if nodes < 64 { payload[1] } else { payload[2] };
        assert_eq!(count, nodes, "{max_size}");
        assert_eq!(read(&payload, MAX).as_ref(), Ok(&items));
    }
}

#[test]
fn lengths() {
    for length in [0, 63, 64, 16383, 16384, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
        let mut out = Writer::default();
        out.length(length);
        let written = out.finish();
        let mut reader = Reader::new(&written, MAX);
        assert_eq!((reader.length(), reader.is_at_end()), (Ok(length), true));
    }
}

fn sealed(body: &[u8], version: u16) -> Vec<u8> {
    let mut out = [body, &version.to_le_bytes()].concat();
    out.extend(CHECKSUM.checksum(&out).to_le_bytes());
    out
}

fn read_body(body: &[u8]) -> Result<Value, PayloadError> {
    read(&sealed(body, NEWEST_VERSION), MAX)
}

#[test]
fn versions() {
    for version in [1, 6, 9, WRITTEN_VERSION, NEWEST_VERSION] {
        assert_eq!(read(&sealed(b"\0\x01x", version), MAX), Ok(string("x")));
    }
    assert_eq!(read(&sealed(b"\0\x01x", NEWEST_VERSION + 1), MAX), Err(PayloadError::Footer));
}

#[test]
fn a_checksum_that_is_not_compared() {
    let mut payload = write_default(&string("hello"));
    *payload.last_mut().unwrap() ^= 1;
    assert_eq!(read(&payload, MAX), Err(PayloadError::Footer));
    assert_eq!(read_unchecked(&payload, MAX), Ok(string("hello")));
    assert!(read_unchecked(&payload[1..], MAX).is_err());
    assert_eq!(read_unchecked(&sealed(b"\0\x01x", NEWEST_VERSION + 1), MAX), Err(PayloadError::Footer));
}

#[test]
fn damaged() {
    let payload = write_default(&string("hello"));
    for at in 0..payload.len() {
        let mut damaged = payload.clone();
        damaged[at] ^= 1;
        assert_eq!(read(&damaged, MAX), Err(PayloadError::Footer), "byte {at}");
        let _ = read_unchecked(&damaged, MAX);
        assert_eq!(read(&payload[..at], MAX), Err(PayloadError::Footer), "{at} bytes");
    }
}

#[test]
fn types_that_are_not_read() {
    for kind in [6, 7, 8, 30, 32, 33, 34, 99, 243, 255] {
        assert_eq!(read_body(&[kind, 1, b'x']), Err(PayloadError::Type(kind)));
    }
}

#[test]
fn sealed_nonsense() {
    let huge_lzf = [&[0, 0xc3, 3, reader::LENGTH_64][..], &[0xff; 8], &[0x20, 0, 0]].concat();
    let bodies: [&[u8]; 8] =
        [b"", b"\0", b"\0\x05hell", b"\0\x01xy", b"\0\xc4\x01", b"\0\xc1\x01", b"\0\x82\x01", &huge_lzf];
    for body in bodies {
        assert_eq!(read_body(body), Err(PayloadError::Format), "{body:?}");
    }
    assert_eq!(read(&sealed(b"\0\x05hello", 10), 4), Err(PayloadError::Format));
    let compressed = write_default(&string([b'a'; 1000]));
    assert_eq!(read(&compressed, 999), Err(PayloadError::Format));
    assert!(read(&compressed, 1000).is_ok());
}

/// A listpack as a string, behind what stands before it.
fn packed(front: &[u8], texts: &[&str]) -> Vec<u8> {
    let mut listpack = Builder::default();
    texts.iter().for_each(|text| listpack.push(Element::of(text.as_bytes())));
    let listpack = listpack.finish();
    [front, &[listpack.len() as u8], &listpack].concat()
}

/// The rules that `sanitize-dump-payload yes` holds payloads to.
#[test]
fn values_that_contradict_themselves() {
    let bodies: [(&str, &[u8]); 19] = [
        ("empty list", b"\x01\0"),
        ("list without nodes", b"\x12\0"),
        ("list with an empty node", b"\x12\x01\x02\x07\x07\0\0\0\0\0\xff"),
        ("unknown container", b"\x12\x01\x03\x01x"),
        ("empty ziplist", b"\x0a\x0b\x0b\0\0\0\x0a\0\0\0\0\0\xff"),
        ("empty set", b"\x02\0"),
        ("a member twice", b"\x02\x02\x01a\x01a"),
        ("empty intset", b"\x0b\x08\x02\0\0\0\0\0\0\0"),
        ("intset out of order", b"\x0b\x0c\x02\0\0\0\x02\0\0\0\x02\0\x01\0"),
        ("empty sorted set", b"\x05\0"),
        ("a score that is none", b"\x05\x01\x01a\0\0\0\0\0\0\xf8\x7f"),
        ("a score that is none, old", b"\x03\x01\x01a\xfd"),
        ("a score that is none, as text", b"\x03\x01\x01a\x03nan"),
        ("a score that is no number", b"\x03\x01\x01a\x03one"),
        ("empty hash", b"\x04\0"),
        ("empty zipmap", b"\x09\x02\0\xff"),
        ("a field twice", b"\x04\x02\x01f\x01v\x01f\x01w"),
        ("a deadline out of bounds", b"\x16\x01\x81\0\x01\0\0\0\0\0\0\x01f\x01v"),
        ("a deadline beyond numbers", b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x01f\x01v"),
    ];
    for (what, body) in bodies {
        assert_eq!(read_body(body), Err(PayloadError::Format), "{what}");
    }
    let one_name = [types::HASH_TMPL_LP, 1, 1, 1, b'f'];
    let expiring = [types::HASH_LISTPACK_EX_PRE_GA];
    let good = [
        packed(&[types::SET_LISTPACK], &["a", "1"]),
        packed(&[types::ZSET_LISTPACK], &["a", "1", "b", "inf"]),
        packed(&[types::HASH_LISTPACK], &["f", "v", "g", "v"]),
        packed(&expiring, &["f", "v", "7", "g", "v", "8", "h", "v", "0"]),
        packed(&one_name, &["9", "v"]),
    ];
    for body in good {
        assert!(read_body(&body).is_ok(), "{body:?}");
    }
    let bad = [
        ("a member twice", packed(&[types::SET_LISTPACK], &["1", "1"])),
        ("no members", packed(&[types::SET_LISTPACK], &[])),
        ("a member with two scores", packed(&[types::ZSET_LISTPACK], &["a", "1", "a", "2"])),
        ("a member without a score", packed(&[types::ZSET_LISTPACK], &["a", "1", "b"])),
        ("a score that is none", packed(&[types::ZSET_LISTPACK], &["a", "1", "b", "nan"])),
        ("a field twice", packed(&[types::HASH_LISTPACK], &["f", "v", "f", "w"])),
        ("a field without a value", packed(&[types::HASH_LISTPACK], &["f", "v", "g"])),
        ("a field without a deadline", packed(&expiring, &["f", "v", "7", "g", "v"])),
        ("a deadline before time began", packed(&expiring, &["f", "v", "-7"])),
        ("a deadline that is no number", packed(&expiring, &["f", "v", "x"])),
        ("a deadline out of bounds", packed(&expiring, &["f", "v", "281474976710656"])),
        ("deadlines in descending order", packed(&expiring, &["f", "v", "8", "g", "v", "7"])),
        ("a deadline behind none", packed(&expiring, &["f", "v", "0", "g", "v", "7"])),
        ("a template of more values", packed(&one_name, &["9", "v", "w"])),
        ("a template of fewer values", packed(&one_name, &["9"])),
        ("a template without a number", packed(&one_name, &["x", "v"])),
        ("a template of an unknown form", packed(&[types::HASH_TMPL_LP, 2, 1, 1, b'f'], &["9", "v"])),
    ];
    for (what, body) in bad {
        assert_eq!(read_body(&body), Err(PayloadError::Format), "{what}");
    }
}

/// A stream of one node, which begins with 1-1, and what comes behind the nodes.
fn stream_body(node: &[&str], rest: &[u8]) -> Vec<u8> {
    let front = [&[types::STREAM_LISTPACKS_2, 1, 16][..], &id(1, 1).to_bytes()].concat();
    [&packed(&front, node), rest].concat()
}

#[test]
fn streams_that_contradict_themselves() {
    let head: [&str; 5] = ["1", "0", "1", "f", "0"];
    let own = |flags, id_seq, count| -> [&'static str; 7] { [flags, "0", id_seq, "1", "g", "v", count] };
    // One entry, last id 1-9, first id 1-1, none deleted, one added, no groups.
    let tail = b"\x01\x01\x09\x01\x01\0\0\x01\0";
    let node = |head: [&'static str; 5], entries: &[[&'static str; 7]]| {
        stream_body(&[&head[..], &entries.concat()].concat(), tail)
    };
    assert!(read_body(&node(head, &[own("0", "0", "6")])).is_ok());
    let mut two = head;
    two[0] = "2";
    assert!(read_body(&node(two, &[own("0", "0", "6"), own("0", "8", "6")])).is_ok());
    let entries = own("0", "0", "6");
    let bad = [
        ("fewer entries than it says", node(two, &[entries])),
        ("more entries than it says", node(head, &[entries, own("0", "1", "6")])),
        ("a deleted entry that is not counted", node(head, &[own("1", "0", "6")])),
        ("an id twice", node(two, &[entries, entries])),
        ("ids in descending order", node(two, &[own("0", "1", "6"), entries])),
        ("an id beyond the last", node(head, &[own("0", "9", "6")])),
        ("a count that is wrong", node(head, &[own("0", "0", "7")])),
        ("an unknown flag", node(head, &[own("4", "0", "6")])),
        ("a head that does not end", node(["1", "0", "1", "f", "1"], &[entries])),
        ("a negative number of entries", node(["-1", "2", "1", "f", "0"], &[entries])),
        ("too many entries", node(["9223372036854775807", "1", "1", "f", "0"], &[entries])),
        ("too many names", node(["1", "0", "9223372036854775807", "f", "0"], &[entries])),
        ("an entry without fields", stream_body(&["1", "0", "0", "0", "2", "0", "0", "3"], tail)),
        ("an empty node", stream_body(&[], tail)),
        ("a length without entries", b"\x13\0\x01\x01\x09\0\0\0\0\x01\0".to_vec()),
        ("a node of a short id", b"\x13\x01\x01x\x07\x07\0\0\0\0\0\xff\0\0\0\0\0\0\0\0\0".to_vec()),
    ];
    for (what, body) in bad {
        assert_eq!(read_body(&body), Err(PayloadError::Format), "{what}");
    }
}

#[test]
fn groups_that_contradict_themselves() {
    // An empty stream, and the groups.
    let read_groups = |kind: u8, groups: &[&[u8]]| {
        let rest: &[u8] = if kind == types::STREAM_LISTPACKS_5 { b"\x40\x64\x40\x64\0\0\0" } else { b"" };
        let body =
            [&[kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, groups.len() as u8][..], &groups.concat(), rest].concat();
        read_body(&body)
    };
    let pending = [&[7u8; 16][..], &[0; 8], &[1]].concat();
    let consumer = |name: u8, pending: u8| {
        let active: &[u8] = &[0; 8];
        [&[1, name][..], &[0; 8], active, &[pending], &[7u8; 16].repeat(pending.into())].concat()
    };
    let group = |count: u8, consumers: &[Vec<u8>], unowned: &[u8]| {
        let front = [&b"\x01g\0\0\0"[..], &[count], &pending.repeat(count.into())].concat();
        [&front[..], &[consumers.len() as u8], &consumers.concat(), unowned].concat()
    };
    let good = group(1, &[consumer(b'a', 1), consumer(b'b', 0)], b"");
    assert!(read_groups(types::STREAM_LISTPACKS_3, &[&good]).is_ok());
    let unowned = [&[1][..], &[7; 16]].concat();
    assert!(read_groups(types::STREAM_LISTPACKS_5, &[&group(1, &[], &unowned)]).is_ok());

    let bad = [
        ("a pending entry twice", group(2, &[consumer(b'a', 1)], b"")),
        ("a pending entry without a consumer", group(1, &[consumer(b'a', 0)], b"")),
        ("a consumer's entry that is not pending", group(0, &[consumer(b'a', 1)], b"")),
        ("an entry of two consumers", group(1, &[consumer(b'a', 1), consumer(b'b', 1)], b"")),
        ("an entry twice with a consumer", group(1, &[consumer(b'a', 2)], b"")),
        ("a consumer twice", group(1, &[consumer(b'a', 1), consumer(b'a', 0)], b"")),
    ];
    for (what, group) in &bad {
        assert_eq!(read_groups(types::STREAM_LISTPACKS_3, &[group]), Err(PayloadError::Format), "{what}");
    }
    assert_eq!(read_groups(types::STREAM_LISTPACKS_3, &[&good, &good]), Err(PayloadError::Format));
    for idempotence in [&b"\0\x40\x64\0\0\0"[..], b"\x40\x64\0\0\0\0", b"\x40\x64\x67\x11\0\0\0"] {
        let body = [&[types::STREAM_LISTPACKS_4][..], &[0; 10], idempotence].concat();
        assert_eq!(read_body(&body), Err(PayloadError::Format), "{idempotence:?}");
    }
    let producers: &[u8] = b"\x0a\x05\x01\x01p\x02\x01a\x01\x02\x01b\x03\x04\x07\x08";
    let body = |producers: &[u8]| [&[types::STREAM_LISTPACKS_4][..], &[0; 10], producers].concat();
    let ids = vec![(bytes("a"), id(1, 2)), (bytes("b"), id(3, 4))];
    let known = Producers {
        seconds: 10,
        max_ids: 5,
        all: vec![Producer { name: bytes("p"), ids }],
        added: 7,
        duplicates: 8,
    };
    let known = Value::Stream(Stream { producers: known, ..Stream::default() });
    assert_eq!(read_body(&body(producers)), Ok(known.clone()));
    assert_eq!(write_default(&known)[..producers.len() + 11], body(producers));
    for twice in
        [&b"\x0a\x05\x01\x01p\x02\x01a\x01\x02\x01a\x03\x04\0\0"[..], b"\x0a\x05\x02\x01p\0\x01p\0\0\0"]
    {
        assert_eq!(read_body(&body(twice)), Err(PayloadError::Format), "{twice:?}");
    }
    let negative = [&pending[..16], &[0xff; 8], &[1]].concat();
    let group_at_no_time = [&b"\x01g\0\0\0\x01"[..], &negative, &[1], &consumer(b'a', 1)].concat();
    assert_eq!(read_groups(types::STREAM_LISTPACKS_3, &[&group_at_no_time]), Err(PayloadError::Format));
    let bad = [
        ("an unowned entry that is not listed", group(1, &[], b"\0")),
        ("an unowned entry that is owned", group(1, &[consumer(b'a', 1)], &unowned)),
        ("an unowned entry that is not pending", group(0, &[], &unowned)),
        ("an unowned entry twice", group(1, &[], &[&[2][..], &[7; 32]].concat())),
    ];
    for (what, group) in &bad {
        assert_eq!(read_groups(types::STREAM_LISTPACKS_5, &[group]), Err(PayloadError::Format), "{what}");
    }
}

/// What a group of Redis 5.0 has read, as Redis 7.0.15 says after it has restored it.
#[test]
fn entries_read_are_estimated() {
    // Entries 1-1, 1-2 and 1-3.
    let entry = |seq| ["2", "0", seq, "v", "4"];
    let node = [["3", "0", "1", "f", "0"], entry("0"), entry("1"), entry("2")].concat();
    for (last_id, expected) in
        [([0, 1], Some(0)), ([1, 1], Some(1)), ([1, 2], None), ([1, 3], Some(3)), ([2, 0], None)]
    {
        let rest = [&[3, 1, 3, 1, 1, b'g'][..], &last_id, &[0, 0]].concat();
        let mut body = stream_body(&node, &rest);
        body[0] = types::STREAM_LISTPACKS;
        let Ok(Value::Stream(stream)) = read_body(&body) else { panic!("{last_id:?}") };
        assert_eq!(stream.groups[0].entries_read, expected, "{last_id:?}");
    }
}

/// The largest numbers where counts stand: they end when the payload ends.
#[test]
fn huge_counts() {
    let huge = [&[reader::LENGTH_64][..], &[0xff; 8]].concat();
    for kind in 0..=types::HASH_TMPL_ARRAY {
        for front in 0..12 {
            let body = [&[kind][..], &vec![0; front], &huge, &[0; 200]].concat();
            assert!(read_body(&body).is_err() || kind >= types::STREAM_LISTPACKS, "{kind} {front}");
        }
    }
}

/// In one order, and without what is not written.
fn normal(mut value: Value) -> Value {
    match &mut value {
        Value::String(_) | Value::List(_) | Value::Array { .. } => {}
        Value::Set(members) => members.sort(),
        Value::SortedSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
        Value::Hash(fields) => fields.sort(),
        Value::Stream(stream) => {
            let is_new = stream.groups.iter().flat_map(|group| &group.pending).any(|p| p.consumer.is_none());
            for consumer in
                stream.groups.iter_mut().flat_map(|group| &mut group.consumers).filter(|_| !is_new)
            {
                consumer.active_time_ms = Some(consumer.seen_time_ms);
            }
        }
    }
    value
}

proptest! {
    #[test]
    fn round_trip(value in value(), limits in limits()) {
        let payload = write(&value, &limits);
        prop_assert_eq!(normal(read(&payload, MAX).unwrap()), normal(value));
    }

    #[test]
    fn round_trip_of_what_compresses(parts in prop::collection::vec((0..4u8, 1..400usize), 0..20)) {
        let value: Vec<u8> = parts.into_iter().flat_map(|(byte, count)| vec![byte; count]).collect();
        prop_assert_eq!(read(&write_default(&string(&value)), MAX), Ok(string(&value)));
    }

    #[test]
    fn round_trip_of_integers(number: i64) {
        let value = number.to_string();
        prop_assert_eq!(read(&write_default(&string(&value)), MAX), Ok(string(&value)));
    }

    #[test]
    fn never_panics(bytes: Vec<u8>, kind in 0..35u8) {
        let _ = read(&bytes, MAX);
        let _ = read_body(&[&[kind], &bytes[..]].concat());
    }

    /// What is read of a damaged value is a value: it can be written and read again, in one form.
    #[test]
    fn damage(value in value(), at: prop::sample::Index, byte: u8, cut: bool) {
        let payload = write_default(&value);
        let mut body = payload[..payload.len() - FOOTER_BYTES].to_vec();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        if let Ok(value) = read_body(&body) {
            let written = write_default(&value);
            let again = read(&written, MAX).unwrap();
            prop_assert_eq!(write_default(&again), written);
            prop_assert_eq!(normal(again), normal(value));
        }
    }

    #[test]
    fn hostile_compression_never_panics(claimed in 0..5000u64, bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut body = Writer::default();
        body.bytes(&[types::STRING, reader::ENCODED | reader::LZF]);
        body.length(bytes.len() as u64);
        body.length(claimed);
        body.bytes(&bytes);
        let _ = read_body(&body.finish());
    }
}

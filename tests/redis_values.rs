//! Values move between DiskDB and the installed redis-server, both ways. Skipped, with a line that
//! says so, where there is no redis-server.

mod common;

use bytes::Bytes;
use common::resp::{RedisServer, RespClient};
use diskdb::{api::Db, config::Settings, protocol::Reply};

fn values() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = vec![vec![], b"hello".to_vec(), (0..=255).collect()];
    for number in [0, 12, -1, 127, 128, -129, 32767, 32768, -32769, i64::from(i32::MAX), i64::MAX, i64::MIN] {
        values.push(number.to_string().into_bytes());
    }
    for size in [20, 21, 63, 64, 16383, 16384, 16385, 100_000] {
        values.push(vec![b'x'; size]);
        values.push((0..size).map(|at| (at % 7 * at % 251) as u8).collect());
        values.push((0..size).map(|_| fastrand::u8(..)).collect());
    }
    values
}

fn bytes_of(reply: Reply) -> Bytes {
    match reply {
        Reply::Bulk(bytes) => bytes,
        Reply::Chunks(pieces) => pieces.concat().into(),
        other => panic!("no string: {other:?}"),
    }
}

#[test]
fn values_move_both_ways() {
    let Some(server) = RedisServer::start() else {
        eprintln!("skipped: there is no redis-server to compare with");
        return;
    };
    let mut redis = RespClient::connect(&server.address).unwrap();
    let db = Db::in_memory(Settings::default()).unwrap();
    let mut client = db.connect();
    let mut call = |words: &[&[u8]]| {
        let words: Vec<Bytes> = words.iter().map(|word| Bytes::copy_from_slice(word)).collect();
        client.call(&words).unwrap()
    };
    for value in values() {
        let shown = format!("{} bytes, {:?}", value.len(), &value[..value.len().min(12)]);
        call(&[b"SET", b"ours", &value]);
        let payload = bytes_of(call(&[b"DUMP", b"ours"]));
        let words: [&[u8]; 5] = [b"RESTORE", b"ours", b"0", &payload, b"REPLACE"];
        assert_eq!(redis.call(&words).unwrap(), Reply::Simple("OK".into()), "{shown}");
        assert_eq!(bytes_of(redis.call(&["GET", "ours"]).unwrap()), value, "{shown}");

        redis.call::<&[u8]>(&[b"SET", b"theirs", &value]).unwrap();
        let payload = bytes_of(redis.call(&["DUMP", "theirs"]).unwrap());
        assert_eq!(call(&[b"RESTORE", b"theirs", b"0", &payload, b"REPLACE"]), Reply::Ok, "{shown}");
        assert_eq!(bytes_of(call(&[b"GET", b"theirs"])), value, "{shown}");
    }
}

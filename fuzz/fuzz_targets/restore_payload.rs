//! A serialized value as `RESTORE` gets it: as it is, and with a footer that is right.
#![no_main]

use bytes::Bytes;
use crc::{CRC_64_REDIS, Crc};
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::encoding::rdb::{self, Limits, Value};
use diskdb::error::Result;
use diskdb::protocol::Reply;
use libfuzzer_sys::fuzz_target;

/// No string may be longer.
const MAX_BYTES: u64 = 1 << 20;

static CHECKSUM: Crc<u64> = Crc::<u64>::new(&CRC_64_REDIS);

fn with_footer(body: &[u8]) -> Vec<u8> {
    let mut payload = [body, &rdb::WRITTEN_VERSION.to_le_bytes()].concat();
    let checksum = CHECKSUM.checksum(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

fuzz_target!(|data: &[u8]| {
    let _ = rdb::read(data, MAX_BYTES);
    let payload = with_footer(data);
    if let Ok(libraries) = rdb::functions::read(&payload, MAX_BYTES) {
        let written = rdb::functions::write(libraries.iter().map(|library| &library[..]));
        assert_eq!(rdb::functions::read(&written, MAX_BYTES).as_ref(), Ok(&libraries));
    }
    let Ok(value) = rdb::read(&payload, MAX_BYTES) else { return };
    // What is written is in one order, and without what Redis 7.0 does not know: the second time it is the same.
    let limits = Limits::default();
    let written = rdb::write(&value, &limits);
    let again = rdb::read(&written, MAX_BYTES).expect("what was written is read");
    assert_eq!(rdb::write(&again, &limits), written);

    let Value::String(_) = value else { return };
    assert_eq!(again, value);
    let settings = Settings { proto_max_bulk_len: MAX_BYTES, ..Settings::default() };
    let db = Db::in_memory(settings).expect("an empty database opens");
    let mut client = db.connect();
    let mut call = |words: &[&[u8]]| -> Result<Reply> {
        client.call(&words.iter().map(|word| Bytes::copy_from_slice(word)).collect::<Vec<_>>())
    };
    assert_eq!(call(&[b"RESTORE", b"a", b"0", &payload]).ok(), Some(Reply::Ok));
    let Ok(Reply::Bulk(dumped)) = call(&[b"DUMP", b"a"]) else { panic!("what was restored is dumped") };
    assert_eq!(call(&[b"RESTORE", b"b", b"0", &dumped]).ok(), Some(Reply::Ok));
    assert_eq!(call(&[b"GET", b"a"]).ok(), call(&[b"GET", b"b"]).ok());
});

//! Lines of commands, run one after the other on an empty database in memory.
#![no_main]

use bytes::{Bytes, BytesMut};
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::protocol::{Dialect, Limits, Reply, ReplyBuffer, RequestParser};
use libfuzzer_sys::fuzz_target;

/// Commands that wait, or reach out of the process.
const LEFT_OUT: [&[u8]; 7] = [b"debug", b"shutdown", b"save", b"bgsave", b"bgrewriteaof", b"config", b"acl"];

fuzz_target!(|data: &[u8]| {
    let settings = Settings { proto_max_bulk_len: 1 << 20, ..Settings::default() };
    let db = Db::in_memory(settings).expect("an empty database opens");
    let mut client = db.connect();
    let mut parser = RequestParser::new();
    let mut buffer = BytesMut::from(data);
    let mut output = ReplyBuffer::new();
    while let Ok(Some(request)) = parser.next(&mut buffer, &Limits::default()) {
        if LEFT_OUT.iter().any(|name| request.words[0].eq_ignore_ascii_case(name)) {
            continue;
        }
        let reply =
            client.call(&request.words).unwrap_or_else(|error| Reply::Error(error.to_string().into()));
        for dialect in [Dialect::Resp2, Dialect::Resp3, Dialect::Text] {
            output.write(&reply, dialect);
        }
        output.clear();
    }
    // What is counted is what is there.
    let mut call = |words: &[&'static str]| {
        let words: Vec<Bytes> = words.iter().map(|word| Bytes::from_static(word.as_bytes())).collect();
        client.call(&words)
    };
    let _ = call(&["RESET"]);
    if let (Ok(Reply::Array(keys)), Ok(Reply::Integer(count))) = (call(&["KEYS", "*"]), call(&["DBSIZE"])) {
        assert!(keys.len() as i64 <= count, "{} keys, {count} counted", keys.len());
    }
});

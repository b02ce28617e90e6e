//! Whether expired keys go fast enough: the promise is 100,000 a second.

use bytes::Bytes;
use diskdb::clock::{ManualClock, Stopwatch};
use diskdb::storage::memory::MemoryEngine;
use diskdb::{api::Db, config::Settings, protocol::Reply};
use std::sync::Arc;
use std::time::Duration;

#[test]
fn many_keys_expire_on_time() {
    const KEYS: u64 = 20_000;
    let clock = Arc::new(ManualClock::at_ms(1_000_000));
    let db = Db::over_with_clock(Box::new(MemoryEngine::new()), Settings::default(), clock.clone()).unwrap();
    db.instance().start_background().unwrap();
    let keyspace = &db.instance().keyspace;
    let mut client = db.connect();
    for number in 0..KEYS {
        let key = number.to_string();
        for words in [["SET", key.as_str(), "value"], ["PEXPIRE", key.as_str(), "1000"]] {
            let words = words.map(|word| Bytes::copy_from_slice(word.as_bytes()));
            client.call(&words).unwrap();
        }
    }
    assert_eq!(keyspace.key_count(0).unwrap(), KEYS);
    let watch = Stopwatch::start();
    clock.advance_ms(1000);
    assert_eq!(client.call(&[Bytes::from("DBSIZE")]).unwrap(), Reply::Integer(0));
    while keyspace.key_count(0).unwrap() > 0 {
        std::thread::sleep(Duration::from_millis(1));
        // A tenth of what is promised: the machine may be busy, and the build unoptimised.
        assert!(watch.elapsed_us() < KEYS * 100, "{} left", keyspace.key_count(0).unwrap());
    }
    println!("{} keys a second", KEYS * 1_000_000 / watch.elapsed_us().max(1));
}

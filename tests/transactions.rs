//! Transactions of clients that run side by side: all or nothing, and nothing is left behind.

use bytes::Bytes;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::config::values::EngineKind;
use diskdb::error::Result;
use diskdb::protocol::Reply;
use diskdb::session::Session;
use std::sync::atomic::{AtomicBool, Ordering};

fn open(settings: Settings) -> Db {
    Db::open(Settings { engine: EngineKind::Memory, ..settings }).unwrap()
}

fn call(client: &mut Connection, line: &str) -> Result<Reply> {
    let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    client.call(&words)
}

fn integer(reply: &Reply) -> i64 {
    match reply {
        Reply::Integer(number) => *number,
        Reply::Bulk(text) => std::str::from_utf8(text).unwrap().parse().unwrap(),
        other => panic!("a number, not {other:?}"),
    }
}

const ACCOUNTS: usize = 8;
const TRANSFERS: usize = 2000;

/// Moves an amount between two accounts, if nobody else has changed them meanwhile.
fn transfer(client: &mut Connection, from: usize, to: usize) -> bool {
    call(client, &format!("WATCH {from} {to}")).unwrap();
    let balance =
        |client: &mut Connection, account: usize| integer(&call(client, &format!("GET {account}")).unwrap());
    let (there, here) = (balance(client, from), balance(client, to));
    call(client, "MULTI").unwrap();
    call(client, &format!("SET {from} {}", there - 1)).unwrap();
    call(client, &format!("SET {to} {}", here + 1)).unwrap();
    call(client, "EXEC").unwrap() != Reply::NullArray
}

#[test]
fn money_is_neither_made_nor_lost() {
    let db = open(Settings::default());
    let mut client = db.connect();
    for account in 0..ACCOUNTS {
        call(&mut client, &format!("SET {account} 1000")).unwrap();
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let transfers = |seed: usize| {
            let mut client = db.connect();
            let mut random = fastrand::Rng::with_seed(seed as u64);
            let moved = (0..TRANSFERS).filter(|_| {
                let from = random.usize(..ACCOUNTS);
                transfer(&mut client, from, (from + random.usize(1..ACCOUNTS)) % ACCOUNTS)
            });
            moved.count()
        };
        let movers: Vec<_> = (0..3).map(|seed| scope.spawn(move || transfers(seed))).collect();
        let reader = scope.spawn(|| {
            let mut client = db.connect();
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) || looks == 0 {
                call(&mut client, "MULTI").unwrap();
                for account in 0..ACCOUNTS {
                    call(&mut client, &format!("GET {account}")).unwrap();
                }
                let Reply::Array(balances) = call(&mut client, "EXEC").unwrap() else { panic!("an array") };
                assert_eq!(balances.iter().map(integer).sum::<i64>(), 1000 * ACCOUNTS as i64);
                looks += 1;
            }
        });
        let moved: usize = movers.into_iter().map(|mover| mover.join().unwrap()).sum();
        assert!(moved > 0, "nothing was moved");
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    assert_eq!(db.instance().watches.count(), 0);
}

#[test]
fn a_commit_for_all_of_it() {
    let db = open(Settings::default());
    let mut client = db.connect();
    let before = db.instance().keyspace.engine().committed_seq();
    for line in ["MULTI", "SET a 1", "RPUSH l x", "HSET h f v", "DEL a", "FLUSHDB", "ZADD z 1 m", "EXEC"] {
        call(&mut client, line).unwrap();
    }
    assert_eq!(db.instance().keyspace.engine().committed_seq(), before + 1);
    assert_eq!(call(&mut client, "DBSIZE").unwrap(), Reply::Integer(1));
}

#[test]
fn a_client_that_goes_leaves_no_watch() {
    let db = open(Settings::default());
    let mut client = db.connect();
    call(&mut client, "WATCH a b").unwrap();
    call(&mut client, "MULTI").unwrap();
    call(&mut client, "SET a 1").unwrap();
    assert_eq!((db.instance().watches.count(), db.instance().watches.keys()), (2, 2));
    drop(client);
    assert_eq!((db.instance().watches.count(), db.instance().watches.keys()), (0, 0));
    assert_eq!(call(&mut db.connect(), "EXISTS a").unwrap(), Reply::Integer(0));
}

#[test]
fn what_is_queued_has_a_limit() {
    let db = open(Settings { client_query_buffer_limit: 1 << 20, ..Settings::default() });
    let mut client = db.connect();
    call(&mut client, "MULTI").unwrap();
    let value = "x".repeat(1000);
    let refused = (0..2000).find_map(|number| call(&mut client, &format!("SET {number} {value}")).err());
    assert!(refused.is_some_and(|error| error.to_string().contains("client-query-buffer-limit")));
    assert_eq!(queued_bytes(&client.session), 0);
    assert!(call(&mut client, "EXEC").unwrap_err().to_string().starts_with("EXECABORT"));
    assert_eq!(call(&mut client, "DBSIZE").unwrap(), Reply::Integer(0));
}

fn queued_bytes(session: &Session) -> usize {
    session.client.counters.queued_bytes.load(Ordering::Relaxed)
}

//! A reader never sees half of a command: some clients change keys in ways that keep something true, others
//! look at them meanwhile, on each engine.

mod common;

use bytes::Bytes;
use common::words;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::config::values::EngineKind;
use diskdb::protocol::{Dialect, Reply};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const ENGINES: &[EngineKind] = &[
    EngineKind::Memory,
    #[cfg(feature = "rocksdb")]
    EngineKind::RocksDb,
];

const WRITERS: usize = 2;
const READERS: usize = 2;
const RACE: Duration = Duration::from_millis(200);
const MIN_READS: u64 = 20;

fn call(client: &mut Connection, line: &str) -> Reply {
    let reply = client.call(&words(line));
    reply.unwrap_or_else(|error| panic!("{}: {error}", &line[..line.len().min(200)]))
}

/// The strings of a reply, as RESP2 has them.
fn strings(reply: &Reply) -> Vec<Bytes> {
    fn collect(reply: &Reply, out: &mut Vec<Bytes>) {
        match reply {
            Reply::Array(items) | Reply::Set(items) => items.iter().for_each(|item| collect(item, out)),
            Reply::Bulk(bytes) => out.push(bytes.clone()),
            other => panic!("{other:?}"),
        }
    }
    let wire = common::cli::written(reply, Dialect::Resp2);
    let mut found = Vec::new();
    collect(&common::resp::read_reply(&mut wire.as_slice()).unwrap(), &mut found);
    found
}

fn integer(reply: &Reply) -> i64 {
    match reply {
        Reply::Integer(number) => *number,
        other => panic!("{other:?}"),
    }
}

fn all_equal(strings: &[Bytes]) -> bool {
    strings.windows(2).all(|pair| pair[0] == pair[1])
}

/// Every second string.
fn values(pairs: &[Bytes]) -> Vec<Bytes> {
    pairs.iter().skip(1).step_by(2).cloned().collect()
}

/// `prefix` and `count` words.
fn line(prefix: &str, count: usize, word: impl Fn(usize) -> String) -> String {
    let all: Vec<String> = (0..count).map(word).collect();
    format!("{prefix} {}", all.join(" "))
}

/// What is written, by turns of a counter; what is read; and what must hold of it.
struct Race {
    setup: Vec<String>,
    write: fn(u64) -> String,
    read: &'static str,
    holds: fn(&Reply) -> bool,
}

fn races() -> Vec<Race> {
    let members = |key: &str, count| line(&format!("SADD {key}"), count, |number| format!("m{number}"));
    vec![
        Race {
            setup: vec![members("a", 300)],
            write: |turn| {
                let (from, to) = if turn / 300 % 2 == 0 { ("a", "b") } else { ("b", "a") };
                format!("SMOVE {from} {to} m{}", turn % 300)
            },
            read: "SUNION a b",
            holds: |reply| strings(reply).len() == 300,
        },
        Race {
            setup: vec![members("a", 300), members("b", 500)],
            write: |turn| format!("SUNIONSTORE target {}", if turn % 2 == 0 { "a" } else { "b" }),
            read: "SMEMBERS target",
            holds: |reply| matches!(strings(reply).len(), 0 | 300 | 500),
        },
        Race {
            setup: vec![members("a", 400)],
            write: |turn| match turn % 2 {
                0 => "SPOP a 10".to_owned(),
                _ => line("SADD a", 10, |number| format!("n{turn}.{number}")),
            },
            read: "SCARD a",
            holds: |reply| integer(reply) % 10 == 0,
        },
        Race {
            setup: vec!["MSET a 0 b 0 c 0".to_owned()],
            write: |turn| format!("MSET a {turn} b {turn} c {turn}"),
            read: "MGET a b c",
            holds: |reply| all_equal(&strings(reply)),
        },
        Race {
            setup: Vec::new(),
            write: |turn| line("HSET few", 20, |number| format!("f{number} {turn}")),
            read: "HVALS few",
            holds: |reply| all_equal(&strings(reply)),
        },
        Race {
            setup: Vec::new(),
            write: |turn| line("HSET many", 600, |number| format!("f{number} {turn}")),
            read: "HVALS many",
            holds: |reply| matches!(strings(reply).len(), 0 | 600) && all_equal(&strings(reply)),
        },
        Race {
            setup: Vec::new(),
            write: |turn| line("ZADD z", 400, |number| format!("{turn} m{number}")),
            read: "ZRANGE z 0 -1 WITHSCORES",
            holds: |reply| all_equal(&values(&strings(reply))),
        },
        Race {
            setup: vec![line("RPUSH a", 900, |number| number.to_string())],
            write: |turn| match turn % 4 {
                0 => "LPUSH a x y z".to_owned(),
                1 => "RPUSH a x y z".to_owned(),
                2 => "LPOP a 3".to_owned(),
                _ => "RPOP a 3".to_owned(),
            },
            read: "LRANGE a 0 -1",
            holds: |reply| strings(reply).len().is_multiple_of(3),
        },
        Race {
            setup: vec![line("RPUSH a", 500, |number| number.to_string())],
            write: |_| "LMOVE a a LEFT RIGHT".to_owned(),
            read: "LRANGE a 0 -1",
            holds: |reply| strings(reply).iter().collect::<BTreeSet<_>>().len() == 500,
        },
        Race {
            setup: vec!["SET a 1".to_owned()],
            write: |turn| if turn % 2 == 0 { "RENAME a a1" } else { "RENAME a1 a" }.to_owned(),
            read: "EXISTS a a1",
            holds: |reply| integer(reply) == 1,
        },
        Race {
            setup: vec![format!("SET a {}", "0".repeat(100_000))],
            write: |turn| format!("SETRANGE a 0 {}", (turn % 10).to_string().repeat(100_000)),
            read: "GET a",
            holds: |reply| strings(reply).iter().all(|value| value.iter().all(|byte| *byte == value[0])),
        },
        Race {
            setup: vec![members("few", 10), members("many", 1000)],
            write: |turn| format!("COPY {} a REPLACE", if turn % 2 == 0 { "few" } else { "many" }),
            read: "SMEMBERS a",
            holds: |reply| matches!(strings(reply).len(), 0 | 10 | 1000),
        },
    ]
}

fn run(engine: EngineKind, race: &Race) {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().display().to_string();
    let db = Db::open(Settings { engine, dir, ..Settings::default() }).unwrap();
    let mut client = db.connect();
    race.setup.iter().for_each(|line| drop(call(&mut client, line)));
    let (over, turns, reads) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                let mut client = db.connect();
                while !over.load(Ordering::Relaxed) {
                    let turn = turns.fetch_add(1, Ordering::Relaxed);
                    // RENAME fails where the other writer was quicker.
                    let _ = client.call(&words(&(race.write)(turn)));
                }
            });
        }
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = db.connect();
                    while !over.load(Ordering::Relaxed) {
                        let reply = call(&mut client, race.read);
                        assert!((race.holds)(&reply), "{}: {reply:.1000?}", race.read);
                        reads.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let began = Instant::now();
        let goes_on = || began.elapsed() < RACE || reads.load(Ordering::Relaxed) < MIN_READS;
        while goes_on() && !readers.iter().any(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(5));
        }
        over.store(true, Ordering::Relaxed);
    });
    let report = db.check().unwrap();
    assert_eq!(report.problems, Vec::<String>::new(), "{}", race.read);
}

#[test]
fn a_reader_never_sees_half_of_a_command() {
    for engine in ENGINES {
        races().iter().for_each(|race| run(*engine, race));
    }
}

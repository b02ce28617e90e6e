//! How many reads and writes of the engine each command makes, on collections of three sizes: the table in
//! `docs/engine-operations.md`, and that one member costs about the same in all of them.

mod common;
#[path = "common/faulty_engine.rs"]
mod faulty_engine;

use common::words;
use diskdb::api::{Connection, Db};
use diskdb::clock::ManualClock;
use diskdb::config::Settings;
use diskdb::storage;
use faulty_engine::{FaultyEngine, Work};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

/// Members of the collections.
const SIZES: [usize; 3] = [10, 1_000, 100_000];

/// What a command on one member may do, however large the collection: the records it reads and writes.
const MOST: u64 = 24;

/// A family: its name, what makes a collection of a size under the key `k`, and commands, one after the
/// other. `*` in front: it is about many members.
struct Family {
    name: &'static str,
    make: fn(usize) -> Vec<String>,
    commands: &'static [&'static str],
}

const FAMILIES: &[Family] = &[
    Family {
        name: "Strings, of so many bytes",
        make: |size| vec![format!("SET k {}", "x".repeat(size)), "SET n 1".to_owned()],
        commands: &[
            "STRLEN k",
            "GETRANGE k 3 5",
            "GETBIT k 9",
            "SETRANGE k 3 abc",
            "SETBIT k 9 1",
            "APPEND k x",
            "INCR n",
            "SET n 1",
            "SETNX n 1",
            "GETSET n 1",
            "*GET k",
            "*BITCOUNT k",
        ],
    },
    Family {
        name: "Lists",
        make: |size| many(size, "RPUSH k", |number| format!("element{number}")),
        commands: &[
            "LLEN k",
            "LPUSH k x",
            "RPUSH k x",
            "LPOP k",
            "RPOP k",
            "LINDEX k 5",
            "LINDEX k -3",
            "LSET k 5 y",
            "LRANGE k 0 1",
            "LINSERT k BEFORE element2 x",
            "LREM k 1 x",
            "LMOVE k k LEFT RIGHT",
            "LTRIM k 0 -2",
            "LPOS k element3",
        ],
    },
    Family {
        name: "Sets",
        make: |size| many(size, "SADD k", |number| format!("member{number}")),
        commands: &[
            "SCARD k",
            "SADD k x",
            "SADD k x",
            "SISMEMBER k x",
            "SMISMEMBER k x y",
            "SREM k x",
            "SRANDMEMBER k",
            "SRANDMEMBER k 3",
            "SMOVE k other member4",
            "SINTER other k",
            "SINTERCARD 2 k other",
            "SDIFF other k",
            "SSCAN k 0 COUNT 1",
            "SPOP k",
        ],
    },
    Family {
        name: "Hashes",
        make: |size| many(size, "HSET k", |number| format!("field{number} {number}")),
        commands: &[
            "HLEN k",
            "HSET k f v",
            "HSET k f w",
            "HSETNX k f v",
            "HGET k f",
            "HMGET k f g",
            "HEXISTS k f",
            "HSTRLEN k f",
            "HINCRBY k field1 1",
            "HRANDFIELD k",
            "HEXPIRE k 1000 FIELDS 1 f",
            "HTTL k FIELDS 1 f",
            "HSET k f v",
            "HDEL k f",
            "HSCAN k 0 COUNT 1",
        ],
    },
    Family {
        name: "Sorted sets",
        make: |size| many(size, "ZADD k", |number| format!("{} member{number}", number * 7 % size)),
        commands: &[
            "ZCARD k",
            "ZADD k 3 x",
            "ZADD k 3 x",
            "ZADD k 4 x",
            "ZINCRBY k 1 x",
            "ZSCORE k x",
            "ZRANK k x",
            "ZREVRANK k x",
            "ZCOUNT k 2 5",
            "ZRANGE k 0 1",
            "ZRANGE k 5 6 REV",
            "ZRANGE k (1 4 BYSCORE LIMIT 0 2",
            "ZREM k x",
            "ZPOPMIN k",
            "ZPOPMAX k",
            "ZREMRANGEBYRANK k 0 0",
            "ZRANDMEMBER k",
            "ZSCAN k 0 COUNT 1",
        ],
    },
    Family {
        name: "Streams",
        make: |size| (0..size).map(|number| format!("XADD k {}-1 field value", number + 1)).collect(),
        commands: &[
            "XLEN k",
            "XADD k 1000000-1 field value",
            "XADD k 1000001-1 field value",
            "XRANGE k - + COUNT 1",
            "XRANGE k 5 5",
            "XREVRANGE k + - COUNT 1",
            "XDEL k 5-1",
            "XREAD COUNT 1 STREAMS k 3",
            "XGROUP CREATE k g 0",
            "XREADGROUP GROUP g c COUNT 1 STREAMS k >",
            "XREADGROUP GROUP g c COUNT 1 STREAMS k >",
            "XPENDING k g",
            "XACK k g 1-1",
            "XINFO STREAM k",
        ],
    },
    Family {
        name: "Arrays",
        make: |size| (0..size).map(|number| format!("ARSET k {number} value{number}")).collect(),
        commands: &[
            "ARLEN k",
            "ARCOUNT k",
            "ARGET k 5",
            "ARSET k 5 x",
            "ARDEL k 5",
            "ARINSERT k x",
            "ARGETRANGE k 3 4",
        ],
    },
    Family {
        name: "Any key, here a set",
        make: |size| many(size, "SADD k", |number| format!("member{number}")),
        commands: &[
            "EXISTS k",
            "TYPE k",
            "TTL k",
            "OBJECT ENCODING k",
            "EXPIRE k 1000",
            "PERSIST k",
            "RENAME k r",
            "RENAME r k",
            "TOUCH k",
            "UNLINK k",
        ],
    },
];

/// Lines that make a collection of members, some hundred at a time.
fn many(size: usize, command: &str, member: impl Fn(usize) -> String) -> Vec<String> {
    let numbers: Vec<usize> = (0..size).collect();
    let line = |some: &[usize]| {
        let members: Vec<String> = some.iter().map(|number| member(*number)).collect();
        format!("{command} {}", members.join(" "))
    };
    numbers.chunks(500).map(line).collect()
}

/// Reads, scans, records they came to, writes, and deletions of ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count([u64; 5]);

impl Count {
    fn now(work: &Work) -> Count {
        Count(
            [&work.gets, &work.scans, &work.scanned, &work.writes, &work.deleted_ranges]
                .map(|n| n.load(SeqCst)),
        )
    }

    fn since(self, before: Count) -> Count {
        Count(std::array::from_fn(|index| self.0[index] - before.0[index]))
    }

    fn shown(self) -> String {
        let [gets, scans, scanned, writes, ranges] = self.0;
        let mut parts = Vec::new();
        if gets > 0 || scans == 0 {
            parts.push(format!("{gets} r"));
        }
        if scans > 0 {
            parts.push(format!("{scans} s ({scanned})"));
        }
        if writes > 0 {
            parts.push(format!("{writes} w"));
        }
        if ranges > 0 {
            parts.push(format!("{ranges} d"));
        }
        parts.join(", ")
    }

    /// Records and ranges that were touched.
    fn total(self) -> u64 {
        self.0.iter().sum()
    }
}

fn database() -> (Connection, FaultyEngine) {
    let engine = FaultyEngine::default();
    let clock = Arc::new(ManualClock::at_ms(1_700_000_000_000));
    let db = Db::over_with_clock(Box::new(engine.clone()), Settings::default(), clock).unwrap();
    (db.connect(), engine)
}

fn call(client: &mut Connection, line: &str) {
    client.call(&words(line)).unwrap_or_else(|error| panic!("{line:.100}: {error}"));
}

/// What each command of a family does in a collection of a size.
fn measure(family: &Family, size: usize) -> Vec<(&'static str, Count)> {
    // For the commands that leave something to chance.
    fastrand::seed(1);
    let (mut client, engine) = database();
    (family.make)(size).iter().for_each(|line| call(&mut client, line));
    let known = |line: &&&str| diskdb::commands::find(&words(line.trim_start_matches('*'))).is_ok();
    let commands = family.commands.iter().filter(known);
    let one = |line: &&'static str| {
        let before = Count::now(&engine.faults.work);
        call(&mut client, line.trim_start_matches('*'));
        (*line, Count::now(&engine.faults.work).since(before))
    };
    commands.map(one).collect()
}

const HEAD: &str = "\
# What a command costs the engine

Reads (r), scans with the records they came to (s), writes (w) and deletions of ranges (d) of one command on
a collection of so many members, which is named `k`. The engine is asked for all of it, whatever its caches
answer; the writes of a command are one batch. With the smallest size the collection lies in its key's header.

`UPDATE=1 cargo test --test engine_operations` writes this page, and the test holds the code to it.
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for family in FAMILIES {
        let measured = SIZES.map(|size| measure(family, size));
        if measured[0].is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {}\n\n| command |", family.name);
        let sizes: String = SIZES.iter().map(|size| format!(" {size} |")).collect();
        page += &sizes;
        page += "\n| --- | --- | --- | --- |\n";
        for (index, (line, _)) in measured[0].iter().enumerate() {
            let counts = [0, 1, 2].map(|size| measured[size][index].1);
            let one_member = !line.starts_with('*');
            let line = line.trim_start_matches('*');
            for (count, size) in counts.iter().zip(SIZES) {
                assert!(!one_member || count.total() <= MOST, "{line}: {count:?} in {size} members");
            }
            let _ = writeln!(page, "| `{line}` | {} |", counts.map(Count::shown).join(" | "));
        }
    }
    page
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/engine-operations.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("docs/engine-operations.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = |(new, old): &(&str, &str)| new != old;
    let difference = page.lines().zip(written.lines()).find(differs);
    assert!(
        written == page,
        "docs/engine-operations.md is stale: run `UPDATE=1 cargo test --test engine_operations`, look whether the \
        numbers may be so, and commit it. First difference: {difference:?}"
    );
}

#[test]
fn ltrim_does_not_read_what_it_takes_out() {
    let (mut client, engine) = database();
    many(100_000, "RPUSH k", |number| format!("element{number}"))
        .iter()
        .for_each(|line| call(&mut client, line));
    let before = Count::now(&engine.faults.work);
    call(&mut client, "LTRIM k 60000 60009");
    let Count([gets, scans, ..]) = Count::now(&engine.faults.work).since(before);
    // The nodes above the leaves, and the leaves where the range begins and ends.
    assert!(gets < 100 && scans == 0, "{gets} reads, {scans} scans");
}

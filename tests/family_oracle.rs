//! Random commands on sets, hashes, HyperLogLogs and keys of every type, sent to DiskDB and to the installed
//! redis-server alike: every reply must be the same, in both protocols, for small and for large values, and
//! every value must travel between the two by DUMP and RESTORE. Skipped, with a line that says so, where
//! there is no redis-server.
//!
//! `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.

mod common;

use bytes::Bytes;
use common::oracle::Oracle;
use common::words;
use diskdb::commands;
use diskdb::protocol::Reply;
use std::collections::BTreeSet;

/// A history has so many commands, before all keys go.
const HISTORY: u64 = 50;

/// So many commands in a run, and more where the code is optimised: thousands of histories.
const COMMANDS: u64 = 20_000;

/// What a word of a template stands for. `?` in front of a word: with it or without.
const POOLS: &[(&str, &[&str])] = &[
    ("$set", &["s1", "s2", "s3", "s4"]),
    ("$hash", &["h1", "h2"]),
    ("$hll", &["p1", "p2", "p3"]),
    ("$key", &["k1", "k2", "k3", "k4", "k5"]),
    (
        "$int",
        &["0", "1", "2", "3", "-1", "-3", "10", "100", "9223372036854775807", "-9223372036854775808", "x"],
    ),
    ("$count", &["0", "1", "2", "5", "100", "-1", "-4", "x", "9223372036854775807", "-9223372036854775808"]),
    ("$float", &["0", "1.5", "-2", "1e5", "3.0e-3", "1e400", "nan", "inf", "x", "0x1p2", " 1"]),
    ("$time", &["33177117420", "99999999999", "0", "1", "-1", "x", "9223372036854775807"]),
    ("$mstime", &["33177117420000", "99999999999999", "0", "-1", "x", "9223372036854775807"]),
    ("$when", &["NX", "xx", "GT", "lt", "XX GT", "NX XX", "?"]),
    ("$type", &["string", "list", "set", "hash", "zset", "stream", "none", "STRING"]),
    ("$pattern", &["*", "m*", "*1", "[a-c]*", "?", "\\m*", "none"]),
];

const SETS: &[&str] = &[
    "SADD $set $member",
    "SADD $set $member $member $member",
    "SADD $set $members",
    "SADD $set $number $number",
    "SREM $set $member $member",
    "SISMEMBER $set $member",
    "SMISMEMBER $set $member $number none",
    "SCARD $set",
    "SMOVE $set $set $member",
    "SMEMBERS $set",
    "SINTER $set $set ?$set",
    "SUNION $set $set ?$set",
    "SDIFF $set $set ?$set",
    "SINTERSTORE $set $set $set",
    "SUNIONSTORE $set $set ?$set",
    "SDIFFSTORE $set $set $set",
    "SINTERCARD 2 $set $set",
    "SINTERCARD $count $set $set ?LIMIT ?$count",
    "SPOP $set",
    "SPOP $set $count",
    "SRANDMEMBER $set",
    "SRANDMEMBER $set $count",
    "SSCAN $set 0 ?MATCH $pattern",
    "SSCAN $set 0 COUNT $count",
    "SORT $set ALPHA",
    "OBJECT ENCODING $set",
    "SET s4 text",
    "DEL $set",
    "RENAME $set $set",
];

const HASHES: &[&str] = &[
    "HSET $hash $member $value",
    "HSET $hash $member $value $member $value",
    "HSET $hash $pairs",
    "HSET $hash $member",
    "HMSET $hash $member $value $number $number",
    "HSETNX $hash $member $value",
    "HGET $hash $member",
    "HMGET $hash $member $number none",
    "HDEL $hash $member $member",
    "HLEN $hash",
    "HSTRLEN $hash $member",
    "HEXISTS $hash $member",
    "HINCRBY $hash $number $int",
    "HINCRBY $hash $member $int",
    "HINCRBYFLOAT $hash $number $float",
    "HINCRBYFLOAT $hash $member $float",
    "HKEYS $hash",
    "HVALS $hash",
    "HGETALL $hash",
    "HRANDFIELD $hash",
    "HRANDFIELD $hash $count ?WITHVALUES",
    "HSCAN $hash 0 ?MATCH $pattern",
    "HSCAN $hash 0 COUNT $count",
    "OBJECT ENCODING $hash",
    "SADD h2 text",
    "DEL $hash",
    "COPY $hash $hash REPLACE",
];

const HYPERLOGLOGS: &[&str] = &[
    "PFADD $hll $member $number",
    "PFADD $hll $members",
    "PFADD $hll",
    "PFCOUNT $hll",
    "PFCOUNT $hll $hll",
    "PFMERGE $hll $hll ?$hll",
    "PFMERGE $hll",
    "GET $hll",
    "STRLEN $hll",
    "PFDEBUG ENCODING $hll",
    "PFDEBUG DECODE $hll",
    "PFDEBUG TODENSE $hll",
    "COPY $hll $hll REPLACE",
    "SET p3 $value",
    "LPUSH p3 x",
    "DEL $hll",
];

const KEYS: &[&str] = &[
    "SET $key $value",
    "APPEND $key $value",
    "SETRANGE $key 17000 $value",
    "RPUSH $key $members",
    "RPUSH $key $value",
    "SADD $key $members",
    "SADD $key $number",
    "HSET $key $pairs",
    "HSET $key $member $value",
    "ZADD $key 1 $member 2 $value",
    "ZADD $key 1.5 $number -inf $member 3e20 $member",
    "XADD $key 5-* field $value",
    "PFADD $key $members",
    "RENAME $key $key",
    "RENAMENX $key $key",
    "COPY $key $key ?REPLACE",
    "COPY $key $key DB $int ?REPLACE",
    "MOVE $key $int",
    "EXPIREAT $key $time ?$when",
    "PEXPIREAT $key $mstime ?$when",
    "EXPIRE $key 0",
    "EXPIRETIME $key",
    "PEXPIRETIME $key",
    "PERSIST $key",
    "TYPE $key",
    "EXISTS $key $key none",
    "TOUCH $key $key",
    "UNLINK $key $key",
    "DEL $key",
    "KEYS $pattern",
    "DBSIZE",
    "OBJECT ENCODING $key",
    "OBJECT HELP",
    "SCAN 0 COUNT 1000 ?MATCH $pattern",
    "SCAN 0 COUNT 1000 TYPE $type",
    "LPOP $key",
    "SREM $key $member",
    "ZREM $key $member",
    "HDEL $key $member",
];

fn pool(name: &str) -> Option<&'static [&'static str]> {
    POOLS.iter().find(|(pool, _)| *pool == name).map(|(_, words)| *words)
}

/// The words that a word of a template stands for.
fn expand(oracle: &mut Oracle, word: &str, out: &mut Vec<Bytes>) {
    if let Some(word) = word.strip_prefix('?') {
        if oracle.rng.bool() {
            expand(oracle, word, out);
        }
        return;
    }
    let rng = &mut oracle.rng;
    match word {
        "$member" => out.push(format!("m{}", rng.u32(..20)).into()),
        "$number" => out.push(rng.i32(-20..20).to_string().into()),
        "$value" => {
            let len = [0, 1, 10, 63, 64, 65, 200, 5000, 20_000][rng.usize(..9)];
            let byte = [b'a', 0xff, b'1'][rng.usize(..3)];
            out.push(vec![byte; len].into());
        }
        "$members" => {
            let (count, from) = ([3, 20, 200, 700][rng.usize(..4)], rng.u32(..50));
            out.extend((from..from + count).map(|number| Bytes::from(format!("m{number}"))));
        }
        "$pairs" => {
            let (count, from) = ([3, 20, 200, 700][rng.usize(..4)], rng.u32(..50));
            let pairs = (from..from + count).flat_map(|number| [format!("m{number}"), number.to_string()]);
            out.extend(pairs.map(Bytes::from));
        }
        word => match pool(word) {
            Some(pool) => out.extend(words(pool[rng.usize(..pool.len())])),
            None => out.push(Bytes::copy_from_slice(word.as_bytes())),
        },
    }
}

fn command(oracle: &mut Oracle, templates: &[&str]) -> Vec<Bytes> {
    let template = templates[oracle.rng.usize(..templates.len())];
    let mut out = Vec::new();
    template.split(' ').for_each(|word| expand(oracle, word, &mut out));
    if oracle.rng.u8(..60) == 0 {
        out.pop();
    }
    if out.is_empty() { words("PING") } else { out }
}

/// The items of an array, of a set, of a map (as arrays of two).
fn items(reply: &Reply) -> Option<Vec<Reply>> {
    match reply {
        Reply::Array(items) | Reply::Set(items) => Some(items.clone()),
        Reply::Map(pairs) => {
            Some(pairs.iter().map(|(key, value)| Reply::Array(vec![key.clone(), value.clone()])).collect())
        }
        _ => None,
    }
}

/// The same reply in an order of our own, `together` items each being one thing.
fn sorted(reply: &Reply, together: usize) -> Reply {
    let Some(items) = items(reply) else { return reply.clone() };
    let mut groups: Vec<Vec<Reply>> = items.chunks(together).map(<[Reply]>::to_vec).collect();
    groups.sort_by_cached_key(|group| format!("{group:?}"));
    Reply::Array(groups.concat())
}

fn strings(reply: &Reply) -> Vec<Bytes> {
    let items = items(reply).unwrap_or_else(|| vec![reply.clone()]);
    let string = |item: Reply| match item {
        Reply::Bulk(bytes) => Some(bytes),
        Reply::Array(pair) => pair.first().and_then(|first| strings(first).first().cloned()),
        _ => None,
    };
    items.into_iter().filter_map(string).collect()
}

/// Chance decides what is taken out: as many on both sides, and the same afterwards.
fn pop(oracle: &mut Oracle, call: &[Bytes]) {
    let (ours, theirs) = oracle.ask(call);
    let (our_members, their_members) = (strings(&ours), strings(&theirs));
    assert_eq!(our_members.len(), their_members.len(), "{ours:?}, {theirs:?}, {}", oracle.story());
    if our_members.is_empty() {
        return oracle.assert_same(&ours, &theirs);
    }
    let add = |members: &[Bytes]| [&[Bytes::from("SADD"), call[1].clone()], members].concat();
    let remove = |members: &[Bytes]| [&[Bytes::from("SREM"), call[1].clone()], members].concat();
    // They lose what we lost, and get back what only they lost.
    oracle.ask_them(&add(&their_members));
    oracle.ask_them(&remove(&our_members));
    oracle.compare(&[Bytes::from("SCARD"), call[1].clone()]);
}

/// Chance decides what is shown: as much on both sides, and only what is there, once each if it is to be.
fn sample(oracle: &mut Oracle, call: &[Bytes], all: &str) {
    let (ours, theirs) = oracle.ask(call);
    let with_values = call.len() > 3;
    let (shown, others) = (strings(&ours), strings(&theirs));
    assert_eq!(shown.len(), others.len(), "{ours:.200?}, {theirs:.200?}, {}", oracle.story());
    if shown.is_empty() {
        return oracle.assert_same(&ours, &theirs);
    }
    let all: BTreeSet<Bytes> =
        strings(&oracle.ask_us(&[Bytes::copy_from_slice(all.as_bytes()), call[1].clone()]))
            .into_iter()
            .collect();
    if !with_values {
        assert!(shown.iter().all(|member| all.contains(member)), "{ours:?}, {}", oracle.story());
        let different: BTreeSet<&Bytes> = shown.iter().collect();
        let may_repeat = call.get(2).is_some_and(|count| count.starts_with(b"-"));
        assert!(may_repeat || different.len() == shown.len(), "{ours:?}, {}", oracle.story());
    }
}

/// Everything a walk meets, whatever the pages.
fn walk(oracle: &mut Oracle, call: &[Bytes]) {
    let (ours, theirs) = oracle.ask(call);
    let (Reply::Array(first), Reply::Array(_)) = (&ours, &theirs) else {
        return oracle.assert_same(&ours, &theirs);
    };
    let cursor_at = if call[0] == "SCAN" { 1 } else { 2 };
    let together = if call[0] == "HSCAN" { 2 } else { 1 };
    let rest_of = |first: &[Reply], ask: &mut dyn FnMut(&[Bytes]) -> Reply| {
        let mut found = BTreeSet::new();
        let mut page = first.to_vec();
        loop {
            let entries = items(&page[1]).unwrap_or_default();
            found.extend(entries.chunks(together).map(|entry| format!("{entry:?}")));
            let Reply::Bulk(cursor) = &page[0] else { panic!("{page:?}") };
            if cursor == "0" {
                return found;
            }
            let mut next = call.to_vec();
            next[cursor_at] = cursor.clone();
            page = items(&ask(&next)).expect("a page");
        }
    };
    let Reply::Array(their_first) = &theirs else { return };
    let found = rest_of(first, &mut |call| oracle.ask_us(call));
    let expected = rest_of(their_first, &mut |call| oracle.ask_them(call));
    assert_eq!(found, expected, "{}", oracle.story());
}

/// A HyperLogLog without the last estimate, which Redis writes where it is asked for it.
fn without_estimate(reply: Reply) -> Reply {
    match reply {
        Reply::Bulk(bytes) if bytes.starts_with(b"HYLL") && bytes.len() >= 16 => {
            Reply::Bulk([&bytes[..8], &bytes[16..]].concat().into())
        }
        reply => reply,
    }
}

fn compare(oracle: &mut Oracle, call: &[Bytes]) {
    let name = String::from_utf8_lossy(&call[0]).into_owned();
    match name.as_str() {
        "SPOP" if call.len() > 1 => pop(oracle, call),
        "SRANDMEMBER" | "HRANDFIELD" if call.len() > 1 => {
            // Redis allocates by this number, and so much that it would fail.
            if call.get(2).is_some_and(|count| count.len() > 10 && count.starts_with(b"-")) {
                return;
            }
            sample(oracle, call, if name == "SRANDMEMBER" { "SMEMBERS" } else { "HKEYS" });
        }
        "SSCAN" | "HSCAN" | "SCAN" if call.len() > 2 => walk(oracle, call),
        "OBJECT" => {
            let (ours, theirs) = oracle.ask(call);
            // Redis 7.0 keeps every list in a quicklist.
            if theirs != Reply::Bulk("quicklist".into()) || ours != Reply::Bulk("listpack".into()) {
                oracle.assert_same(&ours, &theirs);
            }
        }
        "GET" => {
            let (ours, theirs) = oracle.ask(call);
            oracle.assert_same(&without_estimate(ours), &without_estimate(theirs));
        }
        "SMEMBERS" | "SINTER" | "SUNION" | "SDIFF" | "HKEYS" | "HVALS" | "HGETALL" | "KEYS" => {
            let (ours, theirs) = oracle.ask(call);
            let together = if name == "HGETALL" && matches!(ours, Reply::Array(_)) { 2 } else { 1 };
            oracle.assert_same(&sorted(&ours, together), &sorted(&theirs, together));
        }
        _ => oracle.compare(call),
    }
}

/// What a key holds, for comparison.
fn compare_content(oracle: &mut Oracle, key: &Bytes) {
    let kind = oracle.ask_us(&[Bytes::from("TYPE"), key.clone()]);
    let Reply::Simple(kind) = kind else { panic!("{kind:?}") };
    let template = match kind.as_ref() {
        "string" => "GET",
        "list" => "LRANGE 0 -1",
        "set" => "SMEMBERS",
        "hash" => "HGETALL",
        "zset" => "ZRANGE 0 -1 WITHSCORES",
        "stream" => "XRANGE - +",
        other => panic!("{other}"),
    };
    let mut call = words(template);
    call.insert(1, key.clone());
    compare(oracle, &call);
    compare(oracle, &[Bytes::from("PEXPIRETIME"), key.clone()]);
}

/// Every value goes to the other side by DUMP and RESTORE, and back.
fn exchange(oracle: &mut Oracle) {
    let (keys, _) = oracle.ask(&words("KEYS *"));
    for key in strings(&keys) {
        let dump = [Bytes::from("DUMP"), key.clone()];
        let (ours, theirs) = oracle.ask(&dump);
        // As long as not every type is there.
        if matches!(&ours, Reply::Error(text) if text.starts_with("ERR DUMP does not know")) {
            continue;
        }
        let (Reply::Bulk(ours), Reply::Bulk(theirs)) = (&ours, &theirs) else {
            panic!("{ours:?}, {theirs:?}")
        };
        let restore = |payload: &Bytes| {
            [
                Bytes::from("RESTORE"),
                Bytes::from("copy"),
                Bytes::from("0"),
                payload.clone(),
                Bytes::from("REPLACE"),
            ]
        };
        // Ours to them, theirs to us.
        let restored = [oracle.ask_us(&restore(theirs)), oracle.ask_them(&restore(ours))];
        let ok = Reply::Simple("OK".into());
        assert_eq!(restored, [ok.clone(), ok], "{}", oracle.story());
        compare_content(oracle, &Bytes::from("copy"));
        oracle.compare_line("DEL copy");
    }
}

fn run(templates: &[&str]) {
    let templates: Vec<&str> =
        templates.iter().copied().filter(|template| commands::find(&words(template)).is_ok()).collect();
    let Some(mut oracle) = Oracle::start(COMMANDS) else { return };
    // Redis 7.0 keeps no sets in listpacks.
    oracle.ask_us(&words("CONFIG SET set-max-listpack-entries 0"));
    for number in 0..oracle.commands {
        if number % HISTORY == 0 {
            compare(&mut oracle, &words("FLUSHALL"));
            let limit = ["0", "4", "128", "512"][oracle.rng.usize(..4)];
            for name in ["hash-max-listpack-entries", "set-max-intset-entries", "zset-max-listpack-entries"] {
                compare(&mut oracle, &words(&format!("CONFIG SET {name} {limit}")));
            }
        }
        let call = command(&mut oracle, &templates);
        compare(&mut oracle, &call);
        if number % HISTORY == HISTORY - 1 {
            exchange(&mut oracle);
        }
    }
}

#[test]
fn sets_are_those_of_redis() {
    run(SETS);
}

#[test]
fn hashes_are_those_of_redis() {
    run(HASHES);
}

#[test]
fn hyperloglogs_are_those_of_redis() {
    run(HYPERLOGLOGS);
}

#[test]
fn keys_of_every_type_are_those_of_redis() {
    run(KEYS);
}

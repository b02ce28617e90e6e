//! Random users and random calls, for DiskDB and for the installed redis-server alike: each must say the same of every
//! rule, and of whether a user may make a call (`ACL DRYRUN`). Skipped, with a line that says so, where there
//! is no redis-server.
//!
//! `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.

mod common;

use bytes::Bytes;
use common::oracle::{Oracle, one};
use fastrand::Rng;

const COMMANDS: u64 = 10_000;

/// A user keeps its rules for so many calls.
const CALLS_PER_USER: u64 = 40;

const USERS: &[&str] = &["u1", "u2", "u3"];

/// Keys, channels and the patterns that some of them match.
const NAMES: &[&str] = &["a", "ab", "abc", "b", "user:1", "user:2", "*", "a*", "?", "[ab]", ""];

const PATTERNS: &[&str] =
    &["*", "a", "a*", "ab*", "*b*", "?", "??", "[a-b]", "[^a]*", "user:*", "user:?", "\\*", ""];

/// Categories whose members have not changed since Redis 7.0, as far as the calls below go.
const CATEGORIES: &[&str] = &[
    "all",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
    "keyspace",
    "nosuch",
];

/// Commands and subcommands, as rules name them.
const COMMAND_RULES: &[&str] = &[
    "get",
    "set",
    "GET",
    "mget",
    "del",
    "sort",
    "copy",
    "rename",
    "publish",
    "subscribe",
    "spublish",
    "config",
    "config|get",
    "config|set",
    "CONFIG|GET",
    "client|id",
    "client|kill",
    "client",
    "acl|whoami",
    "acl",
    "memory|usage",
    "object|encoding",
    "xread",
    "xgroup|create",
    "xgroup",
    "zunionstore",
    "bitop",
    "lmpop",
    "ping",
    "nosuch",
    "config|nosuch",
    "get|key",
    "select|0",
    "select|1",
];

/// Rules that stand for themselves.
const PLAIN_RULES: &[&str] = &[
    "on",
    "off",
    "nopass",
    "resetpass",
    "resetkeys",
    "allkeys",
    "resetchannels",
    "allchannels",
    "allcommands",
    "nocommands",
    "reset",
    "clearselectors",
    "sanitize-payload",
    "skip-sanitize-payload",
    ">secret",
    "<secret",
    "ON",
    "AllKeys",
    "nosuch",
    "+",
    "-",
    "~",
    "&",
    "%R~",
    "%",
    "%R",
    "%X~a",
    "%RR~a*",
    "%W~~",
    "+@",
    "",
];

/// Calls: `$k` is a name of a key, `$c` one of a channel or a pattern of them.
const CALLS: &[&str] = &[
    "GET $k",
    "SET $k v",
    "SET $k v GET",
    "SET $k v EX 10 GET",
    "GETSET $k v",
    "GETDEL $k",
    "GETEX $k PERSIST",
    "APPEND $k v",
    "STRLEN $k",
    "SETRANGE $k 0 v",
    "INCR $k",
    "MGET $k $k $k",
    "MSET $k v $k v",
    "DEL $k $k",
    "UNLINK $k",
    "EXISTS $k $k",
    "TOUCH $k",
    "TYPE $k",
    "EXPIRE $k 10",
    "TTL $k",
    "RENAME $k $k",
    "COPY $k $k",
    "MOVE $k 1",
    "DUMP $k",
    "OBJECT ENCODING $k",
    "MEMORY USAGE $k",
    "SORT $k",
    "SORT $k BY nosort GET #",
    "SORT $k BY w_* GET o_*",
    "SORT $k STORE $k",
    "SORT_RO $k",
    "LPUSH $k v",
    "LPOP $k",
    "LLEN $k",
    "LRANGE $k 0 -1",
    "LMOVE $k $k LEFT RIGHT",
    "BLMOVE $k $k LEFT RIGHT 0",
    "LMPOP 2 $k $k LEFT",
    "BLPOP $k $k 0",
    "SADD $k v",
    "SMEMBERS $k",
    "SISMEMBER $k v",
    "SMOVE $k $k v",
    "SINTERSTORE $k $k $k",
    "SINTERCARD 2 $k $k",
    "SINTERCARD 5 $k $k",
    "HSET $k f v",
    "HGETALL $k",
    "HLEN $k",
    "HDEL $k f",
    "ZADD $k 1 v",
    "ZCARD $k",
    "ZRANGE $k 0 -1",
    "ZRANGESTORE $k $k 0 -1",
    "ZUNIONSTORE $k 2 $k $k",
    "ZUNION 2 $k $k",
    "ZMPOP 1 $k MIN",
    "PFADD $k v",
    "PFCOUNT $k $k",
    "PFMERGE $k $k",
    "SETBIT $k 1 1",
    "BITOP AND $k $k $k",
    "BITFIELD $k GET u8 0",
    "BITFIELD $k SET u8 0 1",
    "BITFIELD_RO $k GET u8 0",
    "GEOADD $k 1 1 v",
    "GEOSEARCHSTORE $k $k FROMMEMBER v BYRADIUS 1 m",
    "GEORADIUS $k 1 1 1 m",
    "GEORADIUS $k 1 1 1 m STORE $k",
    "XADD $k * f v",
    "XLEN $k",
    "XREAD COUNT 1 STREAMS $k $k 0 0",
    "XREADGROUP GROUP g c STREAMS $k >",
    "XGROUP CREATE $k g 0",
    "XINFO STREAM $k",
    "PUBLISH $c v",
    "SPUBLISH $c v",
    "SUBSCRIBE $c $c",
    "PSUBSCRIBE $c",
    "SSUBSCRIBE $c $c",
    "UNSUBSCRIBE $c",
    "PUBSUB CHANNELS",
    "PING",
    "ECHO v",
    "SELECT 0",
    "CONFIG GET maxmemory",
    "CONFIG SET maxmemory 0",
    "CONFIG",
    "CLIENT ID",
    "CLIENT KILL ID 1",
    "ACL WHOAMI",
    "ACL LIST",
    "MULTI",
    "EXEC",
    "WATCH $k $k",
    "KEYS *",
    "SCAN 0",
    "RANDOMKEY",
    "DBSIZE",
    "FLUSHALL",
    "SWAPDB 0 1",
    "INFO",
    "COMMAND COUNT",
    "NOSUCH $k",
    "GET",
    "SET $k",
    "OBJECT NOSUCH $k",
];

fn pattern_rule(rng: &mut Rng) -> String {
    let prefix = one(rng, &["~", "~", "~", "%R~", "%W~", "%RW~", "%wr~", "&", "&"]);
    prefix + &one(rng, PATTERNS)
}

fn command_rule(rng: &mut Rng) -> String {
    let sign = one(rng, &["+", "-"]);
    if rng.bool() { sign + "@" + &one(rng, CATEGORIES) } else { sign + &one(rng, COMMAND_RULES) }
}

/// A rule; a selector has those about commands, keys and channels in it.
fn rule(rng: &mut Rng) -> String {
    match rng.u32(..12) {
        0 => one(rng, PLAIN_RULES),
        1 => {
            let rules: Vec<String> = (0..rng.usize(1..5))
                .map(|_| if rng.bool() { pattern_rule(rng) } else { command_rule(rng) })
                .collect();
            let (open, close) = if rng.u32(..20) == 0 { ("(", "") } else { ("(", ")") };
            format!("{open}{}{close}", rules.join(" "))
        }
        2..=6 => pattern_rule(rng),
        _ => command_rule(rng),
    }
}

fn call(rng: &mut Rng) -> Vec<Bytes> {
    let word = |rng: &mut Rng, word: &str| match word {
        "$k" | "$c" => one(rng, NAMES).into(),
        word => Bytes::copy_from_slice(word.as_bytes()),
    };
    CALLS[rng.usize(..CALLS.len())].split(' ').map(|part| word(rng, part)).collect()
}

fn set_user(rng: &mut Rng) -> Vec<Bytes> {
    let mut words: Vec<Bytes> = ["ACL", "SETUSER"].map(Bytes::from).to_vec();
    words.push(one(rng, USERS).into());
    if rng.bool() {
        words.push("reset".into());
        words.push(one(rng, &["+@all", "-@all", "+@read", "+@write"]).into());
        words.push(one(rng, &["allkeys", "~a*", "%R~*", "resetkeys"]).into());
    }
    words.extend((0..rng.usize(1..6)).map(|_| Bytes::from(rule(rng))));
    words
}

fn dry_run(rng: &mut Rng) -> Vec<Bytes> {
    let mut words: Vec<Bytes> = ["ACL", "DRYRUN"].map(Bytes::from).to_vec();
    words.push(one(rng, USERS).into());
    words.extend(call(rng));
    words
}

#[test]
fn users_may_do_what_redis_lets_them() {
    let Some(mut oracle) = Oracle::start(COMMANDS) else { return };
    USERS.iter().for_each(|user| oracle.compare_line(&format!("ACL SETUSER {user}")));
    for number in 0..oracle.commands {
        let rng = &mut oracle.rng;
        let words = if number % CALLS_PER_USER == 0 { set_user(rng) } else { dry_run(rng) };
        oracle.compare(&words);
    }
}

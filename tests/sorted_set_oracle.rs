//! Random commands on sorted sets, sent to DiskDB and to the installed redis-server alike: every reply
//! must be the same, in both protocols, for small and for large sets. Skipped, with a line that says
//! so, where there is no redis-server.
//!
//! `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.

mod common;

use bytes::Bytes;
use common::oracle::Oracle;
use common::words;
use fastrand::Rng;

const SCORES: &[&str] = &[
    "0",
    "1",
    "1",
    "2",
    "-1",
    "2.5",
    "-0.1",
    "1e20",
    "-inf",
    "+inf",
    "3",
    "1e-5",
    "0x10",
    "x",
    "nan",
    "17179869184",
];

const BOUNDS: &[&str] =
    &["-inf", "+inf", "0", "1", "(1", "2", "(2.5", "-1", "(-inf", "3", "1e20", "(", "x", "17179869184"];

const LEX: &[&str] = &["-", "+", "[a", "(b", "[c1", "(m5", "[m50", "(zz", "[", "x"];

const PLACES: &[&str] = &["0", "1", "-1", "5", "-5", "100", "-100", "9223372036854775807", "x"];

const COUNTS: &[&str] = &["0", "1", "2", "3", "10", "-1", "x"];

struct Words {
    rng: Rng,
    members: usize,
}

impl Words {
    fn one(&mut self, of: &[&'static str]) -> String {
        of[self.rng.usize(..of.len())].to_owned()
    }

    fn member(&mut self) -> String {
        format!("{}{}", self.one(&["a", "b", "c", "m"]), self.rng.usize(..self.members))
    }

    fn members(&mut self) -> String {
        (0..self.rng.usize(1..4)).map(|_| self.member()).collect::<Vec<_>>().join(" ")
    }

    fn limit(&mut self) -> String {
        if self.rng.bool() {
            format!(" LIMIT {} {}", self.one(COUNTS), self.one(COUNTS))
        } else {
            String::new()
        }
    }

    fn maybe(&mut self, of: &[&'static str]) -> String {
        if self.rng.bool() { format!(" {}", self.one(of)) } else { String::new() }
    }

    /// A range and its options for `ZRANGE` and `ZRANGESTORE`.
    fn range(&mut self) -> String {
        let (by, ends) = match self.rng.u8(..3) {
            0 => ("", PLACES),
            1 => (" BYSCORE", BOUNDS),
            _ => (" BYLEX", LEX),
        };
        let (min, max, reverse, limit) = (self.one(ends), self.one(ends), self.maybe(&["REV"]), self.limit());
        format!("{min} {max}{by}{reverse}{limit}")
    }

    fn combining(&mut self) -> String {
        let weights = self.maybe(&["WEIGHTS 2 3", "WEIGHTS 0.1 -1", "WEIGHTS 1 x", "WEIGHTS 0 inf"]);
        weights + &self.maybe(&["AGGREGATE SUM", "AGGREGATE MIN", "AGGREGATE max", "AGGREGATE x"])
    }

    fn add(&mut self, key: &str) -> String {
        let mut options = String::new();
        for option in ["NX", "XX", "GT", "LT", "CH", "INCR"] {
            if self.rng.u8(..10) == 0 {
                options += &format!(" {option}");
            }
        }
        let pairs = (0..self.rng.usize(1..5)).map(|_| format!(" {} {}", self.one(SCORES), self.member()));
        let pairs: String = pairs.collect();
        format!("ZADD {key}{options}{pairs}")
    }

    fn next(&mut self) -> String {
        let (key, other) = (self.one(&["y", "z"]), self.one(&["y", "z", "none"]));
        let with_scores = self.maybe(&["WITHSCORES"]);
        match self.rng.u8(..45) {
            0..16 => self.add(&key),
            16 => format!("ZINCRBY {key} {} {}", self.one(SCORES), self.member()),
            17 | 18 => format!("ZREM {key} {}", self.members()),
            19 => format!("ZSCORE {key} {}", self.member()),
            20 => format!("ZMSCORE {key} {}", self.members()),
            21 | 22 => format!("{} {key} {}", self.one(&["ZRANK", "ZREVRANK"]), self.member()),
            23 => format!("ZCOUNT {key} {} {}", self.one(BOUNDS), self.one(BOUNDS)),
            24..28 => format!("ZRANGE {key} {}{with_scores}", self.range()),
            28 => format!("ZREVRANGE {key} {} {}{with_scores}", self.one(PLACES), self.one(PLACES)),
            29 | 30 => {
                let name = self.one(&["ZRANGEBYSCORE", "ZREVRANGEBYSCORE"]);
                format!("{name} {key} {} {}{with_scores}{}", self.one(BOUNDS), self.one(BOUNDS), self.limit())
            }
            31 => format!("ZREMRANGEBYSCORE {key} {} {}", self.one(BOUNDS), self.one(BOUNDS)),
            32 => format!("ZREMRANGEBYRANK {key} {} {}", self.one(PLACES), self.one(PLACES)),
            33 | 34 => format!("{} {key}{}", self.one(&["ZPOPMIN", "ZPOPMAX"]), self.maybe(COUNTS)),
            35 => {
                format!("ZMPOP 2 {other} {key} {}", self.one(&["MIN", "MAX", "MIN COUNT 3", "MAX COUNT 0"]))
            }
            36 => format!("ZRANGESTORE {key} {other} {}", self.range()),
            37 => format!("{} {key}", self.one(&["ZCARD", "TYPE", "EXISTS", "TTL"])),
            38 => format!("COPY {other} {key} REPLACE"),
            39 => format!("ZINTERCARD 2 {key} {other}{}", self.maybe(&["LIMIT 1", "LIMIT -1"])),
            40 | 41 => {
                let name = self.one(&["ZUNION", "ZINTER"]);
                format!("{name} 2 {key} {other}{}{with_scores}", self.combining())
            }
            42 => {
                let name = self.one(&["ZUNIONSTORE", "ZINTERSTORE"]);
                format!("{name} {key} 2 y z{}", self.combining())
            }
            43 => self.one(&["ZDIFF 2 y z WITHSCORES", "ZDIFF 2 z y", "ZDIFFSTORE y 2 y z"]),
            _ => self.one(&["RENAME y z", "EXPIRE z 1000", "PERSIST z"]),
        }
    }

    /// Commands on sets where all scores are the same, which alone have ranges of members.
    fn next_lex(&mut self) -> String {
        match self.rng.u8(..10) {
            0..4 => format!("ZADD l 0 {} 0 {}", self.member(), self.member()),
            4 => format!("ZLEXCOUNT l {} {}", self.one(LEX), self.one(LEX)),
            5 => format!("ZREMRANGEBYLEX l {} {}", self.one(LEX), self.one(LEX)),
            6 => format!("ZREM l {}", self.member()),
            7 => format!("ZREVRANGEBYLEX l {} {}{}", self.one(LEX), self.one(LEX), self.limit()),
            8 => format!("ZRANGE l {} {} BYLEX{}", self.one(LEX), self.one(LEX), self.limit()),
            _ => format!("ZRANGEBYLEX l {} {}{}", self.one(LEX), self.one(LEX), self.limit()),
        }
    }
}

/// Ranges of members mean something only where all scores are the same.
fn is_vague(words: &[Bytes]) -> bool {
    words.iter().take(3).all(|word| word != "l") && words.iter().any(|word| word == "BYLEX")
}

#[test]
fn replies_are_those_of_redis() {
    let Some(mut oracle) = Oracle::start(20_000) else { return };
    let mut generator = Words { rng: oracle.rng.fork(), members: 10 };
    for number in 0..oracle.commands {
        // Few members and many; the change comes rarely enough for sets to fill.
        if number % 2000 == 0 {
            generator.members = [10, 100, 1000][generator.rng.usize(..3)];
        }
        let line = if generator.rng.u8(..5) == 0 { generator.next_lex() } else { generator.next() };
        let call = words(&line);
        if !is_vague(&call) {
            oracle.compare(&call);
        }
    }
}

//! Random commands on sorted sets, sent to DiskDB and to the installed redis-server alike: every reply
//! must be the same, in both protocols, for small and for large sets. Skipped, with a line that says
//! so, where there is no redis-server.
//!
//! `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.

mod common;

use bytes::Bytes;
use common::oracle::{Oracle, one};
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
        one(&mut self.rng, of)
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

/// Texts of numbers, and what is nearly one.
fn weird_number(rng: &mut Rng) -> Vec<u8> {
    const NAMES: &[&str] = &[
        "nan",
        "-nan",
        "NaN",
        "nan(1)",
        "inf",
        "+inf",
        "-inf",
        "Inf",
        "INFINITY",
        "-infinity",
        "infinit",
        "in",
        "",
        "-",
        "+",
        ".",
        "e",
        "0",
        "-0",
        "+0",
        "00",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "5e-324",
        "2e-324",
        "4.9406564584124654e-324",
        "2.2250738585072014e-308",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551616",
        "0.1",
        "0.30000000000000004",
        "1e",
        "1e+",
        "0x",
        "0xg",
        "1_0",
        "1,5",
        "--1",
        "+-1",
        "1 ",
        " 1",
        "\t1",
        "1\n",
        "1d",
        "1f",
        "0b1",
        "0x1p",
        "0x1p-1074",
        "0x.8p1",
        "1e400",
        "1e-400",
        "0e400",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "\u{661}",
    ];
    let digits =
        |rng: &mut Rng, most: usize| -> String { (0..rng.usize(..=most)).map(|_| rng.digit(10)).collect() };
    let mut text = match rng.u8(..8) {
        0 | 1 => NAMES[rng.usize(..NAMES.len())].to_owned(),
        2 => f64::from_bits(rng.u64(..)).to_string(),
        3 => format!("{:e}", f64::from_bits(rng.u64(..))),
        4 => format!(
            "{}0x{:x}.{:x}p{}",
            ["", "-", "+"][rng.usize(..3)],
            rng.u32(..),
            rng.u32(..),
            rng.i32(-1100..1100)
        ),
        5 => rng.i64(..).to_string(),
        _ => {
            let exponent = if rng.bool() { format!("e{}", rng.i32(-330..330)) } else { String::new() };
            format!("{}{}.{}{exponent}", ["", "-", "+"][rng.usize(..3)], digits(rng, 25), digits(rng, 25))
        }
    };
    if rng.u8(..10) == 0 {
        text.insert(0, [' ', '+', '-', '0', 'x', '\0'][rng.usize(..6)]);
    }
    let mut bytes = text.into_bytes();
    if rng.u8(..20) == 0 && !bytes.is_empty() {
        let place = rng.usize(..bytes.len());
        bytes[place] = rng.u8(..);
    }
    bytes
}

#[test]
fn weird_numbers_are_read_and_shown_as_by_redis() {
    let Some(mut oracle) = Oracle::start(10_000) else { return };
    let word = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    for number in 0..oracle.commands {
        let rng = &mut oracle.rng;
        let key = word(["small", "large"][rng.usize(..2)]);
        let member = word(&format!("m{}", rng.u8(..if key == "small" { 8 } else { 200 })));
        let (text, other): (Bytes, Bytes) = (weird_number(rng).into(), weird_number(rng).into());
        let call: Vec<Bytes> = match rng.u8(..14) {
            0..4 => vec![word("ZADD"), key, text, member],
            4 => vec![word("ZADD"), key, word(["GT", "LT", "XX", "CH"][rng.usize(..4)]), text, member],
            5 => vec![word("ZADD"), key, word("INCR"), text, member],
            6 | 7 => vec![word("ZINCRBY"), key, text, member],
            8 => vec![word("ZSCORE"), key, member],
            9 => vec![word("ZCOUNT"), key, text, other],
            10 => vec![word("ZRANGEBYSCORE"), key, text, other, word("WITHSCORES")],
            11 => {
                let weights = [word("WEIGHTS"), text];
                let of = [word("ZUNION"), word("1"), key];
                of.into_iter().chain(weights).chain([word("WITHSCORES")]).collect()
            }
            12 => vec![word("BZPOPMIN"), key, word("0.01")],
            _ => vec![word("ZRANGE"), key, word("0"), word("-1"), word("WITHSCORES")],
        };
        oracle.compare(&call);
        // Large enough for another encoding, and small again.
        if number % 2000 == 0 {
            oracle.compare(&words("DEL small large"));
            for member in 0..200 {
                oracle.compare(&words(&format!("ZADD large {member} m{member}")));
            }
        }
    }
}

//! Random commands on strings and keys, sent to DiskDB and to the installed redis-server alike: every
//! reply must be the same, in both protocols. Skipped, with a line that says so, where there is no
//! redis-server.
//!
//! `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.

mod common;

use bytes::Bytes;
use common::cli;
use common::oracle::Oracle;
use fastrand::Rng;

/// Commands between two comparisons of everything that is stored.
const ROUND: u64 = 100;

const KEYS: &[&str] = &["a", "b", "c", "d"];

const VALUES: &[&str] = &[
    "",
    "0",
    "1",
    "-1",
    "5",
    "10",
    "3.0",
    "0.1",
    "1e3",
    "-2.5e-3",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "abc",
    " 1",
    "1 ",
    "+1",
    "01",
    "-0",
    "inf",
    "nan",
    "0x10",
    "hello world",
    "\x01\x02",
    "a rather long value that is surely not embedded into anything",
];

const POSITIONS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "7",
    "8",
    "9",
    "15",
    "16",
    "-1",
    "-2",
    "-3",
    "-8",
    "-9",
    "100",
    "-100",
    "16383",
    "16384",
    "16385",
    "20000",
    "40000",
    "9223372036854775807",
    "-9223372036854775808",
    "x",
    "",
    "1.5",
];

const BIT_OFFSETS: &[&str] = &[
    "0",
    "1",
    "6",
    "7",
    "8",
    "9",
    "63",
    "64",
    "131071",
    "131072",
    "131073",
    "-1",
    "4294967296",
    "x",
    "#1",
    "#70000",
];

const FIELDS: &[&str] =
    &["u1", "u2", "u8", "u33", "u63", "i1", "i5", "i8", "i33", "i64", "u64", "i65", "u0", "f8"];

const AMOUNTS: &[&str] =
    &["0", "1", "-1", "3", "-129", "255", "1000", "x", "9223372036854775807", "-9223372036854775808"];

const DEADLINES: &[[&str; 2]] = &[
    ["EX", "100"],
    ["PX", "100000"],
    ["EXAT", "33177117420"],
    ["PXAT", "33177117420000"],
    ["EX", "0"],
    ["PX", "-1"],
    ["EX", "x"],
    ["EXAT", "1"],
    ["EX", "9223372036854775807"],
    ["PX", "9223372036854775807"],
];

const TIMES: &[&str] = &[
    "100",
    "100000",
    "33177117420",
    "33177117420000",
    "0",
    "-1",
    "x",
    "9223372036854775807",
    "-9223372036854775808",
];

/// A generator of commands.
struct Words {
    rng: Rng,
    words: Vec<Bytes>,
}

impl Words {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.rng.usize(..of.len())]
    }

    fn push(&mut self, word: &str) -> &mut Self {
        self.words.push(Bytes::copy_from_slice(word.as_bytes()));
        self
    }

    fn nothing(&mut self) -> &mut Self {
        self
    }

    fn any(&mut self, of: &[&str]) -> &mut Self {
        let word = self.one(of);
        self.push(word)
    }

    fn value(&mut self) -> &mut Self {
        match self.rng.u8(..10) {
            0 => {
                let len = [16383, 16384, 16385, 33000][self.rng.usize(..4)];
                let start = self.rng.u8(..);
                let value: Vec<u8> = (0..len).map(|at: usize| (at as u8).wrapping_add(start)).collect();
                self.words.push(value.into());
                self
            }
            1 => {
                let value: Vec<u8> = (0..self.rng.usize(..30)).map(|_| self.rng.u8(..)).collect();
                self.words.push(value.into());
                self
            }
            2 => {
                let number = f64::from(self.rng.i32(-10_000_000..10_000_000)) / 1024.0;
                self.push(&number.to_string())
            }
            _ => self.any(VALUES),
        }
    }

    fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    fn deadline(&mut self) -> &mut Self {
        let [unit, number] = DEADLINES[self.rng.usize(..DEADLINES.len())];
        self.push(unit);
        if self.chance(97) {
            self.push(number);
        }
        self
    }

    fn set_options(&mut self) -> &mut Self {
        while self.chance(35) {
            match self.rng.u8(..8) {
                0 => self.push("NX"),
                1 => self.push("xx"),
                2 | 3 => self.push("GET"),
                4 => self.push("KEEPTTL"),
                5 if self.chance(10) => self.push("nonsense"),
                _ => self.deadline(),
            };
        }
        self
    }

    fn range_options(&mut self) -> &mut Self {
        if self.chance(70) {
            self.any(POSITIONS).any(POSITIONS);
            if self.chance(50) {
                self.any(&["BYTE", "BIT", "bit", "bytes"]);
            }
        }
        self
    }

    fn field_operations(&mut self) -> &mut Self {
        for _ in 0..self.rng.usize(1..5) {
            match self.rng.u8(..4) {
                0 => self.push("GET").any(FIELDS).any(BIT_OFFSETS),
                // Not the smallest integer: in a narrow field, Redis takes it for too large.
                1 => self.push("SET").any(FIELDS).any(BIT_OFFSETS).any(&AMOUNTS[..AMOUNTS.len() - 1]),
                2 => self.push("INCRBY").any(FIELDS).any(BIT_OFFSETS).any(AMOUNTS),
                _ => self.push("OVERFLOW").any(&["WRAP", "SAT", "FAIL", "fail", "?"]),
            };
        }
        self
    }

    fn next(&mut self) -> Vec<Bytes> {
        let key = self.one(KEYS);
        match self.rng.u8(..45) {
            0..4 => self.push("SET").push(key).value().set_options(),
            4..6 => self.push("GET").push(key),
            6 => self.push("GETSET").push(key).value(),
            7 => self.push("GETDEL").push(key),
            8 => {
                self.push("GETEX").push(key);
                match self.rng.u8(..4) {
                    0 => self.nothing(),
                    1 => self.push("PERSIST"),
                    2 => self.push("KEEPTTL"),
                    _ => self.deadline(),
                }
            }
            9 => self.push("SETNX").push(key).value(),
            10 => self.push("SETEX").push(key).any(&["100", "0", "-1", "x"]).value(),
            11 => self.push("PSETEX").push(key).any(&["100000", "0", "-1", "x"]).value(),
            12 => self.push("MSET").push(key).value().any(KEYS).value(),
            13 => self.push("MSETNX").push(key).value().any(KEYS).value(),
            14 => self.push("MGET").push(key).any(KEYS).any(&["none", "a"]),
            15..18 => self.push("APPEND").push(key).value(),
            18 => self.push("STRLEN").push(key),
            19..21 => self.push("SETRANGE").push(key).any(POSITIONS).value(),
            21 => self.push("GETRANGE").push(key).any(POSITIONS).any(POSITIONS),
            22 => self.any(&["INCR", "DECR"]).push(key),
            23 => self.any(&["INCRBY", "DECRBY"]).push(key).any(AMOUNTS),
            24..26 => self.push("INCRBYFLOAT").push(key).value(),
            26..28 => self.push("SETBIT").push(key).any(BIT_OFFSETS).any(&["0", "1", "2", "x"]),
            28 => self.push("GETBIT").push(key).any(BIT_OFFSETS),
            29 => self.push("BITCOUNT").push(key).range_options(),
            30 => {
                self.push("BITPOS").push(key).any(&["0", "1", "1", "2"]);
                if self.chance(30) { self.any(POSITIONS) } else { self.range_options() }
            }
            31..33 => {
                self.push("BITOP").any(&["AND", "OR", "XOR", "NOT", "nand"]).push(key).any(KEYS);
                if self.chance(60) { self.any(KEYS).any(&["none", "b"]) } else { self.nothing() }
            }
            33..35 => self.push("BITFIELD").push(key).field_operations(),
            35 => self.push("BITFIELD_RO").push(key).push("GET").any(FIELDS).any(BIT_OFFSETS),
            36 => self.any(&["TTL", "PERSIST", "TYPE", "UNLINK", "EXISTS"]).push(key),
            38..40 => {
                self.any(&["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"]).push(key).any(TIMES);
                while self.chance(30) {
                    self.any(&["NX", "xx", "GT", "LT", "?"]);
                }
                self.nothing()
            }
            40 => self.any(&["EXPIRETIME", "PEXPIRETIME", "TTL", "PTTL"]).push(key),
            41 => self.any(&["RENAME", "RENAMENX"]).push(key).any(KEYS),
            42..44 => {
                self.push("COPY").push(key).any(KEYS);
                match self.rng.u8(..6) {
                    0 => self.push("DB").any(&["0", "0", "x", "99", "-1", "4294967296"]),
                    1 => self.nothing(),
                    _ => self.push("REPLACE"),
                }
            }
            _ => {
                self.push("LCS").push(key).any(KEYS);
                if self.chance(50) {
                    self.any(&["LEN", "IDX", "WITHMATCHLEN"]);
                }
                if self.chance(30) { self.any(&["IDX", "WITHMATCHLEN", "nonsense"]) } else { self.nothing() }
            }
        };
        if self.chance(1) {
            self.words.pop();
        }
        std::mem::take(&mut self.words)
    }
}

/// Whether replies may differ. Redis 7.0 answers 0 to senseless positions in a key that is not there,
/// later versions refuse; and what both say of a deadline, they say one after the other.
fn may_differ(words: &[Bytes], ours: &str, theirs: &str) -> bool {
    let integer = |text: &str| text.strip_prefix("(integer) ").and_then(|number| number.parse::<i64>().ok());
    match words[0].as_ref() {
        b"BITCOUNT" | b"BITPOS" => ours.starts_with("(error)") && matches!(integer(theirs), Some(0 | -1)),
        b"TTL" | b"EXPIRETIME" | b"PTTL" | b"PEXPIRETIME" => {
            let limit = if words[0].starts_with(b"P") { 1000 } else { 1 };
            let times = integer(ours).zip(integer(theirs)).filter(|(ours, theirs)| ours.min(theirs) > &0);
            times.is_some_and(|(ours, theirs)| ours.abs_diff(theirs) <= limit)
        }
        _ => false,
    }
}

fn compare(oracle: &mut Oracle, words: &[Bytes]) {
    let (ours, theirs) = oracle.ask(words);
    if !may_differ(words, &cli::print_delivered(&ours), &cli::print_delivered(&theirs)) {
        oracle.assert_same(&ours, &theirs);
    }
}

#[test]
fn replies_are_those_of_redis() {
    let Some(mut oracle) = Oracle::start(20_000) else { return };
    let mut words = Words { rng: oracle.rng.fork(), words: Vec::new() };
    for number in 0..oracle.commands {
        compare(&mut oracle, &words.next());
        if number % ROUND == ROUND - 1 {
            for key in KEYS {
                for command in [&["GET", key][..], &["DEL", key], &["DEL", key]] {
                    let command: Vec<Bytes> =
                        command.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
                    compare(&mut oracle, &command);
                }
            }
        }
    }
}

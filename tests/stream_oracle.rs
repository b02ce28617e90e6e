//! Random commands on streams, sent to DiskDB and to the installed redis-server alike: every reply must
//! be the same, in both protocols. Skipped, with a line that says so, where there is no redis-server.
//!
//! `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.

mod common;

use bytes::Bytes;
use common::oracle::{Oracle, one};
use common::{cli, words};
use fastrand::Rng;

const KEYS: &[&str] = &["a", "b"];
const GROUPS: &[&str] = &["g", "g", "h", "none"];
const CONSUMERS: &[&str] = &["alice", "bob", "carol"];
const COUNTS: &[&str] = &["0", "1", "2", "3", "7", "100", "-1", "x"];

struct Words {
    rng: Rng,
    /// So far the ids go.
    last_ms: u64,
    /// What comes next.
    queue: Vec<Vec<String>>,
}

fn line(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

impl Words {
    fn one(&mut self, of: &[&str]) -> String {
        one(&mut self.rng, of)
    }

    /// An id near those that there are.
    fn id(&mut self) -> String {
        let ms = self.rng.u64(..self.last_ms + 3);
        match self.rng.u8(..12) {
            0 => "0".to_owned(),
            1 => "x-1".to_owned(),
            2 => ms.to_string(),
            3 => format!("{ms}-{}", self.rng.u8(..3)),
            _ => format!("{ms}-0"),
        }
    }

    fn bound(&mut self) -> String {
        match self.rng.u8(..6) {
            0 => "-".to_owned(),
            1 => "+".to_owned(),
            2 => format!("({}", self.id()),
            _ => self.id(),
        }
    }

    fn ids(&mut self) -> Vec<String> {
        (0..self.rng.usize(1..5)).map(|_| self.id()).collect()
    }

    fn value(&mut self) -> String {
        match self.rng.u8(..40) {
            0 => "long".repeat(self.rng.usize(..600)),
            1..5 => "wide".repeat(self.rng.usize(..60)),
            _ => self.rng.u32(..40).to_string(),
        }
    }

    fn add(&mut self, key: &str) -> Vec<String> {
        let mut words = line(&format!("XADD {key}"));
        match self.rng.u8(..20) {
            0 => words.push("NOMKSTREAM".into()),
            1 => words.extend(line(&format!("MAXLEN {}", self.rng.u8(..40)))),
            2 => words.extend(["MINID".into(), self.id()]),
            _ => {}
        }
        words.push(match self.rng.u8(..10) {
            0 => self.id(),
            1 => format!("{}-*", self.last_ms),
            _ => {
                self.last_ms += self.rng.u64(..3);
                format!("{}-0", self.last_ms)
            }
        });
        for _ in 0..self.rng.usize(1..4) {
            words.extend([self.one(&["f", "g", "field"]), self.value()]);
        }
        words
    }

    fn with_ids(&mut self, front: &str) -> Vec<String> {
        let mut words = line(front);
        words.extend(self.ids());
        words
    }

    fn of_group(&mut self, key: &str, group: &str, consumer: &str) -> Vec<String> {
        let (id, count) = (self.id(), self.one(COUNTS));
        match self.rng.u8(..22) {
            0 => line(&format!("XGROUP CREATE {key} {group} {id}")),
            1 => line(&format!("XGROUP CREATE {key} {group} $ MKSTREAM")),
            2 => line(&format!("XGROUP SETID {key} {group} {id}")),
            3 if self.rng.bool() => line(&format!("XGROUP DESTROY {key} {group}")),
            3 => line(&format!("XGROUP DELCONSUMER {key} {group} {consumer}")),
            4 => line(&format!("XGROUP CREATECONSUMER {key} {group} {consumer}")),
            5..10 => line(&format!("XREADGROUP GROUP {group} {consumer} COUNT {count} STREAMS {key} >")),
            10 => line(&format!("XREADGROUP GROUP {group} {consumer} NOACK COUNT {count} STREAMS {key} >")),
            11 => line(&format!("XREADGROUP GROUP {group} {consumer} COUNT {count} STREAMS {key} {id}")),
            12..14 => self.with_ids(&format!("XACK {key} {group}")),
            14 => line(&format!("XPENDING {key} {group}")),
            15 => line(&format!("XPENDING {key} {group} {} {} {count}", self.bound(), self.bound())),
            16 => line(&format!("XPENDING {key} {group} - + 1000 {consumer}")),
            17..19 => {
                let mut words = self.with_ids(&format!("XCLAIM {key} {group} {consumer} 0"));
                for option in ["JUSTID", "FORCE", "RETRYCOUNT 3", "LASTID 4-0", "IDLE 5"] {
                    if self.rng.u8(..4) == 0 {
                        words.extend(line(option));
                    }
                }
                words
            }
            19 => line(&format!("XAUTOCLAIM {key} {group} {consumer} 0 {id} COUNT {count}")),
            20 => line(&format!("XAUTOCLAIM {key} {group} {consumer} 0 {id} COUNT {count} JUSTID")),
            _ => line(&format!("XINFO GROUPS {key}")),
        }
    }

    fn next(&mut self) -> Vec<String> {
        if let Some(words) = self.queue.pop() {
            return words;
        }
        let words = self.choose();
        // Redis 7.0 makes a consumer when it gets something, later ones when it asks: here they are there before.
        if let [first, second, key, group, ..] = words.as_slice()
            && first == "XGROUP"
            && (second == "CREATE" || second == "DELCONSUMER")
        {
            let create = |name: &&str| line(&format!("XGROUP CREATECONSUMER {key} {group} {name}"));
            self.queue = CONSUMERS.iter().map(create).collect();
        }
        words
    }

    fn choose(&mut self) -> Vec<String> {
        let (key, other) = (self.one(KEYS), self.one(KEYS));
        let (group, consumer) = (self.one(GROUPS), self.one(CONSUMERS));
        let (count, number) = (self.one(COUNTS), self.rng.u8(..60));
        match self.rng.u8(..40) {
            0..12 => self.add(&key),
            12 => line(&format!("XRANGE {key} {} {} COUNT {count}", self.bound(), self.bound())),
            13 => line(&format!("XREVRANGE {key} {} {}", self.bound(), self.bound())),
            14 => self.with_ids(&format!("XDEL {key}")),
            15 => line(&format!("XTRIM {key} MAXLEN {number}")),
            16 => line(&format!("XTRIM {key} MINID {}", self.id())),
            17 => line(&format!("XREAD COUNT {count} STREAMS {key} {other} {} {}", self.id(), self.id())),
            18 => match self.rng.u8(..6) {
                0 => line(&format!("XSETID {key} {}", self.id())),
                2 => line(&format!("SET {key} text")),
                3 => line(&format!("RENAME {key} {other}")),
                4 => line(&format!("COPY {key} {other} REPLACE")),
                _ => line(&format!("XSETID {key} {0} MAXDELETEDID {0}", self.id())),
            },
            19 => line(&format!("XLEN {key}")),
            _ => self.of_group(&key, &group, &consumer),
        }
    }
}

/// Without what depends on the clock, or on how Redis keeps a stream.
fn comparable(words: &[Bytes], reply: &str) -> String {
    let is_extended_pending = words.len() > 3 && words[0].as_ref() == b"XPENDING";
    let keep = |line: &&str| !is_extended_pending || !line.contains("   3) (integer) ");
    reply.lines().filter(keep).collect::<Vec<_>>().join("\n")
}

fn compare(oracle: &mut Oracle, words: &[Bytes]) {
    let (ours, theirs) = oracle.ask(words);
    let [ours, theirs] = [ours, theirs].map(|reply| comparable(words, &cli::print_delivered(&reply)));
    assert_eq!(ours, theirs, "{}", oracle.story());
}

#[test]
fn replies_are_those_of_redis() {
    let Some(mut oracle) = Oracle::start(20_000) else { return };
    let mut generator = Words { rng: oracle.rng.fork(), last_ms: 0, queue: Vec::new() };
    for number in 0..oracle.commands {
        let next: Vec<Bytes> = generator.next().into_iter().map(Bytes::from).collect();
        compare(&mut oracle, &next);
        if number % 50 == 49 {
            for key in KEYS {
                oracle.compare_line(&format!("XRANGE {key} - +"));
                compare(&mut oracle, &words(&format!("XPENDING {key} g - + 1000")));
                oracle.compare_line(&format!("XINFO GROUPS {key}"));
            }
            oracle.check();
        }
        if number % 1000 == 999 {
            generator.last_ms = 0;
            for key in KEYS {
                oracle.compare_line(&format!("DEL {key}"));
            }
        }
    }
}

//! Random commands on lists, sent to DiskDB and to the installed redis-server alike: every reply must
//! be the same, in both protocols. Skipped, with a line that says so, where there is no redis-server.
//!
//! `DISKDB_ORACLE_SEED` and `DISKDB_ORACLE_COMMANDS` repeat a run or make it longer.

mod common;

use bytes::Bytes;
use common::oracle::{Oracle, one};
use fastrand::Rng;

const KEYS: &[&str] = &["a", "b", "c"];
const NUMBERS: &[&str] =
    &["0", "1", "-1", "2", "-2", "3", "7", "-8", "40", "-40", "200", "x", "9223372036854775807"];
const ENDS: &[&str] = &["LEFT", "RIGHT", "right", "LEFT", "RIGHT", "up"];

struct Words(Rng);

impl Words {
    fn one(&mut self, of: &[&str]) -> String {
        one(&mut self.0, of)
    }

    /// Few different elements, so that they are found; some are too long for a page.
    fn element(&mut self) -> String {
        match self.0.u8(..30) {
            0 => "long".repeat(self.0.usize(..600)),
            1..4 => "wide".repeat(self.0.usize(..60)),
            _ => self.0.u32(..40).to_string(),
        }
    }

    fn elements(&mut self) -> Vec<String> {
        let most = if self.0.u8(..10) == 0 { 300 } else { 4 };
        (0..self.0.usize(1..=most)).map(|_| self.element()).collect()
    }

    fn next(&mut self) -> Vec<String> {
        let (key, other) = (self.one(KEYS), self.one(KEYS));
        let number = self.one(NUMBERS);
        let mut words = match self.0.u8(..24) {
            0..4 => vec![self.one(&["LPUSH", "RPUSH"]), key],
            4 => vec![self.one(&["LPUSHX", "RPUSHX"]), key],
            5 => return vec![self.one(&["LPOP", "RPOP"]), key],
            6..8 => return vec![self.one(&["LPOP", "RPOP"]), key, number],
            8 => return vec!["LLEN".into(), key],
            9..11 => return vec!["LRANGE".into(), key, number, self.one(NUMBERS)],
            11..13 => return vec!["LINDEX".into(), key, number],
            13 => return vec!["LSET".into(), key, number, self.element()],
            14 => {
                let place = self.one(&["BEFORE", "AFTER", "after", "AT"]);
                return vec!["LINSERT".into(), key, place, self.element(), self.element()];
            }
            15 => return vec!["LREM".into(), key, number, self.element()],
            16 if self.0.u8(..3) == 0 => return vec!["LTRIM".into(), key, number, self.one(NUMBERS)],
            16 => return vec!["LTRIM".into(), key, "1".into(), self.one(&["-1", "-2", "-20"])],
            17 => {
                let mut words = vec!["LPOS".into(), key, self.element()];
                for option in ["RANK", "COUNT", "MAXLEN"] {
                    if self.0.bool() {
                        words.extend([option.to_owned(), self.one(NUMBERS)]);
                    }
                }
                return words;
            }
            18..20 => return vec!["LMOVE".into(), key, other, self.one(ENDS), self.one(ENDS)],
            20 => return vec!["RPOPLPUSH".into(), key, other],
            21 => {
                let mut words = vec!["LMPOP".into(), "2".into(), key, other, self.one(ENDS)];
                if self.0.bool() {
                    words.extend(["COUNT".to_owned(), number]);
                }
                return words;
            }
            22 => return vec!["RENAME".into(), key, other],
            _ if self.0.u8(..8) == 0 => return vec!["SET".into(), key, "text".into()],
            _ => return vec!["COPY".into(), key, other, "REPLACE".into()],
        };
        words.extend(self.elements());
        words
    }
}

#[test]
fn replies_are_those_of_redis() {
    let Some(mut oracle) = Oracle::start(20_000) else { return };
    let mut generator = Words(oracle.rng.fork());
    for number in 0..oracle.commands {
        let words: Vec<Bytes> = generator.next().into_iter().map(Bytes::from).collect();
        oracle.compare(&words);
        if number % 50 == 49 {
            for key in KEYS {
                oracle.compare_line(&format!("LRANGE {key} 0 -1"));
            }
        }
        if number % 500 == 499 {
            for key in KEYS {
                oracle.compare_line(&format!("DEL {key}"));
            }
        }
    }
}

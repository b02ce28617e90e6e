//! Random commands on arrays, against a model that keeps a plain map: every reply, and in the end every
//! value, must be the same; also after DUMP and RESTORE, and in a copy.

use bytes::Bytes;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::protocol::Reply;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The last index there can be.
const MAX_INDEX: u64 = u64::MAX - 1;

#[derive(Debug, Clone)]
enum Command {
    Set(u64, Vec<Vec<u8>>),
    SetMany(Vec<(u64, Vec<u8>)>),
    Get(Vec<u64>),
    Del(Vec<u64>),
    DelRange(Vec<(u64, u64)>),
    GetRange(u64, u64),
    Scan(u64, u64, usize),
    Used(u64, u64),
    Grep(u64, u64, Vec<u8>, usize),
    Insert(Vec<Vec<u8>>),
    Ring(u64, Vec<Vec<u8>>),
    Seek(u64),
    Next,
    LastItems(u64, bool),
    Sizes,
}

#[derive(Default)]
struct Model {
    values: BTreeMap<u64, Vec<u8>>,
    cursor: Option<u64>,
}

fn index(index: u64) -> Reply {
    i64::try_from(index).map_or_else(|_| Reply::BigNumber(index.to_string()), Reply::Integer)
}

fn bulk(value: Option<&Vec<u8>>) -> Reply {
    value.map_or(Reply::Null, |value| Reply::bulk(value.clone()))
}

fn pair((place, value): (&u64, &Vec<u8>)) -> Reply {
    Reply::Array(vec![index(*place), bulk(Some(value))])
}

impl Model {
    fn length(&self) -> u64 {
        self.values.last_key_value().map_or(0, |(last, _)| last + 1)
    }

    fn between(&self, start: u64, end: u64) -> Vec<(&u64, &Vec<u8>)> {
        let mut found: Vec<_> = self.values.range(start.min(end)..=start.max(end)).collect();
        if start > end {
            found.reverse();
        }
        found
    }

    /// Deletes the key when nothing is left.
    fn settle(&mut self) {
        if self.values.is_empty() {
            self.cursor = None;
        }
    }

    fn put(&mut self, values: impl IntoIterator<Item = (u64, Vec<u8>)>) -> Reply {
        let before = self.values.len();
        self.values.extend(values);
        Reply::Integer((self.values.len() - before) as i64)
    }

    fn put_run(&mut self, start: u64, values: &[Vec<u8>]) -> Reply {
        self.put(values.iter().cloned().zip(start..).map(|(value, place)| (place, value)))
    }

    /// What ARRING does before it writes: of a ring that becomes smaller, or that grows after it went
    /// round, the newest values up to the first hole begin at 0.
    fn reshape(&mut self, size: u64) {
        let span = self.length();
        let next = self.cursor.map_or(0, |cursor| cursor + 1);
        let keep = if span > size {
            size
        } else if span > 0 && size > span && self.cursor.is_some() && next < span {
            span
        } else {
            return;
        };
        let mut place = self.cursor.map_or(span - 1, |cursor| cursor % span);
        let mut kept = Vec::new();
        while (kept.len() as u64) < keep {
            let Some(value) = self.values.get(&place) else { break };
            kept.push(value.clone());
            place = if place == 0 { span - 1 } else { place - 1 };
        }
        kept.reverse();
        self.cursor = (kept.len() as u64).checked_sub(1);
        self.values = (0..).zip(kept).collect();
    }

    /// The words of a command after its key, and the reply it must get.
    fn run(&mut self, command: &Command) -> (&'static str, Vec<Vec<u8>>, Reply) {
        let number = |number: u64| number.to_string().into_bytes();
        let array = |replies: Vec<Reply>| Reply::Array(replies);
        match command {
            Command::Set(start, values) => {
                let words = [vec![number(*start)], values.clone()].concat();
                if MAX_INDEX - start < values.len() as u64 - 1 {
                    return ("ARSET", words, Reply::Error("ERR array index overflow".into()));
                }
                ("ARSET", words, self.put_run(*start, values))
            }
            Command::SetMany(pairs) => {
                let words = pairs.iter().flat_map(|(at, value)| [number(*at), value.clone()]).collect();
                ("ARMSET", words, self.put(pairs.iter().cloned()))
            }
            Command::Get(places) => {
                let found = places.iter().map(|place| bulk(self.values.get(place))).collect();
                ("ARMGET", places.iter().copied().map(number).collect(), array(found))
            }
            Command::Del(places) => {
                let deleted = places.iter().filter(|place| self.values.remove(place).is_some()).count();
                self.settle();
                ("ARDEL", places.iter().copied().map(number).collect(), Reply::Integer(deleted as i64))
            }
            Command::DelRange(ranges) => {
                let before = self.values.len();
                for (a, b) in ranges {
                    self.values.retain(|place, _| !(*a.min(b)..=*a.max(b)).contains(place));
                }
                self.settle();
                let words = ranges.iter().flat_map(|(a, b)| [number(*a), number(*b)]).collect();
                ("ARDELRANGE", words, Reply::Integer((before - self.values.len()) as i64))
            }
            Command::GetRange(start, end) => {
                let words = vec![number(*start), number(*end)];
                if start.abs_diff(*end) >= 1_000_000 {
                    let error = "ERR range exceeds maximum of 1000000 items";
                    return ("ARGETRANGE", words, Reply::Error(error.into()));
                }
                let places = *start.min(end)..=*start.max(end);
                let mut found: Vec<_> = places.map(|place| bulk(self.values.get(&place))).collect();
                if start > end {
                    found.reverse();
                }
                ("ARGETRANGE", words, array(found))
            }
            Command::Scan(start, end, limit) => {
                let words = vec![number(*start), number(*end), b"LIMIT".to_vec(), number(*limit as u64)];
                let found = self.between(*start, *end).into_iter().take(*limit).map(pair).collect();
                ("ARSCAN", words, array(found))
            }
            Command::Used(start, end) => {
                let words = vec![number(*start), number(*end), b"USED".to_vec()];
                ("AROP", words, Reply::Integer(self.between(*start, *end).len() as i64))
            }
            Command::Grep(start, end, part, limit) => {
                let words = vec![
                    number(*start),
                    number(*end),
                    b"MATCH".to_vec(),
                    part.clone(),
                    b"LIMIT".to_vec(),
                    number(*limit as u64),
                ];
                let matches = |value: &[u8]| value.windows(part.len()).any(|found| found == part);
                let found = self.between(*start, *end).into_iter().filter(|(_, value)| matches(value));
                ("ARGREP", words, array(found.take(*limit).map(|(place, _)| index(*place)).collect()))
            }
            Command::Insert(values) => {
                let last = self.cursor.map_or(Some(0), |cursor| cursor.checked_add(1)).and_then(|start| {
                    start.checked_add(values.len() as u64 - 1).filter(|last| *last <= MAX_INDEX)
                });
                let Some(last) = last else {
                    return ("ARINSERT", values.clone(), Reply::Error("ERR insert index overflow".into()));
                };
                let start = last + 1 - values.len() as u64;
                self.put_run(start, values);
                self.cursor = Some(last);
                ("ARINSERT", values.clone(), index(last))
            }
            Command::Ring(size, values) => {
                self.reshape(*size);
                for value in values {
                    let place = self.cursor.map_or(0, |cursor| cursor + 1) % size;
                    self.values.insert(place, value.clone());
                    self.cursor = Some(place);
                }
                let words = [vec![number(*size)], values.clone()].concat();
                ("ARRING", words, index(self.cursor.unwrap_or(0)))
            }
            Command::Seek(next) => {
                let is_there = !self.values.is_empty();
                if is_there {
                    self.cursor = next.checked_sub(1);
                }
                ("ARSEEK", vec![number(*next)], Reply::Integer(is_there.into()))
            }
            Command::Next => {
                let next = self.cursor.map_or(0, |cursor| cursor + 1);
                ("ARNEXT", Vec::new(), if next == u64::MAX { Reply::Null } else { index(next) })
            }
            Command::LastItems(count, newest_first) => {
                let words = [number(*count)].into_iter().chain(newest_first.then(|| b"REV".to_vec()));
                (("ARLASTITEMS"), words.collect(), self.last_items(*count, *newest_first))
            }
            Command::Sizes => {
                let info = [("count", self.values.len() as u64), ("len", self.length())];
                let info = info.map(|(name, size)| (Reply::text(name), index(size)));
                ("ARINFO", Vec::new(), Reply::Map(info.into()))
            }
        }
    }

    fn last_items(&self, count: u64, newest_first: bool) -> Reply {
        let length = self.length();
        let count = count.min(length);
        if count > self.values.len() as u64 && count > 1_000_000 {
            return Reply::Error("ERR count exceeds maximum of 1000000 items".into());
        }
        let mut place = self.cursor.filter(|cursor| *cursor < length).unwrap_or(length.saturating_sub(1));
        let mut found = Vec::new();
        for _ in 0..count {
            found.push(bulk(self.values.get(&place)));
            place = if place == 0 { length - 1 } else { place - 1 };
        }
        if !newest_first {
            found.reverse();
        }
        Reply::Array(found)
    }
}

/// Values of every kind: short, some alike, some so long that they are kept apart.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-c]{0,6}".prop_map(String::into_bytes),
        4 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        1 => (1000..1100usize, b'a'..b'd').prop_map(|(len, byte)| vec![byte; len]),
    ]
}

/// Indices that meet each other, near both ends and far from them.
fn place() -> impl Strategy<Value = u64> {
    prop_oneof![
        8 => 0..60u64,
        2 => 4090..4100u64,
        2 => (1 << 40)..(1u64 << 40) + 20,
        1 => MAX_INDEX - 8..=MAX_INDEX,
    ]
}

fn values() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop_oneof![3 => prop::collection::vec(value(), 1..4), 1 => prop::collection::vec(value(), 100..300)]
}

fn command() -> impl Strategy<Value = Command> {
    let places = || prop::collection::vec(place(), 1..5);
    prop_oneof![
        3 => (place(), values()).prop_map(|(start, values)| Command::Set(start, values)),
        2 => prop::collection::vec((place(), value()), 1..5).prop_map(Command::SetMany),
        1 => places().prop_map(Command::Get),
        2 => places().prop_map(Command::Del),
        1 => prop::collection::vec((place(), place()), 1..3).prop_map(Command::DelRange),
        1 => (place(), place()).prop_map(|(start, end)| Command::GetRange(start, end)),
        1 => (place(), place(), 1..50usize).prop_map(|(start, end, limit)| Command::Scan(start, end, limit)),
        1 => (place(), place()).prop_map(|(start, end)| Command::Used(start, end)),
        1 => (place(), place(), "[a-c1]{1,2}", 1..9usize)
            .prop_map(|(start, end, part, limit)| Command::Grep(start, end, part.into_bytes(), limit)),
        2 => values().prop_map(Command::Insert),
        3 => (prop_oneof![1..9u64, 40..400u64], values()).prop_map(|(size, values)| Command::Ring(size, values)),
        1 => prop_oneof![place(), Just(u64::MAX)].prop_map(Command::Seek),
        1 => Just(Command::Next),
        1 => (0..90u64, any::<bool>()).prop_map(|(count, newest)| Command::LastItems(count, newest)),
        1 => Just(Command::Sizes),
    ]
}

fn call(client: &mut Connection, words: Vec<Vec<u8>>) -> Reply {
    let words: Vec<Bytes> = words.into_iter().map(Bytes::from).collect();
    client.call(&words).unwrap_or_else(|error| Reply::Error(error.to_string().into()))
}

fn call_text(client: &mut Connection, words: &str) -> Reply {
    call(client, words.split(' ').map(|word| word.as_bytes().to_vec()).collect())
}

/// The same, as far as the model knows of it.
fn known(got: Reply, expected: &Reply) -> Reply {
    match (got, expected) {
        (Reply::Map(mut info), Reply::Map(known)) => {
            info.truncate(known.len());
            Reply::Map(info)
        }
        // Without an array there is nothing to tell of.
        (Reply::Error(_), Reply::Map(known)) => Reply::Map(known.clone()),
        (got, _) => got,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replies_and_values_are_those_of_the_model(commands in prop::collection::vec(command(), 1..60)) {
        let db = Db::in_memory(Settings::default()).unwrap();
        let mut client = db.connect();
        let mut model = Model::default();
        for command in &commands {
            let (name, words, expected) = model.run(command);
            let got = call(&mut client, [vec![name.into(), b"a".to_vec()], words].concat());
            let got = known(got, &expected);
            prop_assert!(got == expected, "{:.300?}: got {:.300?}, not {:.300?}", command, got, expected);
        }
        let all = Reply::Array(model.values.iter().map(pair).collect());
        let (_, _, next) = model.run(&Command::Next);
        if let Reply::Bulk(payload) = call_text(&mut client, "DUMP a") {
            let restore = vec![b"RESTORE".to_vec(), b"b".to_vec(), b"0".to_vec(), payload.to_vec()];
            prop_assert_eq!(call(&mut client, restore), Reply::Ok);
            prop_assert_eq!(call_text(&mut client, "COPY a c"), Reply::Integer(1));
        }
        prop_assert_eq!(db.check().unwrap().problems, Vec::<String>::new());
        for key in ["a", "b", "c"] {
            let scan = call_text(&mut client, &format!("ARSCAN {key} 0 {MAX_INDEX}"));
            prop_assert!(scan == all, "{}: {:.300?}, not {:.300?}", key, scan, all);
            prop_assert_eq!(call_text(&mut client, &format!("ARNEXT {key}")), next.clone());
        }
    }
}

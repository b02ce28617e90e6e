//! Random commands on strings that lie in chunks, against a model that keeps plain bytes: every
//! reply, and in the end every byte, must be the same.

use bytes::Bytes;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::encoding::numbers::CHUNK_BYTES;
use diskdb::protocol::Reply;
use proptest::prelude::*;
use std::collections::BTreeMap;

const KEYS: usize = 3;

/// One command; keys by number.
#[derive(Debug, Clone)]
enum Command {
    Set(usize, Vec<u8>),
    Append(usize, Vec<u8>),
    SetRange(usize, usize, Vec<u8>),
    GetRange(usize, usize, usize),
    SetBit(usize, usize, bool),
    GetBit(usize, usize),
    BitCount(usize, usize, usize),
    BitPos(usize, bool, usize, usize),
    BitOp(&'static str, usize, Vec<usize>),
    /// Width, offset, value.
    SetField(usize, usize, usize, u64),
    GetField(usize, usize, usize),
    SetIfEqual(usize, bool, Vec<u8>),
    Digest(usize),
    Del(usize),
}

#[derive(Default)]
struct Model {
    values: BTreeMap<usize, Vec<u8>>,
}

fn bit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
}

fn set_bit(bytes: &mut Vec<u8>, at: usize, on: bool) {
    bytes.resize(bytes.len().max(at / 8 + 1), 0);
    let mask = 0x80 >> (at % 8);
    bytes[at / 8] = if on { bytes[at / 8] | mask } else { bytes[at / 8] & !mask };
}

fn integer(number: usize) -> Reply {
    Reply::Integer(number as i64)
}

impl Model {
    fn value(&self, key: usize) -> &[u8] {
        self.values.get(&key).map_or(&[], Vec::as_slice)
    }

    fn write(&mut self, key: usize, offset: usize, data: &[u8]) -> Reply {
        if !data.is_empty() {
            let value = self.values.entry(key).or_default();
            value.resize(value.len().max(offset + data.len()), 0);
            value[offset..offset + data.len()].copy_from_slice(data);
        }
        integer(self.value(key).len())
    }

    /// The words of a command, and the reply it must get.
    fn run(&mut self, command: &Command) -> (Vec<Vec<u8>>, Reply) {
        let words = |text: String| text.split(' ').map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>();
        let with = |text: String, data: &[u8]| [words(text), vec![data.to_vec()]].concat();
        match command {
            Command::Set(key, value) => {
                self.values.insert(*key, value.clone());
                (with(format!("SET {key}"), value), Reply::Ok)
            }
            Command::Append(key, data) => {
                self.values.entry(*key).or_default();
                let reply = self.write(*key, self.value(*key).len(), data);
                (with(format!("APPEND {key}"), data), reply)
            }
            Command::SetRange(key, offset, data) => {
                (with(format!("SETRANGE {key} {offset}"), data), self.write(*key, *offset, data))
            }
            Command::GetRange(key, start, end) => {
                let value = self.value(*key);
                let part = value.get(*start..value.len().min(end + 1)).unwrap_or_default();
                (words(format!("GETRANGE {key} {start} {end}")), Reply::Bulk(Bytes::copy_from_slice(part)))
            }
            Command::SetBit(key, at, on) => {
                let value = self.values.entry(*key).or_default();
                let old = bit(value, *at);
                set_bit(value, *at, *on);
                (words(format!("SETBIT {key} {at} {}", u8::from(*on))), integer(old.into()))
            }
            Command::GetBit(key, at) => {
                (words(format!("GETBIT {key} {at}")), integer(bit(self.value(*key), *at).into()))
            }
            Command::BitCount(key, start, end) => {
                let value = self.value(*key);
                let count = (*start..(value.len() * 8).min(end + 1)).filter(|at| bit(value, *at)).count();
                (words(format!("BITCOUNT {key} {start} {end} BIT")), integer(count))
            }
            Command::BitPos(key, on, start, end) => {
                let value = self.value(*key);
                let mut bits = *start..(value.len() * 8).min(end + 1);
                let found = bits.find(|at| bit(value, *at) == *on).map_or(-1, |at| at as i64);
                let found = if self.values.contains_key(key) || *on { found } else { 0 };
                let words = words(format!("BITPOS {key} {} {start} {end} BIT", u8::from(*on)));
                (words, Reply::Integer(found))
            }
            Command::BitOp(name, key, sources) => {
                let text = sources.iter().map(|source| format!(" {source}")).collect::<String>();
                let result = self.combine(name, sources);
                let len = result.len();
                match len {
                    0 => drop(self.values.remove(key)),
                    _ => drop(self.values.insert(*key, result)),
                }
                (words(format!("BITOP {name} {key}{text}")), integer(len))
            }
            Command::SetField(key, width, at, number) => {
                let old = self.field(*key, *width, *at);
                let value = self.values.entry(*key).or_default();
                for position in 0..*width {
                    set_bit(value, at + position, number >> (width - 1 - position) & 1 == 1);
                }
                let words = words(format!("BITFIELD {key} SET u{width} {at} {number}"));
                (words, Reply::Array(vec![Reply::Integer(old)]))
            }
            Command::GetField(key, width, at) => {
                let reply = Reply::Array(vec![Reply::Integer(self.field(*key, *width, *at))]);
                (words(format!("BITFIELD_RO {key} GET u{width} {at}")), reply)
            }
            Command::SetIfEqual(key, right, data) => {
                let guess = if *right { self.value(*key).to_vec() } else { b"something else".to_vec() };
                let words =
                    [words(format!("SET {key}")), vec![data.clone(), b"IFEQ".to_vec(), guess]].concat();
                if !*right || !self.values.contains_key(key) {
                    return (words, Reply::Null);
                }
                self.values.insert(*key, data.clone());
                (words, Reply::Ok)
            }
            Command::Digest(key) => {
                let digest = self.values.get(key).map(|value| xxhash_rust::xxh3::xxh3_64(value));
                let reply = digest.map_or(Reply::Null, |digest| Reply::bulk(format!("{digest:016x}")));
                (words(format!("DIGEST {key}")), reply)
            }
            Command::Del(key) => {
                (words(format!("DEL {key}")), integer(self.values.remove(key).is_some().into()))
            }
        }
    }

    fn field(&self, key: usize, width: usize, at: usize) -> i64 {
        (at..at + width).fold(0, |number, at| number << 1 | i64::from(bit(self.value(key), at)))
    }

    fn combine(&self, name: &str, sources: &[usize]) -> Vec<u8> {
        let len = sources.iter().map(|source| self.value(*source).len()).max().unwrap_or(0);
        let byte = |source: &usize, at: usize| self.value(*source).get(at).copied().unwrap_or(0);
        (0..len)
            .map(|at| {
                let first = byte(&sources[0], at);
                let others = || sources[1..].iter().map(|source| byte(source, at));
                let any_other = others().fold(0, |sum, byte| sum | byte);
                match name {
                    "AND" => others().fold(first, |sum, byte| sum & byte),
                    "OR" => first | any_other,
                    "XOR" => others().fold(first, |sum, byte| sum ^ byte),
                    "NOT" => !first,
                    "DIFF" => first & !any_other,
                    "DIFF1" => any_other & !first,
                    "ANDOR" => first & any_other,
                    _ => (0..8).fold(0, |sum, bit| {
                        let ones = sources.iter().filter(|source| byte(source, at) >> bit & 1 == 1).count();
                        sum | u8::from(ones == 1) << bit
                    }),
                }
            })
            .collect()
    }
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let long = (0..2 * CHUNK_BYTES + 10, any::<u8>())
        .prop_map(|(len, first)| (0..len).map(|at| (at as u8 / 3).wrapping_add(first)).collect());
    prop_oneof![3 => prop::collection::vec(any::<u8>(), 0..20), 1 => long, 1 => Just(vec![0; 100])]
}

/// Positions that like the ends of chunks.
fn position() -> impl Strategy<Value = usize> {
    prop_oneof![
        0..40usize,
        (0..4usize, 0..20usize).prop_map(|(chunk, at)| (chunk * CHUNK_BYTES + at).saturating_sub(10))
    ]
}

fn bit_position() -> impl Strategy<Value = usize> {
    (position(), 0..8usize).prop_map(|(byte, bit)| byte * 8 + bit)
}

fn command() -> impl Strategy<Value = Command> {
    let key = || 0..KEYS;
    let field = || (key(), 1..=63usize, bit_position());
    let many = prop::sample::select(vec!["AND", "OR", "XOR", "DIFF", "DIFF1", "ANDOR", "ONE"]);
    prop_oneof![
        (key(), data()).prop_map(|(key, value)| Command::Set(key, value)),
        (key(), data()).prop_map(|(key, data)| Command::Append(key, data)),
        (key(), position(), data()).prop_map(|(key, at, data)| Command::SetRange(key, at, data)),
        (key(), position(), position()).prop_map(|(key, a, b)| Command::GetRange(key, a, b)),
        (key(), bit_position(), any::<bool>()).prop_map(|(key, at, on)| Command::SetBit(key, at, on)),
        (key(), bit_position()).prop_map(|(key, at)| Command::GetBit(key, at)),
        (key(), bit_position(), bit_position()).prop_map(|(key, a, b)| Command::BitCount(key, a, b)),
        (key(), any::<bool>(), bit_position(), bit_position())
            .prop_map(|(key, on, a, b)| Command::BitPos(key, on, a, b)),
        (many, key(), prop::collection::vec(key(), 2..4))
            .prop_map(|(name, key, sources)| Command::BitOp(name, key, sources)),
        (key(), key()).prop_map(|(key, source)| Command::BitOp("NOT", key, vec![source])),
        (field(), any::<u64>()).prop_map(|((key, width, at), number)| {
            Command::SetField(key, width, at, number & ((1 << width) - 1))
        }),
        field().prop_map(|(key, width, at)| Command::GetField(key, width, at)),
        (key(), any::<bool>(), data()).prop_map(|(key, right, data)| Command::SetIfEqual(key, right, data)),
        key().prop_map(Command::Digest),
        key().prop_map(Command::Del),
    ]
}

fn call(client: &mut Connection, words: &[Vec<u8>]) -> Reply {
    let words: Vec<Bytes> = words.iter().map(|word| Bytes::copy_from_slice(word)).collect();
    match client.call(&words).unwrap_or_else(|error| Reply::Error(error.to_string().into())) {
        Reply::Chunks(pieces) => Reply::Bulk(pieces.concat().into()),
        reply => reply,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replies_and_values_are_those_of_the_model(commands in prop::collection::vec(command(), 1..40)) {
        let db = Db::in_memory(Settings::default()).unwrap();
        let mut client = db.connect();
        let mut model = Model::default();
        for command in &commands {
            let (words, expected) = model.run(command);
            let got = call(&mut client, &words);
            prop_assert!(got == expected, "{:.300?}: got {:.300?}, not {:.300?}", command, got, expected);
        }
        for key in 0..KEYS {
            let stored = call(&mut client, &[b"GET".to_vec(), key.to_string().into_bytes()]);
            let expected = model.values.get(&key).map(|value| Bytes::copy_from_slice(value));
            prop_assert!(stored == Reply::from(expected), "the value of key {}", key);
        }
    }
}

//! Commands on collections, where a transcript would be too long: chance, walks, long lists.

mod common;

use common::words;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::protocol::Reply;
use std::collections::{BTreeMap, BTreeSet};

struct World(Connection);

impl World {
    fn new() -> World {
        World(Db::in_memory(Settings::default()).unwrap().connect())
    }

    fn call(&mut self, line: &str) -> Reply {
        self.0.call(&words(line)).unwrap_or_else(|error| Reply::Error(error.to_string().into()))
    }

    /// A reply's strings and numbers, one after the other.
    fn texts(&mut self, line: &str) -> Vec<String> {
        let mut texts = Vec::new();
        flatten(self.call(line), &mut texts);
        texts
    }

    fn text(&mut self, line: &str) -> String {
        self.texts(line).join(" ")
    }

    /// Makes a sorted set, a set and a hash of so many members.
    fn fill(&mut self, members: usize) {
        for member in 0..members {
            self.call(&format!("ZADD z {member} m{member}"));
            self.call(&format!("SADD s m{member}"));
            self.call(&format!("HSET h m{member} {member}"));
        }
    }
}

fn flatten(reply: Reply, texts: &mut Vec<String>) {
    match reply {
        Reply::Array(all) | Reply::Set(all) => all.into_iter().for_each(|reply| flatten(reply, texts)),
        Reply::Pairs(all) | Reply::Map(all) => {
            all.into_iter().flat_map(|(one, other)| [one, other]).for_each(|reply| flatten(reply, texts));
        }
        Reply::Bulk(bytes) => texts.push(String::from_utf8(bytes.to_vec()).unwrap()),
        Reply::Simple(text) | Reply::Error(text) => texts.push(text.into_owned()),
        Reply::Integer(number) => texts.push(number.to_string()),
        Reply::Double(number) => texts.push(number.to_string()),
        Reply::Ok => texts.push("OK".to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn negative_counts_draw_each_member_alike() {
    // In the header, and outside.
    for members in [5, 700] {
        let mut world = World::new();
        world.fill(members);
        let draws = members * 100;
        for command in ["ZRANDMEMBER z", "SRANDMEMBER s", "HRANDFIELD h"] {
            let drawn = world.texts(&format!("{command} -{draws}"));
            assert_eq!(drawn.len(), draws, "{command}");
            let mut counts = BTreeMap::<&str, usize>::new();
            drawn.iter().for_each(|member| *counts.entry(member).or_default() += 1);
            assert_eq!(counts.len(), members, "{command}");
            // 100 times each on the average: what is further away than this comes once in 10^10 times.
            assert!(counts.values().all(|count| (30..=180).contains(count)), "{command}: {counts:?}");
        }
        for (command, most) in [("ZRANDMEMBER z -40 WITHSCORES", 80), ("HRANDFIELD h -40 WITHVALUES", 80)] {
            let drawn = world.texts(command);
            assert_eq!(drawn.len(), most);
            assert!(drawn.chunks(2).all(|pair| pair[0] == format!("m{}", pair[1])), "{drawn:?}");
        }
    }
}

#[test]
fn no_count_takes_memory_without_bound() {
    let mut world = World::new();
    world.fill(3);
    for command in ["ZRANDMEMBER z", "SRANDMEMBER s", "HRANDFIELD h"] {
        for count in ["-16777217", "-4611686018427387904"] {
            let error = world.text(&format!("{command} {count}"));
            assert_eq!(
                error,
                "ERR value is out of range, value must between -16777216 and 9223372036854775807"
            );
        }
        let error = world.text(&format!("{command} -9223372036854775808"));
        assert!(
            error.starts_with("ERR value is out of range, value must between -9223372036854775807"),
            "{error}"
        );
        assert_eq!(world.texts(&format!("{command} 9223372036854775807")).len(), 3);
    }
    assert_eq!(world.text("ZRANDMEMBER z -4611686018427387905 WITHSCORES"), "ERR value is out of range");
    assert_eq!(world.text("HRANDFIELD h -4611686018427387905 WITHVALUES"), "ERR value is out of range");
}

#[test]
fn zscan_of_a_large_set_meets_every_member_though_scores_change() {
    let mut world = World::new();
    world.fill(700);
    let (mut cursor, mut met, mut calls) = ("0".to_owned(), BTreeMap::<String, usize>::new(), 0);
    loop {
        let mut found = world.texts(&format!("ZSCAN z {cursor} COUNT 50")).into_iter();
        cursor = found.next().unwrap();
        let found: Vec<String> = found.collect();
        for pair in found.chunks(2) {
            *met.entry(pair[0].clone()).or_default() += 1;
        }
        calls += 1;
        // Those in the walk change places with those behind it.
        for pair in found.chunks(2).take(5) {
            world.call(&format!("ZINCRBY z 5000 {}", pair[0]));
        }
        world.call(&format!("ZADD z 1 new{calls}"));
        if cursor == "0" {
            break;
        }
    }
    assert!(calls >= 10, "{calls}");
    let stayed = met.keys().filter(|member| member.starts_with('m')).count();
    assert_eq!(stayed, 700);
    let matched = world.texts("ZSCAN z 0 MATCH m69? COUNT 100000");
    let members: BTreeSet<&String> = matched[1..].iter().step_by(2).collect();
    assert_eq!((matched[0].as_str(), members.len()), ("0", 10));
    assert_eq!(world.text("ZSCAN z x"), "ERR invalid cursor");
}

#[test]
fn a_long_list_is_trimmed_to_what_it_keeps() {
    let mut world = World::new();
    let push = |world: &mut World, key: &str| {
        for from in (0..20_000).step_by(500) {
            let elements: Vec<String> = (from..from + 500).map(|number| number.to_string()).collect();
            world.call(&format!("RPUSH {key} {}", elements.join(" ")));
        }
    };
    push(&mut world, "a");
    world.call("LTRIM a 7000 17999");
    assert_eq!(world.text("LLEN a"), "11000");
    assert_eq!(world.text("LRANGE a 0 2"), "7000 7001 7002");
    assert_eq!(world.text("LRANGE a -2 -1"), "17998 17999");
    assert_eq!(world.text("OBJECT ENCODING a"), "quicklist");
    // A listpack again as soon as Redis has one: half of 8 kB, elements of 4 bytes.
    assert_eq!(world.texts("LPOP a 9977").len(), 9977);
    assert_eq!(world.text("OBJECT ENCODING a"), "quicklist");
    world.call("LPOP a");
    assert_eq!(world.text("OBJECT ENCODING a"), "listpack");
    world.call("RPUSH a x");
    assert_eq!(world.text("LRANGE a -2 -1"), "17999 x");
    push(&mut world, "b");
    world.call("LTRIM b -20 -1");
    assert_eq!(world.text("OBJECT ENCODING b"), "listpack");
    assert_eq!(world.texts("LRANGE b 0 -1").len(), 20);
    push(&mut world, "c");
    world.call("LTRIM c 5 4");
    assert_eq!(world.text("EXISTS c"), "0");
    // With one that is kept apart.
    push(&mut world, "d");
    world.call(&format!("LSET d 100 {}", "long".repeat(1000)));
    world.call("LTRIM d 90 10000");
    assert_eq!(world.text("LINDEX d 10").len(), 4000);
    world.call("LTRIM d 11 -1");
    assert_eq!(world.text("LINDEX d 0"), "101");
    assert_eq!(world.text("DBSIZE"), "3");
}

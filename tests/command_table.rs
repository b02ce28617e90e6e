//! The command table against the facts about Redis' commands, where the file with them is at hand.

use diskdb::commands::{self, Entry, spec::*};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

/// Flags that `COMMAND INFO` of a real server does not show; a command may have them or not.
const INTERNAL_FLAGS: [&str; 4] = ["may_replicate", "protected", "no_multi", "touches_arbitrary_keys"];

/// `DISKDB_COMMANDS_JSON`, or `../shared/commands.json` seen from the crate or a folder above it.
fn facts_file() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("DISKDB_COMMANDS_JSON") {
        return Some(path.into());
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.ancestors().skip(1).map(|folder| folder.join("shared/commands.json")).find(|path| path.exists())
}

fn strings(value: &Value) -> BTreeSet<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn key_spec(spec: &KeySpec) -> String {
    let begin = match spec.begin {
        Begin::Index(index) => format!("i{index}"),
        Begin::Keyword(keyword, from) => format!("k{keyword}@{from}"),
        Begin::Unknown => "?".to_owned(),
    };
    let find = match spec.find {
        Find::Range { last, step, limit } => format!("r{last}/{step}/{limit}"),
        Find::Number { number, first, step } => format!("n{number}/{first}/{step}"),
        Find::Unknown => "?".to_owned(),
    };
    let flags: BTreeSet<&str> = spec.flags.names().collect();
    format!("{begin} {find} {}", flags.into_iter().collect::<Vec<_>>().join(","))
}

/// The words of a syntax, without its brackets.
fn syntax_words(syntax: &str) -> BTreeSet<&str> {
    syntax.split(|c: char| c.is_whitespace() || "[]<>|".contains(c)).filter(|word| !word.is_empty()).collect()
}

struct Differences(Vec<String>);

impl Differences {
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, name: &str, what: &str, ours: T, redis: T) {
        if ours != redis {
            self.0.push(format!("{name}: {what}: we say {ours:?}, Redis {redis:?}"));
        }
    }

    fn compare_sets(&mut self, name: &str, what: &str, ours: &BTreeSet<&str>, redis: &BTreeSet<&str>) {
        let missing: Vec<_> = redis.difference(ours).collect();
        let surplus: Vec<_> = ours.difference(redis).collect();
        if !missing.is_empty() || !surplus.is_empty() {
            self.0.push(format!("{name}: {what}: missing {missing:?}, too many {surplus:?}"));
        }
    }

    fn entry(&mut self, entry: &Entry, facts: &Value) {
        let spec = &entry.spec;
        let name = spec.name;
        self.compare(name, "arity", spec.arity.number(), facts["arity"].as_i64().unwrap_or(0));
        self.compare(name, "since", spec.since, facts["since"].as_str().unwrap_or(""));
        self.compare(name, "group", spec.group.name(), facts["group"].as_str().unwrap_or(""));
        let deprecated = spec.deprecated.map_or("", |(since, _)| since);
        self.compare(name, "deprecated", deprecated, facts["deprecated"].as_str().unwrap_or(""));
        let external = |flags: BTreeSet<&'static str>| -> BTreeSet<&'static str> {
            flags.into_iter().filter(|flag| !INTERNAL_FLAGS.contains(flag)).collect()
        };
        let flags = external(spec.flags.names().collect());
        let mut expected = strings(&facts["flags"]);
        expected.retain(|flag| !INTERNAL_FLAGS.contains(flag));
        self.compare_sets(name, "flags", &flags, &expected);
        let categories: BTreeSet<&str> = spec.acl_categories().names().collect();
        self.compare_sets(name, "ACL categories", &categories, &strings(&facts["acl_categories"]));
        let keys: BTreeSet<String> = spec.keys.iter().map(key_spec).collect();
        let keys: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
        self.compare_sets(name, "keys", &keys, &strings(&facts["keys"]));
        let range = match &facts["key_spec"] {
            Value::Array(range) => range.iter().filter_map(Value::as_i64).collect(),
            _ => vec![0, 0, 0],
        };
        self.compare(name, "key range", spec.legacy_range().map(i64::from).to_vec(), range);
        self.syntax(spec, facts);
    }

    /// Every option keyword is in the syntax; clients learn of it from there.
    fn syntax(&mut self, spec: &Spec, facts: &Value) {
        let words = syntax_words(spec.syntax);
        let has = |token: &str| {
            token.split(' ').all(|part| words.iter().any(|word| word.eq_ignore_ascii_case(part)))
        };
        let missing: Vec<_> = strings(&facts["tokens"]).into_iter().filter(|token| !has(token)).collect();
        if !missing.is_empty() {
            self.0.push(format!("{}: syntax {:?}: missing {missing:?}", spec.name, spec.syntax));
        }
    }
}

fn with_subcommands() -> impl Iterator<Item = &'static Entry> {
    commands::all().flat_map(|entry| std::iter::once(entry).chain(entry.subcommands))
}

#[test]
fn agrees_with_redis() {
    let Some(path) = facts_file() else {
        println!("skipped: neither DISKDB_COMMANDS_JSON nor a folder shared/ with commands.json is there");
        return;
    };
    let text = std::fs::read_to_string(&path).expect("the file with the facts is readable");
    let facts: Value = serde_json::from_str(&text).expect("the file with the facts is JSON");
    let by_name: HashMap<&str, &Value> = facts["commands"]
        .as_array()
        .expect("the facts list commands")
        .iter()
        .filter_map(|command| Some((command["name"].as_str()?, command)))
        .collect();
    let mut differences = Differences(Vec::new());
    for entry in with_subcommands() {
        let spec = &entry.spec;
        match by_name.get(spec.name) {
            Some(facts) => differences.entry(entry, facts),
            None if spec.since == "diskdb" => {}
            None => differences
                .0
                .push(format!("{}: Redis has no such command; ours say since \"diskdb\"", spec.name)),
        }
    }
    let count = differences.0.len();
    assert!(count == 0, "{count} differences from {}:\n{}", path.display(), differences.0.join("\n"));
}

#[test]
fn every_command_is_documented_and_named_once() {
    let mut names = BTreeSet::new();
    for entry in with_subcommands() {
        let spec = &entry.spec;
        assert!(names.insert(spec.name), "{} is in the table twice", spec.name);
        assert_eq!(spec.name, spec.name.to_ascii_uppercase());
        assert!(!spec.summary.is_empty(), "{} has no summary", spec.name);
        assert!(!spec.complexity.is_empty(), "{} has no complexity", spec.name);
    }
    for container in commands::all() {
        for subcommand in container.subcommands {
            let prefix = subcommand.spec.name.split('|').next();
            assert_eq!(
                prefix,
                Some(container.spec.name),
                "{} is in the wrong container",
                subcommand.spec.name
            );
        }
    }
}

//! `docs/compatibility.md` says which of Redis' commands there are. It is generated from the command
//! table and `tests/data/redis-commands.tsv` (group, name, since; Redis 8.10 and its bundled
//! modules): `UPDATE=1 cargo test --test compatibility` writes it anew.

use diskdb::commands::{self, spec::Spec};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

const REDIS_COMMANDS: &str = include_str!("data/redis-commands.tsv");

/// Tests of Redis' suite that are not asked of DiskDB: unit, test, reason.
const SKIPPED_TESTS: &str = include_str!("conformance/skip.tsv");

/// A command of Redis, or one of ours.
struct Row<'a> {
    name: &'a str,
    since: &'a str,
    /// None: we lack it.
    ours: Option<&'static Spec>,
}

fn our_specs() -> BTreeMap<&'static str, &'static Spec> {
    let entries = commands::all().flat_map(|entry| std::iter::once(entry).chain(entry.subcommands));
    entries.map(|entry| (entry.spec.name, &entry.spec)).collect()
}

/// Every command by group, Redis' in the order of the file.
fn groups() -> BTreeMap<&'static str, Vec<Row<'static>>> {
    let ours = our_specs();
    let mut groups: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for line in REDIS_COMMANDS.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [group, name, since] = fields[..] else { panic!("three fields in a line: {line:?}") };
        let ours = ours.get(name).copied();
        groups.entry(group).or_default().push(Row { name, since, ours });
    }
    groups
}

fn page() -> String {
    let groups = groups();
    let known: BTreeSet<&str> = groups.values().flatten().map(|row| row.name).collect();
    let mut out = String::from(
        "# Compatibility\n\n\
        Which commands of Redis 8.10 (its bundled modules included) DiskDB has. Subcommands are written \
        `CONTAINER SUBCOMMAND`.\n\n\
        This page is generated from the command table: `UPDATE=1 cargo test --test compatibility` writes it \
        anew, and a test fails when it is stale.\n\n\
        | family | commands of Redis | in DiskDB |\n|---|---:|---:|\n",
    );
    let supported = |rows: &[Row]| rows.iter().filter(|row| row.ours.is_some()).count();
    for (group, rows) in &groups {
        let _ = writeln!(out, "| {group} | {} | {} |", rows.len(), supported(rows));
    }
    let all: usize = groups.values().map(Vec::len).sum();
    let ours: usize = groups.values().map(|rows| supported(rows)).sum();
    let _ = writeln!(out, "| **all** | **{all}** | **{ours}** |");
    for (group, rows) in &groups {
        let _ = writeln!(out, "\n## {group}\n\n| command | since | in DiskDB |\n|---|---|---|");
        for row in rows {
            let mark = if row.ours.is_some() { "yes" } else { "" };
            let _ = writeln!(out, "| `{}` | {} | {mark} |", row.name.replace('|', " "), row.since);
        }
    }
    let own: Vec<_> = our_specs().into_iter().filter(|(name, _)| !known.contains(name)).collect();
    if !own.is_empty() {
        out += "\n## Beyond Redis\n\n| command | what it does |\n|---|---|\n";
        for (name, spec) in own {
            let _ = writeln!(out, "| `{}` | {} |", name.replace('|', " "), spec.summary);
        }
    }
    out + &skipped_tests()
}

/// The tests of Redis' own suite (7.0.15) that cannot hold here, by unit and name.
fn skipped_tests() -> String {
    let mut out = String::from(
        "\n## Redis' own test suite\n\n\
        `make conformance` runs the test suite of Redis 7.0.15 against DiskDB, and against redis-server to see \
        what can pass in that mode. A test that cannot hold for DiskDB is not asked for, and counts as not passed:\n\n\
        | unit | test | why not |\n|---|---|---|\n",
    );
    for line in SKIPPED_TESTS.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [unit, test, reason] = fields[..] else { panic!("three fields in a line: {line:?}") };
        assert!(reason.len() > 20, "{test}: a reason in words");
        let _ = writeln!(out, "| {unit} | {test} | {reason} |");
    }
    out
}

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compatibility.md");
    let page = page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &page).expect("docs/compatibility.md can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/compatibility.md is stale: run `UPDATE=1 cargo test --test compatibility` and commit it"
    );
}

#[test]
fn the_list_agrees_with_the_table() {
    for row in groups().values().flatten() {
        if let Some(spec) = row.ours {
            assert_eq!(spec.since, row.since, "since of {}", row.name);
        }
    }
}

#[test]
fn the_list_is_sorted_and_names_nothing_twice() {
    let lines: Vec<&str> = REDIS_COMMANDS.lines().collect();
    assert!(lines.is_sorted(), "sort tests/data/redis-commands.tsv");
    let names: BTreeSet<&str> = lines.iter().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(names.len(), lines.len());
}

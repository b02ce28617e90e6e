//! The direction of use: who may know whom, read from every path that begins at the crate's root.

#[path = "common/source.rs"]
mod source;

use source::{SourceFile, blanked, files};
use std::collections::BTreeSet;

/// Every module at the root, and those it may use besides itself. `main → cli → server → api →
/// commands → {data_types, scripting, session, instance} → keyspace → encoding → storage → {error, clock}`.
const MAY_USE: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["server", "api", "instance", "error", "clock", "config"]),
    (
        "server",
        &[
            "api", "commands", "session", "instance", "keyspace", "storage", "error", "clock", "config",
            "protocol",
        ],
    ),
    (
        "api",
        &[
            "commands",
            "data_types",
            "session",
            "instance",
            "keyspace",
            "storage",
            "error",
            "clock",
            "config",
            "protocol",
        ],
    ),
    (
        "commands",
        &[
            "data_types",
            "scripting",
            "session",
            "instance",
            "keyspace",
            "encoding",
            "storage",
            "error",
            "clock",
            "config",
            "protocol",
        ],
    ),
    ("scripting", &["error", "clock", "protocol"]),
    ("data_types", &["keyspace", "encoding", "storage", "error", "clock"]),
    ("session", &["instance", "keyspace", "storage", "error", "clock", "protocol"]),
    ("instance", &["keyspace", "encoding", "storage", "error", "clock", "config", "protocol", "words"]),
    ("keyspace", &["encoding", "storage", "error", "clock"]),
    ("encoding", &["storage", "error"]),
    ("storage", &["error", "clock"]),
    ("error", &[]),
    ("clock", &[]),
    ("config", &["words"]),
    ("protocol", &["words"]),
    ("words", &[]),
];

/// Where sockets and what drives them may be named. `system` speaks to systemd.
const SOCKET_PLACES: &[&str] = &["server/", "cli/signals.rs", "cli/system.rs"];
const SOCKETS: &[&str] = &[
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "UnixDatagram",
    "tokio",
    "socket2",
    "rustls",
];

fn may_use(module: &str) -> &'static [&'static str] {
    let found = MAY_USE.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("src/{module} has no place in the table of tests/layering.rs")).1
}

fn name_at(code: &str) -> String {
    code.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

/// The first names of the paths in a `{...}` after `crate::`.
fn names_in_group(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut expects_name = false;
    for (at, character) in group.char_indices() {
        match character {
            '{' => (depth, expects_name) = (depth + 1, depth == 0),
            '}' => depth -= 1,
            ',' => expects_name = depth == 1,
            _ if expects_name && !character.is_whitespace() => {
                names.push(name_at(&group[at..]));
                expects_name = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// The names at the crate's root that the code uses, and where. Constants of the root are no
/// modules.
fn used(file: &SourceFile, root: &str) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    for (at, _) in file.code.match_indices(root) {
        let before = file.code[..at].chars().next_back();
        if before.is_some_and(|character| character.is_alphanumeric() || "_:".contains(character)) {
            continue;
        }
        let after = &file.code[at + root.len()..];
        let names = if after.starts_with('{') { names_in_group(after) } else { vec![name_at(after)] };
        used.extend(names.into_iter().map(|name| (at, name)));
    }
    used.retain(|(_, name)| name.starts_with(|first: char| first.is_ascii_lowercase()) && name != "self");
    used
}

/// Where a file goes up to the crate's root by `super`.
fn climbs_to_root(file: &SourceFile) -> Option<usize> {
    let depth = file.modules().len();
    let path = "super::".repeat(depth);
    file.code.match_indices(&path).map(|(at, _)| at).find(|at| !file.code[..*at].ends_with("super::"))
}

#[test]
fn everybody_uses_only_what_is_below() {
    let mut wrong = Vec::new();
    for file in files() {
        let modules = file.modules();
        let root = if file.path == "main.rs" { "diskdb::" } else { "crate::" };
        let module = if file.path == "main.rs" { "main" } else { modules.first().copied().unwrap_or("lib") };
        if module == "lib" {
            continue;
        }
        let allowed = may_use(module);
        for (at, name) in used(&file, root) {
            if name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("src/{}:{}: {module} uses {name}", file.path, file.line_of(at)));
            }
        }
        if modules.len() > 1
            && let Some(at) = climbs_to_root(&file)
        {
            wrong.push(format!("src/{}:{}: write crate:: for the root", file.path, file.line_of(at)));
        }
    }
    assert!(wrong.is_empty(), "the direction of use is broken:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_below_the_server_knows_sockets() {
    let mut wrong = Vec::new();
    for file in files() {
        if SOCKET_PLACES.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for name in SOCKETS {
            if let Some(at) = file.code.find(name) {
                wrong.push(format!("src/{}:{}: {name}", file.path, file.line_of(at)));
            }
        }
    }
    assert!(wrong.is_empty(), "sockets belong to src/server:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_circles_and_nobody_who_is_not_there() {
    let there: BTreeSet<String> =
        files().iter().map(|file| file.modules().first().unwrap_or(&"main").to_string()).collect();
    for (index, (module, allowed)) in MAY_USE.iter().enumerate() {
        assert!(there.contains(*module), "{module} is not there any more");
        for name in *allowed {
            let place = MAY_USE.iter().position(|(other, _)| other == name).unwrap();
            assert!(place > index, "{module} comes before {name}, which is above it");
        }
    }
}

#[test]
fn the_reader_finds_every_kind_of_path() {
    let text = "use crate::{a::B, b::{c, d}, self, e}; // crate::comment\n\
                fn f<'a>(x: &'a crate::f::G) { \"crate::text\"; '\"'; crate::g::h(); r#\"crate::raw\"#; }\n\
                mod m { use xcrate::n; use crate::UPPER; }";
    let file = SourceFile { path: "x/y.rs".into(), code: blanked(text) };
    let names: Vec<String> = used(&file, "crate::").into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["a", "b", "e", "f", "g"]);
    assert_eq!(file.line_of(file.code.find("crate::g").unwrap()), 2);
    let climbs = |path: &str, code: &str| {
        climbs_to_root(&SourceFile { path: path.into(), code: code.into() }).is_some()
    };
    assert!(climbs("x/y.rs", "use super::super::error;") && !climbs("x/y.rs", "use super::z;"));
    assert!(!climbs("x/y/z.rs", "use super::super::w;"));
}

//! `diskdb.conf` and `docs/configuration.md`, told from the tables.

use super::{DIRECTIVES, Directive, Flag, Settings};

const CONF_INTRODUCTION: &str = "\
# DiskDB's configuration, told from the program's own table of directives: every line here says the
# default, and is a comment. To change a directive, take away the `#` in front of its name.
#
#     diskdb diskdb.conf                          reads this file
#     diskdb diskdb.conf --port 7000              an argument goes before the file
#     DISKDB_PORT=7000 diskdb diskdb.conf         so does a variable, but not before an argument
#
# A line is a name and a value. Values with blanks stand in quotes: \"a b\". In double quotes, \\n, \\t,
# \\xHH and \\\" mean what they mean in C. Sizes may have a unit: 1k is 1000 bytes, 1kb is 1024 bytes,
# and so on with m, mb, g, gb. Another file is read where a line says `include /path/to/other.conf`
# (the last part of the path may have * and ?). A line `user bob on >secret ~bob:* +@read` makes an
# ACL user, as ACL SETUSER does; CONFIG REWRITE writes such lines for all users. An unknown directive, or a value out of its bounds,
# stops the start with the file, the line and the reason.
#
# CONFIG GET shows directives of the running server, CONFIG SET changes those marked `run time`, and
# CONFIG REWRITE writes the changes back to the file.
";

const NO_EFFECT_INTRODUCTION: &str = "\
# Directives of Redis that DiskDB accepts, shows and changes, so that tools and files made for Redis
# work, and that have no effect.
";

/// A conf file that documents every directive.
pub fn conf_file() -> String {
    let mut text = CONF_INTRODUCTION.to_owned();
    let effective = |directive: &Directive| !directive.is(Flag::NoEffect);
    let mut section = "";
    for directive in shown().filter(|directive| effective(directive)) {
        if directive.section != section {
            section = directive.section;
            text += &heading(section);
        }
        text.push('\n');
        directive.doc.lines().for_each(|line| text += &format!("#{line}\n"));
        let when = if directive.is(Flag::Runtime) { "run time" } else { "start only" };
        text += &format!("# ({}; {when})\n", directive.kind.describe());
        text += &default_lines(directive);
    }
    text += &heading("No effect");
    text.push('\n');
    text += NO_EFFECT_INTRODUCTION;
    text.push('\n');
    shown().filter(|directive| !effective(directive)).for_each(|directive| text += &default_lines(directive));
    text
}

fn shown() -> impl Iterator<Item = &'static Directive> {
    DIRECTIVES.iter().filter(|directive| !directive.is(Flag::Hidden))
}

fn heading(section: &str) -> String {
    format!("\n{} {section} {}\n", "#".repeat(20), "#".repeat(78usize.saturating_sub(section.len())))
}

fn default_lines(directive: &Directive) -> String {
    let lines = directive.lines(&Settings::default());
    lines.iter().map(|line| format!("# {} {line}\n", directive.name)).collect()
}

const PAGE_INTRODUCTION: &str = "\
# Configuration

Every directive, told from the program's own table (`src/config/table/`). Directives are set in a
conf file (`diskdb diskdb.conf`), by variables (`DISKDB_PORT=7000`: capitals, `_` for `-`) and by
arguments (`--port 7000`); arguments go before variables, variables before the file, the file before
the defaults. Anything that is set and unknown or out of bounds stops the start, and so does a
variable that begins with `DISKDB_` and names no directive: in Kubernetes, set
`enableServiceLinks: false` when a service is called `diskdb`.

Lines `user name rule ...` of the conf file make ACL users, by the rules of `ACL SETUSER`; what is said
about `default` there goes before `requirepass`. `CONFIG REWRITE` writes a line for each user, passwords
as hashes. `aclfile` names a file of their own for them.

The settings of a running server are read with `CONFIG GET`, changed with `CONFIG SET` (where the
table says *run time*) and written back to the conf file with `CONFIG REWRITE`.
";

/// The page of the documentation that lists every directive.
pub fn page() -> String {
    let mut text = PAGE_INTRODUCTION.to_owned();
    let mut section = "";
    for directive in shown() {
        if directive.section != section {
            section = directive.section;
            text += &format!("\n## {section}\n\n| directive | default | value | changed at | meaning |\n");
            text += "|---|---|---|---|---|\n";
        }
        text += &row(directive);
    }
    text
}

fn row(directive: &Directive) -> String {
    let default = directive.lines(&Settings::default()).join(" ");
    let default = if default == "\"\"" { String::new() } else { format!("`{default}`") };
    let when = if directive.is(Flag::Runtime) { "run time" } else { "start" };
    let mut meaning = directive.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    if directive.is(Flag::NoEffect) {
        meaning += " *Accepted for compatibility; no effect.*";
    }
    if !directive.aliases.is_empty() {
        meaning += &format!(" Also `{}`.", directive.aliases.join("`, `"));
    }
    let cells = [directive.kind.describe(), when.to_owned(), meaning].map(|cell| cell.replace('|', "\\|"));
    format!("| `{}` | {default} | {} |\n", directive.name, cells.join(" | "))
}

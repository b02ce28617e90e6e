//! `COMMAND` and its subcommands: what the server tells of its own commands.

use super::args::Args;
use super::help::help_command;
use super::spec::{Arity, Begin, Categories, Find, Flags, Group, KeyFlags, KeySpec, Spec};
use super::syntax::{self, Argument, Kind, Repeated};
use super::{Command, Context, Entry, Found, SessionCommand, find, keys};
use crate::encoding::glob::{self, Case};
use crate::error::{Error, Result};
use crate::protocol::{Reply, fields};
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[Entry::session::<CommandAll>().with(&[
    Entry::session::<CommandCount>(),
    Entry::session::<CommandDocs>(),
    Entry::session::<CommandGetKeys>(),
    Entry::session::<CommandGetKeysAndFlags>(),
    Entry::session::<CommandHelp>(),
    Entry::session::<CommandInfo>(),
    Entry::session::<CommandList>(),
])];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Server, arity)
        .flags(Flags::LOADING.and(Flags::STALE))
        .categories(Categories::CONNECTION)
}

/// The command of that name, `container|subcommand` included.
fn named(name: &[u8]) -> Option<&'static Found> {
    let mut words = name.splitn(2, |byte| *byte == b'|').map(Bytes::copy_from_slice);
    let words: Vec<Bytes> = words.by_ref().collect();
    find(&words).ok().filter(|(_, length)| *length == words.len()).map(|(found, _)| found)
}

fn simple_set<'a>(names: impl Iterator<Item = &'a str>, prefix: &str) -> Reply {
    Reply::Set(names.map(|name| Reply::Simple(format!("{prefix}{name}").into())).collect())
}

fn text(text: impl Into<String>) -> Reply {
    Reply::bulk(text.into())
}

pub struct CommandAll;

impl Command for CommandAll {
    const SPEC: Spec = spec("COMMAND", Arity::AtLeast(1)).tips(&["nondeterministic_output_order"]).doc(
        "2.8.13",
        "O(N) where N is the number of commands",
        "Returns what is known about all commands.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        args.end().map(|()| CommandAll)
    }
}

impl SessionCommand for CommandAll {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        Ok(Reply::Array(super::all().map(info).collect()))
    }
}

pub struct CommandInfo {
    pub names: Vec<Bytes>,
}

impl Command for CommandInfo {
    const SPEC: Spec = spec("COMMAND|INFO", Arity::AtLeast(2))
        .tips(&["nondeterministic_output_order"])
        .syntax("[command-name [command-name ...]]")
        .doc(
            "2.8.13",
            "O(N) where N is the number of commands",
            "Returns what is known about some commands.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(CommandInfo { names: args.rest().to_vec() })
    }
}

impl SessionCommand for CommandInfo {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        if self.names.is_empty() {
            return Ok(Reply::Array(super::all().map(info).collect()));
        }
        let one = |name: &Bytes| named(name).map_or(Reply::Null, |found| info(found.entry));
        Ok(Reply::Array(self.names.iter().map(one).collect()))
    }
}

/// The ten fields of `COMMAND INFO`.
fn info(entry: &'static Entry) -> Reply {
    let spec = &entry.spec;
    let [first, last, step] = spec.legacy_range().map(|number| Reply::Integer(number.into()));
    Reply::Array(vec![
        text(entry.lower_name()),
        Reply::Integer(spec.arity.number()),
        simple_set(public_flags(spec.flags).names(), ""),
        first,
        last,
        step,
        simple_set(spec.acl_categories().names(), "@"),
        Reply::Set(spec.tips.iter().map(|tip| Reply::text(tip)).collect()),
        Reply::Set(spec.keys.iter().map(key_spec).collect()),
        // As Redis: an array, but an empty set if there are none.
        if entry.subcommands.is_empty() {
            Reply::Set(Vec::new())
        } else {
            Reply::Array(entry.subcommands.iter().map(info).collect())
        },
    ])
}

/// The flags without those that Redis keeps to itself.
fn public_flags(flags: Flags) -> Flags {
    let private = Flags::MAY_REPLICATE.and(Flags::PROTECTED).and(Flags::TOUCHES_ARBITRARY_KEYS);
    Flags(flags.0 & !private.0)
}

fn key_spec(spec: &KeySpec) -> Reply {
    let number = |number: i32| Reply::Integer(number.into());
    let part = |kind, spec| Reply::Map(fields([("type", Reply::text(kind)), ("spec", Reply::Map(spec))]));
    let begin = match spec.begin {
        Begin::Index(index) => part("index", fields([("index", number(index))])),
        Begin::Keyword(keyword, from) => {
            part("keyword", fields([("keyword", Reply::text(keyword)), ("startfrom", number(from))]))
        }
        Begin::Unknown => part("unknown", Vec::new()),
    };
    let find = match spec.find {
        Find::Range { last, step, limit } => part(
            "range",
            fields([("lastkey", number(last)), ("keystep", number(step)), ("limit", number(limit))]),
        ),
        Find::Number { number: keynum, first, step } => part(
            "keynum",
            fields([("keynumidx", number(keynum)), ("firstkey", number(first)), ("keystep", number(step))]),
        ),
        Find::Unknown => part("unknown", Vec::new()),
    };
    Reply::Map(fields([
        ("flags", simple_set(spec.flags.names(), "")),
        ("begin_search", begin),
        ("find_keys", find),
    ]))
}

pub struct CommandDocs {
    pub names: Vec<Bytes>,
}

impl Command for CommandDocs {
    const SPEC: Spec = spec("COMMAND|DOCS", Arity::AtLeast(2))
        .tips(&["nondeterministic_output_order"])
        .syntax("[command-name [command-name ...]]")
        .doc(
            "7.0.0",
            "O(N) where N is the number of commands",
            "Returns the documentation of some commands.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(CommandDocs { names: args.rest().to_vec() })
    }
}

impl SessionCommand for CommandDocs {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        if self.names.is_empty() {
            return Ok(Reply::Map(super::all().map(docs).collect()));
        }
        let known = self.names.iter().filter_map(|name| named(name));
        Ok(Reply::Map(known.map(|found| docs(found.entry)).collect()))
    }
}

/// The name of a command and its documentation.
fn docs(entry: &'static Entry) -> (Reply, Reply) {
    let spec = &entry.spec;
    let mut docs = fields([
        ("summary", Reply::text(spec.summary)),
        ("since", Reply::text(spec.since)),
        ("group", Reply::text(spec.group.name())),
        ("complexity", Reply::text(spec.complexity)),
    ]);
    if let Some((since, replaced_by)) = spec.deprecated {
        docs.extend(fields([
            ("doc_flags", simple_set(std::iter::once("deprecated"), "")),
            ("deprecated_since", Reply::text(since)),
            ("replaced_by", Reply::text(replaced_by)),
        ]));
    }
    let arguments = syntax::parse(spec.syntax);
    if !arguments.is_empty() {
        let mut next_key = 0;
        let shown = arguments.iter().map(|one| shown_argument(one, spec, &mut next_key)).collect();
        docs.extend(fields([("arguments", Reply::Array(shown))]));
    }
    if !entry.subcommands.is_empty() {
        let subcommands = entry.subcommands.iter().map(self::docs).collect();
        docs.extend(fields([("subcommands", Reply::Map(subcommands))]));
    }
    (text(entry.lower_name()), Reply::Map(docs))
}

/// One argument; `next_key` is the key spec that the next argument of type key belongs to.
fn shown_argument(argument: &Argument, spec: &Spec, next_key: &mut usize) -> Reply {
    let (kind, children) = match &argument.kind {
        Kind::Value(kind) => (*kind, None),
        Kind::PureToken => ("pure-token", None),
        Kind::OneOf(children) => ("oneof", Some(children)),
        Kind::Block(children) => ("block", Some(children)),
    };
    let mut shown = fields([("name", text(argument.name.clone())), ("type", Reply::text(kind))]);
    if kind == "key" && !spec.keys.is_empty() {
        let index = (*next_key).min(spec.keys.len() - 1);
        *next_key += 1;
        shown.extend(fields([("key_spec_index", index.into())]));
    }
    if let Some(token) = argument.token {
        shown.extend(fields([("token", Reply::text(token))]));
    }
    let mut flags = Vec::new();
    if argument.optional {
        flags.push("optional");
    }
    match argument.repeated {
        Repeated::Once => {}
        Repeated::Often => flags.push("multiple"),
        Repeated::WithToken => flags.extend(["multiple", "multiple_token"]),
    }
    if !flags.is_empty() {
        shown.extend(fields([("flags", simple_set(flags.into_iter(), ""))]));
    }
    if let Some(children) = children {
        let children = children.iter().map(|child| shown_argument(child, spec, next_key)).collect();
        shown.extend(fields([("arguments", Reply::Array(children))]));
    }
    Reply::Map(shown)
}

pub struct CommandCount;

impl Command for CommandCount {
    const SPEC: Spec =
        spec("COMMAND|COUNT", Arity::Exactly(2)).doc("2.8.13", "O(1)", "Returns the number of commands.");
    type Output = usize;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(CommandCount)
    }
}

impl SessionCommand for CommandCount {
    fn run(self, _: &mut Context<'_>) -> Result<usize> {
        Ok(super::all().count())
    }
}

pub struct CommandList {
    pub filter: Option<Filter>,
}

/// Which commands `COMMAND LIST` names.
pub enum Filter {
    Module,
    /// None for a category that does not exist.
    Category(Option<Categories>),
    Pattern(Bytes),
}

impl Command for CommandList {
    const SPEC: Spec = spec("COMMAND|LIST", Arity::AtLeast(2))
        .tips(&["nondeterministic_output_order"])
        .syntax("[FILTERBY <MODULE module-name | ACLCAT category | PATTERN pattern>]")
        .doc("7.0.0", "O(N) where N is the number of commands", "Returns the names of commands.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        if args.is_empty() {
            return Ok(CommandList { filter: None });
        }
        if args.remaining() != 3 || !args.take("FILTERBY") {
            return Err(Error::Syntax);
        }
        let filter = if args.take("MODULE") {
            args.bytes()?;
            Filter::Module
        } else if args.take("ACLCAT") {
            let name = args.bytes()?;
            let known =
                Categories::NAMES.iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes()));
            Filter::Category(known.map(|(category, _)| *category))
        } else if args.take("PATTERN") {
            Filter::Pattern(args.bytes()?)
        } else {
            return Err(Error::Syntax);
        };
        Ok(CommandList { filter: Some(filter) })
    }
}

impl Filter {
    fn takes(&self, entry: &Entry) -> bool {
        match self {
            // There are no modules.
            Filter::Module => false,
            Filter::Category(category) => {
                category.is_some_and(|category| entry.spec.acl_categories().has(category))
            }
            Filter::Pattern(pattern) => glob::matches(pattern, entry.spec.name.as_bytes(), Case::Ignored),
        }
    }
}

impl SessionCommand for CommandList {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        let all = super::all().flat_map(|entry| std::iter::once(entry).chain(entry.subcommands));
        let taken = all.filter(|entry| self.filter.as_ref().is_none_or(|filter| filter.takes(entry)));
        Ok(Reply::Array(taken.map(|entry| text(entry.lower_name())).collect()))
    }
}

/// The call that the words after `COMMAND GETKEYS` are, and its keys.
fn keys_of_call(words: &[Bytes]) -> Result<Vec<keys::KeyOf>> {
    let (found, _) = find(words).map_err(|_| Error::text("ERR Invalid command specified"))?;
    if !found.entry.spec.has_keys() {
        return Err(Error::text("ERR The command has no key arguments"));
    }
    if !found.entry.spec.arity.allows(words.len()) {
        return Err(Error::text("ERR Invalid number of arguments specified for command"));
    }
    keys::keys_of(found, words)
}

pub struct CommandGetKeys {
    pub words: Vec<Bytes>,
}

impl Command for CommandGetKeys {
    const SPEC: Spec = spec("COMMAND|GETKEYS", Arity::AtLeast(3)).syntax("command [arg [arg ...]]").doc(
        "2.8.13",
        "O(N) where N is the number of arguments",
        "Finds the keys of a call.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(CommandGetKeys { words: args.rest().to_vec() })
    }
}

impl SessionCommand for CommandGetKeys {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        let keys = keys_of_call(&self.words)?;
        Ok(Reply::Array(keys.into_iter().map(|(word, _)| Reply::Bulk(self.words[word].clone())).collect()))
    }
}

pub struct CommandGetKeysAndFlags {
    pub words: Vec<Bytes>,
}

impl Command for CommandGetKeysAndFlags {
    const SPEC: Spec =
        spec("COMMAND|GETKEYSANDFLAGS", Arity::AtLeast(3)).syntax("command [arg [arg ...]]").doc(
            "7.0.0",
            "O(N) where N is the number of arguments",
            "Finds the keys of a call and what it does with each.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(CommandGetKeysAndFlags { words: args.rest().to_vec() })
    }
}

impl SessionCommand for CommandGetKeysAndFlags {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        let one = |(word, flags): (usize, KeyFlags)| {
            Reply::Array(vec![Reply::Bulk(self.words[word].clone()), simple_set(flags.names(), "")])
        };
        Ok(Reply::Array(keys_of_call(&self.words)?.into_iter().map(one).collect()))
    }
}

help_command!(
    CommandHelp,
    spec("COMMAND|HELP", Arity::Exactly(2)),
    "5.0.0",
    &[
        "(no subcommand)",
        "    Return details about all Redis commands.",
        "COUNT",
        "    Return the total number of commands in this Redis server.",
        "LIST",
        "    Return a list of all commands in this Redis server.",
        "INFO [<command-name> ...]",
        "    Return details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "DOCS [<command-name> ...]",
        "    Return documentation details about multiple Redis commands.",
        "    If no command names are given, documentation details for all",
        "    commands are returned.",
        "GETKEYS <full-command>",
        "    Return the keys from a full Redis command.",
        "GETKEYSANDFLAGS <full-command>",
        "    Return the keys and the access flags from a full Redis command.",
    ]
);

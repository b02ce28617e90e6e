//! What can be said: every command's syntax, one file per family. A command parses its words into a
//! struct, and says how it runs by the trait it implements: [`ReadCommand`], [`WriteCommand`] or
//! [`SessionCommand`]. Adding one touches its family's file only.

pub mod args;
pub mod bitmap;
pub mod blocking;
pub mod client;
pub mod config;
pub mod connection;
pub mod generic;
pub mod geo;
pub mod hash;
pub mod help;
pub mod hyperloglog;
pub mod introspection;
pub mod keys;
pub mod list;
mod observe;
pub mod paging;
pub mod server;
pub mod set;
pub mod sorted_set;
pub mod spec;
pub mod stream;
pub mod string;
pub mod syntax;
pub mod time;

use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::clients::Transport;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::keyspace::{DbIndex, Keys, Origin};
use crate::protocol::Reply;
use crate::session::Session;
use args::Args;
use blocking::BlockingCommand;
use bytes::Bytes;
use hashbrown::HashMap;
use spec::{Flags, Spec};
use std::sync::LazyLock;

/// What a command runs with, beyond its own words.
pub struct Context<'a> {
    pub instance: &'a Instance,
    pub session: &'a mut Session,
}

impl Context<'_> {
    fn origin(&self) -> Origin {
        Origin { db: self.session.db, client: self.session.id, tier: self.session.tier }
    }
}

/// A command: what is known of it, and how to read its words.
pub trait Command: Sized {
    const SPEC: Spec;
    type Output: Into<Reply>;

    /// Reads the words after the name; the arity was checked.
    fn parse(args: &mut Args) -> Result<Self>;
}

/// A command that reads its keys and changes nothing.
pub trait ReadCommand: Command {
    /// The keys it reads.
    fn keys(&self) -> Keys<'_>;

    /// Runs to completion on a consistent view.
    fn run(&self, tx: &ReadTx<'_>) -> Result<Self::Output>;
}

/// A command that changes its keys, all or nothing.
pub trait WriteCommand: Command {
    /// The keys it touches.
    fn keys(&self) -> Keys<'_>;

    /// Runs to completion inside a transaction; may run again.
    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Self::Output>;
}

/// A command about the client or the server rather than about keys.
pub trait SessionCommand: Command {
    fn run(self, context: &mut Context<'_>) -> Result<Self::Output>;
}

type Run = fn(&mut Context, &mut Args) -> Result<Reply>;

/// A command in the table.
pub struct Entry {
    pub spec: Spec,
    run: Run,
    /// For a container (`CLIENT`): its subcommands.
    pub subcommands: &'static [Entry],
}

impl Entry {
    /// Registers a command that reads.
    pub const fn read<C: ReadCommand>() -> Entry {
        Entry::new(C::SPEC.flags(Flags::READONLY), run_read::<C>)
    }

    /// Registers a command that writes.
    pub const fn write<C: WriteCommand>() -> Entry {
        Entry::new(C::SPEC.flags(Flags::WRITE), run_write::<C>)
    }

    /// Registers a command about the client or the server.
    pub const fn session<C: SessionCommand>() -> Entry {
        Entry::new(C::SPEC, run_session::<C>)
    }

    /// Registers a command that reads, and waits for keys.
    pub const fn blocking_read<C: BlockingCommand>() -> Entry {
        Entry::new(C::SPEC.flags(Flags::READONLY.and(Flags::BLOCKING)), blocking::run::<C>)
    }

    /// Registers a command that writes, and waits for keys.
    pub const fn blocking<C: BlockingCommand>() -> Entry {
        Entry::new(C::SPEC.flags(Flags::WRITE.and(Flags::BLOCKING)), blocking::run::<C>)
    }

    /// Registers a container that is nothing without a subcommand.
    pub const fn container(spec: Spec, subcommands: &'static [Entry]) -> Entry {
        Entry { spec, run: run_container, subcommands }
    }

    /// Gives a command that also stands alone (`COMMAND`) its subcommands.
    pub const fn with(self, subcommands: &'static [Entry]) -> Entry {
        Entry { subcommands, ..self }
    }

    const fn new(spec: Spec, run: Run) -> Entry {
        Entry { spec, run, subcommands: &[] }
    }

    /// The name as clients and messages write it: lower case.
    pub fn lower_name(&self) -> String {
        self.spec.name.to_ascii_lowercase()
    }
}

fn run_read<C: ReadCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    let command = C::parse(args)?;
    let keyspace = &context.instance.keyspace;
    keyspace.read(context.origin(), &command.keys(), |tx| command.run(tx)).map(Into::into)
}

fn run_write<C: WriteCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    let command = C::parse(args)?;
    let keyspace = &context.instance.keyspace;
    let written = keyspace.write(context.origin(), &command.keys(), |tx| command.run(tx))?;
    context.session.last_write = written.seq.or(context.session.last_write);
    Ok(written.value.into())
}

fn run_session<C: SessionCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    C::parse(args)?.run(context).map(Into::into)
}

fn run_container(_: &mut Context, args: &mut Args) -> Result<Reply> {
    Err(Error::Arity(args.command().to_owned()))
}

/// Every family's commands. Explicit, so that what there is can be read.
pub static FAMILIES: &[&[Entry]] = &[
    bitmap::COMMANDS,
    client::COMMANDS,
    config::COMMANDS,
    connection::COMMANDS,
    generic::COMMANDS,
    geo::COMMANDS,
    hash::COMMANDS,
    hyperloglog::COMMANDS,
    introspection::COMMANDS,
    list::COMMANDS,
    server::COMMANDS,
    set::COMMANDS,
    sorted_set::COMMANDS,
    stream::COMMANDS,
    string::COMMANDS,
];

/// A command as the dispatcher finds it.
pub struct Found {
    pub entry: &'static Entry,
    /// Counts the commands, subcommands included, from 0.
    pub id: usize,
    /// `container|subcommand`, lower case.
    pub name: String,
    /// By lower-case name of the subcommand alone.
    subcommands: HashMap<String, Found>,
}

static TABLE: LazyLock<HashMap<String, Found>> = LazyLock::new(|| {
    let mut next_id = 0;
    all().map(|entry| named(entry, &mut next_id)).collect()
});

fn named(entry: &'static Entry, next_id: &mut usize) -> (String, Found) {
    let name = entry.lower_name();
    let own = name.rsplit('|').next().unwrap_or_default().to_owned();
    let id = *next_id;
    *next_id += 1;
    let subcommands = entry.subcommands.iter().map(|entry| named(entry, next_id)).collect();
    (own, Found { entry, id, name, subcommands })
}

/// Every command and subcommand, by number.
static BY_ID: LazyLock<Vec<&'static Found>> = LazyLock::new(|| {
    let mut found: Vec<_> =
        TABLE.values().flat_map(|found| std::iter::once(found).chain(found.subcommands.values())).collect();
    found.sort_by_key(|found| found.id);
    found
});

/// Every command and subcommand; the number of each is its place.
pub fn all_found() -> &'static [&'static Found] {
    &BY_ID
}

/// The name of a command as `CLIENT LIST` shows it; `number` is its id and 1, 0 is none.
pub fn name_of(number: u32) -> &'static str {
    let found = (number as usize).checked_sub(1).and_then(|id| all_found().get(id));
    found.map_or("NULL", |found| &found.name)
}

/// Every command, in the order of the families.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The command that `words` call, and how many of them are its name.
///
/// # Errors
/// When there is no such command or subcommand.
pub fn find(words: &[Bytes]) -> Result<(&'static Found, usize)> {
    let found = lookup(&TABLE, words.first().map_or(b"", |name| name)).ok_or_else(|| unknown(words))?;
    if found.subcommands.is_empty() || words.len() < 2 {
        return Ok((found, 1));
    }
    match lookup(&found.subcommands, &words[1]) {
        Some(subcommand) => Ok((subcommand, 2)),
        None => Err(Error::UnknownSubcommand {
            subcommand: String::from_utf8_lossy(&words[1][..words[1].len().min(128)]).into_owned(),
            command: found.name.to_ascii_uppercase(),
        }),
    }
}

fn lookup(table: &'static HashMap<String, Found>, name: &[u8]) -> Option<&'static Found> {
    let mut lower = [0u8; 32];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    table.get(std::str::from_utf8(lower).ok()?)
}

fn unknown(words: &[Bytes]) -> Error {
    let mut args = String::new();
    for word in words.iter().skip(1) {
        if args.len() >= 128 {
            break;
        }
        let room = 128 - args.len();
        args += &format!("'{}' ", String::from_utf8_lossy(&word[..word.len().min(room)]));
    }
    let name = words
        .first()
        .map_or_else(String::new, |name| String::from_utf8_lossy(&name[..name.len().min(128)]).into_owned());
    Error::UnknownCommand { name, args }
}

/// Runs one command for a client, and counts it. What stands in its way is looked for in the order
/// Redis does.
///
/// # Errors
/// What the client is to be told; [`Error::NeedsDisk`] when `session.tier` is
/// [`crate::storage::ReadTier::Memory`]: nothing has happened then, run it again in the other tier;
/// [`Error::Paused`] and [`Error::Blocked`]: nothing has happened either, run it again later.
pub fn execute(context: &mut Context, words: &[Bytes]) -> Result<Reply> {
    let instance = context.instance;
    let (found, name_words) = find(words).inspect_err(|error| observe::unknown(instance, error))?;
    context.session.client.set_last_command(found.id as u32 + 1);
    if let Err(error) = admit(context, found, words) {
        observe::rejected(instance, found, &error);
        return Err(error);
    }
    check_pause(context, found.entry.spec.flags)?;
    let mut args = Args::new(words, name_words, &found.name, instance.keyspace.max_string_bytes());
    let follows_at_once = std::mem::take(&mut context.session.follows_at_once);
    let lap = context.session.lap.filter(|_| follows_at_once);
    let stopwatch = lap.unwrap_or_else(Stopwatch::start);
    let result = (found.entry.run)(context, &mut args);
    let (ns, lap) = stopwatch.lap();
    context.session.lap = Some(lap);
    observe::called(context, found, words, ns, &result);
    if !result.as_ref().is_err_and(Error::asks_again) {
        context.session.client.count_command();
        if let Some(ticket) = context.session.ticket.take() {
            instance.waiters.leave(&ticket);
        }
    }
    if instance.waiters.has_ready() {
        instance.waiters.serve(&instance.keyspace);
    }
    result
}

/// Whether the client may run the command with so many words.
fn admit(context: &Context, found: &Found, words: &[Bytes]) -> Result<()> {
    let spec = &found.entry.spec;
    if !spec.arity.allows(words.len()) {
        return Err(Error::Arity(found.name.clone()));
    }
    if !spec.flags.has(Flags::NO_AUTH) && context.session.must_authenticate(&context.instance.acl) {
        return Err(Error::NoAuth);
    }
    if spec.flags.has(Flags::PROTECTED) {
        let allowed = context.instance.settings().enable_debug_command;
        server::check_debug_allowed(allowed, &context.session.client.address)?;
    }
    if spec.flags.has(Flags::WRITE) && context.instance.health.stops_writes() {
        return Err(Error::NotWritable("a background thread has panicked, see INFO threads".into()));
    }
    if spec.flags.has(Flags::WRITE.and(Flags::DENYOOM)) && context.instance.disk_room.is_low() {
        return Err(Error::NotWritable("less than min-free-disk-space is free".into()));
    }
    Ok(())
}

fn check_pause(context: &Context, flags: Flags) -> Result<()> {
    let writes = flags.has(Flags::WRITE) || flags.has(Flags::MAY_REPLICATE);
    match context.instance.clients.paused_until(writes, context.instance.keyspace.clock()) {
        Some(until_ms) if context.session.client.address.transport != Transport::Embedded => {
            Err(Error::Paused { until_ms })
        }
        _ => Ok(()),
    }
}

/// Reads the headers of a call's keys from wherever they are, so that the next read finds them in
/// memory. Takes no lock. Returns whether there was anything to read; what goes wrong is left to the
/// command itself.
pub fn prefetch(instance: &Instance, db: DbIndex, words: &[Bytes]) -> bool {
    let Ok((found, _)) = find(words) else { return false };
    let Ok(keys) = keys::keys_of(found, words) else { return false };
    let keys = keys.iter().filter_map(|(word, _)| words.get(*word));
    instance.keyspace.prefetch(db, keys).is_ok_and(|read| read > 0)
}

//! What can be said: every command's syntax, one file per family. A command parses its words into a
//! struct, and says how it runs by the trait it implements: [`ReadCommand`], [`WriteCommand`] or
//! [`SessionCommand`]. Adding one touches its family's file only.

pub mod acl;
pub mod args;
pub mod array;
pub mod bitmap;
pub mod blocking;
pub mod client;
pub mod config;
pub mod connection;
mod draw;
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
pub mod pop_many;
pub mod pubsub;
#[cfg(feature = "lua")]
pub mod script;
pub mod server;
pub mod set;
pub mod sorted_set;
pub mod spec;
pub mod stream;
pub mod string;
pub mod syntax;
pub mod time;
pub mod transaction;

pub use observe::replied;

use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::clients::Transport;
use crate::instance::waiters::Waiters;
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::keyspace::{DbIndex, KeySet, Keys, Origin};
use crate::protocol::Reply;
use crate::session::Session;
use args::Args;
use blocking::BlockingCommand;
use bytes::Bytes;
use hashbrown::HashMap;
use spec::{Flags, Spec};
use std::cell::RefCell;
use std::sync::LazyLock;

/// What a command runs with, beyond its own words.
pub struct Context<'a> {
    pub instance: &'a Instance,
    pub session: &'a mut Session,
    /// The transaction that the command is a part of.
    joined: Option<&'a mut (dyn Join + 'a)>,
}

/// A transaction that commands join, however long its keyspace lives.
trait Join {
    fn join(&mut self, f: &mut dyn FnMut(&mut WriteTx<'_>));
}

impl Join for WriteTx<'_> {
    fn join(&mut self, f: &mut dyn FnMut(&mut WriteTx<'_>)) {
        f(self);
    }
}

impl<'a> Context<'a> {
    /// A command by itself.
    pub fn new(instance: &'a Instance, session: &'a mut Session) -> Context<'a> {
        Context { instance, session, joined: None }
    }

    /// Runs `f` on a consistent view of the keys.
    fn read<T>(&mut self, keys: &Keys, f: impl Fn(&ReadTx<'_>) -> Result<T>) -> Result<T> {
        if self.joined.is_some() {
            return self.join(keys, |tx| f(tx));
        }
        let origin = self.origin();
        self.instance.after_waiters(origin, keys, |let_pass| {
            self.instance.keyspace.read(origin, keys, |tx| {
                let_pass()?;
                f(tx)
            })
        })
    }

    /// Runs `f` in a transaction on the keys, and commits what it wrote.
    fn write<T>(&mut self, keys: &Keys, f: impl Fn(&mut WriteTx<'_>) -> Result<T>) -> Result<T> {
        if self.joined.is_some() {
            return self.join(keys, |tx| tx.check_writes().and_then(|()| f(tx)));
        }
        let origin = self.origin();
        let written = self.instance.after_waiters(origin, keys, |let_pass| {
            self.instance.keyspace.write(origin, keys, |tx| {
                let_pass()?;
                f(tx)
            })
        })?;
        self.session.last_write = written.seq.or(self.session.last_write);
        Ok(written.value)
    }

    /// Runs `f` in the transaction that the command is a part of.
    fn join<T>(&mut self, keys: &Keys, f: impl FnOnce(&mut WriteTx<'_>) -> Result<T>) -> Result<T> {
        let db = self.session.db;
        let waiters = &self.instance.waiters;
        let mut f = Some(f);
        let mut result = Err(Error::text("ERR no transaction is open"));
        if let Some(tx) = &mut self.joined {
            tx.join(&mut |tx| {
                if let Some(f) = f.take() {
                    result = reach(waiters, tx, db, keys).and_then(|()| f(tx));
                }
            });
        }
        result
    }

    /// Runs several commands as one: `f` gives them the transaction to join. They may touch more keys
    /// than these. `f` may run more than once.
    fn compound<T>(
        &mut self,
        keys: &Keys,
        writes: bool,
        f: impl Fn(&Instance, &mut Session, &mut WriteTx<'_>) -> Result<T>,
    ) -> Result<T> {
        let (instance, origin) = (self.instance, self.origin());
        let session = RefCell::new(&mut *self.session);
        if let Some(tx) = &mut self.joined {
            let mut result = Err(Error::text("ERR no transaction is open"));
            tx.join(&mut |tx| {
                let reached = reach(&instance.waiters, tx, origin.db, keys);
                result = reached.and_then(|()| f(instance, &mut session.borrow_mut(), tx));
            });
            return result;
        }
        let written = instance.after_waiters(origin, keys, |let_pass| {
            instance.keyspace.compound(origin, keys, writes, |tx| {
                let_pass()?;
                let session = &mut **session.borrow_mut();
                // What it published when it ran before never happened.
                session.published.clear();
                f(instance, session, tx)
            })
        })?;
        self.session.last_write = written.seq.or(self.session.last_write);
        Ok(written.value)
    }

    /// Refuses what cannot be a part of a transaction.
    fn stands_alone(&self) -> Result<()> {
        match self.joined {
            None => Ok(()),
            Some(_) => Err(Error::text("ERR Command not allowed inside a transaction")),
        }
    }

    fn origin(&self) -> Origin {
        Origin { db: self.session.db, client: self.session.id, tier: self.session.tier }
    }
}

/// Lets a command look at its keys in the transaction that it is a part of.
fn reach(waiters: &Waiters, tx: &mut WriteTx<'_>, db: DbIndex, keys: &Keys) -> Result<()> {
    if tx.reach(db, keys)? {
        waiters.let_pass(db, keys)?;
    }
    // The one before may have looked at another database, and databases stay what they are only while a
    // key is locked.
    tx.select(db)
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

/// A command that runs others, as one commit.
pub trait CompoundCommand: Command {
    /// The keys that they touch, as far as the command says.
    fn keys(&self) -> Keys<'_>;

    fn run(self, context: &mut Context<'_>) -> Result<Self::Output>;
}

/// Adds the keys that a call touches; the database is its session's.
type AddKeys = fn(&mut Args, DbIndex, &mut KeySet) -> Result<()>;

type Run = fn(&mut Context, &mut Args) -> Result<Reply>;

/// A command in the table.
pub struct Entry {
    pub spec: Spec,
    run: Run,
    /// None for what acts on the client or the server.
    keys: Option<AddKeys>,
    /// For a container (`CLIENT`): its subcommands.
    pub subcommands: &'static [Entry],
}

impl Entry {
    /// Registers a command that reads.
    pub const fn read<C: ReadCommand>() -> Entry {
        Entry::new(C::SPEC.flags(Flags::READONLY), run_read::<C>, Some(add_keys_read::<C>))
    }

    /// Registers a command that writes.
    pub const fn write<C: WriteCommand>() -> Entry {
        Entry::new(C::SPEC.flags(Flags::WRITE), run_write::<C>, Some(add_keys_write::<C>))
    }

    /// Registers a command about the client or the server.
    pub const fn session<C: SessionCommand>() -> Entry {
        Entry::new(C::SPEC, run_session::<C>, None)
    }

    /// Registers a command that runs other commands as one.
    pub const fn compound<C: CompoundCommand>() -> Entry {
        Entry::new(C::SPEC, run_compound::<C>, Some(add_keys_compound::<C>))
    }

    /// Registers a command that reads, and waits for keys.
    pub const fn blocking_read<C: BlockingCommand>() -> Entry {
        let spec = C::SPEC.flags(Flags::READONLY.and(Flags::BLOCKING));
        Entry::new(spec, blocking::run::<C>, Some(blocking::add_keys::<C>))
    }

    /// Registers a command that writes, and waits for keys.
    pub const fn blocking<C: BlockingCommand>() -> Entry {
        let spec = C::SPEC.flags(Flags::WRITE.and(Flags::BLOCKING));
        Entry::new(spec, blocking::run::<C>, Some(blocking::add_keys::<C>))
    }

    /// Registers a container that is nothing without a subcommand.
    pub const fn container(spec: Spec, subcommands: &'static [Entry]) -> Entry {
        Entry { spec, run: run_container, keys: None, subcommands }
    }

    /// Gives a command that also stands alone (`COMMAND`) its subcommands.
    pub const fn with(self, subcommands: &'static [Entry]) -> Entry {
        Entry { subcommands, ..self }
    }

    const fn new(spec: Spec, run: Run, keys: Option<AddKeys>) -> Entry {
        Entry { spec, run, keys, subcommands: &[] }
    }

    /// The name as clients and messages write it: lower case.
    pub fn lower_name(&self) -> String {
        self.spec.name.to_ascii_lowercase()
    }
}

fn run_read<C: ReadCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    let command = C::parse(args)?;
    context.read(&command.keys(), |tx| command.run(tx)).map(Into::into)
}

fn add_keys_read<C: ReadCommand>(args: &mut Args, db: DbIndex, keys: &mut KeySet) -> Result<()> {
    keys.add(db, &C::parse(args)?.keys());
    Ok(())
}

fn add_keys_write<C: WriteCommand>(args: &mut Args, db: DbIndex, keys: &mut KeySet) -> Result<()> {
    keys.add(db, &C::parse(args)?.keys());
    Ok(())
}

fn run_write<C: WriteCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    let command = C::parse(args)?;
    context.write(&command.keys(), |tx| command.run(tx)).map(Into::into)
}

fn run_compound<C: CompoundCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    C::parse(args)?.run(context).map(Into::into)
}

fn add_keys_compound<C: CompoundCommand>(args: &mut Args, db: DbIndex, keys: &mut KeySet) -> Result<()> {
    keys.add(db, &C::parse(args)?.keys());
    Ok(())
}

fn run_session<C: SessionCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    C::parse(args)?.run(context).map(Into::into)
}

fn run_container(_: &mut Context, args: &mut Args) -> Result<Reply> {
    Err(Error::Arity(args.command().to_owned()))
}

/// Every family's commands. Explicit, so that what there is can be read.
pub static FAMILIES: &[&[Entry]] = &[
    acl::COMMANDS,
    array::COMMANDS,
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
    pubsub::COMMANDS,
    #[cfg(feature = "lua")]
    script::COMMANDS,
    server::COMMANDS,
    set::COMMANDS,
    sorted_set::COMMANDS,
    stream::COMMANDS,
    string::COMMANDS,
    transaction::COMMANDS,
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

/// Commands that have no keys, and that may run a second time with the transaction they are a part of: what they
/// do is undone with it, or nothing.
const REPEATABLE: [&str; 14] = [
    "command",
    "command|count",
    "command|docs",
    "command|getkeys",
    "command|getkeysandflags",
    "command|info",
    "command|list",
    "echo",
    "info",
    "ping",
    "publish",
    "select",
    "spublish",
    "time",
];

impl Found {
    /// Whether the command does what is not undone with its transaction.
    fn acts_beyond_data(&self) -> bool {
        self.entry.keys.is_none() && !REPEATABLE.contains(&self.name.as_str())
    }
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
    let result = dispatch(context, words);
    if context.session.caching && !result.as_ref().is_err_and(Error::asks_again) {
        client::end_caching(context.session, words);
    }
    result
}

fn dispatch(context: &mut Context, words: &[Bytes]) -> Result<Reply> {
    let instance = context.instance;
    let (found, name_words) = match find(words) {
        Ok(found) => found,
        Err(error) => {
            observe::unknown(instance, &error);
            return Err(transaction::refused(context, None, error));
        }
    };
    context.session.client.set_last_command(found.id as u32 + 1);
    let flags = transaction::flags_of(context.session, found);
    // Who has waited may have been served: nothing stands in the way of the reply.
    if context.session.ticket.is_none() {
        if let Err(error) = admit(context, found, flags, words) {
            observe::rejected(instance, found, &error);
            return Err(transaction::refused(context, Some(found), error));
        }
        check_pause(context, found, flags, words)?;
    }
    if transaction::queues(context.session, found) {
        return transaction::queue(context, found, words);
    }
    let mut args = Args::new(words, name_words, &found.name, instance.keyspace.max_string_bytes());
    limit(&mut args, context.session, found, words);
    let follows_at_once = std::mem::take(&mut context.session.follows_at_once);
    let lap = context.session.lap.filter(|_| follows_at_once);
    let stopwatch = lap.unwrap_or_else(Stopwatch::start);
    let result = run_found(context, found, &mut args);
    let (ns, lap) = stopwatch.lap();
    context.session.lap = Some(lap);
    observe::called(context, found, words, ns, &result);
    pubsub::end_transaction(context, result.as_ref().is_err_and(Error::asks_again));
    if !result.as_ref().is_err_and(Error::asks_again) {
        context.session.client.count_command();
        if let Some(ticket) = context.session.ticket.take() {
            instance.waiters.leave(&ticket);
        }
    }
    if instance.waiters.has_ready() {
        // What needs the disk is left to a thread that may wait for it.
        let _ = instance.waiters.serve(instance, context.session.tier);
    }
    result
}

/// Runs a command that nothing stands in the way of.
fn run_found(context: &mut Context, found: &Found, args: &mut Args) -> Result<Reply> {
    client::remember(context, found, args.words());
    (found.entry.run)(context, args)
}

/// Whether the client may run the command with so many words.
fn admit(context: &Context, found: &Found, flags: Flags, words: &[Bytes]) -> Result<()> {
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
    transaction::check_allowed(context.session, found)?;
    if !context.session.user.is_unrestricted() {
        acl::admit(context, found, words)?;
    }
    if flags.has(Flags::WRITE) {
        check_room(context.instance, flags)?;
    }
    if let Some(busy) = context.instance.running.busy()
        && !spec.flags.has(Flags::ALLOW_BUSY)
    {
        return Err(busy);
    }
    pubsub::check_allowed(context.session, found)
}

/// Lets a command that reads keys beyond those that it names know when its client's user may not.
fn limit(args: &mut Args, session: &Session, found: &Found, words: &[Bytes]) {
    if !session.user.is_unrestricted() && found.entry.spec.reads_unnamed_keys() {
        args.reads_all_keys = acl::may_read_all_keys(&session.user, found, words);
    }
}

/// Whether a command that writes may do so now.
fn check_room(instance: &Instance, flags: Flags) -> Result<()> {
    if instance.health.stops_writes() {
        return Err(Error::NotWritable("a background thread has panicked, see INFO threads".into()));
    }
    if flags.has(Flags::DENYOOM) && instance.disk_room.is_low() {
        return Err(Error::NotWritable("less than min-free-disk-space is free".into()));
    }
    Ok(())
}

fn check_pause(context: &Context, found: &Found, flags: Flags, words: &[Bytes]) -> Result<()> {
    let paused_until =
        |writes| context.instance.clients.paused_until(writes, context.instance.keyspace.clock());
    let writes = |flags: Flags| flags.has(Flags::WRITE) || flags.has(Flags::MAY_REPLICATE);
    let is_held_back = paused_until(writes(flags)).is_some()
        && context.session.client.address.transport != Transport::Embedded;
    if !is_held_back {
        return Ok(());
    }
    match paused_until(transaction::any_call(context.session, found, words, |found, words| {
        writes(flags_of_call(context.instance, found, words))
    })) {
        Some(until_ms) => Err(Error::Paused { until_ms }),
        None => Ok(()),
    }
}

/// The flags of a command; of one that runs a script, those that the script says of itself.
fn flags_of_call(instance: &Instance, found: &Found, words: &[Bytes]) -> Flags {
    let flags = found.entry.spec.flags;
    #[cfg(feature = "lua")]
    if flags.has(Flags::SCRIPT_RUNNER)
        && let Some(declared) = script::declared_flags(instance, found, words)
    {
        return declared;
    }
    let _ = (instance, words);
    flags
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

//! Transactions: `MULTI` collects commands, `EXEC` runs them as one commit over the keys of all of them
//! (docs/adr/0016-transactions.md).

use super::args::Args;
use super::keys as command_keys;
use super::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use super::{Command, Context, Entry, Found, SessionCommand, acl, all_found, observe};
use crate::clock::Stopwatch;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::acl::log::Place;
use crate::instance::acl::selector::Denied;
use crate::instance::clients::{ClientFlag, Unblock};
use crate::keyspace::tx::WriteTx;
use crate::keyspace::{DbIndex, KeySet, Keys};
use crate::protocol::Reply;
use crate::session::{Queued, ScriptTrace, Session, Transaction};
use crate::storage::ReadTier;
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[
    Entry::session::<Discard>(),
    Entry::session::<Exec>(),
    Entry::session::<Multi>(),
    Entry::session::<Unwatch>(),
    Entry::session::<Watch>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    let flags = Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE);
    Spec::new(name, Group::Transactions, arity).flags(flags)
}

/// What a command may be that changes nothing but what becomes of the transaction.
const LIGHT: Flags = Flags::FAST.and(Flags::ALLOW_BUSY);

/// Commands that run at once between `MULTI` and `EXEC`. Two of them only complain there, as in
/// Redis 7, although they are no commands for a transaction.
const NOT_QUEUED: [&str; 6] = ["exec", "discard", "multi", "watch", "quit", "reset"];

/// Why the command cannot be part of the transaction that its client has begun.
pub(super) fn check_allowed(session: &Session, found: &Found) -> Result<()> {
    let is_for_none = found.entry.spec.flags.has(Flags::NO_MULTI);
    if is_for_none && session.transaction.is_some() && !NOT_QUEUED.contains(&found.name.as_str()) {
        return Err(Error::text("ERR Command not allowed inside a transaction"));
    }
    Ok(())
}

/// Whether the command waits for `EXEC`.
pub(super) fn queues(session: &Session, found: &Found) -> bool {
    session.transaction.is_some() && !NOT_QUEUED.contains(&found.name.as_str())
}

/// Keeps a command for `EXEC`.
pub(super) fn queue(context: &mut Context, found: &Found, words: &[Bytes]) -> Result<Reply> {
    let most = context.instance.settings().client_query_buffer_limit;
    let Some(transaction) = &mut context.session.transaction else { return Err(WITHOUT_MULTI) };
    let fits = transaction.queue(found.id, words, most);
    let (commands, bytes) = (transaction.calls.len(), transaction.bytes());
    context.session.client.note_transaction(commands, bytes);
    if !fits {
        return Err(Error::text("ERR the transaction is larger than client-query-buffer-limit allows"));
    }
    Ok(Reply::Simple("QUEUED".into()))
}

/// A command was refused before it ran, which spoils the transaction that its client has begun.
/// Returns what the client is to be told.
pub(super) fn refused(context: &mut Context, found: Option<&Found>, error: Error) -> Error {
    let Some(transaction) = &mut context.session.transaction else { return error };
    if found.is_some_and(|found| found.name == "exec") {
        end(context.session, context.instance);
        let reason = error.to_string();
        let reason = reason.strip_prefix("ERR ").unwrap_or(&reason);
        return Error::Text(format!("EXECABORT Transaction discarded because of: {reason}").into());
    }
    transaction.spoil();
    error
}

/// The flags of a call: those of its command, and for `EXEC` also those of the commands it will run.
pub(super) fn flags_of(session: &Session, found: &Found) -> Flags {
    match &session.transaction {
        Some(transaction) if found.name == "exec" => {
            transaction.calls.iter().fold(found.entry.spec.flags, |flags, call| {
                flags.and(all_found()[call.command].entry.spec.flags)
            })
        }
        _ => found.entry.spec.flags,
    }
}

/// Whether `f` holds for a call or, if it is `EXEC`, for one of those that it will run.
pub(super) fn any_call(
    session: &Session,
    found: &Found,
    words: &[Bytes],
    f: impl Fn(&Found, &[Bytes]) -> bool,
) -> bool {
    match &session.transaction {
        Some(transaction) if found.name == "exec" => {
            transaction.calls.iter().any(|call| f(all_found()[call.command], &call.words))
        }
        _ => f(found, words),
    }
}

/// Forgets what was queued, and watches nothing any more.
pub(super) fn end(session: &mut Session, instance: &Instance) {
    session.transaction = None;
    session.client.set_flag(ClientFlag::Transaction, false);
    session.client.note_transaction(0, 0);
    session.unwatch(instance);
}

const WITHOUT_MULTI: Error = Error::text("ERR EXEC without MULTI");

pub struct Multi;

impl Command for Multi {
    const SPEC: Spec = spec("MULTI", Arity::Exactly(1)).flags(LIGHT.and(Flags::NO_MULTI)).doc(
        "1.2.0",
        "O(1)",
        "Starts a transaction.",
    );
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Multi)
    }
}

impl SessionCommand for Multi {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        if context.session.transaction.is_some() {
            return Err(Error::text("ERR MULTI calls can not be nested"));
        }
        context.session.transaction = Some(Box::default());
        context.session.client.set_flag(ClientFlag::Transaction, true);
        Ok(())
    }
}

pub struct Discard;

impl Command for Discard {
    const SPEC: Spec = spec("DISCARD", Arity::Exactly(1)).flags(LIGHT).doc(
        "2.0.0",
        "O(N), when N is the number of queued commands",
        "Discards a transaction.",
    );
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Discard)
    }
}

impl SessionCommand for Discard {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        if context.session.transaction.is_none() {
            return Err(Error::text("ERR DISCARD without MULTI"));
        }
        end(context.session, context.instance);
        Ok(())
    }
}

pub struct Exec;

impl Command for Exec {
    const SPEC: Spec = spec("EXEC", Arity::Exactly(1)).flags(Flags::SKIP_SLOWLOG).doc(
        "1.2.0",
        "Depends on commands in the transaction",
        "Executes all commands in a transaction.",
    );
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Exec)
    }
}

impl SessionCommand for Exec {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let Some(transaction) = context.session.transaction.take() else { return Err(WITHOUT_MULTI) };
        let result = if transaction.is_spoiled() {
            Err(Error::text("EXECABORT Transaction discarded because of previous errors."))
        } else {
            execute(context, &transaction)
        };
        context.session.wait_ended = None;
        if result.as_ref().is_err_and(Error::asks_again) {
            context.session.transaction = Some(transaction);
        } else {
            end(context.session, context.instance);
        }
        result
    }
}

/// What has become of a call.
enum Ran {
    /// It ran for so many nanoseconds, and did this if it was a script.
    Called(u64, Result<Reply>, ScriptTrace),
    /// It was not allowed any more.
    Denied(Denied),
}

fn execute(context: &mut Context, transaction: &Transaction) -> Result<Reply> {
    let acts_beyond_data = |call: &Queued| all_found()[call.command].acts_beyond_data();
    let runs_script = |call: &Queued| all_found()[call.command].entry.spec.flags.has(Flags::SCRIPT_RUNNER);
    if context.session.tier == ReadTier::Memory && transaction.calls.iter().any(acts_beyond_data) {
        // It could not run a second time.
        return Err(Error::NeedsDisk);
    }
    let mut keys = keys_of(context, transaction);
    if transaction.calls.iter().any(acts_beyond_data) && transaction.calls.iter().any(runs_script) {
        // The script must not come upon a key that somebody else has.
        keys.add(context.session.db, &Keys::All);
    }
    let ran = context.compound(&keys.keys(), true, |instance, session, tx| {
        if is_spoiled(session, tx)? {
            return Ok(None);
        }
        let ran: Result<Vec<Ran>> =
            transaction.calls.iter().map(|call| run_call(instance, session, tx, call)).collect();
        ran.map(Some)
    })?;
    let Some(ran) = ran else { return Ok(Reply::NullArray) };
    let mut replies = Vec::with_capacity(ran.len());
    for (call, ran) in transaction.calls.iter().zip(ran) {
        let found = all_found()[call.command];
        let result = match ran {
            Ran::Called(ns, result, script) => {
                context.session.script = script;
                observe::called(context, found, &call.words, ns, &result);
                context.session.client.count_command();
                result
            }
            Ran::Denied(denied) => {
                let session = &*context.session;
                acl::note(
                    context.instance,
                    &session.client,
                    &session.user,
                    Place::Multi,
                    denied,
                    (found, &call.words),
                );
                Err(acl::no_longer_allowed(denied))
            }
        };
        replies.push(result.unwrap_or_else(|error| Reply::Error(error.to_string().into())));
    }
    Ok(Reply::Array(replies))
}

/// Whether a key that the client watches has changed.
fn is_spoiled(session: &Session, tx: &mut WriteTx<'_>) -> Result<bool> {
    let mut spoiled = session.client.has_flag(ClientFlag::DirtyWatch);
    for watch in &session.watched {
        spoiled = spoiled || watch.is_spoiled(tx)?;
    }
    Ok(spoiled)
}

/// The keys of all commands, and those that are watched.
fn keys_of(context: &Context, transaction: &Transaction) -> KeySet {
    let keyspace = &context.instance.keyspace;
    let mut keys = KeySet::default();
    for watch in &context.session.watched {
        keys.add(watch.db, &Keys::one(&watch.key));
    }
    let mut db = context.session.db;
    for call in &transaction.calls {
        let found = all_found()[call.command];
        if found.name == "select" {
            let selected = call.words.get(1).and_then(|word| text::parse_i64(word));
            let selected = selected.and_then(|selected| DbIndex::try_from(selected).ok());
            db = selected.filter(|selected| keyspace.check_db(*selected).is_ok()).unwrap_or(db);
        } else if let Some(add_keys) = found.entry.keys {
            // One that makes no sense will say so when it runs, and touch nothing.
            let _ = add_keys(&mut args_of(context.instance, found, call), db, &mut keys);
        } else if let Ok(places) = command_keys::keys_of(found, &call.words) {
            keys.add(db, &Keys::many(places.iter().filter_map(|(word, _)| call.words.get(*word))));
        }
    }
    keys
}

fn args_of<'a>(instance: &Instance, found: &'a Found, call: &'a Queued) -> Args<'a> {
    let name_words = 1 + usize::from(found.name.contains('|'));
    Args::new(&call.words, name_words, &found.name, instance.keyspace.max_string_bytes())
}

/// Runs a command in the transaction. What it wrote before it failed is taken back.
///
/// # Errors
/// When the whole transaction has to run again elsewhere.
fn run_call(instance: &Instance, session: &mut Session, tx: &mut WriteTx<'_>, call: &Queued) -> Result<Ran> {
    let found = all_found()[call.command];
    if let Some(denied) = acl::denied(&session.user, found, &call.words) {
        return Ok(Ran::Denied(denied));
    }
    let mut args = args_of(instance, found, call);
    super::limit(&mut args, session, found, &call.words);
    // Whoever would wait for something has waited already.
    session.wait_ended = Some(Unblock::Timeout);
    let stopwatch = Stopwatch::start();
    let result = tx.part(|tx| {
        let mut context = Context { instance, session, joined: Some(tx) };
        super::run_found(&mut context, found, &mut args)
    });
    let (ns, _) = stopwatch.lap();
    match result {
        Err(error) if error.restarts() => Err(error),
        result => Ok(Ran::Called(ns, result, std::mem::take(&mut session.script))),
    }
}

pub struct Unwatch;

impl Command for Unwatch {
    const SPEC: Spec = spec("UNWATCH", Arity::Exactly(1)).flags(LIGHT).doc(
        "2.2.0",
        "O(1)",
        "Forgets about watched keys of a transaction.",
    );
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Unwatch)
    }
}

impl SessionCommand for Unwatch {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.session.unwatch(context.instance);
        Ok(())
    }
}

pub struct Watch {
    pub keys: Vec<Bytes>,
}

impl Command for Watch {
    const SPEC: Spec = spec("WATCH", Arity::AtLeast(2))
        .flags(LIGHT.and(Flags::NO_MULTI))
        .keys(&[KeySpec::range(1, -1, 1, KeyFlags::RO)])
        .syntax("key [key ...]")
        .doc(
            "2.2.0",
            "O(1) for every key",
            "Monitors changes to keys to determine the execution of a transaction.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Watch { keys: args.rest().to_vec() })
    }
}

impl SessionCommand for Watch {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let (instance, origin) = (context.instance, context.origin());
        let session = &mut *context.session;
        if session.transaction.is_some() {
            return Err(Error::text("ERR WATCH inside MULTI is not allowed"));
        }
        if session.client.has_flag(ClientFlag::DirtyWatch) {
            return Ok(());
        }
        let watched =
            |key: &Bytes| session.watched.iter().any(|watch| watch.db == origin.db && watch.key == *key);
        let mut keys: Vec<&Bytes> = self.keys.iter().filter(|key| !watched(key)).collect();
        keys.sort_unstable();
        keys.dedup();
        let begun = instance.keyspace.read(origin, &Keys::many(keys.iter().copied()), |tx| {
            let find = |key: &&Bytes| Ok(tx.find(key)?.map(|meta| meta.expire_at_ms));
            let found: Vec<Option<Option<u64>>> = keys.iter().map(find).collect::<Result<_>>()?;
            let begin =
                |(key, found): (&&Bytes, _)| instance.watches.enter(&session.client, origin.db, key, found);
            Ok(keys.iter().zip(found).map(begin).collect::<Vec<_>>())
        })?;
        session.watched.extend(begun);
        session.note_watched();
        Ok(())
    }
}

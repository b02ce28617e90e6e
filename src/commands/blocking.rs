//! Commands that wait for a key: [`BlockingCommand`].

use super::args::Args;
use super::{Command, Context, acl};
use crate::encoding::long_double::LongDouble;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::clients::Unblock;
use crate::instance::waiters::{Attempt, Retry, Ticket};
use crate::keyspace::tx::WriteTx;
use crate::keyspace::{DbIndex, KeySet, Keys, Keyspace, Origin};
use crate::protocol::Reply;
use crate::session::Session;
use crate::storage::{ReadTier, Seq};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;

const TOO_LONG: Error = Error::text("ERR timeout is out of range");

/// A command that waits until a key has what it wants. It is tried when it comes, and after every
/// commit that touches one of its keys, until it has a reply or its time is up.
pub trait BlockingCommand: Command + Send + Sync + 'static {
    /// The type of value that is of use; others do not end the wait.
    const KIND: Kind;

    /// Whether it is tried as well when a key has become one of another type, or has gone.
    const MINDS_LOSS: bool = false;

    /// Whether it waits at all when there is nothing.
    fn waits(&self) -> bool {
        true
    }

    /// All keys that it touches: mostly those that it waits for.
    fn keys(&self) -> Keys<'_> {
        Keys::many(self.waits_for())
    }

    /// The keys that it waits for.
    fn waits_for(&self) -> &[Bytes];

    /// How long, ms; 0 is for ever.
    fn timeout_ms(&self) -> u64;

    /// When it is to be tried again though nobody has touched its keys; each attempt says so anew.
    fn retry(&self) -> Arc<Retry> {
        Arc::default()
    }

    /// Runs to completion inside a transaction; none: there is nothing yet.
    fn attempt(&self, tx: &mut WriteTx<'_>) -> Result<Option<Reply>>;

    /// Opens a transaction for an attempt. In it `let_pass` is asked first whether there may be one now,
    /// and `nothing` is called when there is nothing yet. A command that only reads opens one that does
    /// no more.
    fn try_once(
        &self,
        keyspace: &Keyspace,
        origin: Origin,
        let_pass: &dyn Fn() -> Result<()>,
        nothing: &dyn Fn(),
    ) -> Result<Attempted> {
        let written = keyspace.write(origin, &self.keys(), |tx| {
            let_pass()?;
            let reply = self.attempt(tx)?;
            if reply.is_none() {
                nothing();
            }
            Ok(reply)
        })?;
        Ok((written.value, written.seq))
    }

    /// The reply when the time is up.
    fn timed_out(&self) -> Reply;
}

/// What an attempt has come to: the reply, if there is one, and the commit, if there was one.
pub type Attempted = (Option<Reply>, Option<Seq>);

/// Reads how long a client will wait: seconds, with a fraction; returns ms, rounded up.
///
/// # Errors
/// Redis' texts for what is no number, negative, or too large.
pub fn timeout_ms(args: &mut Args) -> Result<u64> {
    const NOT_FLOAT: Error = Error::text("ERR timeout is not a float or out of range");
    let seconds = LongDouble::parse(&args.bytes()?).ok_or(NOT_FLOAT)?;
    u64::try_from(seconds.thousandths().ok_or(TOO_LONG)?).map_err(|_| Error::text("ERR timeout is negative"))
}

/// Reads how long a client will wait: whole ms; 0 is for ever.
///
/// # Errors
/// Redis' texts for what is no integer, or negative.
pub fn whole_timeout_ms(args: &mut Args) -> Result<u64> {
    let timeout_ms =
        args.integer().map_err(|_| Error::text("ERR timeout is not an integer or out of range"))?;
    u64::try_from(timeout_ms).map_err(|_| Error::text("ERR timeout is negative"))
}

/// Reads `key [key ...] timeout`, the time in ms.
///
/// # Errors
/// As [`timeout_ms`].
pub fn keys_and_timeout(args: &mut Args) -> Result<(Vec<Bytes>, u64)> {
    let keys = (1..args.remaining()).map(|_| args.bytes()).collect::<Result<_>>()?;
    Ok((keys, timeout_ms(args)?))
}

pub(super) fn add_keys<C: BlockingCommand>(args: &mut Args, db: DbIndex, keys: &mut KeySet) -> Result<()> {
    keys.add(db, &C::parse(args)?.keys());
    Ok(())
}

pub(super) fn run<C: BlockingCommand>(context: &mut Context, args: &mut Args) -> Result<Reply> {
    let command = C::parse(args)?;
    let instance = context.instance;
    if let Some(ticket) = context.session.ticket.clone() {
        return resume(context, &command, &ticket);
    }
    let now_ms = instance.keyspace.clock().now_ms();
    let timeout_ms = command.timeout_ms();
    let until_ms = match timeout_ms {
        0 => None,
        ms => Some(now_ms.checked_add(ms).filter(|until| i64::try_from(*until).is_ok()).ok_or(TOO_LONG)?),
    };
    if context.joined.is_some() {
        let reply = context.write(&command.keys(), |tx| command.attempt(tx))?;
        return Ok(reply.unwrap_or_else(|| command.timed_out()));
    }
    let origin = context.origin();
    let command = Arc::new(command);
    let ticket = Arc::new(Ticket {
        client: context.session.client.clone(),
        db: origin.db,
        keys: command.waits_for().to_vec(),
        kind: C::KIND,
        minds_loss: C::MINDS_LOSS,
        until_ms,
        retry: command.retry(),
        attempt: again(command.clone(), origin, context.session, args.words()),
        served: Mutex::new(None),
    });
    let (reply, seq) = instance.after_waiters(origin, &command.keys(), |let_pass| {
        command.try_once(&instance.keyspace, origin, let_pass, &|| {
            if command.waits() {
                instance.waiters.enter(&ticket);
            }
        })
    })?;
    context.session.last_write = seq.or(context.session.last_write);
    match reply {
        Some(reply) => Ok(reply),
        None if !command.waits() => Ok(command.timed_out()),
        None => {
            context.session.ticket = Some(ticket);
            Err(Error::Blocked { until_ms })
        }
    }
}

/// The command as whoever makes its key ready runs it.
fn again<C: BlockingCommand>(command: Arc<C>, origin: Origin, session: &Session, words: &[Bytes]) -> Attempt {
    let (client, user, words) = (session.client.clone(), session.user.clone(), words.to_vec());
    Box::new(move |instance: &Instance, tier: ReadTier| {
        acl::admit_again(instance, &client, &user, &words)?;
        super::check_room(instance, C::SPEC.flags)?;
        let origin = Origin { tier, ..origin };
        let (reply, seq) = command.try_once(&instance.keyspace, origin, &|| Ok(()), &|| {})?;
        Ok(reply.map(|reply| (reply, seq)))
    })
}

/// The wait has ended, or has yet to begin where the client is served.
fn resume<C: BlockingCommand>(context: &mut Context, command: &C, ticket: &Arc<Ticket>) -> Result<Reply> {
    match context.session.wait_ended {
        None => return Err(Error::Blocked { until_ms: ticket.until_ms }),
        Some(Unblock::Timeout) => return Ok(command.timed_out()),
        Some(Unblock::Error) => return Err(Error::Unblocked),
        Some(Unblock::Served) => {}
    }
    let Some(served) = ticket.served.lock().take() else { return Ok(command.timed_out()) };
    if context.instance.keyspace.engine().undone() != served.undone {
        return Err(Error::NotWritable("a flush of the log failed and undid the command".into()));
    }
    context.session.last_write = served.seq.or(context.session.last_write);
    served.reply
}

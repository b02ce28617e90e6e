//! One client's state, no socket.

use crate::clock::Stopwatch;
use crate::instance::Instance;
use crate::instance::acl::rights::Rights;
use crate::instance::acl::{Acl, DEFAULT_USER, User};
use crate::instance::clients::{Client, ClientAddress, ClientFlag, Transport, Unblock};
use crate::instance::pubsub::Deliveries;
use crate::instance::tracking::Mode;
use crate::instance::waiters::Ticket;
use crate::instance::watches::Watch;
use crate::keyspace::DbIndex;
use crate::keyspace::event::ClientId;
use crate::storage::{ReadTier, Seq};
use bytes::Bytes;
use hashbrown::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use crate::protocol::Dialect;

/// Whether a client wants to hear of what its commands did (`CLIENT REPLY`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyMode {
    On,
    Off,
    /// Neither of the command that says so, which is running, nor of the next one.
    SkipTwo,
    /// Not of the one that is running.
    SkipOne,
}

/// A command between `MULTI` and `EXEC`.
#[derive(Debug)]
pub struct Queued {
    /// Its number in the table of commands.
    pub command: usize,
    pub words: Vec<Bytes>,
}

/// A command that a script has called.
#[derive(Debug)]
pub struct ScriptCall {
    /// Its number in the table of commands.
    pub command: usize,
    pub ns: u64,
    pub error: Option<String>,
    /// What it was called with, if somebody wants to know.
    pub words: Vec<Bytes>,
}

/// What is to be known of a script that has run.
#[derive(Debug, Default)]
pub struct ScriptTrace {
    /// What it has called; of very many, the first ones.
    pub calls: Vec<ScriptCall>,
    /// Its error is one of theirs.
    pub error_is_counted: bool,
}

/// Longer words are shared with the buffer they came in instead of copied.
const SHARED_WORD_BYTES: usize = 1024;

/// What a client has collected since `MULTI`.
#[derive(Debug, Default)]
pub struct Transaction {
    pub calls: Vec<Queued>,
    bytes: usize,
    spoiled: bool,
}

impl Transaction {
    /// Adds a command, unless nothing will come of the transaction anyway. False: it would be more than
    /// `most` bytes; then all of it is lost.
    pub fn queue(&mut self, command: usize, words: &[Bytes], most: u64) -> bool {
        if self.spoiled {
            return true;
        }
        let own = |word: &Bytes| {
            if word.len() < SHARED_WORD_BYTES { Bytes::copy_from_slice(word) } else { word.clone() }
        };
        let words_bytes: usize = words.iter().map(|word| word.len() + size_of::<Bytes>()).sum();
        self.bytes = self.bytes.saturating_add(words_bytes + size_of::<Queued>());
        if self.bytes as u64 > most {
            self.spoil();
            return false;
        }
        self.calls.push(Queued { command, words: words.iter().map(own).collect() });
        true
    }

    /// A command was refused, so all will be.
    pub fn spoil(&mut self) {
        *self = Transaction { spoiled: true, ..Transaction::default() };
    }

    /// Whether a command was refused.
    pub fn is_spoiled(&self) -> bool {
        self.spoiled
    }

    /// Bytes of memory that the commands take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What the server knows of one client between two commands. Belongs to the client's owner; what
/// others may see of it is in `client`.
pub struct Session {
    pub id: ClientId,
    pub client: Arc<Client>,
    pub db: DbIndex,
    pub dialect: Dialect,
    /// Whether the client has logged in, or came when there was no need to.
    pub authenticated: bool,
    /// What the client may do is what this user may do.
    pub user: Arc<User>,
    pub reply_mode: ReplyMode,
    /// Whether the connection ends after the reply to the command that ran last.
    pub close_after_reply: bool,
    /// The client's last commit, for `WAITAOF`.
    pub last_write: Option<Seq>,
    /// How far the current command may go for its data.
    pub tier: ReadTier,
    /// The next command begins when the last one ended, which spares a look at the clock.
    pub follows_at_once: bool,
    /// Started when the last command ended.
    pub lap: Option<Stopwatch>,
    /// How the wait of the current command has ended ([`crate::error::Error::Blocked`]).
    pub wait_ended: Option<Unblock>,
    /// What the current command waits with, if it waits for keys.
    pub ticket: Option<Arc<Ticket>>,
    /// The script that is to run again takes too long for a thread that others wait for.
    pub runs_long: bool,
    /// What the script did that the current command ran.
    pub script: ScriptTrace,
    /// Names of fields that `HIMPORT` has prepared.
    fieldsets: HashMap<Bytes, Vec<Bytes>>,
    /// What was collected since `MULTI`.
    pub transaction: Option<Box<Transaction>>,
    /// The keys that must not change before `EXEC`.
    pub watched: Vec<Arc<Watch>>,
    /// How the client tracks the keys that it reads, if it does.
    pub tracking: Option<Mode>,
    /// `CLIENT CACHING` was said of the command that comes next.
    pub caching: bool,
    /// What commands of a transaction have published, which leaves after its commit.
    pub published: Deliveries,
}

impl Session {
    /// A client that has just arrived, and is known to the instance from now on.
    pub fn open(instance: &Instance, address: ClientAddress) -> Session {
        // Who can open the data needs no password for it.
        let trusted = address.transport == Transport::Embedded;
        let client = instance.clients.register(address, instance.keyspace.clock().now_ms());
        client.change_details(|details| details.user = DEFAULT_USER.to_owned());
        let default = instance.acl.default_user();
        let user = if trusted {
            User::new(default.name.clone(), Rights::everything(instance.acl.catalog().len()))
        } else {
            default
        };
        Session {
            user,
            id: client.id,
            client,
            db: 0,
            dialect: Dialect::Resp2,
            authenticated: trusted || instance.acl.default_is_open(),
            reply_mode: ReplyMode::On,
            close_after_reply: false,
            last_write: None,
            tier: ReadTier::Disk,
            follows_at_once: false,
            lap: None,
            wait_ended: None,
            ticket: None,
            runs_long: false,
            script: ScriptTrace::default(),
            fieldsets: HashMap::new(),
            transaction: None,
            watched: Vec::new(),
            tracking: None,
            caching: false,
            published: Deliveries::new(),
        }
    }

    /// The client has gone.
    pub fn close(&self, instance: &Instance) {
        if let Some(ticket) = &self.ticket {
            instance.waiters.leave(ticket);
        }
        self.watched.iter().for_each(|watch| instance.watches.leave(watch));
        instance.forget(&self.client);
    }

    /// Watches nothing any more.
    pub fn unwatch(&mut self, instance: &Instance) {
        self.watched.drain(..).for_each(|watch| instance.watches.leave(&watch));
        self.client.set_flag(ClientFlag::DirtyWatch, false);
        self.note_watched();
    }

    /// Tracks what is read from now on in this way, or no more. Of those that want broadcasts, the prefixes
    /// come to those that there are.
    pub fn track(&mut self, instance: &Instance, mode: Option<Mode>, prefixes: &[Bytes]) {
        match mode {
            Some(mode) => instance.tracking.enter(&self.client, mode, prefixes),
            None => instance.tracking.leave(&self.client),
        }
        self.tracking = mode;
        self.caching &= mode.is_some();
    }

    /// Lets others see how much is watched.
    pub fn note_watched(&self) {
        let bytes: usize = self.watched.iter().map(|watch| watch.key.len() + size_of::<Watch>()).sum();
        self.client.counters.watched.store(self.watched.len(), Ordering::Relaxed);
        self.client.counters.watched_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Selects a database, which must exist.
    pub fn select(&mut self, db: DbIndex) {
        self.db = db;
        self.client.set_db(db);
    }

    /// Answers in this dialect from now on.
    pub fn speak(&mut self, dialect: Dialect) {
        self.dialect = dialect;
        self.client.set_dialect(dialect);
    }

    /// Makes the client a user that has proved who it is. False: the user has been deleted meanwhile.
    pub fn log_in(&mut self, acl: &Acl, user: Arc<User>) -> bool {
        let name = String::from_utf8_lossy(&user.name).into_owned();
        let before = self.client.change_details(|details| std::mem::replace(&mut details.user, name));
        // Whoever deletes a user looks for its clients afterwards, and finds this one from here on.
        if !acl.knows(&user) {
            self.client.change_details(|details| details.user = before);
            return false;
        }
        self.authenticated = true;
        self.user = user;
        true
    }

    /// Whether the client must log in before it may do anything else.
    pub fn must_authenticate(&self, acl: &Acl) -> bool {
        !self.authenticated && !acl.default_is_open()
    }

    /// Ends the connection after the reply to the command that is running.
    pub fn close_after_reply(&mut self) {
        self.close_after_reply = true;
        self.client.set_flag(ClientFlag::CloseAfterReply, true);
    }

    /// Whether the client wants the reply of the command that has just run, error or not. To be
    /// asked once after each command.
    pub fn takes_reply(&mut self) -> bool {
        let (takes, next) = match self.reply_mode {
            ReplyMode::On => (true, ReplyMode::On),
            ReplyMode::Off => (false, ReplyMode::Off),
            ReplyMode::SkipTwo => (false, ReplyMode::SkipOne),
            ReplyMode::SkipOne => (false, ReplyMode::On),
        };
        self.reply_mode = next;
        takes
    }

    /// The names that `HIMPORT PREPARE` has given a name.
    pub fn fieldset(&self, name: &[u8]) -> Option<&[Bytes]> {
        self.fieldsets.get(name).map(Vec::as_slice)
    }

    /// Gives names of fields a name, in the place of those that had it.
    pub fn prepare_fieldset(&mut self, name: &[u8], fields: &[Bytes]) {
        self.discard_fieldset(name);
        // Copies: what the client sent may be part of a large buffer.
        let own = |bytes: &[u8]| Bytes::copy_from_slice(bytes);
        let fields: Vec<Bytes> = fields.iter().map(|field| own(field)).collect();
        self.client.counters.fieldset_bytes.fetch_add(fieldset_bytes(name, &fields), Ordering::Relaxed);
        self.fieldsets.insert(own(name), fields);
    }

    /// Forgets names of fields; whether there were any of that name.
    pub fn discard_fieldset(&mut self, name: &[u8]) -> bool {
        let Some(fields) = self.fieldsets.remove(name) else { return false };
        self.client.counters.fieldset_bytes.fetch_sub(fieldset_bytes(name, &fields), Ordering::Relaxed);
        true
    }

    /// Forgets all names of fields; how many lists of them there were.
    pub fn discard_fieldsets(&mut self) -> usize {
        self.client.counters.fieldset_bytes.store(0, Ordering::Relaxed);
        std::mem::take(&mut self.fieldsets).len()
    }

    /// As if the client had just arrived (`RESET`). On the text port it still is on the text port.
    pub fn reset(&mut self, acl: &Acl) {
        self.select(0);
        if self.dialect != Dialect::Text {
            self.speak(Dialect::Resp2);
        }
        self.authenticated = acl.default_is_open();
        self.user = acl.default_user();
        self.reply_mode = ReplyMode::On;
        self.discard_fieldsets();
        self.client.set_flag(ClientFlag::NoEvict, false);
        self.client.set_flag(ClientFlag::NoTouch, false);
        self.client.change_details(|details| {
            details.name.clear();
            details.user = DEFAULT_USER.to_owned();
        });
    }
}

/// Memory for names of fields, bytes.
fn fieldset_bytes(name: &[u8], fields: &[Bytes]) -> usize {
    let texts = fields.iter().map(|field| size_of::<Bytes>() + field.len()).sum::<usize>();
    size_of::<(Bytes, Vec<Bytes>)>() + name.len() + texts
}

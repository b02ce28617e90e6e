//! The clients of a database: who they are, what they do, and how others reach them.
//!
//! A client's owner (a connection of the server, or of the program that embeds us) writes; everybody
//! else reads, and may ask for a client's end. Reading never makes an owner wait: what changes with
//! every command is atomic, and what changes seldom is behind a lock held for a copy.

use super::client_memory::RecentBuffers;
use crate::clock::Clock;
use crate::keyspace::DbIndex;
use crate::keyspace::event::ClientId;
use crate::protocol::{Dialect, Message};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

/// How a client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Tls,
    Unix,
    /// From inside the program.
    Embedded,
}

/// Where a client comes from and where it came to, as `CLIENT LIST` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress {
    pub transport: Transport,
    /// `ip:port`, `[ip]:port`, or `path:0` of a Unix socket.
    pub peer: String,
    /// The same of our side.
    pub local: String,
    /// The number of the socket; -1 if there is none.
    pub descriptor: i32,
}

impl ClientAddress {
    /// A client inside the program.
    pub fn embedded() -> ClientAddress {
        let here = "embedded:0".to_owned();
        ClientAddress { transport: Transport::Embedded, peer: here.clone(), local: here, descriptor: -1 }
    }

    /// Whether the client is on the machine that we are on.
    pub fn is_this_machine(&self) -> bool {
        match self.transport {
            Transport::Embedded | Transport::Unix => true,
            Transport::Tcp | Transport::Tls => {
                self.peer.parse::<SocketAddr>().is_ok_and(|peer| peer.ip().to_canonical().is_loopback())
            }
        }
    }
}

/// What a client uses of the server, kept by whoever serves it.
#[derive(Debug, Default)]
pub struct Counters {
    /// Memory for the connection itself.
    pub connection_bytes: AtomicUsize,
    /// Bytes of requests that have arrived but not been run.
    pub query_buffer_bytes: AtomicUsize,
    /// Room left in the buffer for them.
    pub query_buffer_free_bytes: AtomicUsize,
    /// Bytes of replies that wait to be sent.
    pub output_bytes: AtomicUsize,
    /// The most there ever were.
    pub output_peak_bytes: AtomicUsize,
    /// Memory of the buffer that small replies are written to.
    pub output_buffer_bytes: AtomicUsize,
    /// Large values among the replies that wait: how many, and how long in all.
    pub output_pieces: AtomicUsize,
    pub output_pieces_bytes: AtomicUsize,
    /// Names of fields that `HIMPORT` has prepared.
    pub fieldset_bytes: AtomicUsize,
    /// Bytes read from the client since it came.
    pub net_in_bytes: AtomicU64,
    /// Bytes written to it since it came.
    pub net_out_bytes: AtomicU64,
    /// Commands run for it since it came.
    pub commands: AtomicU64,
    /// Commands that wait for `EXEC`, and the memory that they take.
    pub queued: AtomicUsize,
    pub queued_bytes: AtomicUsize,
    /// Memory of messages that its owner has not taken.
    pub mail_bytes: AtomicUsize,
    /// Keys that it watches, and the memory that this takes.
    pub watched: AtomicUsize,
    pub watched_bytes: AtomicUsize,
    /// Channels, patterns and shard channels that it is subscribed to, and the memory that this takes.
    pub channels: AtomicUsize,
    pub patterns: AtomicUsize,
    pub shard_channels: AtomicUsize,
    pub subscription_bytes: AtomicUsize,
}

/// What changes about a client seldom.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Details {
    /// As set with `CLIENT SETNAME`.
    pub name: String,
    /// As set with `CLIENT SETINFO`.
    pub library_name: String,
    pub library_version: String,
    /// The ACL user.
    pub user: String,
}

/// A state of a client that `CLIENT LIST` shows as a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ClientFlag {
    Replica = 1 << 0,
    Monitor = 1 << 1,
    PubSub = 1 << 2,
    Transaction = 1 << 3,
    Blocked = 1 << 4,
    DirtyWatch = 1 << 5,
    CloseAfterReply = 1 << 6,
    NoEvict = 1 << 7,
    NoTouch = 1 << 8,
    Tracking = 1 << 9,
    /// Whom it redirects to has gone.
    BrokenRedirect = 1 << 10,
    /// It tracks by prefixes.
    Broadcast = 1 << 11,
}

/// What becomes of a command that waits for data when somebody else ends its wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unblock {
    /// As if its time was up.
    Timeout,
    /// It fails.
    Error,
    /// It has run.
    Served,
}

mod block {
    pub const NONE: u8 = 0;
    pub const WAITING: u8 = 1;
    pub const TIMEOUT: u8 = 2;
    pub const ERROR: u8 = 3;
    pub const SERVING: u8 = 4;
    pub const SERVED: u8 = 5;
}

type Waker = Box<dyn Fn() + Send + Sync>;

/// One client.
pub struct Client {
    pub id: ClientId,
    pub address: ClientAddress,
    /// Ms since the Unix epoch.
    pub created_at_ms: u64,
    pub counters: Counters,
    last_interaction_ms: AtomicU64,
    details: Mutex<Details>,
    db: AtomicU32,
    dialect: AtomicU8,
    flags: AtomicU32,
    /// -1: the client does not track; 0: it redirects to nobody.
    redirect: AtomicI64,
    /// See `commands::name_of`; 0 before the first.
    last_command: AtomicU32,
    killed: AtomicBool,
    block: AtomicU8,
    mail: Mutex<Vec<Arc<Message>>>,
    has_mail: AtomicBool,
    waker: OnceLock<Waker>,
}

impl Client {
    fn new(id: ClientId, address: ClientAddress, now_ms: u64) -> Client {
        Client {
            id,
            address,
            created_at_ms: now_ms,
            counters: Counters::default(),
            last_interaction_ms: now_ms.into(),
            details: Mutex::default(),
            db: AtomicU32::new(0),
            dialect: AtomicU8::new(Dialect::Resp2 as u8),
            flags: AtomicU32::new(0),
            redirect: AtomicI64::new(-1),
            last_command: AtomicU32::new(0),
            killed: AtomicBool::new(false),
            block: AtomicU8::new(block::NONE),
            mail: Mutex::default(),
            has_mail: AtomicBool::new(false),
            waker: OnceLock::new(),
        }
    }

    /// Notes that the client was heard of.
    pub fn interacted(&self, now_ms: u64) {
        self.last_interaction_ms.store(now_ms, Ordering::Relaxed);
    }

    /// When the client was last heard of, ms since the Unix epoch.
    pub fn last_interaction_ms(&self) -> u64 {
        self.last_interaction_ms.load(Ordering::Relaxed)
    }

    /// Notes which command the client has sent.
    pub fn set_last_command(&self, command: u32) {
        self.last_command.store(command, Ordering::Relaxed);
    }

    /// Counts a command that has run. Only the owner does.
    pub fn count_command(&self) {
        // Nobody else writes it, so no read-modify-write is needed.
        let commands = self.counters.commands.load(Ordering::Relaxed);
        self.counters.commands.store(commands.wrapping_add(1), Ordering::Relaxed);
    }

    /// Notes how many commands wait for `EXEC`, and how many bytes they take.
    pub fn note_transaction(&self, commands: usize, bytes: usize) {
        self.counters.queued.store(commands, Ordering::Relaxed);
        self.counters.queued_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The number of the command the client sent last; 0 before the first.
    pub fn last_command(&self) -> u32 {
        self.last_command.load(Ordering::Relaxed)
    }

    /// What changes seldom, as of now.
    pub fn details(&self) -> Details {
        self.details.lock().clone()
    }

    /// Bytes of the texts that are known of the client.
    pub fn text_bytes(&self) -> usize {
        let details = self.details.lock();
        let texts = [&details.name, &details.library_name, &details.library_version, &details.user];
        texts.into_iter().chain([&self.address.peer, &self.address.local]).map(String::len).sum()
    }

    /// Changes what changes seldom.
    pub fn change_details<T>(&self, change: impl FnOnce(&mut Details) -> T) -> T {
        change(&mut self.details.lock())
    }

    /// The selected database.
    pub fn db(&self) -> DbIndex {
        self.db.load(Ordering::Relaxed)
    }

    pub(crate) fn set_db(&self, db: DbIndex) {
        self.db.store(db, Ordering::Relaxed);
    }

    /// The version of RESP the client speaks; 2 on the text port.
    pub fn resp_version(&self) -> u8 {
        if self.dialect() == Dialect::Resp3 { 3 } else { 2 }
    }

    /// What the client is answered in.
    pub fn dialect(&self) -> Dialect {
        const RESP3: u8 = Dialect::Resp3 as u8;
        const TEXT: u8 = Dialect::Text as u8;
        match self.dialect.load(Ordering::Relaxed) {
            RESP3 => Dialect::Resp3,
            TEXT => Dialect::Text,
            _ => Dialect::Resp2,
        }
    }

    pub(crate) fn set_dialect(&self, dialect: Dialect) {
        self.dialect.store(dialect as u8, Ordering::Relaxed);
    }

    /// Who is told in the client's place of what it tracks; 0 is nobody, -1 that it does not track.
    pub fn redirect(&self) -> i64 {
        self.redirect.load(Ordering::Relaxed)
    }

    /// Notes what [`Client::redirect`] says.
    pub(super) fn set_redirect(&self, redirect: i64) {
        self.redirect.store(redirect, Ordering::Relaxed);
    }

    /// Sets or clears a flag. Only the owner does, but for [`ClientFlag::DirtyWatch`] and
    /// [`ClientFlag::BrokenRedirect`].
    pub fn set_flag(&self, flag: ClientFlag, set: bool) {
        if set {
            self.flags.fetch_or(flag as u32, Ordering::Relaxed);
        } else {
            self.flags.fetch_and(!(flag as u32), Ordering::Relaxed);
        }
    }

    /// Whether a flag is set.
    pub fn has_flag(&self, flag: ClientFlag) -> bool {
        self.flags.load(Ordering::Relaxed) & flag as u32 != 0
    }

    /// Names what makes the owner look at [`Client::is_killed`], [`Client::unblocked`], the mail and the
    /// pause; called from any thread. Only the first one counts.
    pub fn on_wake(&self, waker: impl Fn() + Send + Sync + 'static) {
        let _ = self.waker.set(Box::new(waker));
    }

    /// Makes the owner look.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker();
        }
    }

    /// Leaves the client a message, which no request of its own has asked for. Its owner is woken once
    /// for all messages that it has not taken.
    pub fn deliver(&self, message: Arc<Message>) {
        let bytes = message.encoded(self.dialect()).len() + size_of::<Arc<Message>>();
        let had_mail = {
            let mail = &mut *self.mail.lock();
            mail.push(message);
            self.counters.mail_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.has_mail.swap(true, Ordering::AcqRel)
        };
        if !had_mail {
            self.wake();
        }
    }

    /// Whether there are messages to take. One load.
    pub fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::Acquire)
    }

    /// The messages since the last time, oldest first. One load if there are none. While another thread
    /// runs the client's command, and until the client has noticed, they wait: some may tell of what that
    /// command did, and come behind its reply.
    pub fn take_mail(&self) -> Vec<Arc<Message>> {
        if !self.has_mail() {
            return Vec::new();
        }
        let mail = &mut *self.mail.lock();
        if self.is_served() {
            return Vec::new();
        }
        self.has_mail.store(false, Ordering::Release);
        self.counters.mail_bytes.store(0, Ordering::Relaxed);
        std::mem::take(mail)
    }

    /// Asks the owner to close the connection at once.
    pub fn kill(&self) {
        self.killed.store(true, Ordering::Release);
        self.wake();
    }

    /// Whether the connection is to be closed at once.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Ordering::Acquire)
    }

    fn change_block(&self, from: u8, to: u8) -> bool {
        self.block.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Notes that the client's command waits for data. Nothing happens if that is known.
    pub fn begin_wait(&self) {
        self.change_block(block::NONE, block::WAITING);
        self.set_flag(ClientFlag::Blocked, true);
    }

    /// Notes that the wait is over, whatever ended it.
    pub fn end_wait(&self) {
        self.block.store(block::NONE, Ordering::Release);
        self.set_flag(ClientFlag::Blocked, false);
    }

    /// Ends the wait, because the time is up if nothing else has ended it. None: another thread runs
    /// the command just now, ask again.
    pub fn end_wait_now(&self) -> Option<Unblock> {
        let timed_out = self.change_block(block::WAITING, block::TIMEOUT);
        let how = if timed_out { Some(Unblock::Timeout) } else { self.unblocked() };
        if how.is_some() {
            self.end_wait();
        }
        how
    }

    /// The command that waits is about to run on this thread. False when it waits no longer.
    pub fn begin_service(&self) -> bool {
        !self.is_killed() && self.change_block(block::WAITING, block::SERVING)
    }

    /// Whether another thread runs the command that the client waits with, or has run it.
    pub fn is_served(&self) -> bool {
        matches!(self.block.load(Ordering::Acquire), block::SERVING | block::SERVED)
    }

    /// The command has run, or goes on waiting.
    pub fn end_service(&self, served: bool) {
        if !served {
            self.block.store(block::WAITING, Ordering::Release);
            if self.has_mail() {
                self.wake();
            }
            return;
        }
        self.block.store(block::SERVED, Ordering::Release);
        self.wake();
    }

    /// Ends the client's wait. False when it does not wait.
    pub fn unblock(&self, how: Unblock) -> bool {
        let to = match how {
            Unblock::Timeout => block::TIMEOUT,
            Unblock::Error => block::ERROR,
            Unblock::Served => block::SERVED,
        };
        let changed = self.change_block(block::WAITING, to);
        if changed {
            self.wake();
        }
        changed
    }

    /// How somebody has ended the wait, if anybody did.
    pub fn unblocked(&self) -> Option<Unblock> {
        match self.block.load(Ordering::Acquire) {
            block::TIMEOUT => Some(Unblock::Timeout),
            block::ERROR => Some(Unblock::Error),
            block::SERVED => Some(Unblock::Served),
            _ => None,
        }
    }
}

/// Which commands a pause holds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseScope {
    /// Those that may change data.
    Writes,
    All,
}

/// A pause, as commands see it without a lock.
#[derive(Debug, Default)]
struct Pause {
    /// Ms since the Unix epoch; 0 when there is none.
    until_ms: AtomicU64,
    holds_all: AtomicBool,
    change: Mutex<()>,
}

/// Every client of a database.
#[derive(Default)]
pub struct Clients {
    last_id: AtomicU64,
    clients: RwLock<BTreeMap<ClientId, Arc<Client>>>,
    pause: Pause,
    pub(super) memory_limit: AtomicU64,
    /// The largest buffers that they had of late.
    pub recent_buffers: RecentBuffers,
}

impl Clients {
    /// Lets a client in. Ids begin with 1 and never come again.
    pub fn register(&self, address: ClientAddress, now_ms: u64) -> Arc<Client> {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let client = Arc::new(Client::new(id, address, now_ms));
        self.clients.write().insert(id, client.clone());
        client
    }

    /// Forgets a client.
    pub fn unregister(&self, id: ClientId) {
        self.clients.write().remove(&id);
    }

    /// The client with this id.
    pub fn get(&self, id: ClientId) -> Option<Arc<Client>> {
        self.clients.read().get(&id).cloned()
    }

    /// Every client, oldest first. O(n).
    pub fn all(&self) -> Vec<Arc<Client>> {
        self.clients.read().values().cloned().collect()
    }

    /// How many clients there are, those inside the program included.
    pub fn count(&self) -> usize {
        self.clients.read().len()
    }

    /// Holds commands back until `until_ms`, ms since the Unix epoch. A pause under way gets no
    /// shorter and no narrower. Calls `changed` with the time that came of it, while no other change
    /// can come between.
    pub fn pause(&self, until_ms: u64, scope: PauseScope, now_ms: u64, changed: impl FnOnce(u64)) {
        let _changing = self.pause.change.lock();
        let before = self.pause.until_ms.load(Ordering::Acquire);
        let goes_on = before > now_ms;
        let holds_all = scope == PauseScope::All || goes_on && self.pause.holds_all.load(Ordering::Acquire);
        self.pause.holds_all.store(holds_all, Ordering::Release);
        let until_ms = if goes_on { until_ms.max(before) } else { until_ms };
        self.pause.until_ms.store(until_ms, Ordering::Release);
        changed(until_ms);
    }

    /// Ends the pause and wakes whoever waits for that. Calls `changed` first, as [`Clients::pause`].
    pub fn unpause(&self, changed: impl FnOnce(u64)) {
        let _changing = self.pause.change.lock();
        changed(0);
        if self.pause.until_ms.swap(0, Ordering::AcqRel) > 0 {
            self.clients.read().values().for_each(|client| client.wake());
        }
    }

    /// Until when a command has to wait, ms since the Unix epoch; none if it need not. Costs one
    /// load when there is no pause.
    pub fn paused_until(&self, is_write: bool, clock: &dyn Clock) -> Option<u64> {
        let until_ms = self.pause.until_ms.load(Ordering::Acquire);
        if until_ms == 0 || !(is_write || self.pause.holds_all.load(Ordering::Acquire)) {
            return None;
        }
        (until_ms > clock.now_ms()).then_some(until_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn client(clients: &Clients) -> (Arc<Client>, Arc<AtomicU32>) {
        let client = clients.register(ClientAddress::embedded(), 0);
        let woken = Arc::new(AtomicU32::new(0));
        let counter = woken.clone();
        client.on_wake(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        (client, woken)
    }

    #[test]
    fn ids_are_never_used_again() {
        let clients = Clients::default();
        let (first, _) = client(&clients);
        clients.unregister(first.id);
        let (second, _) = client(&clients);
        assert_eq!((first.id, second.id, clients.count()), (1, 2, 1));
        assert!(clients.get(1).is_none());
        assert_eq!(clients.all()[0].id, 2);
    }

    #[test]
    fn killing_wakes() {
        let clients = Clients::default();
        let (client, woken) = client(&clients);
        assert!(!client.is_killed());
        client.kill();
        assert!(client.is_killed());
        assert_eq!(woken.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn only_who_waits_is_unblocked_and_only_once() {
        let clients = Clients::default();
        let (client, woken) = client(&clients);
        assert!(!client.unblock(Unblock::Error));
        client.begin_wait();
        assert!(client.has_flag(ClientFlag::Blocked));
        assert!(client.unblock(Unblock::Error));
        assert!(!client.unblock(Unblock::Timeout));
        assert_eq!(client.unblocked(), Some(Unblock::Error));
        client.end_wait();
        assert_eq!(client.unblocked(), None);
        assert!(!client.has_flag(ClientFlag::Blocked));
        assert_eq!(woken.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_is_served_is_told_afterwards() {
        let clients = Clients::default();
        let (client, woken) = client(&clients);
        let tell = || client.deliver(Message::new(crate::protocol::Reply::text("told")));
        client.begin_wait();
        tell();
        assert_eq!(client.take_mail().len(), 1);
        assert!(client.begin_service());
        tell();
        assert!(client.take_mail().is_empty());
        client.end_service(false);
        assert_eq!((client.take_mail().len(), woken.load(Ordering::SeqCst)), (1, 3));
        assert!(client.begin_service());
        tell();
        client.end_service(true);
        assert!(client.take_mail().is_empty());
        client.end_wait();
        assert_eq!(client.take_mail().len(), 1);
    }

    #[test]
    fn pauses() {
        let clients = Clients::default();
        let (_client, woken) = client(&clients);
        let clock = ManualClock::at_ms(1000);
        assert_eq!(clients.paused_until(true, &clock), None);
        clients.pause(1100, PauseScope::Writes, 1000, |_| ());
        assert_eq!(clients.paused_until(true, &clock), Some(1100));
        assert_eq!(clients.paused_until(false, &clock), None);
        clients.pause(1050, PauseScope::All, 1000, |_| ());
        clients.pause(1060, PauseScope::Writes, 1000, |_| ());
        assert_eq!(clients.paused_until(false, &clock), Some(1100));
        clock.advance_ms(100);
        assert_eq!(clients.paused_until(true, &clock), None);
        clients.pause(1200, PauseScope::Writes, 1100, |_| ());
        assert_eq!(clients.paused_until(false, &clock), None);
        assert_eq!(clients.paused_until(true, &clock), Some(1200));
        clients.unpause(|_| ());
        clients.unpause(|_| ());
        assert_eq!(clients.paused_until(true, &clock), None);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
    }
}

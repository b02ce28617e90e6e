//! Clients' own caches (`CLIENT TRACKING`): which client may hold which key, and who is told when it changes.
//!
//! A client that tracks is entered in the table for every key that it is about to read; or, if it wants
//! broadcasts, with prefixes of names. As an observer of commits, [`Tracking`] tells whoever is concerned,
//! whatever the command was, expiry included. It must be entered before the read: a change that comes in
//! between is told of, and as messages leave behind the reply to the command that runs, the client hears
//! of it after it has the value.

use super::clients::{Client, ClientFlag, Clients};
use crate::keyspace::event::{ClientId, Commit, Observer};
use crate::protocol::{Dialect, Message, Reply};
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The channel that a redirected client of RESP2 is told on.
const CHANNEL: &str = "__redis__:invalidate";

/// How a client tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mode {
    /// Who is told in its place.
    pub redirect: Option<ClientId>,
    /// It is told of every key with one of its prefixes, read or not.
    pub broadcasts: bool,
    /// Only what is read after `CLIENT CACHING YES` is tracked.
    pub opt_in: bool,
    /// What is read after `CLIENT CACHING NO` is not.
    pub opt_out: bool,
    /// It is not told of what it has changed itself.
    pub no_loop: bool,
}

struct Tracker {
    client: Arc<Client>,
    mode: Mode,
}

/// The keys that clients may hold.
#[derive(Default)]
struct Table {
    keys: HashMap<Bytes, Holders>,
    /// The same keys, each at its place, so that some key can be found in no time.
    names: Vec<Bytes>,
    /// How many clients all keys have together.
    items: usize,
    /// Where the next key to go is looked for.
    hand: usize,
}

struct Holders {
    place: usize,
    clients: BTreeSet<ClientId>,
}

impl Table {
    fn enter(&mut self, key: &Bytes, client: ClientId) {
        if let Some(holders) = self.keys.get_mut(key) {
            self.items += usize::from(holders.clients.insert(client));
            return;
        }
        // What the client sent may be part of a large buffer.
        let key = Bytes::copy_from_slice(key);
        self.names.push(key.clone());
        self.keys.insert(key, Holders { place: self.names.len() - 1, clients: BTreeSet::from([client]) });
        self.items += 1;
    }

    fn take(&mut self, key: &Bytes) -> Option<BTreeSet<ClientId>> {
        let holders = self.keys.remove(key)?;
        self.items -= holders.clients.len();
        self.names.swap_remove(holders.place);
        if let Some(moved) = self.names.get(holders.place)
            && let Some(other) = self.keys.get_mut(moved)
        {
            other.place = holders.place;
        }
        Some(holders.clients)
    }

    /// A key to forget when there are too many. None of them is better than another.
    fn any(&mut self) -> Option<Bytes> {
        self.hand = (self.hand + 1) % self.names.len().max(1);
        self.names.get(self.hand).cloned()
    }
}

#[derive(Default)]
struct Tables {
    trackers: BTreeMap<ClientId, Tracker>,
    table: Table,
    /// Who is told of keys that begin so.
    prefixes: BTreeMap<Bytes, BTreeSet<ClientId>>,
}

/// Every client that tracks, and what it may hold.
pub struct Tracking {
    clients: Arc<Clients>,
    tables: Mutex<Tables>,
    trackers: AtomicUsize,
    /// 0: no limit.
    max_keys: AtomicU64,
}

/// How much is tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub keys: usize,
    /// How many clients all keys have together.
    pub items: usize,
    /// Of clients that want broadcasts.
    pub prefixes: usize,
}

/// What is told of a change, in the forms that somebody wants it.
struct Invalidation {
    /// The keys, or nothing for all keys.
    what: Reply,
    push: Option<Arc<Message>>,
    message: Option<Arc<Message>>,
}

impl Invalidation {
    fn new(what: Reply) -> Invalidation {
        Invalidation { what, push: None, message: None }
    }

    fn of<'a>(keys: impl IntoIterator<Item = &'a Bytes>) -> Invalidation {
        let keys = keys.into_iter().map(|key| Reply::Bulk(Bytes::copy_from_slice(key)));
        Invalidation::new(Reply::Array(keys.collect()))
    }

    fn push(&mut self) -> Arc<Message> {
        let words = || vec![Reply::text("invalidate"), self.what.clone()];
        self.push.get_or_insert_with(|| Message::new(Reply::Push(words()))).clone()
    }

    fn message(&mut self) -> Arc<Message> {
        let words = || vec![Reply::text("message"), Reply::text(CHANNEL), self.what.clone()];
        self.message.get_or_insert_with(|| Message::new(Reply::Push(words()))).clone()
    }
}

impl Tracking {
    /// Nobody tracks yet. Clients that others redirect to are looked up in `clients`.
    pub fn new(clients: Arc<Clients>) -> Tracking {
        Tracking {
            clients,
            tables: Mutex::default(),
            trackers: AtomicUsize::new(0),
            max_keys: AtomicU64::new(0),
        }
    }

    /// How many keys may be tracked (`tracking-table-max-keys`); 0 is no limit. What is too much is
    /// forgotten at once, and whoever holds it is told.
    pub fn configure(&self, max_keys: u64) {
        self.max_keys.store(max_keys, Ordering::Relaxed);
        self.limit(&mut self.tables.lock());
    }

    /// How many clients track. One load.
    pub fn trackers(&self) -> usize {
        self.trackers.load(Ordering::Acquire)
    }

    /// What is in the tables.
    pub fn counts(&self) -> Counts {
        let Tables { table, prefixes, .. } = &*self.tables.lock();
        Counts { keys: table.keys.len(), items: table.items, prefixes: prefixes.len() }
    }

    /// Lets a client track in this way, with these prefixes beside those it has. O(prefixes).
    pub fn enter(&self, client: &Arc<Client>, mode: Mode, prefixes: &[Bytes]) {
        let tables = &mut *self.tables.lock();
        for prefix in prefixes {
            let prefix = Bytes::copy_from_slice(prefix);
            tables.prefixes.entry(prefix).or_default().insert(client.id);
        }
        tables.trackers.insert(client.id, Tracker { client: client.clone(), mode });
        self.note(tables, client, Some(mode));
    }

    /// Lets a client track no more. One load if it does not. What it may hold is forgotten when the keys
    /// change.
    pub fn leave(&self, client: &Client) {
        if !client.has_flag(ClientFlag::Tracking) {
            return;
        }
        let tables = &mut *self.tables.lock();
        tables.trackers.remove(&client.id);
        tables.prefixes.retain(|_, clients| {
            clients.remove(&client.id);
            !clients.is_empty()
        });
        self.note(tables, client, None);
    }

    /// Lets others see what has become of a client.
    fn note(&self, tables: &Tables, client: &Client, mode: Option<Mode>) {
        client.set_flag(ClientFlag::Tracking, mode.is_some());
        client.set_flag(ClientFlag::Broadcast, mode.is_some_and(|mode| mode.broadcasts));
        client.set_flag(ClientFlag::BrokenRedirect, false);
        client.set_redirect(mode.map_or(-1, |mode| mode.redirect.unwrap_or(0) as i64));
        self.trackers.store(tables.trackers.len(), Ordering::Release);
    }

    /// The prefixes of a client, sorted.
    pub fn prefixes_of(&self, client: ClientId) -> Vec<Bytes> {
        let tables = self.tables.lock();
        let of = tables.prefixes.iter().filter(|(_, clients)| clients.contains(&client));
        of.map(|(prefix, _)| prefix.clone()).collect()
    }

    /// A client is about to read the keys. O(1) for each.
    pub fn remember<'a>(&self, client: ClientId, keys: impl Iterator<Item = &'a Bytes>) {
        let tables = &mut *self.tables.lock();
        keys.for_each(|key| tables.table.enter(key, client));
        self.limit(tables);
    }

    fn limit(&self, tables: &mut Tables) {
        let most = self.max_keys.load(Ordering::Relaxed);
        while most > 0 && tables.table.names.len() as u64 > most {
            let Some(key) = tables.table.any() else { return };
            self.invalidate(tables, &key, None);
        }
    }

    /// Tells everybody who may hold the key. `origin` has changed it.
    fn invalidate(&self, tables: &mut Tables, key: &Bytes, origin: Option<ClientId>) {
        let Some(holders) = tables.table.take(key) else { return };
        let mut invalidation = Invalidation::of([key]);
        for tracker in holders.iter().filter_map(|holder| tables.trackers.get(holder)) {
            let is_own = tracker.mode.no_loop && origin == Some(tracker.client.id);
            // Who wants broadcasts by now has what it read before in no cache.
            if !tracker.mode.broadcasts && !is_own {
                self.tell(tracker, &mut invalidation);
            }
        }
    }

    /// Tells those who want broadcasts.
    fn broadcast(&self, tables: &Tables, commit: &Commit) {
        let keys: BTreeSet<&Bytes> = commit.changes.iter().map(|change| &change.key).collect();
        for (prefix, clients) in &tables.prefixes {
            let concerned: Vec<&Bytes> = keys.iter().copied().filter(|key| key.starts_with(prefix)).collect();
            if concerned.is_empty() {
                continue;
            }
            let mut invalidation = Invalidation::of(concerned);
            for tracker in clients.iter().filter_map(|client| tables.trackers.get(client)) {
                if !tracker.mode.no_loop || tracker.client.id != commit.origin {
                    self.tell(tracker, &mut invalidation);
                }
            }
        }
    }

    fn tell(&self, tracker: &Tracker, invalidation: &mut Invalidation) {
        let Some(redirect) = tracker.mode.redirect else {
            // RESP2 has no place for it between replies.
            if tracker.client.dialect() == Dialect::Resp3 {
                tracker.client.deliver(invalidation.push());
            }
            return;
        };
        match self.clients.get(redirect) {
            Some(target) if target.dialect() == Dialect::Resp3 => target.deliver(invalidation.push()),
            Some(target) if target.has_flag(ClientFlag::PubSub) => target.deliver(invalidation.message()),
            Some(_) => {}
            None => {
                tracker.client.set_flag(ClientFlag::BrokenRedirect, true);
                if tracker.client.dialect() == Dialect::Resp3 {
                    let words = vec![Reply::text("tracking-redir-broken"), redirect.into()];
                    tracker.client.deliver(Message::new(Reply::Push(words)));
                }
            }
        }
    }
}

impl Observer for Tracking {
    fn committed(&self, commit: &Commit) {
        if self.trackers() == 0 {
            return;
        }
        let tables = &mut *self.tables.lock();
        for change in &commit.changes {
            self.invalidate(tables, &change.key, Some(commit.origin));
        }
        if !tables.prefixes.is_empty() {
            self.broadcast(tables, commit);
        }
        if commit.flushes || !commit.replaced.is_empty() {
            tables.table = Table::default();
            let mut invalidation = Invalidation::new(Reply::Null);
            tables.trackers.values().for_each(|tracker| self.tell(tracker, &mut invalidation));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::clients::ClientAddress;

    fn key(number: usize) -> Bytes {
        Bytes::from(number.to_string())
    }

    #[test]
    fn the_table_keeps_its_places() {
        let mut table = Table::default();
        for number in 0..100 {
            table.enter(&key(number), 1);
            table.enter(&key(number), 2 + number as u64 % 2);
            table.enter(&key(number), 1);
        }
        assert_eq!((table.keys.len(), table.items), (100, 200));
        for number in (0..100).step_by(3) {
            assert_eq!(table.take(&key(number)).map(|clients| clients.len()), Some(2));
            assert!(table.take(&key(number)).is_none());
        }
        assert_eq!((table.keys.len(), table.items), (66, 132));
        while let Some(any) = table.any() {
            assert_eq!(table.names[table.keys[&any].place], any);
            assert!(table.take(&any).is_some());
        }
        assert_eq!((table.keys.len(), table.names.len(), table.items), (0, 0, 0));
    }

    #[test]
    fn the_table_keeps_to_its_limit_and_tells() {
        let clients = Arc::<Clients>::default();
        let client = clients.register(ClientAddress::embedded(), 0);
        client.set_dialect(Dialect::Resp3);
        let tracking = Tracking::new(clients);
        tracking.configure(10);
        tracking.enter(&client, Mode::default(), &[]);
        let keys: Vec<Bytes> = (0..25).map(key).collect();
        tracking.remember(client.id, keys.iter());
        let full = |keys| Counts { keys, items: keys, prefixes: 0 };
        assert_eq!((tracking.counts(), client.take_mail().len()), (full(10), 15));
        tracking.configure(1);
        assert_eq!((tracking.counts(), client.take_mail().len()), (full(1), 9));
        tracking.leave(&client);
        tracking.configure(0);
        assert!(tracking.trackers() == 0 && client.take_mail().is_empty());
    }
}

//! Channels: who is subscribed to what, and what is published to them.
//!
//! All of it is behind one lock, under which messages are also left with the clients. So everybody is
//! told of what is published in one order, and a confirmation stands where it belongs between the
//! messages: nothing of a channel comes before its subscription is confirmed or after its end is.
//! Nothing is sent here; see [`Client::deliver`].

use super::clients::{Client, ClientFlag};
use crate::encoding::glob::{self, Case};
use crate::keyspace::event::ClientId;
use crate::protocol::{Message, Reply};
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The three sorts of what a client can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Channel,
    /// Every channel whose name the glob pattern matches.
    Pattern,
    /// A channel of a world of its own (`SSUBSCRIBE`), which patterns do not match.
    Shard,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Channel, Kind::Pattern, Kind::Shard];

    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Kind::Channel => ("subscribe", "unsubscribe", "message"),
            Kind::Pattern => ("psubscribe", "punsubscribe", "pmessage"),
            Kind::Shard => ("ssubscribe", "sunsubscribe", "smessage"),
        }
    }
}

/// What has been published and is not delivered: who gets it.
pub type Deliveries = Vec<(Arc<Client>, Arc<Message>)>;

type Subscribers = BTreeMap<ClientId, Arc<Client>>;

/// What one client is subscribed to.
#[derive(Default)]
struct Subscriptions([BTreeSet<Bytes>; 3]);

impl Subscriptions {
    /// What confirmations count: shard channels by themselves, the others together.
    fn count_beside(&self, kind: Kind) -> usize {
        match kind {
            Kind::Shard => self.0[2].len(),
            _ => self.0[0].len() + self.0[1].len(),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(BTreeSet::is_empty)
    }
}

#[derive(Default)]
struct Tables {
    subscribers: [HashMap<Bytes, Subscribers>; 3],
    clients: HashMap<ClientId, Subscriptions>,
}

/// Every subscription.
#[derive(Default)]
pub struct PubSub {
    tables: Mutex<Tables>,
    /// Clients that are subscribed to something.
    clients: AtomicUsize,
}

/// Memory for one subscription besides its name, on both sides of it.
const SUBSCRIPTION_BYTES: usize = 2 * size_of::<Bytes>() + size_of::<(ClientId, Arc<Client>)>();

impl PubSub {
    /// How many clients are subscribed to something. One load.
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Acquire)
    }

    /// Subscribes a client to all of `names`, and confirms each to `tell`.
    pub fn subscribe(
        &self,
        client: &Arc<Client>,
        kind: Kind,
        names: &[Bytes],
        mut tell: impl FnMut(Arc<Message>),
    ) {
        let tables = &mut *self.tables.lock();
        for name in names {
            let subscriptions = tables.clients.entry(client.id).or_default();
            if !subscriptions.0[kind as usize].contains(name) {
                // What the client sent may be part of a large buffer.
                let name = Bytes::copy_from_slice(name);
                subscriptions.0[kind as usize].insert(name.clone());
                let bytes = &client.counters.subscription_bytes;
                bytes.fetch_add(name.len() + SUBSCRIPTION_BYTES, Ordering::Relaxed);
                let subscribers = tables.subscribers[kind as usize].entry(name).or_default();
                subscribers.insert(client.id, client.clone());
            }
            tell(confirmation(kind.words().0, Some(name), subscriptions.count_beside(kind)));
        }
        self.note(tables, client);
    }

    /// Ends a client's subscriptions to `names`, or to all of the kind if there are none, and confirms
    /// each to `tell`.
    pub fn unsubscribe(
        &self,
        client: &Arc<Client>,
        kind: Kind,
        names: &[Bytes],
        mut tell: impl FnMut(Arc<Message>),
    ) {
        let tables = &mut *self.tables.lock();
        let all: Vec<Bytes>;
        let names = if names.is_empty() {
            let subscriptions = tables.clients.get(&client.id);
            all = subscriptions.into_iter().flat_map(|of| of.0[kind as usize].iter().cloned()).collect();
            &all
        } else {
            names
        };
        for name in names {
            tables.end(client, kind, name);
            tell(confirmation(kind.words().1, Some(name), tables.count_beside(client, kind)));
        }
        if names.is_empty() {
            tell(confirmation(kind.words().1, None, tables.count_beside(client, kind)));
        }
        self.note(tables, client);
    }

    /// Ends all subscriptions of a client, which is not told. One load if there never was one.
    pub fn leave(&self, client: &Arc<Client>) {
        if !client.has_flag(ClientFlag::PubSub) {
            return;
        }
        let tables = &mut *self.tables.lock();
        let subscriptions = tables.clients.get(&client.id).map(|of| of.0.clone()).unwrap_or_default();
        for (kind, names) in Kind::ALL.into_iter().zip(subscriptions) {
            names.iter().for_each(|name| tables.end(client, kind, name));
        }
        self.note(tables, client);
    }

    /// Whether `allows` holds for everything that a client is subscribed to.
    pub fn all_allowed(&self, client: &Client, allows: impl Fn(Kind, &Bytes) -> bool) -> bool {
        let tables = self.tables.lock();
        let Some(subscriptions) = tables.clients.get(&client.id) else { return true };
        let mut kinds = Kind::ALL.into_iter().zip(&subscriptions.0);
        kinds.all(|(kind, names)| names.iter().all(|name| allows(kind, name)))
    }

    /// Lets others see what has become of a client's subscriptions.
    fn note(&self, tables: &mut Tables, client: &Arc<Client>) {
        let subscriptions = tables.clients.get(&client.id);
        let count = |kind| subscriptions.map_or(0, |of: &Subscriptions| of.0[kind as usize].len());
        let counters = &client.counters;
        counters.channels.store(count(Kind::Channel), Ordering::Relaxed);
        counters.patterns.store(count(Kind::Pattern), Ordering::Relaxed);
        counters.shard_channels.store(count(Kind::Shard), Ordering::Relaxed);
        let has_any = subscriptions.is_some_and(|of| !of.is_empty());
        if !has_any {
            tables.clients.remove(&client.id);
        }
        client.set_flag(ClientFlag::PubSub, has_any);
        self.clients.store(tables.clients.len(), Ordering::Release);
    }

    /// Publishes to a channel of the kind, which is no pattern; how many times it was delivered. One load
    /// if nobody is subscribed to anything, else O(subscribers + patterns).
    pub fn publish(&self, kind: Kind, channel: &Bytes, payload: &Bytes) -> usize {
        let mut delivered = 0;
        self.for_each(kind, channel, payload, |client, message| {
            client.deliver(message.clone());
            delivered += 1;
        });
        delivered
    }

    /// Who would get a message that was published now; [`PubSub::deliver`] delivers it.
    pub fn prepare(&self, kind: Kind, channel: &Bytes, payload: &Bytes) -> Deliveries {
        let mut deliveries = Deliveries::new();
        self.for_each(kind, channel, payload, |client, message| {
            deliveries.push((client.clone(), message.clone()));
        });
        deliveries
    }

    /// Delivers what was prepared.
    pub fn deliver(&self, deliveries: Deliveries) {
        let _in_one_order = self.tables.lock();
        deliveries.into_iter().for_each(|(client, message)| client.deliver(message));
    }

    fn for_each(
        &self,
        kind: Kind,
        channel: &Bytes,
        payload: &Bytes,
        mut deliver: impl FnMut(&Arc<Client>, &Arc<Message>),
    ) {
        if self.clients() == 0 {
            return;
        }
        let tables = self.tables.lock();
        let mut send = |subscribers: &Subscribers, head: Vec<Reply>| {
            let said = [Reply::Bulk(channel.clone()), Reply::Bulk(payload.clone())];
            let message = Message::new(Reply::Push(head.into_iter().chain(said).collect()));
            subscribers.values().for_each(|client| deliver(client, &message));
        };
        if let Some(subscribers) = tables.subscribers[kind as usize].get(channel) {
            send(subscribers, vec![Reply::text(kind.words().2)]);
        }
        if kind == Kind::Shard {
            return;
        }
        for (pattern, subscribers) in &tables.subscribers[Kind::Pattern as usize] {
            if glob::matches(pattern, channel, Case::Sensitive) {
                send(subscribers, vec![Reply::text(Kind::Pattern.words().2), Reply::Bulk(pattern.clone())]);
            }
        }
    }

    /// How many channels, patterns or shard channels have subscribers.
    pub fn count(&self, kind: Kind) -> usize {
        if self.clients() == 0 { 0 } else { self.tables.lock().subscribers[kind as usize].len() }
    }

    /// How many clients are subscribed to this one.
    pub fn subscribers(&self, kind: Kind, name: &[u8]) -> usize {
        self.tables.lock().subscribers[kind as usize].get(name).map_or(0, BTreeMap::len)
    }

    /// Every name that has subscribers, in no order. O(n).
    pub fn names(&self, kind: Kind) -> Vec<Bytes> {
        self.tables.lock().subscribers[kind as usize].keys().cloned().collect()
    }

    /// What a client is subscribed to, sorted.
    pub fn names_of(&self, client: ClientId, kind: Kind) -> Vec<Bytes> {
        let tables = self.tables.lock();
        let subscriptions = tables.clients.get(&client);
        subscriptions.into_iter().flat_map(|of| of.0[kind as usize].iter().cloned()).collect()
    }
}

impl Tables {
    fn end(&mut self, client: &Arc<Client>, kind: Kind, name: &Bytes) {
        let subscriptions = self.clients.get_mut(&client.id);
        if !subscriptions.is_some_and(|of| of.0[kind as usize].remove(name)) {
            return;
        }
        let bytes = &client.counters.subscription_bytes;
        bytes.fetch_sub(name.len() + SUBSCRIPTION_BYTES, Ordering::Relaxed);
        let table = &mut self.subscribers[kind as usize];
        let Some(subscribers) = table.get_mut(name) else { return };
        subscribers.remove(&client.id);
        if subscribers.is_empty() {
            table.remove(name);
        }
    }

    fn count_beside(&self, client: &Client, kind: Kind) -> usize {
        self.clients.get(&client.id).map_or(0, |of| of.count_beside(kind))
    }
}

fn confirmation(what: &'static str, name: Option<&Bytes>, count: usize) -> Arc<Message> {
    Message::new(Reply::Push(vec![Reply::text(what), name.cloned().into(), count.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::clients::{ClientAddress, Clients};

    fn words(client: &Client) -> Vec<String> {
        let word = |reply: &Reply| match reply {
            Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Reply::Integer(number) => number.to_string(),
            other => panic!("{other:?}"),
        };
        let line = |message: &Arc<Message>| match message.reply() {
            Reply::Push(words) => words.iter().map(word).collect::<Vec<_>>().join(" "),
            other => panic!("{other:?}"),
        };
        client.take_mail().iter().map(line).collect()
    }

    fn name(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn messages_and_confirmations_come_in_order() {
        let (pubsub, clients) = (PubSub::default(), Clients::default());
        let client = clients.register(ClientAddress::embedded(), 0);
        let (a, payload) = (name("a"), name("hi"));
        let tell = |message| client.deliver(message);
        assert_eq!(pubsub.publish(Kind::Channel, &a, &payload), 0);
        pubsub.subscribe(&client, Kind::Channel, &[a.clone(), a.clone()], tell);
        pubsub.subscribe(&client, Kind::Pattern, &[name("?")], tell);
        pubsub.subscribe(&client, Kind::Shard, std::slice::from_ref(&a), tell);
        assert_eq!(pubsub.publish(Kind::Channel, &a, &payload), 2);
        assert_eq!(pubsub.publish(Kind::Shard, &a, &payload), 1);
        pubsub.unsubscribe(&client, Kind::Channel, &[], tell);
        let expected = [
            "subscribe a 1",
            "subscribe a 1",
            "psubscribe ? 2",
            "ssubscribe a 1",
            "message a hi",
            "pmessage ? a hi",
            "smessage a hi",
            "unsubscribe a 1",
        ];
        assert_eq!(words(&client), expected);
        assert_eq!((pubsub.count(Kind::Channel), pubsub.count(Kind::Pattern), pubsub.clients()), (0, 1, 1));
    }

    #[test]
    fn what_is_prepared_goes_to_those_who_were_subscribed() {
        let (pubsub, clients) = (PubSub::default(), Clients::default());
        let (early, late) =
            (clients.register(ClientAddress::embedded(), 0), clients.register(ClientAddress::embedded(), 0));
        pubsub.subscribe(&early, Kind::Channel, &[name("a")], |_| ());
        let deliveries = pubsub.prepare(Kind::Channel, &name("a"), &name("hi"));
        pubsub.subscribe(&late, Kind::Channel, &[name("a")], |_| ());
        assert!(words(&early).is_empty());
        pubsub.deliver(deliveries);
        assert_eq!((words(&early), words(&late)), (vec!["message a hi".to_owned()], vec![]));
    }

    #[test]
    fn who_leaves_leaves_nothing_behind() {
        let (pubsub, clients) = (PubSub::default(), Clients::default());
        let client = clients.register(ClientAddress::embedded(), 0);
        let before = client.memory_bytes();
        for kind in Kind::ALL {
            pubsub.subscribe(&client, kind, &[name("a"), name("b")], |_| ());
        }
        assert_eq!(pubsub.names_of(client.id, Kind::Shard), [name("a"), name("b")]);
        assert_eq!(pubsub.subscribers(Kind::Pattern, b"a"), 1);
        assert!(client.has_flag(ClientFlag::PubSub) && client.memory_bytes() > before);
        pubsub.leave(&client);
        assert!(!client.has_flag(ClientFlag::PubSub) && client.memory_bytes() == before);
        assert!(Kind::ALL.iter().all(|kind| pubsub.count(*kind) == 0) && pubsub.clients() == 0);
        assert!(words(&client).is_empty());
    }
}

//! Keyspace notifications: what happened to which key, as messages of channels.
//!
//! As an observer of commits, [`Notifications`] publishes every change of a class that is on
//! (`notify-keyspace-events`), whatever the command was. A change has two channels: that of the key, which
//! is told the event, and that of the event, which is told the key.

use super::pubsub::{Kind, PubSub};
use crate::config::values::KeyspaceEvents;
use crate::keyspace::DbIndex;
use crate::keyspace::event::{Before, Change, Commit, Event, EventClass, Observer};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What is published, and where.
pub struct Notifications {
    /// The bits of [`KeyspaceEvents`]; none when nothing is to be published.
    classes: AtomicU32,
    pubsub: Arc<PubSub>,
}

/// The bit of an event's class; none for what Redis does not tell.
fn class(class: EventClass) -> u32 {
    match class {
        EventClass::Generic => KeyspaceEvents::GENERIC,
        EventClass::String => KeyspaceEvents::STRING,
        EventClass::List => KeyspaceEvents::LIST,
        EventClass::Set => KeyspaceEvents::SET,
        EventClass::Hash => KeyspaceEvents::HASH,
        EventClass::SortedSet => KeyspaceEvents::ZSET,
        EventClass::Stream => KeyspaceEvents::STREAM,
        EventClass::Array => KeyspaceEvents::ARRAY,
        EventClass::Module => KeyspaceEvents::MODULE,
        EventClass::Expired => KeyspaceEvents::EXPIRED,
        EventClass::Evicted => KeyspaceEvents::EVICTED,
        EventClass::Unpublished => 0,
    }
}

/// When Redis tells that a value was overwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overwrites {
    /// The value that was there was changed.
    Never,
    /// Before the event.
    Before,
    /// After it.
    After,
}

/// Whether the event puts a value in the place of another.
fn overwrites(event: Event) -> Overwrites {
    match event.name {
        "restore" | "rename_to" | "copy_to" => Overwrites::After,
        "set" => Overwrites::Before,
        name if name.ends_with("store") => Overwrites::Before,
        _ => Overwrites::Never,
    }
}

impl Notifications {
    /// Publishes nothing yet.
    pub fn new(pubsub: Arc<PubSub>) -> Notifications {
        Notifications { classes: AtomicU32::new(0), pubsub }
    }

    /// Publishes these classes from here on.
    pub fn configure(&self, events: KeyspaceEvents) {
        let goes_nowhere = !events.any(KeyspaceEvents::KEYSPACE | KeyspaceEvents::KEYEVENT);
        self.classes.store(if goes_nowhere { 0 } else { events.0 }, Ordering::Relaxed);
    }

    /// What is to be published; nothing if nobody would hear it. One or two loads.
    fn classes(&self) -> KeyspaceEvents {
        let classes = self.classes.load(Ordering::Relaxed);
        KeyspaceEvents(if classes == 0 || self.pubsub.clients() == 0 { 0 } else { classes })
    }

    fn publish(&self, classes: KeyspaceEvents, class: u32, name: &'static str, db: DbIndex, key: &Bytes) {
        if !classes.any(class) {
            return;
        }
        let channel = |prefix: &str, rest: &[u8]| {
            let mut channel = format!("__{prefix}@{db}__:").into_bytes();
            channel.extend(rest);
            Bytes::from(channel)
        };
        let event = Bytes::from_static(name.as_bytes());
        if classes.any(KeyspaceEvents::KEYSPACE) {
            self.pubsub.publish(Kind::Channel, &channel("keyspace", key), &event);
        }
        if classes.any(KeyspaceEvents::KEYEVENT) {
            self.pubsub.publish(Kind::Channel, &channel("keyevent", &event), key);
        }
    }

    fn publish_new(&self, classes: KeyspaceEvents, change: &Change) {
        if change.before == Before::Nothing {
            self.publish(classes, KeyspaceEvents::NEW, "new", change.db, &change.key);
        }
    }

    fn publish_overwritten(&self, classes: KeyspaceEvents, change: &Change) {
        if change.before == Before::Nothing {
            return;
        }
        self.publish(classes, KeyspaceEvents::OVERWRITTEN, "overwritten", change.db, &change.key);
        if change.before == Before::OtherType {
            self.publish(classes, KeyspaceEvents::TYPE_CHANGED, "type_changed", change.db, &change.key);
        }
    }

    fn publish_change(&self, classes: KeyspaceEvents, change: &Change) {
        let overwrites = overwrites(change.event);
        if overwrites == Overwrites::Before {
            self.publish_overwritten(classes, change);
        }
        self.publish(classes, class(change.event.class), change.event.name, change.db, &change.key);
        if overwrites == Overwrites::After {
            self.publish_overwritten(classes, change);
        }
    }
}

impl Observer for Notifications {
    fn committed(&self, commit: &Commit) {
        let classes = self.classes();
        if classes.0 == 0 {
            return;
        }
        let mut told_new = false;
        for (index, change) in commit.changes.iter().enumerate() {
            if !std::mem::take(&mut told_new) {
                self.publish_new(classes, change);
            }
            // Redis has the new key there before the old one goes.
            if [Event::RENAME_FROM, Event::MOVE_FROM].contains(&change.event)
                && let Some(next) = commit.changes.get(index + 1)
            {
                self.publish_new(classes, next);
                told_new = true;
            }
            self.publish_change(classes, change);
        }
    }

    fn missed(&self, db: DbIndex, key: &Bytes) {
        self.publish(self.classes(), KeyspaceEvents::KEY_MISS, "keymiss", db, key);
    }
}

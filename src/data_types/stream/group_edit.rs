//! Changing a consumer group.

use super::group::{Consumer, Group, GroupHead, consumer_pages, group_pages};
use super::pending::{NOBODY, Pending};
use super::{Edit, Stream, entry, log};
use crate::data_types::pages::WritePages;
use crate::data_types::tree::Tree;
use crate::encoding::DecodeError;
use crate::encoding::stream_id::StreamId;
use crate::error::Result;
use crate::keyspace::tx::WriteTx;
use crate::storage::Space;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Deref;

const NO_CONSUMER: DecodeError = DecodeError { what: "group without one of its consumers" };

/// A group that is being changed. Nothing is written before [`GroupEdit::finish`] but consumers that go.
pub struct GroupEdit {
    group: Group,
    /// Those that were looked at, by number.
    consumers: BTreeMap<u64, Consumer>,
}

impl Deref for GroupEdit {
    type Target = Group;

    fn deref(&self) -> &Group {
        &self.group
    }
}

impl Edit {
    /// Makes a group; none if there is one of that name. It is written at once, its stream is not.
    pub fn create_group(
        &mut self,
        tx: &mut WriteTx,
        name: &Bytes,
        last_id: StreamId,
        entries_read: Option<u64>,
    ) -> Result<Option<GroupEdit>> {
        if Group::open(tx, self, name)?.is_some() {
            return Ok(None);
        }
        let head = GroupHead::new(name.clone(), tx.new_number(), last_id, entries_read);
        self.stream.head.groups += 1;
        let group = Group { head, pending: Tree::new(log::LIMITS), place: self.place() };
        Ok(Some(GroupEdit { group, consumers: BTreeMap::new() }))
    }

    /// Deletes a group with all it has; its stream is not written. O(1).
    pub fn destroy_group(&mut self, tx: &mut WriteTx, group: &Group) {
        tx.write(Space::Data, &group.place.group(&group.head.name), None);
        for (space, prefix) in group.place.prefixes(group.head.number) {
            tx.delete_prefix(space, &prefix);
        }
        self.stream.head.groups = self.stream.head.groups.saturating_sub(1);
    }
}

impl GroupEdit {
    /// The group of a name. One read.
    pub fn open(tx: &WriteTx, stream: &Stream, name: &Bytes) -> Result<Option<GroupEdit>> {
        Ok(Group::open(tx, stream, name)?.map(GroupEdit::of))
    }

    /// A group in order to change it.
    pub fn of(group: Group) -> GroupEdit {
        GroupEdit { group, consumers: BTreeMap::new() }
    }

    /// What is known of the group, to change.
    pub fn head_mut(&mut self) -> &mut GroupHead {
        &mut self.group.head
    }

    /// An entry was delivered: it is the last one, unless a later one was. O(log n).
    pub fn note_read(&mut self, tx: &WriteTx, stream: &Stream, id: StreamId) -> Result<()> {
        if id <= self.group.head.last_id {
            return Ok(());
        }
        let read = match self.group.head.entries_read {
            Some(read) if !stream.has_deleted_after(tx, id)? => Some(read.saturating_add(1)),
            _ => stream.added_up_to(tx, id)?,
        };
        let head = &mut self.group.head;
        (head.entries_read, head.last_id) = (read, id);
        Ok(())
    }

    /// The number of the consumer of a name.
    pub fn find_consumer(&mut self, tx: &WriteTx, name: &Bytes) -> Result<Option<u64>> {
        if let Some(consumer) = self.consumers.values().find(|consumer| consumer.name == *name) {
            return Ok(Some(consumer.number));
        }
        let Some(consumer) = self.group.consumer(tx, name)? else { return Ok(None) };
        let number = consumer.number;
        self.consumers.insert(number, consumer);
        Ok(Some(number))
    }

    /// Makes a consumer of a name that none has; returns its number.
    pub fn create_consumer(&mut self, tx: &mut WriteTx, name: &Bytes) -> u64 {
        let head = &mut self.group.head;
        let number = head.next_consumer;
        head.next_consumer += 1;
        head.consumers += 1;
        tx.write(Space::Data, &self.group.place.name(head.number, number), Some(name.clone()));
        let pending = Tree::new(log::LIMITS);
        let consumer =
            Consumer { name: name.clone(), number, seen_ms: tx.now_ms(), active_ms: None, pending };
        self.consumers.insert(number, consumer);
        number
    }

    /// A consumer that was looked for by name or made, to change.
    pub fn consumer_mut(&mut self, number: u64) -> Result<&mut Consumer> {
        Ok(self.consumers.get_mut(&number).ok_or(NO_CONSUMER)?)
    }

    /// The pending entries of a consumer that was looked for by name, in a range; `count` at most.
    pub fn pending_of(
        &self,
        tx: &WriteTx,
        number: u64,
        range: (StreamId, StreamId),
        count: Option<u64>,
    ) -> Result<Vec<Pending>> {
        let consumer = self.consumers.get(&number).ok_or(NO_CONSUMER)?;
        let mut found = Vec::new();
        self.group.visit_of(tx, consumer, range, |pending| {
            found.push(pending);
            Ok(count.is_none_or(|count| (found.len() as u64) < count))
        })?;
        Ok(found)
    }

    /// The consumer of a number, read if it was not looked at yet.
    fn load(&mut self, tx: &WriteTx, number: u64) -> Result<&mut Consumer> {
        if !self.consumers.contains_key(&number) {
            let name = self.group.consumer_name(tx, number)?;
            let consumer = self.group.consumer(tx, &name)?.ok_or(NO_CONSUMER)?;
            self.consumers.insert(number, consumer);
        }
        self.consumer_mut(number)
    }

    /// Takes an id out of what is pending with a consumer.
    fn leave(&mut self, tx: &WriteTx, consumer: u64, id: StreamId) -> Result<()> {
        if consumer == NOBODY {
            self.group.head.unowned = self.group.head.unowned.saturating_sub(1);
            return Ok(());
        }
        let pages = self.group.consumer_pages(tx, consumer);
        self.load(tx, consumer)?.pending.remove(&pages, |stored| entry::order(stored, id))?;
        Ok(())
    }

    /// Makes an entry pending as `pending` says, whatever was known of it. O(log n).
    pub fn put(&mut self, tx: &WriteTx, pending: Pending) -> Result<()> {
        let id = pending.id;
        let pages = self.group.pages(tx);
        let order = |stored: &[u8]| entry::order(stored, id);
        let old = self.group.pending.insert(&pages, order, &pending.encode())?;
        let old = old.map(|bytes| Pending::decode(&bytes)).transpose()?;
        if old.is_some_and(|old| old.consumer == pending.consumer) {
            return Ok(());
        }
        if let Some(old) = old {
            self.leave(tx, old.consumer, id)?;
        }
        if pending.consumer == NOBODY {
            self.group.head.unowned += 1;
            return Ok(());
        }
        let pages = self.group.consumer_pages(tx, pending.consumer);
        self.load(tx, pending.consumer)?.pending.insert(&pages, order, &id.to_bytes())?;
        Ok(())
    }

    /// An entry is pending no longer; returns whether it was. O(log n).
    pub fn remove(&mut self, tx: &WriteTx, id: StreamId) -> Result<bool> {
        let pages = self.group.pages(tx);
        let Some(old) = self.group.pending.remove(&pages, |stored| entry::order(stored, id))? else {
            return Ok(false);
        };
        self.leave(tx, Pending::decode(&old)?.consumer, id)?;
        Ok(true)
    }

    /// Deletes a consumer with what is pending with it; returns how many entries that were.
    pub fn delete_consumer(&mut self, tx: &mut WriteTx, number: u64) -> Result<u64> {
        let all = self.pending_of(tx, number, (StreamId::MIN, StreamId::MAX), None)?;
        for pending in &all {
            let pages = self.group.pages(tx);
            self.group.pending.remove(&pages, |stored| entry::order(stored, pending.id))?;
        }
        let consumer = self.consumers.remove(&number).ok_or(NO_CONSUMER)?;
        let (place, group) = (self.group.place, self.group.head.number);
        tx.write(Space::Data, &place.consumer(group, &consumer.name), None);
        tx.write(Space::Data, &place.name(group, number), None);
        tx.delete_prefix(Space::Index, &place.consumer_prefix(group, number));
        self.group.head.consumers = self.group.head.consumers.saturating_sub(1);
        Ok(all.len() as u64)
    }

    /// Writes what has become of the group and of the consumers that were looked at.
    pub fn finish(self, tx: &mut WriteTx) {
        let GroupEdit { group: Group { head, pending, place }, consumers } = self;
        for (number, mut consumer) in consumers {
            let tree = std::mem::replace(&mut consumer.pending, Tree::new(log::LIMITS));
            let part = consumer_pages(head.number, number);
            let root = tree.finish(&mut WritePages::new(tx, place.namespace, place.version, &part));
            let key = place.consumer(head.number, &consumer.name);
            tx.write(Space::Data, &key, Some(consumer.record(&root)));
        }
        let part = group_pages(head.number);
        let root = pending.finish(&mut WritePages::new(tx, place.namespace, place.version, &part));
        tx.write(Space::Data, &place.group(&head.name), Some(head.record(&root)));
    }
}

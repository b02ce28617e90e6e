//! Streams as a whole: all of one in the form of `DUMP`, and back.

use super::group::Group;
use super::pending::{NOBODY, Pending};
use super::{Edit, Stream, idempotence};
use crate::encoding::meta::Meta;
use crate::encoding::rdb;
use crate::encoding::stream_id::StreamId;
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use std::collections::BTreeMap;

/// Everything of a stream. O(size).
pub fn all(tx: &ReadTx, meta: &Meta) -> Result<rdb::Stream> {
    let stream = Stream::of(tx.namespace(), Some(meta))?;
    let groups = Group::all(tx, &stream)?;
    Ok(rdb::Stream {
        entries: stream.entries(tx, 0..stream.len(), false)?,
        last_id: stream.head.last_id,
        first_id: stream.first_id(tx)?.unwrap_or_default(),
        max_deleted_id: stream.head.max_deleted_id,
        entries_added: stream.head.entries_added,
        producers: idempotence::all(tx, stream.place())?,
        groups: groups.iter().map(|group| all_of_group(tx, group)).collect::<Result<_>>()?,
    })
}

fn all_of_group(tx: &ReadTx, group: &Group) -> Result<rdb::Group> {
    let (mut consumers, mut places) = (Vec::new(), BTreeMap::new());
    for consumer in group.consumers(tx)? {
        places.insert(consumer.number, consumers.len());
        consumers.push(rdb::Consumer {
            name: consumer.name,
            seen_time_ms: consumer.seen_ms,
            active_time_ms: consumer.active_ms,
        });
    }
    let mut pending = Vec::new();
    group.visit(tx, (StreamId::MIN, StreamId::MAX), |entry| {
        pending.push(rdb::Pending {
            id: entry.id,
            delivery_time_ms: entry.time_ms,
            delivery_count: entry.count,
            consumer: places.get(&entry.consumer).copied(),
        });
        Ok(true)
    })?;
    let head = &group.head;
    let (name, last_id, entries_read) = (head.name.clone(), head.last_id, head.entries_read);
    Ok(rdb::Group { name, last_id, entries_read, pending, consumers })
}

/// Writes a whole stream in the place of whatever the key has; and its deadline, ms since the Unix
/// epoch. O(size).
pub fn restore(
    tx: &mut WriteTx,
    slot: &mut Slot,
    stream: &rdb::Stream,
    deadline_ms: Option<u64>,
) -> Result<()> {
    let mut edit = Edit::replacing(tx, slot)?;
    for entry in &stream.entries {
        edit.append(tx, entry.id, &entry.fields)?;
    }
    let max_deleted = Some(stream.max_deleted_id);
    edit.set_ids(stream.last_id, Some(stream.entries_added), max_deleted);
    for group in &stream.groups {
        restore_group(tx, &mut edit, group)?;
    }
    edit.restore_producers(tx, &stream.producers);
    *slot = edit.finish_at(tx, deadline_ms, Event::RESTORE);
    Ok(())
}

fn restore_group(tx: &mut WriteTx, edit: &mut Edit, group: &rdb::Group) -> Result<()> {
    // No name comes twice in a payload.
    let made = edit.create_group(tx, &group.name, group.last_id, group.entries_read)?;
    let Some(mut made) = made else { return Ok(()) };
    let mut numbers = Vec::with_capacity(group.consumers.len());
    for consumer in &group.consumers {
        let number = made.create_consumer(tx, &consumer.name);
        let restored = made.consumer_mut(number)?;
        (restored.seen_ms, restored.active_ms) = (consumer.seen_time_ms, consumer.active_time_ms);
        numbers.push(number);
    }
    for entry in &group.pending {
        let consumer = entry.consumer.and_then(|place| numbers.get(place).copied()).unwrap_or(NOBODY);
        let (time_ms, count) = (entry.delivery_time_ms, entry.delivery_count);
        made.put(tx, Pending { id: entry.id, consumer, time_ms, count })?;
    }
    made.finish(tx);
    Ok(())
}

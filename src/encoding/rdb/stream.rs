//! Streams.
//!
//! | type | of Redis | adds |
//! |---:|---|---|
//! | 15 | 5.0 | |
//! | 19 | 7.0 | (a) counters and edges of the stream, and what groups have read; what is written |
//! | 21 | 7.2 | (b) when a consumer was active |
//! | 26 | 8.6 | (c) idempotent producers; written where something is known of them |
//! | 27 | 8.8 | (d) pending entries without a consumer; written where there are some |
//!
//! | how | what |
//! |---|---|
//! | number | nodes |
//! | strings | each node: the id of its first entry, 16 bytes; a listpack |
//! | number, id | entries; the last id given out |
//! | ids, number | (a) the first id, the highest that was deleted, entries ever added |
//! | number | groups |
//! | … | the groups |
//! | numbers | (c) seconds and entries that ids of producers are kept for |
//! | number | (c) producers: a string, a number, and as many ids of theirs, each with the entry's |
//! | numbers | (c) entries added with an id, and refused for one |
//!
//! | of a group | |
//! |---|---|
//! | string, id | name; the last id delivered |
//! | number | (a) entries read; all bits set if unknown |
//! | number | pending entries: an id of 16 bytes, when it was delivered, 8 bytes; a number: how often |
//! | number | consumers |
//! | … | of each: a string, its name; 8 bytes: when it was seen |
//! | 8 bytes | (b) when it was active; all bits set for never |
//! | number | its pending entries: ids of 16 bytes |
//! | number | (d) pending entries of no consumer: ids of 16 bytes |
//!
//! An id is two numbers; one of 16 bytes is two numbers of 8 bytes, big-endian. Times are in ms since
//! the Unix epoch, little-endian. What a node begins with, and then each of its entries:
//!
//! | node | entry |
//! |---|---|
//! | entries, deleted entries | 1 if deleted, plus 2 if its fields are those of the node |
//! | fields | what its id has more than that of the node: two integers |
//! | the fields' names | fields, if they are its own |
//! | 0 | values, each after its name if that is its own |
//! | | how many elements the entry has before this one |

use super::reader::{Reader, check_distinct};
use super::writer::{MAX_LISTPACK_BYTES, Writer};
use super::{Limits, PayloadError, types};
use crate::encoding::listpack::{self, Builder, Elements};
use crate::encoding::packed::Element;
use crate::encoding::stream_id::StreamId;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

const DELETED: i64 = 1;
const SAME_FIELDS: i64 = 2;

/// Elements of an entry besides its fields: flags and two parts of the id.
const ENTRY_ELEMENTS: i64 = 3;

/// How long, and how many, ids of producers may be kept.
const IDEMPOTENCE_SECONDS: RangeInclusive<u64> = 1..=86_400;
const IDEMPOTENCE_ENTRIES: RangeInclusive<u64> = 1..=10_000;

/// The id that is so much greater than `base`, around the end of the numbers if need be.
fn plus(base: StreamId, ms: i64, seq: i64) -> StreamId {
    StreamId { ms: base.ms.wrapping_add_signed(ms), seq: base.seq.wrapping_add_signed(seq) }
}

/// All of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stream {
    /// In ascending order of ids. How many there are is the stream's length.
    pub entries: Vec<Entry>,
    /// The last id that was given out; not below that of any entry.
    pub last_id: StreamId,
    /// The first entry's id, as far as Redis knew; 0-0 if there is none.
    pub first_id: StreamId,
    /// The highest id that was deleted; 0-0 if none was.
    pub max_deleted_id: StreamId,
    /// How many entries were ever added.
    pub entries_added: u64,
    /// Each name once.
    pub groups: Vec<Group>,
    pub producers: Producers,
}

/// What a stream remembers of idempotent producers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producers {
    /// How long ids of producers are kept, s.
    pub seconds: u64,
    /// How many ids of a producer are kept.
    pub max_ids: u64,
    /// Each name once.
    pub all: Vec<Producer>,
    /// How many entries were ever added with an id.
    pub added: u64,
    /// How many entries were refused for an id.
    pub duplicates: u64,
}

impl Default for Producers {
    /// What Redis 8.6 takes unless told otherwise.
    fn default() -> Producers {
        Producers { seconds: 100, max_ids: 100, all: Vec::new(), added: 0, duplicates: 0 }
    }
}

/// A producer that sends an entry twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producer {
    pub name: Bytes,
    /// Its ids in the order they came, each once, and the ids of their entries.
    pub ids: Vec<(Bytes, StreamId)>,
}

/// One entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: StreamId,
    /// At least one.
    pub fields: Vec<(Bytes, Bytes)>,
}

/// A consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: Bytes,
    /// The last id that was delivered.
    pub last_id: StreamId,
    /// How many entries it has read, if that is known.
    pub entries_read: Option<u64>,
    /// Entries that were delivered and not acknowledged, in ascending order of ids, each once; they
    /// need not be in the stream any more.
    pub pending: Vec<Pending>,
    /// Each name once.
    pub consumers: Vec<Consumer>,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub id: StreamId,
    /// When it was last delivered, ms since the Unix epoch.
    pub delivery_time_ms: u64,
    /// How often it was delivered.
    pub delivery_count: u64,
    /// The place in [`Group::consumers`] of the one it was delivered to; none after an XNACK.
    pub consumer: Option<usize>,
}

/// A consumer of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    pub name: Bytes,
    /// When it last tried to get anything, ms since the Unix epoch.
    pub seen_time_ms: u64,
    /// When it last got anything, ms since the Unix epoch. Redis 7.0 does not know, and cannot be
    /// told.
    pub active_time_ms: Option<u64>,
}

pub(super) fn read(reader: &mut Reader, kind: u8) -> Result<Stream, PayloadError> {
    let mut stream = Stream::default();
    for _ in 0..reader.length()? {
        let first = reader.blob()?;
        let first = first.as_ref().try_into().map_err(|_| PayloadError::Format)?;
        read_node(reader, StreamId::from_bytes(first), &mut stream.entries)?;
    }
    let length = reader.length()?;
    stream.last_id = read_id(reader)?;
    if kind >= types::STREAM_LISTPACKS_2 {
        stream.first_id = read_id(reader)?;
        stream.max_deleted_id = read_id(reader)?;
        stream.entries_added = not_negative(reader.length()?)?;
    } else {
        stream.first_id = stream.entries.first().map(|entry| entry.id).unwrap_or_default();
        stream.entries_added = stream.entries.len() as u64;
    }
    let highest = stream.entries.last().map(|entry| entry.id).unwrap_or_default();
    if (length > 0 && stream.entries.is_empty()) || stream.last_id < highest {
        return Err(PayloadError::Format);
    }
    let groups = reader.length()?;
    stream.groups = reader.times(groups, |reader| read_group(reader, kind, &stream))?;
    check_distinct(stream.groups.iter().map(|group| &group.name))?;
    if kind >= types::STREAM_LISTPACKS_4 {
        stream.producers = read_producers(reader)?;
    }
    Ok(stream)
}

fn read_id(reader: &mut Reader) -> Result<StreamId, PayloadError> {
    Ok(StreamId { ms: reader.length()?, seq: reader.length()? })
}

/// Redis' times and counts are signed, and none of them is ever negative.
fn not_negative(number: u64) -> Result<u64, PayloadError> {
    i64::try_from(number).map(|_| number).map_err(|_| PayloadError::Format)
}

fn read_raw_id(reader: &mut Reader) -> Result<StreamId, PayloadError> {
    reader.take().map(StreamId::from_bytes)
}

fn read_node(reader: &mut Reader, first: StreamId, entries: &mut Vec<Entry>) -> Result<(), PayloadError> {
    let blob = reader.blob()?;
    let mut elements = listpack::decode(&blob)?;
    let live = integer(&mut elements)?;
    let deleted = integer(&mut elements)?;
    let all = live.checked_add(deleted).filter(|_| live >= 0 && deleted >= 0).ok_or(PayloadError::Format)?;
    let names = integer(&mut elements)?;
    // Collecting results reserves nothing for what may not come.
    let names = (0..names).map(|_| string(reader, &mut elements)).collect::<Result<Vec<_>, _>>()?;
    if integer(&mut elements)? != 0 {
        return Err(PayloadError::Format);
    }
    let mut left = deleted;
    for _ in 0..all {
        let (is_deleted, entry) = read_entry(reader, &mut elements, first, &names)?;
        if is_deleted {
            left -= 1;
        } else if entries.last().is_none_or(|last| last.id < entry.id) {
            entries.push(entry);
        } else {
            return Err(PayloadError::Format);
        }
    }
    if left == 0 && elements.next().is_none() { Ok(()) } else { Err(PayloadError::Format) }
}

/// An entry, and whether it was deleted.
fn read_entry(
    reader: &Reader,
    elements: &mut Elements,
    first: StreamId,
    names: &[Bytes],
) -> Result<(bool, Entry), PayloadError> {
    let flags = integer(elements)?;
    let id = plus(first, integer(elements)?, integer(elements)?);
    let mut fields = Vec::new();
    let expected = if flags & SAME_FIELDS != 0 {
        for name in names {
            fields.push((name.clone(), string(reader, elements)?));
        }
        names.len() as i64
    } else {
        let count = integer(elements)?;
        for _ in 0..count {
            fields.push((string(reader, elements)?, string(reader, elements)?));
        }
        2 * fields.len() as i64 + 1
    };
    let is_known = flags & !(DELETED | SAME_FIELDS) == 0;
    if !is_known || fields.is_empty() || integer(elements)? != expected + ENTRY_ELEMENTS {
        return Err(PayloadError::Format);
    }
    Ok((flags & DELETED != 0, Entry { id, fields }))
}

fn integer(elements: &mut Elements) -> Result<i64, PayloadError> {
    let element = elements.next().ok_or(PayloadError::Format)??;
    element.integer().ok_or(PayloadError::Format)
}

fn string(reader: &Reader, elements: &mut Elements) -> Result<Bytes, PayloadError> {
    reader.element(elements.next().ok_or(PayloadError::Format)?)
}

fn read_group(reader: &mut Reader, kind: u8, stream: &Stream) -> Result<Group, PayloadError> {
    let name = reader.string()?;
    let last_id = read_id(reader)?;
    let entries_read = if kind >= types::STREAM_LISTPACKS_2 {
        not_negative(reader.length()?).ok()
    } else {
        estimate_entries_read(stream, last_id)
    };
    let mut pending = BTreeMap::new();
    for _ in 0..reader.length()? {
        let id = read_raw_id(reader)?;
        let delivery_time_ms = not_negative(reader.fixed()?)?;
        let delivery_count = not_negative(reader.length()?)?;
        let entry = Pending { id, delivery_time_ms, delivery_count, consumer: None };
        if pending.insert(id, entry).is_some() {
            return Err(PayloadError::Format);
        }
    }
    let mut consumers = Vec::new();
    let mut owned = 0;
    for place in 0..reader.length()? as usize {
        consumers.push(read_consumer(reader, kind)?);
        for _ in 0..reader.length()? {
            let entry = pending.get_mut(&read_raw_id(reader)?).ok_or(PayloadError::Format)?;
            if entry.consumer.replace(place).is_some() {
                return Err(PayloadError::Format);
            }
            owned += 1;
        }
    }
    check_distinct(consumers.iter().map(|consumer| &consumer.name))?;
    check_unowned(reader, kind, &pending, owned)?;
    Ok(Group { name, last_id, entries_read, pending: pending.into_values().collect(), consumers })
}

/// Redis 5.0 did not count. As long as nothing was deleted, which it did not note either, these are
/// the ids of which one knows how many there are before.
fn estimate_entries_read(stream: &Stream, last_id: StreamId) -> Option<u64> {
    let length = stream.entries.len() as u64;
    if length == 0 || last_id < stream.first_id {
        Some(0)
    } else if last_id == stream.last_id {
        Some(length)
    } else if last_id == stream.first_id {
        Some(1)
    } else {
        None
    }
}

fn read_consumer(reader: &mut Reader, kind: u8) -> Result<Consumer, PayloadError> {
    let name = reader.string()?;
    let seen_time_ms = not_negative(reader.fixed()?)?;
    let active_time_ms = if kind >= types::STREAM_LISTPACKS_3 {
        not_negative(reader.fixed()?).ok()
    } else {
        Some(seen_time_ms)
    };
    Ok(Consumer { name, seen_time_ms, active_time_ms })
}

/// Every pending entry has a consumer, but those that are listed here.
fn check_unowned(
    reader: &mut Reader,
    kind: u8,
    pending: &BTreeMap<StreamId, Pending>,
    owned: usize,
) -> Result<(), PayloadError> {
    let mut unowned = Vec::new();
    if kind >= types::STREAM_LISTPACKS_5 {
        let count = reader.length()?;
        unowned = reader.times(count, read_raw_id)?;
        check_distinct(&unowned)?;
    }
    let are_pending = unowned.iter().all(|id| pending.get(id).is_some_and(|entry| entry.consumer.is_none()));
    if are_pending && owned + unowned.len() == pending.len() { Ok(()) } else { Err(PayloadError::Format) }
}

fn read_producers(reader: &mut Reader) -> Result<Producers, PayloadError> {
    let (seconds, max_ids) = (reader.length()?, reader.length()?);
    if !IDEMPOTENCE_SECONDS.contains(&seconds) || !IDEMPOTENCE_ENTRIES.contains(&max_ids) {
        return Err(PayloadError::Format);
    }
    let count = reader.length()?;
    let all = reader.times(count, |reader| {
        let (name, count) = (reader.string()?, reader.length()?);
        let ids = reader.times(count, |reader| Ok((reader.string()?, read_id(reader)?)))?;
        check_distinct(ids.iter().map(|(id, _)| id))?;
        Ok(Producer { name, ids })
    })?;
    check_distinct(all.iter().map(|producer| &producer.name))?;
    Ok(Producers { seconds, max_ids, all, added: reader.length()?, duplicates: reader.length()? })
}

pub(super) fn write(out: &mut Writer, stream: &Stream, limits: &Limits) {
    let mut pending = stream.groups.iter().flat_map(|group| &group.pending);
    let is_unowned = pending.any(|entry| entry.consumer.is_none());
    let kind = match is_unowned {
        true => types::STREAM_LISTPACKS_5,
        false if stream.producers != Producers::default() => types::STREAM_LISTPACKS_4,
        false => types::STREAM_LISTPACKS_2,
    };
    out.byte(kind);
    write_nodes(out, &stream.entries, limits);
    out.length(stream.entries.len() as u64);
    for id in [stream.last_id, stream.first_id, stream.max_deleted_id] {
        write_id(out, id);
    }
    out.length(stream.entries_added);
    out.length(stream.groups.len() as u64);
    for group in &stream.groups {
        write_group(out, group, kind);
    }
    if kind >= types::STREAM_LISTPACKS_4 {
        write_producers(out, &stream.producers);
    }
}

fn write_producers(out: &mut Writer, producers: &Producers) {
    out.length(producers.seconds);
    out.length(producers.max_ids);
    out.length(producers.all.len() as u64);
    for producer in &producers.all {
        out.string(&producer.name);
        out.length(producer.ids.len() as u64);
        for (id, entry) in &producer.ids {
            out.string(id);
            write_id(out, *entry);
        }
    }
    out.length(producers.added);
    out.length(producers.duplicates);
}

fn write_id(out: &mut Writer, id: StreamId) {
    out.length(id.ms);
    out.length(id.seq);
}

fn write_nodes(out: &mut Writer, entries: &[Entry], limits: &Limits) {
    let mut nodes = Vec::new();
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let (taken, node) = node(first, rest, limits);
        nodes.push((first.id.to_bytes(), node));
        rest = &rest[taken..];
    }
    out.length(nodes.len() as u64);
    for (first, node) in nodes {
        out.string(&first);
        out.string(&node);
    }
}

/// As many entries as fit one node, and the node. `first` is the first of the entries, and always
/// fits.
fn node(first: &Entry, entries: &[Entry], limits: &Limits) -> (usize, Vec<u8>) {
    let max_bytes = match usize::try_from(limits.stream_node_max_bytes) {
        Ok(max_bytes @ 1..MAX_LISTPACK_BYTES) => max_bytes,
        _ => MAX_LISTPACK_BYTES,
    };
    let max_entries = match usize::try_from(limits.stream_node_max_entries) {
        Ok(max_entries @ 1..) => max_entries,
        _ => usize::MAX,
    };
    let mut body = Builder::default();
    let head_bytes = head(first, 1).size() - body.size();
    let mut taken = 0;
    for entry in entries {
        let bytes = entry.fields.iter().map(|(field, value)| field.len() + value.len()).sum::<usize>();
        let so_far = head_bytes + body.size();
        if taken > 0 && (taken >= max_entries || so_far.saturating_add(bytes) >= max_bytes) {
            break;
        }
        push_entry(&mut body, first, entry);
        taken += 1;
    }
    let mut node = head(first, taken);
    node.append(body);
    (taken, node.finish())
}

/// What a node begins with.
fn head(first: &Entry, count: usize) -> Builder {
    let mut head = Builder::default();
    head.push(Element::Integer(count as i64));
    head.push(Element::Integer(0));
    head.push(Element::Integer(first.fields.len() as i64));
    for (name, _) in &first.fields {
        head.push(Element::of(name));
    }
    head.push(Element::Integer(0));
    head
}

fn push_entry(body: &mut Builder, first: &Entry, entry: &Entry) {
    let is_same = entry.fields.iter().map(|(name, _)| name).eq(first.fields.iter().map(|(name, _)| name));
    body.push(Element::Integer(if is_same { SAME_FIELDS } else { 0 }));
    body.push(Element::Integer(entry.id.ms.wrapping_sub(first.id.ms) as i64));
    body.push(Element::Integer(entry.id.seq.wrapping_sub(first.id.seq) as i64));
    let count = entry.fields.len() as i64;
    if !is_same {
        body.push(Element::Integer(count));
    }
    for (name, value) in &entry.fields {
        if !is_same {
            body.push(Element::of(name));
        }
        body.push(Element::of(value));
    }
    let elements = if is_same { count } else { 2 * count + 1 };
    body.push(Element::Integer(elements + ENTRY_ELEMENTS));
}

fn write_group(out: &mut Writer, group: &Group, kind: u8) {
    out.string(&group.name);
    write_id(out, group.last_id);
    out.length(group.entries_read.unwrap_or(u64::MAX));
    out.length(group.pending.len() as u64);
    let mut owned = vec![Vec::new(); group.consumers.len()];
    let mut unowned = Vec::new();
    for entry in &group.pending {
        out.bytes(&entry.id.to_bytes());
        out.fixed(entry.delivery_time_ms);
        out.length(entry.delivery_count);
        let owner = entry.consumer.and_then(|place| owned.get_mut(place));
        owner.unwrap_or(&mut unowned).push(entry.id);
    }
    out.length(group.consumers.len() as u64);
    for (consumer, owned) in group.consumers.iter().zip(&owned) {
        out.string(&consumer.name);
        out.fixed(consumer.seen_time_ms);
        if kind >= types::STREAM_LISTPACKS_3 {
            out.fixed(consumer.active_time_ms.unwrap_or(u64::MAX));
        }
        write_raw_ids(out, owned);
    }
    if kind >= types::STREAM_LISTPACKS_5 {
        write_raw_ids(out, &unowned);
    }
}

fn write_raw_ids(out: &mut Writer, ids: &[StreamId]) {
    out.length(ids.len() as u64);
    for id in ids {
        out.bytes(&id.to_bytes());
    }
}

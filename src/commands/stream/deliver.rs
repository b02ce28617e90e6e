//! What `XREADGROUP` gives to a consumer.

use super::read::{Budget, Request};
use super::{id, no_group, shown, shown_fields, shown_id};
use crate::data_types::stream::{Edit, Entry, GroupEdit, Pending};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::instance::waiters::Retry;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// Where a consumer reads.
#[derive(Clone, Copy)]
enum From {
    /// What nobody in the group has got yet.
    New,
    /// What is pending with the consumer, behind an id.
    Pending(StreamId),
}

fn from(word: &[u8]) -> Result<From> {
    match word {
        b">" => Ok(From::New),
        b"$" => Err(Error::text(
            "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this \
             consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just \
             return an empty result set.",
        )),
        word => id(word, 0).map(From::Pending),
    }
}

fn names(request: &Request) -> Result<&(Bytes, Bytes)> {
    request.group.as_ref().ok_or(Error::Syntax)
}

/// What there is when the command comes, by key.
pub(super) fn first(request: &Request, tx: &mut WriteTx) -> Result<Vec<(Bytes, Reply)>> {
    let (group_name, consumer) = names(request)?;
    let mut all = Vec::with_capacity(request.keys.len());
    for (key, word) in request.keys.iter().zip(&request.ids) {
        let missing =
            || Error::Text(format!("{} in XREADGROUP with GROUP option", no_group(key, group_name)).into());
        let stream = Edit::existing(tx, key)?.ok_or_else(missing)?;
        GroupEdit::open(tx, &stream, group_name)?.ok_or_else(missing)?;
        all.push((key, from(word)?));
    }
    let (mut found, mut budget) = (Vec::new(), request.budget());
    for (key, from) in all {
        // Anew each time: a key may be named twice.
        let Some(stream) = Edit::existing(tx, key)? else { continue };
        let Some(mut group) = GroupEdit::open(tx, &stream, group_name)? else { continue };
        let number = match group.find_consumer(tx, consumer)? {
            Some(number) => number,
            None => {
                stream.notify(tx, Event::XGROUP_CREATECONSUMER);
                group.create_consumer(tx, consumer)
            }
        };
        group.consumer_mut(number)?.seen_ms = tx.now_ms();
        match from {
            From::New => {
                let entries = new(request, &mut budget, tx, &stream, &mut group, number)?;
                found.extend(entries.map(|entries| (key.clone(), entries)));
            }
            From::Pending(after) => {
                found.push((key.clone(), history(request, tx, &stream, &mut group, (number, after))?));
            }
        }
        group.finish(tx);
    }
    Ok(found)
}

/// What has come while the client waited. It waits for new entries only.
pub(super) fn again(request: &Request, tx: &mut WriteTx) -> Result<Vec<(Bytes, Reply)>> {
    const GONE: Error = Error::text("UNBLOCKED the stream key no longer exists");
    const NO_GROUP: Error =
        Error::text("NOGROUP the consumer group this client was blocked on no longer exists");
    let (group_name, consumer) = names(request)?;
    let (mut found, mut budget) = (Vec::new(), request.budget());
    for key in &request.keys {
        let stream = match Edit::existing(tx, key) {
            Err(Error::WrongType) => return Err(GONE),
            stream => stream?.ok_or(GONE)?,
        };
        let mut group = GroupEdit::open(tx, &stream, group_name)?.ok_or(NO_GROUP)?;
        if stream.head().last_id <= group.head.last_id && request.claim_ms.is_none() {
            continue;
        }
        let number = match group.find_consumer(tx, consumer)? {
            Some(number) => number,
            None => group.create_consumer(tx, consumer),
        };
        group.consumer_mut(number)?.seen_ms = tx.now_ms();
        if let Some(entries) = new(request, &mut budget, tx, &stream, &mut group, number)? {
            found.push((key.clone(), entries));
            group.finish(tx);
        }
    }
    Ok(found)
}

/// Delivers what nobody in the group has got yet and, before that, what `CLAIM` asks for.
fn new(
    request: &Request,
    budget: &mut Budget,
    tx: &WriteTx,
    stream: &Edit,
    group: &mut GroupEdit,
    consumer: u64,
) -> Result<Option<Reply>> {
    let mut most = request.count.unwrap_or(u64::MAX);
    let mut replies = Vec::new();
    if let Some(idle_ms) = request.claim_ms {
        replies = claim(&request.claimable, budget, tx, stream, group, (consumer, idle_ms, most))?;
        most -= replies.len() as u64;
    }
    let mut entries = Vec::new();
    if let Some(from) = group.head.last_id.next() {
        let ranks = stream.ranks(tx, from, StreamId::MAX)?;
        entries = budget.entries(tx, stream, ranks, most)?;
    }
    for entry in &entries {
        group.note_read(tx, stream, entry.id)?;
        if !request.no_ack {
            let (time_ms, count) = (tx.now_ms(), 1);
            group.put(tx, Pending { id: entry.id, consumer, time_ms, count })?;
        }
    }
    if entries.is_empty() && replies.is_empty() {
        return Ok(None);
    }
    group.consumer_mut(consumer)?.active_ms = Some(tx.now_ms());
    if request.claim_ms.is_none() {
        return Ok(Some(shown(entries)));
    }
    replies.extend(entries.into_iter().map(|entry| shown_delivery(entry, Reply::Integer(0), 0)));
    Ok(Some(Reply::Array(replies)))
}

/// An entry, for how long it was pending, and how often it had been delivered.
fn shown_delivery(entry: Entry, idle_ms: Reply, count: u64) -> Reply {
    Reply::Array(vec![shown_id(entry.id), shown_fields(entry.fields), idle_ms, count.into()])
}

/// Gives a consumer what is pending for so long, the longest first; what was given back before that. Says
/// when the first of the others will be. O(pending entries of the group).
fn claim(
    claimable: &Retry,
    budget: &mut Budget,
    tx: &WriteTx,
    stream: &Edit,
    group: &mut GroupEdit,
    (consumer, idle_ms, most): (u64, u64, u64),
) -> Result<Vec<Reply>> {
    let mut idle = Vec::new();
    group.visit(tx, (StreamId::MIN, StreamId::MAX), |pending| {
        if pending.idle_ms(tx.now_ms()).is_none_or(|ms| ms >= idle_ms) {
            idle.push(pending);
        } else {
            claimable.at_ms(pending.time_ms.saturating_add(idle_ms));
        }
        Ok(true)
    })?;
    idle.sort_by_key(|pending| (pending.time_ms, pending.id));
    let mut replies = Vec::new();
    for pending in idle {
        if replies.len() as u64 == most {
            break;
        }
        let Some(entry) = stream.get(tx, pending.id)? else {
            group.remove(tx, pending.id)?;
            continue;
        };
        if !budget.takes(&entry) {
            break;
        }
        let idle_ms = pending.idle_ms(tx.now_ms()).map_or(Reply::Integer(-1), Reply::from);
        replies.push(shown_delivery(entry, idle_ms, pending.count));
        let (time_ms, count) = (tx.now_ms(), pending.next_count());
        group.put(tx, Pending { consumer, time_ms, count, ..pending })?;
    }
    Ok(replies)
}

/// Delivers what is pending with the consumer once more.
fn history(
    request: &Request,
    tx: &WriteTx,
    stream: &Edit,
    group: &mut GroupEdit,
    (consumer, after): (u64, StreamId),
) -> Result<Reply> {
    let Some(from) = after.next() else { return Ok(Reply::Array(Vec::new())) };
    let all = group.pending_of(tx, consumer, (from, StreamId::MAX), request.count)?;
    let mut replies = Vec::with_capacity(all.len());
    for pending in all {
        let fields = match stream.get(tx, pending.id)? {
            Some(entry) => {
                let count = pending.next_count();
                group.put(tx, Pending { time_ms: tx.now_ms(), count, ..pending })?;
                shown_fields(entry.fields)
            }
            None => Reply::NullArray,
        };
        replies.push(Reply::Array(vec![shown_id(pending.id), fields]));
    }
    Ok(Reply::Array(replies))
}

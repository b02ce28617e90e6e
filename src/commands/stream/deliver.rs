//! What `XREADGROUP` gives to a consumer.

use super::read::Request;
use super::{id, no_group, shown, shown_fields, shown_id};
use crate::data_types::stream::{Edit, Entry, GroupEdit, Pending};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
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
    let mut found = Vec::new();
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
                let entries = new(request, tx, &stream, &mut group, number)?;
                if !entries.is_empty() {
                    found.push((key.clone(), shown(entries)));
                }
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
    let mut found = Vec::new();
    for key in &request.keys {
        let stream = match Edit::existing(tx, key) {
            Err(Error::WrongType) => return Err(GONE),
            stream => stream?.ok_or(GONE)?,
        };
        let mut group = GroupEdit::open(tx, &stream, group_name)?.ok_or(NO_GROUP)?;
        if stream.head().last_id <= group.head.last_id {
            continue;
        }
        let number = match group.find_consumer(tx, consumer)? {
            Some(number) => number,
            None => group.create_consumer(tx, consumer),
        };
        group.consumer_mut(number)?.seen_ms = tx.now_ms();
        let entries = new(request, tx, &stream, &mut group, number)?;
        if !entries.is_empty() {
            found.push((key.clone(), shown(entries)));
            group.finish(tx);
        }
    }
    Ok(found)
}

/// Delivers what nobody in the group has got yet.
fn new(
    request: &Request,
    tx: &WriteTx,
    stream: &Edit,
    group: &mut GroupEdit,
    consumer: u64,
) -> Result<Vec<Entry>> {
    let Some(from) = group.head.last_id.next() else { return Ok(Vec::new()) };
    let ranks = stream.ranks(tx, from, StreamId::MAX)?;
    let count = request.count.unwrap_or(u64::MAX).min(ranks.end - ranks.start);
    let entries = stream.entries(tx, ranks.start..ranks.start + count, false)?;
    for entry in &entries {
        group.note_read(tx, stream, entry.id)?;
        if !request.no_ack {
            let (time_ms, count) = (tx.now_ms(), 1);
            group.put(tx, Pending { id: entry.id, consumer, time_ms, count })?;
        }
    }
    if !entries.is_empty() {
        group.consumer_mut(consumer)?.active_ms = Some(tx.now_ms());
    }
    Ok(entries)
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
                let count = pending.count.saturating_add(1);
                group.put(tx, Pending { time_ms: tx.now_ms(), count, ..pending })?;
                shown_fields(entry.fields)
            }
            None => Reply::NullArray,
        };
        replies.push(Reply::Array(vec![shown_id(pending.id), fields]));
    }
    Ok(Reply::Array(replies))
}

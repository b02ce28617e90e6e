//! Holding a stream against its rules.

use super::entry::{self, Stored};
use super::group::Group;
use super::{PAGES, Pending, Stream, log};
use crate::data_types::pages::{self, ReadPages};
use crate::data_types::tree::{Order, Tree};
use crate::encoding::DecodeError;
use crate::encoding::meta::Meta;
use crate::encoding::stream_id::StreamId;
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::Space;
use bytes::Bytes;
use std::collections::BTreeMap;

const BAD_LEN: DecodeError = DecodeError { what: "length of a stream" };
const BAD_ID: DecodeError = DecodeError { what: "last id of a stream" };
const BAD_ENTRY: DecodeError = DecodeError { what: "stream without one of its entries" };
const BAD_GROUP: DecodeError = DecodeError { what: "group that its stream does not count" };
const BAD_CONSUMER: DecodeError = DecodeError { what: "consumer that its group does not count" };
const BAD_PENDING: DecodeError = DecodeError { what: "pending entry that is not its consumer's" };
const BAD_RECORD: DecodeError = DecodeError { what: "record of a stream that nothing leads to" };

/// In the order of ids, which is that of the bytes.
const ORDER: Order = |a, b| a.cmp(b);

/// Records that a stream has, by space.
#[derive(Default)]
struct Records {
    index: u64,
    data: u64,
    blob: u64,
}

/// Reads the whole stream behind a header of the transaction's database: there are as many entries and
/// groups as it says, what is pending is so with group and consumer alike, and nothing else is there.
///
/// # Errors
/// When something is wrong.
pub fn check(tx: &ReadTx, meta: &Meta) -> Result<()> {
    let stream = Stream::of(tx.namespace(), Some(meta))?;
    let mut records = Records::default();
    check_entries(tx, &stream, &mut records)?;
    if meta.outside.is_some_and(|outside| outside.len != stream.len()) {
        return Err(BAD_LEN.into());
    }
    let groups = Group::all(tx, &stream)?;
    if groups.len() as u64 != stream.head.groups {
        return Err(BAD_GROUP.into());
    }
    for group in &groups {
        check_group(tx, group, &mut records)?;
    }
    if let Some(producers) = stream.producers(tx)? {
        records.data += 1 + producers.producers + 2 * producers.ids;
    }
    let Records { index, data, blob } = records;
    let expected = [(Space::Index, index), (Space::Data, data), (Space::Blob, blob)];
    if pages::are_all(tx, meta, &expected)? { Ok(()) } else { Err(BAD_RECORD.into()) }
}

fn check_entries(tx: &ReadTx, stream: &Stream, records: &mut Records) -> Result<()> {
    let mut last = None;
    let mut visit = |bytes: &Bytes| {
        let (id, stored) = entry::decode(bytes.clone())?;
        if last.is_some_and(|last| last >= id) || id > stream.head.last_id {
            return Err(BAD_ID.into());
        }
        last = Some(id);
        let body = match stored {
            Stored::Inline(body) => body,
            Stored::Apart => {
                records.blob += 1;
                let key = entry::apart_key(stream.namespace, stream.version, id);
                tx.get(Space::Blob, &key)?.ok_or(BAD_ENTRY)?
            }
        };
        entry::decode_body(body)?;
        Ok(())
    };
    let pages = ReadPages::new(tx, stream.namespace, stream.version, PAGES);
    records.index += stream.log.check(&pages, ORDER, &mut visit)?;
    if records.blob == stream.head.apart { Ok(()) } else { Err(BAD_ENTRY.into()) }
}

/// The ids of a tree, each with the entry; and how many pages it has.
fn read_tree(tree: &Tree, pages: &ReadPages) -> Result<(Vec<(StreamId, Bytes)>, u64)> {
    let mut all = Vec::new();
    let found = tree.check_all(pages, Some(ORDER), &mut |bytes| {
        all.push((entry::id_of(bytes)?, bytes.clone()));
        Ok(())
    })?;
    Ok((all, found))
}

fn check_group(tx: &ReadTx, group: &Group, records: &mut Records) -> Result<()> {
    let (entries, pages) = read_tree(&group.pending, &group.pages(tx))?;
    records.index += pages;
    records.data += 1;
    let mut owners = BTreeMap::new();
    for (id, bytes) in entries {
        owners.insert(id, Pending::decode(&bytes)?.consumer);
    }
    let consumers = group.consumers(tx)?;
    if consumers.len() as u64 != group.head.consumers {
        return Err(BAD_CONSUMER.into());
    }
    for consumer in &consumers {
        records.data += 2;
        if group.consumer_name(tx, consumer.number)? != consumer.name {
            return Err(BAD_CONSUMER.into());
        }
        let (ids, pages) = read_tree(&consumer.pending, &group.consumer_pages(tx, consumer.number))?;
        records.index += pages;
        for (id, _) in ids {
            if owners.remove(&id) != Some(consumer.number) {
                return Err(BAD_PENDING.into());
            }
        }
    }
    let unowned = owners.values().filter(|owner| **owner == super::NOBODY).count();
    if unowned == owners.len() && unowned as u64 == group.head.unowned {
        Ok(())
    } else {
        Err(BAD_PENDING.into())
    }
}

impl log::Log {
    /// Reads all entries as a whole; see [`Tree::check_all`].
    fn check(
        &self,
        pages: &ReadPages,
        order: Order,
        visit: &mut dyn FnMut(&Bytes) -> Result<()>,
    ) -> Result<u64> {
        let found = self.tree.check_all(pages, Some(order), visit)?;
        self.tail.check_all(pages, Some(order), visit)?;
        Ok(found)
    }
}

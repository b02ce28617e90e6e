//! What can be done to a key whatever its type: deadlines, other names, copies.

use super::dense::Form;
use super::sorted_set::{self, SortedSet};
use super::{array, hash, list, set, stream, string};
use crate::encoding::keys;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::Kind;
use crate::encoding::rdb::{self, Limits, PayloadError};
use crate::error::{Error, Result};
use crate::keyspace::DbIndex;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::storage::{Direction, Scan, ScanRange};
use bytes::Bytes;

/// When a deadline is only to be set on a condition on the one that is there. A key that lives for
/// ever counts as having an infinite one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Condition {
    /// Only if there is none.
    pub none: bool,
    /// Only if there is one.
    pub some: bool,
    /// Only if the new one is later.
    pub later: bool,
    /// Only if the new one is earlier.
    pub earlier: bool,
}

impl Condition {
    /// Whether a deadline may replace the current one.
    pub fn allows(self, current: Option<u64>, new: i64) -> bool {
        let current = current.map(|deadline| i64::try_from(deadline).unwrap_or(i64::MAX));
        !(self.none && current.is_some()
            || self.some && current.is_none()
            || self.later && current.is_none_or(|current| new <= current)
            || self.earlier && current.is_some_and(|current| new >= current))
    }
}

/// Sets when a key dies, ms since the Unix epoch; deletes it if that time has come. Returns whether
/// the key is there and the condition held. O(1).
pub fn expire_at(tx: &mut WriteTx, key: &Bytes, deadline_ms: i64, condition: Condition) -> Result<bool> {
    let mut slot = tx.slot(key)?;
    let Some(meta) = slot.meta().cloned() else { return Ok(false) };
    if !condition.allows(meta.expire_at_ms, deadline_ms) {
        return Ok(false);
    }
    match u64::try_from(deadline_ms) {
        Ok(deadline_ms) if deadline_ms > tx.now_ms() => {
            tx.put(&mut slot, Meta { expire_at_ms: Some(deadline_ms), ..meta }, Event::EXPIRE);
        }
        _ => tx.delete(&mut slot, Event::DEL),
    }
    Ok(true)
}

/// Lets a key live for ever. Returns whether it had a deadline. O(1).
pub fn persist(tx: &mut WriteTx, key: &Bytes) -> Result<bool> {
    let mut slot = tx.slot(key)?;
    let Some(meta) = slot.meta().filter(|meta| meta.expire_at_ms.is_some()).cloned() else {
        return Ok(false);
    };
    tx.put(&mut slot, Meta { expire_at_ms: None, ..meta }, Event::PERSIST);
    Ok(true)
}

/// What to do with a value that is in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    Replace,
    Keep,
}

/// Gives a value another name; its members stay where they are. Returns whether the value now has
/// the name and had not before. O(1).
///
/// # Errors
/// [`Error::NoSuchKey`].
pub fn rename(tx: &mut WriteTx, from: &Bytes, to: &Bytes, existing: Existing) -> Result<bool> {
    let mut source = tx.slot(from)?;
    if source.meta().is_none() {
        return Err(Error::NoSuchKey);
    }
    if from == to {
        return Ok(false);
    }
    let mut target = tx.slot(to)?;
    if target.meta().is_some() && existing == Existing::Keep {
        return Ok(false);
    }
    let Some(meta) = tx.detach(&mut source, Event::RENAME_FROM) else { return Err(Error::NoSuchKey) };
    tx.attach(&mut target, meta, Event::RENAME_TO);
    Ok(true)
}

/// Copies a value, deadline included, to another name or database. Returns whether it was there to
/// be copied, and nothing was in the way. O(stored size).
///
/// # Errors
/// When source and target are the same; [`Error::DbOutOfRange`].
pub fn copy(tx: &mut WriteTx, from: &Bytes, target: (DbIndex, &Bytes), existing: Existing) -> Result<bool> {
    let (target_db, to) = target;
    check_distinct(tx, from, target)?;
    let source = tx.slot_read(from)?;
    if source.meta().is_none() {
        return Ok(false);
    }
    let mut target = slot_in(tx, target_db, to)?;
    if target.meta().is_some() && existing == Existing::Keep {
        return Ok(false);
    }
    let Some(meta) = tx.duplicate(&source, &target)? else { return Ok(false) };
    tx.put(&mut target, meta, Event::COPY_TO);
    Ok(true)
}

/// Moves a value to another database under the same name. Returns whether it was there, and nothing
/// was in the way. O(stored size).
///
/// # Errors
/// When it is the same database; [`Error::DbOutOfRange`].
pub fn move_to(tx: &mut WriteTx, key: &Bytes, db: DbIndex) -> Result<bool> {
    check_distinct(tx, key, (db, key))?;
    let mut source = tx.slot(key)?;
    if source.meta().is_none() {
        return Ok(false);
    }
    let mut target = slot_in(tx, db, key)?;
    if target.meta().is_some() {
        return Ok(false);
    }
    let Some(meta) = tx.duplicate(&source, &target)? else { return Ok(false) };
    tx.delete(&mut source, Event::MOVE_FROM);
    tx.attach(&mut target, meta, Event::MOVE_TO);
    Ok(true)
}

fn check_distinct(tx: &ReadTx, from: &Bytes, (db, to): (DbIndex, &Bytes)) -> Result<()> {
    tx.keyspace().check_db(db)?;
    if tx.db() == db && from == to {
        return Err(Error::text("ERR source and destination objects are the same"));
    }
    Ok(())
}

/// A key of another database; the transaction's own stays selected.
fn slot_in(tx: &mut WriteTx, db: DbIndex, key: &Bytes) -> Result<Slot> {
    let own = tx.db();
    tx.select(db)?;
    let slot = tx.slot(key);
    tx.select(own)?;
    slot
}

/// How Redis would keep the value, as `OBJECT ENCODING` names it.
pub fn encoding(meta: &Meta) -> &'static str {
    match meta.kind {
        Kind::String => string::encoding(meta),
        Kind::Hash | Kind::Set => Form::of(meta).map_or("hashtable", Form::name),
        Kind::List => list::encoding(meta),
        Kind::SortedSet => sorted_set::encoding(meta),
        Kind::Stream => "stream",
        Kind::Json => "json",
        Kind::Array => array::ENCODING,
    }
}

/// Bytes that a key and its value take in storage, before compression: keys and values of every
/// record, indexes included. O(stored size).
pub fn stored_bytes(tx: &ReadTx, key: &[u8], meta: &Meta) -> Result<u64> {
    let mut bytes = keys::meta(tx.namespace(), key).len() + meta.encode().len();
    if let Some(deadline_ms) = meta.expire_at_ms {
        bytes += keys::expiry(tx.namespace(), deadline_ms, key).len();
    }
    if let Some(deadline_ms) = meta.first_field_deadline_ms() {
        bytes += keys::field_expiry(tx.namespace(), deadline_ms, key).len();
    }
    let mut bytes = bytes as u64;
    if let Some(Outside { version, .. }) = meta.outside {
        let members = ScanRange::prefix(&keys::members(tx.namespace(), version));
        for space in keys::member_spaces(meta.kind) {
            let mut scan = tx.scan(*space, &members, Direction::Forward)?;
            while let Some((key, value)) = scan.next()? {
                bytes += (key.len() + value.len()) as u64;
            }
        }
    }
    Ok(bytes)
}

/// A value in Redis' own format, see `encoding::rdb`. O(size of the value).
///
/// # Errors
/// When its type is not written yet.
pub fn dump(tx: &ReadTx, key: &[u8]) -> Result<Option<Bytes>> {
    let Some(meta) = tx.meta(key)? else { return Ok(None) };
    let value = match meta.kind {
        Kind::String => rdb::Value::String(string::contiguous(tx, &meta)?),
        Kind::List => {
            let list = list::List::get(tx, key)?;
            rdb::Value::List(list.map_or(Ok(Vec::new()), |list| list.range(0..list.length()))?)
        }
        Kind::Set => rdb::Value::Set(set::all(tx, &meta)?),
        Kind::Hash => rdb::Value::Hash(hash::all(tx, &meta)?),
        Kind::SortedSet => {
            let set = SortedSet::of(tx.namespace(), Some(&meta))?;
            rdb::Value::SortedSet(set.members(tx, 0..set.len(), false)?)
        }
        Kind::Stream => rdb::Value::Stream(stream::all(tx, &meta)?),
        Kind::Array => {
            let array = array::Array::of(tx.namespace(), Some(&meta))?;
            rdb::Value::Array { values: array.all(tx)?, cursor: array.cursor() }
        }
        kind => return Err(Error::err(format_args!("DUMP does not know the type {} yet", kind.name()))),
    };
    Ok(Some(rdb::write(&value, &Limits::default()).into()))
}

/// Writes a value that is in Redis' own format, whatever was there; a deadline (ms since the Unix
/// epoch) that has passed leaves nothing there. O(size of the value).
///
/// # Errors
/// When the payload is damaged, too new, or of an unknown type.
pub fn restore(tx: &mut WriteTx, slot: &mut Slot, payload: &[u8], deadline_ms: Option<u64>) -> Result<()> {
    let read = if tx.keyspace().checks_payloads() { rdb::read } else { rdb::read_unchecked };
    let value = read(payload, tx.keyspace().max_string_bytes()).map_err(|error| match error {
        PayloadError::Footer => Error::text("ERR DUMP payload version or checksum are wrong"),
        PayloadError::Format | PayloadError::Type(_) => Error::text("ERR Bad data format"),
    })?;
    if deadline_ms.is_some_and(|deadline_ms| deadline_ms <= tx.now_ms()) {
        tx.delete(slot, Event::DEL);
        return Ok(());
    }
    match value {
        rdb::Value::String(value) => string::put(tx, slot, &value, deadline_ms, Event::RESTORE),
        rdb::Value::List(elements) => list::put(tx, slot, &elements, deadline_ms, Event::RESTORE)?,
        rdb::Value::Set(members) => set::restore(tx, slot, &members, deadline_ms)?,
        rdb::Value::Hash(fields) => hash::put(tx, slot, fields, deadline_ms, Event::RESTORE)?,
        rdb::Value::SortedSet(members) => sorted_set::put(tx, slot, members, deadline_ms, Event::RESTORE)?,
        rdb::Value::Stream(value) => stream::restore(tx, slot, &value, deadline_ms)?,
        rdb::Value::Array { values, cursor } => array::put(tx, slot, &values, cursor, deadline_ms)?,
    }
    Ok(())
}

//! Sets: members in no order, nothing belongs to them.

use super::dense::{Dense, Entry, Form};
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::encoding::text;
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::packing::SetPacking;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use bytes::Bytes;
use hashbrown::HashSet;
use std::ops::ControlFlow;

/// The set of a key; none if it is not there.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn open(tx: &ReadTx, key: &[u8]) -> Result<Option<Dense>> {
    tx.meta_of(key, Kind::Set)?.map(|meta| Dense::open(&meta, tx.namespace())).transpose()
}

/// The set of a key that is to be written; none if it is not there.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn open_slot(slot: &Slot) -> Result<Option<Dense>> {
    slot.meta_of(Kind::Set)?.map(|meta| Dense::open(meta, slot.namespace())).transpose()
}

/// An empty set for a key, in the form that a first member and `expected` members ask for.
fn create(tx: &WriteTx, slot: &Slot, first: &[u8], expected: u64) -> Dense {
    let packing = tx.keyspace().packing().set;
    let form = if expected <= packing.intset_entries && text::parse_i64(first).is_some() {
        Form::IntSet
    } else if expected <= packing.entries {
        Form::ListPack
    } else {
        Form::HashTable
    };
    Dense::new(Kind::Set, slot.namespace(), form)
}

/// Adds members; how many of them are new. One read and, outside the header, two writes for each.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn add(tx: &mut WriteTx, slot: &mut Slot, members: &[Bytes]) -> Result<u64> {
    let packing = tx.keyspace().packing().set;
    let expected = members.len() as u64;
    let mut set = match open_slot(slot)? {
        Some(mut set) => {
            let most = if set.form == Form::IntSet { packing.intset_entries } else { packing.entries };
            if expected > most {
                set.form = Form::HashTable;
            }
            set
        }
        None => create(tx, slot, members.first().map_or(b"", |first| first), expected),
    };
    let added = add_to(tx, &mut set, members, packing)?;
    if added > 0 {
        set.save(tx, slot, Event::SADD);
    }
    Ok(added)
}

fn add_to(tx: &mut WriteTx, set: &mut Dense, members: &[Bytes], packing: SetPacking) -> Result<u64> {
    let mut added = 0;
    for member in members {
        if set.form != Form::HashTable && !set.contains(tx, member)? {
            set.form = form_with(tx, set, member, packing)?;
        }
        added += u64::from(set.insert(tx, member, b"")?);
    }
    Ok(added)
}

/// The form of a set that gets a new member.
fn form_with(tx: &ReadTx, set: &Dense, member: &[u8], packing: SetPacking) -> Result<Form> {
    let integer = text::parse_i64(member).is_some();
    if set.form == Form::IntSet && integer {
        return Ok(if set.len() < packing.intset_entries { Form::IntSet } else { Form::HashTable });
    }
    let mut fits = set.len() < packing.entries && member.len() as u64 <= packing.value;
    if fits && set.form == Form::IntSet {
        set.walk(tx, |member, _| {
            fits &= member.len() as u64 <= packing.value;
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(if fits { Form::ListPack } else { Form::HashTable })
}

/// Takes members out; how many of them were there.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn remove(tx: &mut WriteTx, slot: &mut Slot, members: &[Bytes]) -> Result<u64> {
    let Some(mut set) = open_slot(slot)? else { return Ok(0) };
    let mut removed = 0;
    for member in members {
        removed += u64::from(set.remove(tx, member)?.is_some());
    }
    if removed > 0 {
        set.save(tx, slot, Event::SREM);
    }
    Ok(removed)
}

/// Takes up to `count` members out that chance chooses. O(count).
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn pop(tx: &mut WriteTx, slot: &mut Slot, count: u64) -> Result<Vec<Bytes>> {
    let Some(mut set) = open_slot(slot)? else { return Ok(Vec::new()) };
    if count == 0 {
        return Ok(Vec::new());
    }
    if count >= set.len() {
        let all = set.all(tx)?;
        tx.notify(slot, Event::SPOP);
        tx.delete(slot, Event::DEL);
        return Ok(members_of(all));
    }
    let mut popped = Vec::new();
    while (popped.len() as u64) < count {
        let Some(entry) = set.pop(tx)? else { break };
        popped.push(entry.member);
    }
    set.save(tx, slot, Event::SPOP);
    Ok(popped)
}

/// The members of entries.
pub fn members_of(entries: Vec<Entry>) -> Vec<Bytes> {
    entries.into_iter().map(|entry| entry.member).collect()
}

/// Moves a member from one set to another. Returns whether it was in the first.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn move_member(tx: &mut WriteTx, from: &Bytes, to: &Bytes, member: &Bytes) -> Result<bool> {
    let mut source = tx.slot(from)?;
    if source.meta().is_none() {
        return Ok(false);
    }
    let mut target = tx.slot(to)?;
    let (found, _) = (open_slot(&source)?, open_slot(&target)?);
    let Some(mut set) = found else { return Ok(false) };
    if from == to {
        return set.contains(tx, member);
    }
    if set.remove(tx, member)?.is_none() {
        return Ok(false);
    }
    set.save(tx, &mut source, Event::SREM);
    add(tx, &mut target, std::slice::from_ref(member))?;
    Ok(true)
}

/// What is made of several sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combination {
    /// What is in each.
    Inter,
    /// What is in any.
    Union,
    /// What is in the first and in no other.
    Diff,
}

/// The members of a combination of sets, `limit` at most. An intersection walks over the smallest
/// set, a difference over the first, a union over all.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn combine(tx: &ReadTx, keys: &[Bytes], how: Combination, limit: u64) -> Result<Vec<Bytes>> {
    let mut sets = keys.iter().map(|key| open(tx, key)).collect::<Result<Vec<_>>>()?;
    if how == Combination::Union {
        return union(tx, &sets, limit);
    }
    if how == Combination::Inter {
        if sets.iter().any(Option::is_none) {
            return Ok(Vec::new());
        }
        sets.sort_by_key(|set| set.as_ref().map_or(0, Dense::len));
    }
    let Some(Some(walked)) = sets.first() else { return Ok(Vec::new()) };
    let wanted = how == Combination::Inter;
    let mut found = Vec::new();
    walked.walk(tx, |member, _| {
        for other in sets[1..].iter().flatten() {
            if other.contains(tx, member)? != wanted {
                return Ok(ControlFlow::Continue(()));
            }
        }
        found.push(Bytes::copy_from_slice(member));
        Ok(if found.len() as u64 >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

fn union(tx: &ReadTx, sets: &[Option<Dense>], limit: u64) -> Result<Vec<Bytes>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for set in sets.iter().flatten() {
        set.walk(tx, |member, _| {
            let member = Bytes::copy_from_slice(member);
            if seen.insert(member.clone()) {
                found.push(member);
            }
            Ok(if found.len() as u64 >= limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        if found.len() as u64 >= limit {
            break;
        }
    }
    Ok(found)
}

/// Makes a combination of sets the value of a key, whatever that held; how many members it has.
///
/// # Errors
/// [`crate::error::Error::WrongType`] of a source.
pub fn store(tx: &mut WriteTx, target: &Bytes, keys: &[Bytes], how: Combination) -> Result<u64> {
    let members = combine(tx, keys, how, u64::MAX)?;
    let mut slot = tx.slot(target)?;
    if members.is_empty() {
        tx.delete(&mut slot, Event::DEL);
        return Ok(0);
    }
    let event = match how {
        Combination::Inter => Event::SINTERSTORE,
        Combination::Union => Event::SUNIONSTORE,
        Combination::Diff => Event::SDIFFSTORE,
    };
    put(tx, &mut slot, &members, None, event)
}

/// Makes a set of members, which are some, the value of a key, whatever that held; how many there are.
fn put(
    tx: &mut WriteTx,
    slot: &mut Slot,
    members: &[Bytes],
    expire_at_ms: Option<u64>,
    event: Event,
) -> Result<u64> {
    let mut set = create(tx, slot, members.first().map_or(b"", |first| first), 1);
    let packing = tx.keyspace().packing().set;
    let len = add_to(tx, &mut set, members, packing)?;
    set.save_over(tx, slot, expire_at_ms, event);
    Ok(len)
}

/// Makes a set of members, which are some, the value of a key, whatever that held (`RESTORE`).
///
/// # Errors
/// Those of the reads.
pub fn restore(
    tx: &mut WriteTx,
    slot: &mut Slot,
    members: &[Bytes],
    expire_at_ms: Option<u64>,
) -> Result<()> {
    put(tx, slot, members, expire_at_ms, Event::RESTORE).map(drop)
}

/// All members of the set behind a header of the transaction's database.
///
/// # Errors
/// Those of the reads.
pub fn all(tx: &ReadTx, meta: &Meta) -> Result<Vec<Bytes>> {
    Ok(members_of(Dense::open(meta, tx.namespace())?.all(tx)?))
}

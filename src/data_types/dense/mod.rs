//! Members in no order, dense: what sets and hashes lie in.
//!
//! A small collection is packed into its key's header. A larger one lies outside, each member twice:
//!
//! | space | the type's own part of the key | value |
//! |---|---|---|
//! | data | `m`, member | position (varint), what belongs to the member |
//! | index | `p`, number of a page (8, big-endian) | the members at 16 positions, in order: `members.rs` |
//! | index | `x`, position (8, big-endian) | a member that is too long for a page |
//! | index | `e`, deadline (8, big-endian), member | empty; of members with a deadline |
//!
//! The page of the last positions, while it is not full, lies in the header.
//!
//! The positions are 0 up to the number of members, without holes: the last member moves to where one
//! is taken out. So a member by chance is one read, whatever was deleted before, and a walk from the
//! end to the front meets everything that stays, for members only ever move towards the front.

mod check;
mod members;
mod packed;
#[cfg(test)]
mod tests;

use crate::encoding::keys::Namespace;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::Kind;
use crate::encoding::{DecodeError, varint};
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::storage::{Direction, Scan, ScanRange, Space};
use bytes::Bytes;
use hashbrown::HashSet;
use members::Members;
use packed::Packed;
use std::ops::ControlFlow;

/// Bytes of members up to which a collection lies in its header, whatever the directives allow: the
/// header is written with each change.
const PACKED_BYTES: usize = 4096;

/// A member and what belongs to it: nothing in a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub member: Bytes,
    pub payload: Bytes,
}

/// How Redis would keep the collection: the first byte of what the header holds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    IntSet = 1,
    ListPack = 2,
    HashTable = 3,
    /// A listpack of fields with deadlines.
    ListPackEx = 4,
}

impl Form {
    /// The form of the collection behind a header.
    ///
    /// # Errors
    /// When no form has the number.
    pub fn of(meta: &Meta) -> Result<Form> {
        let all = [Form::IntSet, Form::ListPack, Form::HashTable, Form::ListPackEx];
        let found = meta.inline.first().and_then(|byte| all.into_iter().find(|form| *form as u8 == *byte));
        Ok(found.ok_or(DecodeError { what: "form of a collection" })?)
    }

    /// As `OBJECT ENCODING` names it.
    pub fn name(self) -> &'static str {
        match self {
            Form::IntSet => "intset",
            Form::ListPack => "listpack",
            Form::HashTable => "hashtable",
            Form::ListPackEx => "listpackex",
        }
    }
}

#[derive(Debug, Clone)]
enum Body {
    Packed(Packed),
    Outside(Members),
}

/// A collection as a command works on it: changes of members are written at once, the header by
/// [`Dense::save`].
#[derive(Debug, Clone)]
pub struct Dense {
    kind: Kind,
    namespace: Namespace,
    /// How Redis would keep it. A hash table lies outside the header from the next insertion on.
    pub form: Form,
    /// When the first member with a deadline dies, ms since the Unix epoch; 0 if none has one. Sets do
    /// not keep it.
    pub first_deadline_ms: u64,
    body: Body,
}

impl Dense {
    /// An empty collection for a key of the namespace.
    pub fn new(kind: Kind, namespace: Namespace, form: Form) -> Dense {
        let body = Body::Packed(Packed::new(kind == Kind::Hash));
        Dense { kind, namespace, form, first_deadline_ms: 0, body }
    }

    /// The collection behind a header. No reads.
    ///
    /// # Errors
    /// When the header does not decode.
    pub fn open(meta: &Meta, namespace: Namespace) -> Result<Dense> {
        let form = Form::of(meta)?;
        let mut rest: &[u8] = meta.inline.get(1..).unwrap_or_default();
        let first_deadline_ms = if meta.kind == Kind::Hash { varint::take(&mut rest)? } else { 0 };
        let body = match meta.outside {
            None => Body::Packed(Packed::decode(&meta.inline.slice_ref(rest), meta.kind == Kind::Hash)?),
            Some(Outside { version, len }) => {
                let tail = meta.inline.slice_ref(rest);
                Body::Outside(Members::new(namespace, version, len, tail))
            }
        };
        Ok(Dense { kind: meta.kind, namespace, form, first_deadline_ms, body })
    }

    /// How many members there are. O(1).
    pub fn len(&self) -> u64 {
        match &self.body {
            Body::Packed(packed) => packed.len(),
            Body::Outside(members) => members.len,
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the members lie in the header.
    pub fn is_packed(&self) -> bool {
        matches!(self.body, Body::Packed(_))
    }

    fn has_payload(&self) -> bool {
        self.kind == Kind::Hash
    }

    /// What belongs to a member. At most one read.
    pub fn get(&self, tx: &ReadTx, member: &[u8]) -> Result<Option<Bytes>> {
        match &self.body {
            Body::Packed(packed) => Ok(packed.get(member)?),
            Body::Outside(members) => Ok(members.get(tx, member)?.map(|(_, payload)| payload)),
        }
    }

    /// Whether this is a member. At most one read.
    pub fn contains(&self, tx: &ReadTx, member: &[u8]) -> Result<bool> {
        Ok(self.get(tx, member)?.is_some())
    }

    /// The member at a position below the length. One read; two of a hash.
    ///
    /// # Errors
    /// When there is none.
    pub fn at(&self, tx: &ReadTx, position: u64) -> Result<Entry> {
        const MISSING: DecodeError = DecodeError { what: "position in a collection" };
        match &self.body {
            Body::Packed(packed) => Ok(packed.at(position)?.ok_or(MISSING)?),
            Body::Outside(members) => {
                let member = members.member_at(tx, position)?;
                let payload = match self.has_payload() {
                    true => members.get(tx, &member)?.ok_or(MISSING)?.1,
                    false => Bytes::new(),
                };
                Ok(Entry { member, payload })
            }
        }
    }

    /// The record of a member's deadline, of a collection that lies outside.
    pub fn deadline_key(&self, deadline_ms: u64, member: &[u8]) -> Option<Vec<u8>> {
        let Body::Outside(members) = &self.body else { return None };
        Some([&members.prefix, &b"e"[..], &deadline_ms.to_be_bytes(), member].concat())
    }

    /// The members that a collection outside has records of deadlines of, those that die first in
    /// front, after `after` (deadline and member) and before `until_ms`: deadline and member, `limit` at
    /// most.
    pub fn dying(
        &self,
        tx: &ReadTx,
        after: Option<(u64, &[u8])>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Bytes)>> {
        // Before the first one there may lie many that were deleted.
        let (deadline_ms, member) = after.unwrap_or((self.first_deadline_ms, b""));
        let (from, to) = (self.deadline_key(deadline_ms, member), self.deadline_key(until_ms, b""));
        let (Some(mut from), Some(to)) = (from, to) else { return Ok(Vec::new()) };
        let front = from.len() - member.len();
        if after.is_some() {
            from.push(0);
        }
        let mut scan = tx.scan(Space::Index, &ScanRange::new(&from, &to), Direction::Forward)?;
        let mut found = Vec::new();
        while found.len() < limit {
            let Some((key, _)) = scan.next()? else { break };
            let rest = key.get(front - 8..).and_then(<[u8]>::split_first_chunk);
            let (deadline, member) = rest.ok_or(DecodeError { what: "deadline of a member" })?;
            found.push((u64::from_be_bytes(*deadline), Bytes::copy_from_slice(member)));
        }
        Ok(found)
    }

    /// Shows every member, and what belongs to it, to `visit`, until that breaks. One scan.
    pub fn walk(
        &self,
        tx: &ReadTx,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let members = match &self.body {
            Body::Packed(packed) => return packed.walk(visit),
            Body::Outside(members) => members,
        };
        let from = members.data_key(b"");
        let mut scan = tx.scan(Space::Data, &ScanRange::prefix(&from), Direction::Forward)?;
        while let Some((key, record)) = scan.next()? {
            let mut payload = record;
            varint::take(&mut payload)?;
            if visit(&key[from.len()..], payload)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// All members.
    pub fn all(&self, tx: &ReadTx) -> Result<Vec<Entry>> {
        let mut all = Vec::new();
        self.walk(tx, |member, payload| {
            let (member, payload) = (Bytes::copy_from_slice(member), Bytes::copy_from_slice(payload));
            all.push(Entry { member, payload });
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// A part of a walk that other commands may come between: up to `count` members, and the cursor
    /// to go on with, 0 at the end. A cursor of 0 begins. A member that is there all the time is met at
    /// least once. A packed collection is met as a whole.
    pub fn page(&self, tx: &ReadTx, cursor: u64, count: u64) -> Result<(Vec<Entry>, u64)> {
        if self.is_packed() {
            return Ok((self.all(tx)?, 0));
        }
        let end = if cursor == 0 { self.len() } else { cursor.min(self.len()) };
        let start = end.saturating_sub(count.max(1));
        let entries = (start..end).rev().map(|position| self.at(tx, position)).collect::<Result<_>>()?;
        Ok((entries, start))
    }

    /// A member, each with the same probability; none of an empty collection.
    pub fn random(&self, tx: &ReadTx) -> Result<Option<Entry>> {
        match self.len() {
            0 => Ok(None),
            len => self.at(tx, fastrand::u64(..len)).map(Some),
        }
    }

    /// `count` different members, or all if there are not more; each choice with the same
    /// probability. O(count).
    pub fn sample(&self, tx: &ReadTx, count: u64) -> Result<Vec<Entry>> {
        let len = self.len();
        if count >= len {
            return self.all(tx);
        }
        // Floyd's way: the set of positions is fair, though not their order.
        let mut chosen = HashSet::new();
        let mut positions = Vec::new();
        for limit in len - count..len {
            let position = fastrand::u64(..=limit);
            let position = if chosen.insert(position) { position } else { limit };
            chosen.insert(position);
            positions.push(position);
        }
        fastrand::shuffle(&mut positions);
        positions.into_iter().map(|position| self.at(tx, position)).collect()
    }

    /// Adds a member, or gives one that is there something else. Returns whether it is new. One read
    /// and up to two writes outside the header.
    pub fn insert(&mut self, tx: &mut WriteTx, member: &Bytes, payload: &[u8]) -> Result<bool> {
        if let Body::Packed(packed) = &mut self.body {
            let bytes = packed.bytes() + member.len() + payload.len();
            // Nothing changes, and nobody would write the header of a set that lies elsewhere now.
            if self.kind != Kind::Hash && packed.get(member)?.is_some() {
                return Ok(false);
            }
            if self.form != Form::HashTable && bytes <= PACKED_BYTES {
                return Ok(packed.insert(member, payload)?);
            }
            self.unpack(tx)?;
        }
        let has_payload = self.has_payload();
        let Body::Outside(members) = &mut self.body else { return Ok(false) };
        match members.get(tx, member)? {
            Some((position, _)) => {
                if has_payload {
                    members.put(tx, position, member, payload);
                }
                Ok(false)
            }
            None => {
                members.push(tx, member, payload)?;
                Ok(true)
            }
        }
    }

    /// Moves the members out of the header.
    fn unpack(&mut self, tx: &mut WriteTx) -> Result<()> {
        let Body::Packed(packed) = &self.body else { return Ok(()) };
        let version = tx.new_version();
        let mut members = Members::new(self.namespace, version, 0, Bytes::new());
        for entry in packed.iter() {
            let entry = entry?;
            members.push(tx, &entry.member, &entry.payload)?;
        }
        self.body = Body::Outside(members);
        Ok(())
    }

    /// Takes a member out; what belonged to it, none if there is no such member. Up to three reads and
    /// four writes outside the header.
    pub fn remove(&mut self, tx: &mut WriteTx, member: &[u8]) -> Result<Option<Bytes>> {
        let has_payload = self.has_payload();
        match &mut self.body {
            Body::Packed(packed) => Ok(packed.remove(member)?),
            Body::Outside(members) => {
                let Some((position, payload)) = members.get(tx, member)? else { return Ok(None) };
                members.remove(tx, position, member, has_payload)?;
                Ok(Some(payload))
            }
        }
    }

    /// Takes a member out that chance chooses.
    pub fn pop(&mut self, tx: &mut WriteTx) -> Result<Option<Entry>> {
        if self.is_empty() {
            return Ok(None);
        }
        let position = fastrand::u64(..self.len());
        let entry = self.at(tx, position)?;
        let has_payload = self.has_payload();
        match &mut self.body {
            Body::Packed(packed) => {
                packed.remove(&entry.member)?;
            }
            Body::Outside(members) => members.remove(tx, position, &entry.member, has_payload)?,
        }
        Ok(Some(entry))
    }

    /// Writes the header of the collection, keeping the key's deadline; deletes the key if the
    /// collection is empty. `event` says what happened to the members.
    pub fn save(self, tx: &mut WriteTx, slot: &mut Slot, event: Event) {
        if self.is_empty() {
            tx.notify(slot, event);
            return tx.delete(slot, Event::DEL);
        }
        let expire_at_ms = slot.meta().and_then(|meta| meta.expire_at_ms);
        self.save_over(tx, slot, expire_at_ms, event);
    }

    /// Writes the header of the collection in place of whatever the key held, with a deadline (ms since
    /// the Unix epoch) or none. There must be members.
    pub fn save_over(self, tx: &mut WriteTx, slot: &mut Slot, expire_at_ms: Option<u64>, event: Event) {
        tx.put(slot, Meta { expire_at_ms, ..self.header() }, event);
    }

    fn header(&self) -> Meta {
        let mut inline = vec![self.form as u8];
        if self.has_payload() {
            varint::put(&mut inline, self.first_deadline_ms);
        }
        let outside = match &self.body {
            Body::Packed(packed) => {
                packed.encode(&mut inline);
                None
            }
            Body::Outside(members) => {
                inline.extend_from_slice(members.tail());
                Some(Outside { version: members.version, len: members.len })
            }
        };
        Meta { outside, ..Meta::inline(self.kind, inline.into()) }
    }
}

//! Hashes: fields in no order, each with a value and perhaps a deadline. A field whose deadline has
//! passed is not there for anybody, whether it is deleted yet or not.
//!
//! What belongs to a field:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | flags; bit 0: there is a deadline |
//! | varint | deadline, ms since the Unix epoch; with bit 0 |
//! | rest | value |

use super::dense::{Dense, Entry, Form};
use super::key::Condition;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::keyspace::{Expired, Resume};
use crate::storage::Space;
use bytes::Bytes;
use std::ops::ControlFlow;

/// Flag of a field that has a deadline.
const EXPIRES: u8 = 1 << 0;

/// What belongs to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub value: Bytes,
    /// When the field dies, ms since the Unix epoch.
    pub expire_at_ms: Option<u64>,
}

impl Field {
    /// A value without a deadline.
    pub fn of(value: &Bytes) -> Field {
        Field { value: value.clone(), expire_at_ms: None }
    }

    fn lives(&self, now_ms: u64) -> bool {
        lives(self.expire_at_ms, now_ms)
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 + varint::MAX_BYTES + self.value.len());
        out.push(if self.expire_at_ms.is_some() { EXPIRES } else { 0 });
        if let Some(deadline_ms) = self.expire_at_ms {
            varint::put(&mut out, deadline_ms);
        }
        out.extend_from_slice(&self.value);
        out
    }

    /// Reads the bytes on disk; the value keeps their memory.
    fn decode(bytes: Bytes) -> DecodeResult<Field> {
        let (value, expire_at_ms) = parts(&bytes)?;
        let value = bytes.slice(bytes.len() - value.len()..);
        Ok(Field { value, expire_at_ms })
    }
}

fn lives(expire_at_ms: Option<u64>, now_ms: u64) -> bool {
    expire_at_ms.is_none_or(|deadline_ms| deadline_ms > now_ms)
}

/// The value and the deadline in the bytes of a field.
fn parts(mut bytes: &[u8]) -> DecodeResult<(&[u8], Option<u64>)> {
    const BAD: DecodeError = DecodeError { what: "field" };
    let flags = *bytes.split_off_first().ok_or(BAD)?;
    if flags & !EXPIRES != 0 {
        return Err(BAD);
    }
    let expire_at_ms = if flags & EXPIRES != 0 { Some(varint::take(&mut bytes)?) } else { None };
    Ok((bytes, expire_at_ms))
}

/// A hash as a command works on it: changes of fields are written at once, the header by
/// [`Hash::save`].
pub struct Hash {
    dense: Dense,
    /// No deadline comes before this one or is it: deadline and field.
    after: Option<(u64, Bytes)>,
}

impl From<Dense> for Hash {
    fn from(dense: Dense) -> Hash {
        Hash { dense, after: None }
    }
}

/// How often a field is drawn that is dead, before all that live are looked for.
const DRAWS: usize = 32;

/// The hash of a key; none if it is not there.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn open(tx: &ReadTx, key: &[u8]) -> Result<Option<Hash>> {
    let meta = tx.meta_of(key, Kind::Hash)?;
    meta.map(|meta| Hash::of(tx, &meta)).transpose()
}

/// The hash of a key that is to be written, without the fields that are dead: they are deleted on
/// the way, the key, too, if no other is left. O(dead fields).
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn open_slot(tx: &mut WriteTx, slot: &mut Slot) -> Result<Option<Hash>> {
    slot.meta_of(Kind::Hash)?;
    expire_fields(tx, slot, usize::MAX, None)?;
    let left = slot.meta().map(|meta| Dense::open(meta, slot.namespace())).transpose()?;
    Ok(left.map(Hash::from))
}

/// Deletes up to `limit` fields that are dead, and the key if no other is left.
///
/// # Errors
/// Those of the reads.
pub fn expire_fields(
    tx: &mut WriteTx,
    slot: &mut Slot,
    limit: usize,
    resume: Option<&Resume>,
) -> Result<Expired> {
    let first_ms = slot.meta().and_then(Meta::first_field_deadline_ms);
    let meta = slot.meta().filter(|_| first_ms.is_some_and(|first_ms| first_ms <= tx.now_ms()));
    let Some(meta) = meta else { return Ok(Expired::default()) };
    let version = meta.outside.map(|outside| outside.version);
    let resume =
        resume.filter(|resume| Some(resume.version) == version && Some(resume.deadline_ms) == first_ms);
    let after = resume.map(|resume| (resume.deadline_ms, resume.field.clone()));
    let mut hash = Hash { dense: Dense::open(meta, slot.namespace())?, after };
    let mut dead = hash.dead(tx, limit)?;
    if dead.is_empty() && hash.after.take().is_some() {
        dead = hash.dead(tx, limit)?;
    }
    for (_, field) in &dead {
        hash.take(tx, field)?;
    }
    let last = dead.last().filter(|_| dead.len() >= limit);
    let resume = last.zip(version).map(|((deadline_ms, field), version)| Resume {
        version,
        deadline_ms: *deadline_ms,
        field: field.clone(),
    });
    hash.after = dead.last().cloned().filter(|_| version.is_some());
    if !dead.is_empty() {
        tx.count_expired_fields(dead.len());
        hash.save(tx, slot, Event::HEXPIRED)?;
    }
    Ok(Expired { fields: dead.len(), resume })
}

/// As [`open_slot`]; an empty hash if there is none.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn open_or_create(tx: &mut WriteTx, slot: &mut Slot) -> Result<Hash> {
    let found = open_slot(tx, slot)?;
    let empty = || Hash::from(Dense::new(Kind::Hash, slot.namespace(), Form::ListPack));
    Ok(found.unwrap_or_else(empty))
}

impl Hash {
    /// The hash behind a header of the transaction's database. No reads.
    ///
    /// # Errors
    /// When the header does not decode.
    pub fn of(tx: &ReadTx, meta: &Meta) -> Result<Hash> {
        Dense::open(meta, tx.namespace()).map(Hash::from)
    }

    /// How many fields there are. O(1), and O(dead fields) where there are some.
    pub fn len(&self, tx: &ReadTx) -> Result<u64> {
        Ok(self.dense.len().saturating_sub(self.dead(tx, usize::MAX)?.len() as u64))
    }

    /// The members below, for a walk with a cursor.
    pub fn members(&self) -> &Dense {
        &self.dense
    }

    fn may_have_dead(&self, tx: &ReadTx) -> bool {
        self.dense.first_deadline_ms != 0 && self.dense.first_deadline_ms <= tx.now_ms()
    }

    /// The fields that are dead and not yet deleted, with their deadlines: `limit` at most of what lies
    /// outside.
    fn dead(&self, tx: &ReadTx, limit: usize) -> Result<Vec<(u64, Bytes)>> {
        if !self.may_have_dead(tx) {
            return Ok(Vec::new());
        }
        if !self.dense.is_packed() {
            return self.dying(tx, tx.now_ms().saturating_add(1), limit);
        }
        let mut dead = Vec::new();
        for entry in self.dense.all(tx)? {
            if let Some(deadline_ms) = Field::decode(entry.payload)?.expire_at_ms
                && deadline_ms <= tx.now_ms()
            {
                dead.push((deadline_ms, entry.member));
            }
        }
        Ok(dead)
    }

    fn dying(&self, tx: &ReadTx, until_ms: u64, limit: usize) -> Result<Vec<(u64, Bytes)>> {
        let after = self.after.as_ref().map(|(deadline_ms, field)| (*deadline_ms, &field[..]));
        self.dense.dying(tx, after, until_ms, limit)
    }

    /// The value of a field. At most one read.
    pub fn get(&self, tx: &ReadTx, field: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.field(tx, field)?.map(|field| field.value))
    }

    /// A field with its deadline. At most one read.
    pub fn field(&self, tx: &ReadTx, field: &[u8]) -> Result<Option<Field>> {
        let found = self.dense.get(tx, field)?.map(Field::decode).transpose()?;
        Ok(found.filter(|field| field.lives(tx.now_ms())))
    }

    /// Shows every field and its value to `visit`.
    pub fn walk(&self, tx: &ReadTx, mut visit: impl FnMut(&[u8], &[u8])) -> Result<()> {
        self.dense.walk(tx, |field, payload| {
            let (value, expire_at_ms) = parts(payload)?;
            if lives(expire_at_ms, tx.now_ms()) {
                visit(field, value);
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    /// All fields and their values.
    pub fn all(&self, tx: &ReadTx) -> Result<Vec<(Bytes, Bytes)>> {
        let pairs = self.dense.all(tx)?.into_iter();
        pairs.filter_map(|entry| live_pair(entry, tx.now_ms()).transpose()).collect()
    }

    /// A field chosen by chance, and its value.
    pub fn random(&self, tx: &ReadTx) -> Result<Option<(Bytes, Bytes)>> {
        for _ in 0..DRAWS {
            let Some(entry) = self.dense.random(tx)? else { return Ok(None) };
            if let Some(pair) = live_pair(entry, tx.now_ms())? {
                return Ok(Some(pair));
            }
        }
        let mut all = self.all(tx)?;
        Ok(if all.is_empty() { None } else { Some(all.swap_remove(fastrand::usize(..all.len()))) })
    }

    /// `count` different fields chosen by chance, or all.
    pub fn sample(&self, tx: &ReadTx, count: u64) -> Result<Vec<(Bytes, Bytes)>> {
        if !self.may_have_dead(tx) {
            let sample = self.dense.sample(tx, count)?.into_iter();
            return sample.filter_map(|entry| live_pair(entry, tx.now_ms()).transpose()).collect();
        }
        let mut all = self.all(tx)?;
        fastrand::shuffle(&mut all);
        all.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        Ok(all)
    }

    /// Gives a field a value, and a deadline or none. Returns whether it is new. Up to two reads and four
    /// writes outside the header.
    pub fn set(&mut self, tx: &mut WriteTx, field: &Bytes, new: &Field) -> Result<bool> {
        self.adapt_form(tx, field, new)?;
        self.forget_deadline(tx, field)?;
        let was_packed = self.dense.is_packed();
        let is_new = self.dense.insert(tx, field, &new.encode())?;
        if let Some(deadline_ms) = new.expire_at_ms {
            let first_ms = self.dense.first_deadline_ms;
            self.dense.first_deadline_ms =
                if first_ms == 0 { deadline_ms } else { first_ms.min(deadline_ms) };
            self.note_deadline(tx, deadline_ms, field);
        }
        if was_packed && !self.dense.is_packed() && self.dense.first_deadline_ms != 0 {
            for entry in self.dense.all(tx)? {
                if let Some(deadline_ms) = Field::decode(entry.payload)?.expire_at_ms {
                    self.note_deadline(tx, deadline_ms, &entry.member);
                }
            }
        }
        Ok(is_new)
    }

    fn adapt_form(&mut self, tx: &ReadTx, field: &[u8], new: &Field) -> Result<()> {
        let packing = tx.keyspace().packing().hash;
        if self.dense.form == Form::HashTable {
            return Ok(());
        }
        let too_long = field.len().max(new.value.len()) as u64 > packing.value;
        let full = self.dense.len() >= packing.entries;
        if too_long || (full && !self.dense.contains(tx, field)?) {
            self.dense.form = Form::HashTable;
        } else if new.expire_at_ms.is_some() {
            self.dense.form = Form::ListPackEx;
        }
        Ok(())
    }

    fn note_deadline(&self, tx: &mut WriteTx, deadline_ms: u64, field: &[u8]) {
        if let Some(key) = self.dense.deadline_key(deadline_ms, field) {
            tx.write(Space::Index, &key, Some(Bytes::new()));
        }
    }

    /// Deletes the record of a field's deadline.
    fn forget_deadline(&self, tx: &mut WriteTx, field: &[u8]) -> Result<()> {
        if self.dense.first_deadline_ms == 0 || self.dense.is_packed() {
            return Ok(());
        }
        let old = self.dense.get(tx, field)?.map(Field::decode).transpose()?;
        let deadline_ms = old.and_then(|old| old.expire_at_ms);
        if let Some(key) = deadline_ms.and_then(|deadline_ms| self.dense.deadline_key(deadline_ms, field)) {
            tx.write(Space::Index, &key, None);
        }
        Ok(())
    }

    /// Takes a field out.
    fn take(&mut self, tx: &mut WriteTx, field: &[u8]) -> Result<Option<Field>> {
        self.forget_deadline(tx, field)?;
        Ok(self.dense.remove(tx, field)?.map(Field::decode).transpose()?)
    }

    /// Takes a field out. Returns its value.
    pub fn remove(&mut self, tx: &mut WriteTx, field: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.take(tx, field)?.map(|field| field.value))
    }

    /// Writes the header, or deletes the key if no field is left.
    pub fn save(mut self, tx: &mut WriteTx, slot: &mut Slot, event: Event) -> Result<()> {
        if self.dense.first_deadline_ms != 0 {
            self.dense.first_deadline_ms = self.first_deadline(tx)?.unwrap_or(0);
        }
        self.dense.save(tx, slot, event);
        Ok(())
    }

    fn first_deadline(&self, tx: &ReadTx) -> Result<Option<u64>> {
        if !self.dense.is_packed() {
            return Ok(self.dying(tx, u64::MAX, 1)?.first().map(|(deadline_ms, _)| *deadline_ms));
        }
        let mut first = None;
        for entry in self.dense.all(tx)? {
            let deadline_ms = Field::decode(entry.payload)?.expire_at_ms;
            first = first.into_iter().chain(deadline_ms).min();
        }
        Ok(first)
    }
}

/// The field and its value, if it lives.
///
/// # Errors
/// When it does not decode.
pub fn live_pair(entry: Entry, now_ms: u64) -> Result<Option<(Bytes, Bytes)>> {
    let field = Field::decode(entry.payload)?;
    Ok(field.lives(now_ms).then_some((entry.member, field.value)))
}

/// Sets fields; how many of them are new.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn set(tx: &mut WriteTx, slot: &mut Slot, pairs: &[(Bytes, Bytes)]) -> Result<u64> {
    let mut hash = open_or_create(tx, slot)?;
    let mut new = 0;
    if pairs.len() as u64 > tx.keyspace().packing().hash.entries {
        hash.dense.form = Form::HashTable;
    }
    for (field, value) in pairs {
        new += u64::from(hash.set(tx, field, &Field::of(value))?);
    }
    hash.save(tx, slot, Event::HSET)?;
    Ok(new)
}

/// Takes fields out; how many of them were there.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn remove(tx: &mut WriteTx, slot: &mut Slot, fields: &[Bytes]) -> Result<u64> {
    let values = get_and_remove(tx, slot, fields)?;
    Ok(values.iter().flatten().count() as u64)
}

/// Takes fields out; their values.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn get_and_remove(tx: &mut WriteTx, slot: &mut Slot, fields: &[Bytes]) -> Result<Vec<Option<Bytes>>> {
    let Some(mut hash) = open_slot(tx, slot)? else { return Ok(vec![None; fields.len()]) };
    let values = fields.iter().map(|field| hash.remove(tx, field)).collect::<Result<Vec<_>>>()?;
    if values.iter().any(Option::is_some) {
        hash.save(tx, slot, Event::HDEL)?;
    }
    Ok(values)
}

/// A field, its value, and when it dies, ms since the Unix epoch.
pub type WithDeadline = (Bytes, Bytes, Option<u64>);

/// All fields of the hash behind a header of the transaction's database, as `DUMP` writes them.
///
/// # Errors
/// Those of the reads.
pub fn all(tx: &ReadTx, meta: &Meta) -> Result<Vec<WithDeadline>> {
    let mut all = Vec::new();
    for entry in Dense::open(meta, tx.namespace())?.all(tx)? {
        let field = Field::decode(entry.payload)?;
        if field.lives(tx.now_ms()) {
            all.push((entry.member, field.value, field.expire_at_ms));
        }
    }
    Ok(all)
}

/// Reads the whole hash behind a header of the transaction's database; see [`Dense::check`].
///
/// # Errors
/// When something is wrong.
pub fn check(tx: &ReadTx, meta: &Meta) -> Result<()> {
    let deadline = |payload| Ok(Field::decode(payload)?.expire_at_ms);
    Dense::open(meta, tx.namespace())?.check(tx, deadline)
}

/// Makes a hash of fields, none of them twice, the value of a key, whatever that held. Fields that are
/// dead are left out; if no other is left, so is the key.
///
/// # Errors
/// Those of the reads.
pub fn put(
    tx: &mut WriteTx,
    slot: &mut Slot,
    fields: Vec<WithDeadline>,
    key_expire_at_ms: Option<u64>,
    event: Event,
) -> Result<()> {
    let mut hash = Hash::from(Dense::new(Kind::Hash, slot.namespace(), Form::ListPack));
    for (name, value, expire_at_ms) in fields {
        let field = Field { value, expire_at_ms };
        if field.lives(tx.now_ms()) {
            hash.set(tx, &name, &field)?;
        }
    }
    if hash.dense.is_empty() {
        tx.delete(slot, Event::DEL);
    } else {
        hash.dense.save_over(tx, slot, key_expire_at_ms, event);
    }
    Ok(())
}

/// What became of a field whose deadline was to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    NoField,
    /// The condition did not hold.
    Refused,
    Done,
    /// The new deadline has passed.
    Deleted,
    /// There was no deadline to remove.
    NoDeadline,
}

/// Sets when fields die, ms since the Unix epoch, or (none) that they live for ever.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn set_deadlines(
    tx: &mut WriteTx,
    slot: &mut Slot,
    fields: &[Bytes],
    deadline_ms: Option<u64>,
    condition: Condition,
) -> Result<Vec<Outcome>> {
    let Some(mut hash) = open_slot(tx, slot)? else { return Ok(vec![Outcome::NoField; fields.len()]) };
    let outcomes = fields.iter().map(|field| hash.set_deadline(tx, field, deadline_ms, condition));
    let outcomes = outcomes.collect::<Result<Vec<_>>>()?;
    let event = match (outcomes.contains(&Outcome::Deleted), outcomes.contains(&Outcome::Done)) {
        (true, _) => Event::HDEL,
        (false, true) if deadline_ms.is_none() => Event::HPERSIST,
        (false, true) => Event::HEXPIRE,
        (false, false) => return Ok(outcomes),
    };
    hash.save(tx, slot, event)?;
    Ok(outcomes)
}

impl Hash {
    fn set_deadline(
        &mut self,
        tx: &mut WriteTx,
        name: &Bytes,
        deadline_ms: Option<u64>,
        condition: Condition,
    ) -> Result<Outcome> {
        let Some(field) = self.field(tx, name)? else { return Ok(Outcome::NoField) };
        match deadline_ms {
            None if field.expire_at_ms.is_none() => return Ok(Outcome::NoDeadline),
            Some(new) if !condition.allows(field.expire_at_ms, i64::try_from(new).unwrap_or(i64::MAX)) => {
                return Ok(Outcome::Refused);
            }
            Some(new) if new <= tx.now_ms() => {
                self.take(tx, name)?;
                return Ok(Outcome::Deleted);
            }
            _ => {}
        }
        self.set(tx, name, &Field { expire_at_ms: deadline_ms, ..field })?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::keyspace::packing::{HashPacking, Packing};
    use crate::keyspace::{Keys, Keyspace, Origin};
    use crate::storage::ReadTier;
    use crate::storage::memory::MemoryEngine;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    #[test]
    fn golden() {
        let plain = Field { value: Bytes::from_static(b"v"), expire_at_ms: None };
        assert_eq!(plain.encode(), b"\0v");
        let dying = Field { value: Bytes::from_static(b"v"), expire_at_ms: Some(300) };
        assert_eq!(dying.encode(), b"\x01\xac\x02v");
    }

    const ORIGIN: Origin = Origin { db: 0, client: 1, tier: ReadTier::Disk };

    #[derive(Debug, Clone)]
    enum Step {
        Set(u8, Option<u64>),
        Remove(u8),
        Expire(u8, Option<u64>),
        Tick(u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        let ttl = || prop::option::of(1u64..50);
        prop_oneof![
            4 => (0u8..12, ttl()).prop_map(|(field, ttl)| Step::Set(field, ttl)),
            2 => (0u8..12).prop_map(Step::Remove),
            3 => (0u8..12, ttl()).prop_map(|(field, ttl)| Step::Expire(field, ttl)),
            2 => (1u64..30).prop_map(Step::Tick),
        ]
    }

    /// What each field should hold: its deadline, if it has one.
    type Model = BTreeMap<Bytes, Option<u64>>;

    fn name(field: u8) -> Bytes {
        Bytes::from(format!("field {field}"))
    }

    fn take_step(keyspace: &Keyspace, clock: &ManualClock, model: &mut Model, step: &Step) {
        let key = Bytes::from_static(b"k");
        let now_ms = clock.now_ms();
        let write = |f: &dyn Fn(&mut WriteTx, &mut Slot) -> Result<bool>| {
            let run = |tx: &mut WriteTx<'_>| {
                let mut slot = tx.slot(&key)?;
                f(tx, &mut slot)
            };
            keyspace.write(ORIGIN, &Keys::one(&key), run).unwrap().value
        };
        match step {
            Step::Set(field, ttl) => {
                let expire_at_ms = ttl.map(|ttl| now_ms + ttl);
                let new = write(&|tx, slot| {
                    let mut hash = open_or_create(tx, slot)?;
                    let new = hash.set(tx, &name(*field), &Field { value: name(*field), expire_at_ms })?;
                    hash.save(tx, slot, Event::HSET)?;
                    Ok(new)
                });
                assert_eq!(new, model.insert(name(*field), expire_at_ms).is_none());
            }
            Step::Remove(field) => {
                let removed = write(&|tx, slot| Ok(remove(tx, slot, &[name(*field)])? == 1));
                assert_eq!(removed, model.remove(&name(*field)).is_some());
            }
            Step::Expire(field, ttl) => {
                let expire_at_ms = ttl.map(|ttl| now_ms + ttl);
                write(&|tx, slot| {
                    let fields = [name(*field)];
                    let outcome = set_deadlines(tx, slot, &fields, expire_at_ms, Condition::default())?;
                    Ok(outcome == [Outcome::Done])
                });
                model.entry(name(*field)).and_modify(|deadline| *deadline = expire_at_ms);
            }
            Step::Tick(ms) => {
                clock.advance_ms(*ms);
                model.retain(|_, deadline| deadline.is_none_or(|deadline| deadline > now_ms + ms));
            }
        }
    }

    fn check(keyspace: &Keyspace, model: &Model) {
        let key = Bytes::from_static(b"k");
        let run = |tx: &ReadTx<'_>| {
            let Some(hash) = open(tx, &key)? else {
                assert!(model.is_empty());
                return Ok(());
            };
            assert_eq!(hash.len(tx)?, model.len() as u64);
            for field in 0..12 {
                let found = hash.field(tx, &name(field))?.map(|field| field.expire_at_ms);
                assert_eq!(found, model.get(&name(field)).copied());
            }
            let names = |pairs: Vec<(Bytes, Bytes)>| pairs.into_iter().map(|pair| pair.0).collect::<Vec<_>>();
            let mut all = names(hash.all(tx)?);
            all.sort();
            assert_eq!(all, model.keys().cloned().collect::<Vec<_>>());
            assert_eq!(hash.sample(tx, 3)?.len(), model.len().min(3));
            assert!(names(hash.sample(tx, 3)?).iter().all(|name| model.contains_key(name)));
            assert_eq!(hash.random(tx)?.is_some(), !model.is_empty());
            let mut first = model.values().flatten().copied().collect::<Vec<_>>();
            first.sort();
            if !hash.may_have_dead(tx) {
                assert_eq!(hash.dense.first_deadline_ms, first.first().copied().unwrap_or(0));
                if !hash.dense.is_packed() {
                    let dying = hash.dying(tx, u64::MAX, usize::MAX)?;
                    assert_eq!(dying.into_iter().map(|(deadline, _)| deadline).collect::<Vec<_>>(), first);
                }
            }
            Ok(())
        };
        keyspace.read(ORIGIN, &Keys::one(&key), run).unwrap();
    }

    proptest! {
        #[test]
        fn fields_die_on_time(
            steps in prop::collection::vec(any_step(), 1..80),
            entries in prop::sample::select(vec![0, 3, 512]),
        ) {
            let clock = Arc::new(ManualClock::at_ms(1_000));
            let keyspace = Keyspace::open(Box::new(MemoryEngine::new()), clock.clone(), 1).unwrap();
            let hash = HashPacking { entries, value: 64 };
            keyspace.set_packing(Packing { hash, ..Packing::default() });
            let mut model = Model::new();
            for step in &steps {
                take_step(&keyspace, &clock, &mut model, step);
                check(&keyspace, &model);
            }
        }

        #[test]
        fn round_trip(value: Vec<u8>, expire_at_ms: Option<u64>) {
            let field = Field { value: value.into(), expire_at_ms };
            prop_assert_eq!(Field::decode(field.encode().into()).unwrap(), field);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Field::decode(bytes.into());
        }
    }
}

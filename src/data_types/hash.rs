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
use crate::encoding::numbers::Kind;
use crate::encoding::{DecodeError, DecodeResult, varint};
use crate::error::Result;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use bytes::Bytes;

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
        const BAD: DecodeError = DecodeError { what: "field" };
        let mut rest: &[u8] = &bytes;
        let flags = *rest.split_off_first().ok_or(BAD)?;
        if flags & !EXPIRES != 0 {
            return Err(BAD);
        }
        let expire_at_ms = if flags & EXPIRES != 0 { Some(varint::take(&mut rest)?) } else { None };
        let value = bytes.slice(bytes.len() - rest.len()..);
        Ok(Field { value, expire_at_ms })
    }
}

/// A hash as a command works on it: changes of fields are written at once, the header by
/// [`Hash::save`].
pub struct Hash {
    dense: Dense,
}

/// The hash of a key; none if it is not there.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn open(tx: &ReadTx, key: &[u8]) -> Result<Option<Hash>> {
    let meta = tx.meta_of(key, Kind::Hash)?;
    meta.map(|meta| Ok(Hash { dense: Dense::open(&meta, tx.namespace())? })).transpose()
}

/// The hash of a key that is to be written; none if it is not there.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn open_slot(slot: &Slot) -> Result<Option<Hash>> {
    let meta = slot.meta_of(Kind::Hash)?;
    meta.map(|meta| Ok(Hash { dense: Dense::open(meta, slot.namespace())? })).transpose()
}

/// As [`open_slot`]; an empty hash if there is none.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn open_or_create(slot: &Slot) -> Result<Hash> {
    let empty = || Hash { dense: Dense::new(Kind::Hash, slot.namespace(), Form::ListPack) };
    Ok(open_slot(slot)?.unwrap_or_else(empty))
}

impl Hash {
    /// How many fields there are. O(1).
    pub fn len(&self) -> u64 {
        self.dense.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The members below, for a walk with a cursor.
    pub fn members(&self) -> &Dense {
        &self.dense
    }

    /// The value of a field. At most one read.
    pub fn get(&self, tx: &ReadTx, field: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.field(tx, field)?.map(|field| field.value))
    }

    /// A field with its deadline. At most one read.
    pub fn field(&self, tx: &ReadTx, field: &[u8]) -> Result<Option<Field>> {
        Ok(self.dense.get(tx, field)?.map(Field::decode).transpose()?)
    }

    /// All fields and their values.
    pub fn all(&self, tx: &ReadTx) -> Result<Vec<(Bytes, Bytes)>> {
        self.dense.all(tx)?.into_iter().map(pair).collect()
    }

    /// A field chosen by chance, and its value.
    pub fn random(&self, tx: &ReadTx) -> Result<Option<(Bytes, Bytes)>> {
        self.dense.random(tx)?.map(pair).transpose()
    }

    /// `count` different fields chosen by chance, or all.
    pub fn sample(&self, tx: &ReadTx, count: u64) -> Result<Vec<(Bytes, Bytes)>> {
        self.dense.sample(tx, count)?.into_iter().map(pair).collect()
    }

    /// Gives a field a value, and no deadline. Returns whether it is new. One read and up to two writes
    /// outside the header.
    pub fn set(&mut self, tx: &mut WriteTx, field: &Bytes, value: &Bytes) -> Result<bool> {
        let packing = tx.keyspace().packing().hash;
        if field.len().max(value.len()) as u64 > packing.value {
            self.dense.form = Form::HashTable;
        }
        let payload = Field { value: value.clone(), expire_at_ms: None }.encode();
        let grows = self.dense.form != Form::HashTable && self.dense.len() >= packing.entries;
        if grows && !self.dense.contains(tx, field)? {
            self.dense.form = Form::HashTable;
        }
        self.dense.insert(tx, field, &payload)
    }

    /// Takes a field out. Returns its value.
    pub fn remove(&mut self, tx: &mut WriteTx, field: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.dense.remove(tx, field)?.map(Field::decode).transpose()?.map(|field| field.value))
    }

    /// Writes the header, or deletes the key if no field is left.
    pub fn save(self, tx: &mut WriteTx, slot: &mut Slot, event: Event) {
        self.dense.save(tx, slot, event);
    }
}

/// The field and its value.
///
/// # Errors
/// When it does not decode.
pub fn pair(entry: Entry) -> Result<(Bytes, Bytes)> {
    Ok((entry.member, Field::decode(entry.payload)?.value))
}

/// Sets fields; how many of them are new.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn set(tx: &mut WriteTx, slot: &mut Slot, pairs: &[(Bytes, Bytes)]) -> Result<u64> {
    let mut hash = open_or_create(slot)?;
    let mut new = 0;
    if pairs.len() as u64 > tx.keyspace().packing().hash.entries {
        hash.dense.form = Form::HashTable;
    }
    for (field, value) in pairs {
        new += u64::from(hash.set(tx, field, value)?);
    }
    hash.save(tx, slot, Event::HSET);
    Ok(new)
}

/// Takes fields out; how many of them were there.
///
/// # Errors
/// [`crate::error::Error::WrongType`].
pub fn remove(tx: &mut WriteTx, slot: &mut Slot, fields: &[Bytes]) -> Result<u64> {
    let Some(mut hash) = open_slot(slot)? else { return Ok(0) };
    let mut removed = 0;
    for field in fields {
        removed += u64::from(hash.remove(tx, field)?.is_some());
    }
    if removed > 0 {
        hash.save(tx, slot, Event::HDEL);
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let plain = Field { value: Bytes::from_static(b"v"), expire_at_ms: None };
        assert_eq!(plain.encode(), b"\0v");
        let dying = Field { value: Bytes::from_static(b"v"), expire_at_ms: Some(300) };
        assert_eq!(dying.encode(), b"\x01\xac\x02v");
    }

    proptest! {
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

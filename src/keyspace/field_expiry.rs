//! Deadlines of fields, on time: behind the deadlines of keys the index `Space::Expiry` has one entry
//! for each hash in which a field will die, at the time of the first.

use super::expiry::{Walk, report_damage};
use super::tally::Tally;
use super::tx::{Slot, WriteTx};
use super::{DbIndex, Keys, Keyspace, Origin};
use crate::encoding::keys::{self, Namespace};
use crate::error::Result;
use crate::storage::{ReadTier, Space};
use bytes::Bytes;

/// Deletes up to so many dead fields of a hash, and the key if no other is left. If there may be more
/// of them, the next visit is told how far this one came.
pub type ExpireFields = fn(&mut WriteTx, &mut Slot, usize, Option<&Resume>) -> Result<Expired>;

/// How far a visit to a hash came. What it has deleted lies in front of that, and to walk over it
/// again with each visit would take the longer the more there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// That of the hash: no other one has it.
    pub version: u64,
    /// The deadline and name of the last field that was deleted.
    pub deadline_ms: u64,
    pub field: Bytes,
}

/// What a visit to a hash has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expired {
    /// Fields deleted.
    pub fields: usize,
    /// None: no other field is dead.
    pub resume: Option<Resume>,
}

/// Hashes that are due, and the deadline to go on from.
struct Due {
    hashes: Vec<(u64, Bytes)>,
    next_ms: u64,
}

impl Keyspace {
    /// Says how fields are deleted; what a hash is, is not known here. Once.
    pub fn expire_fields_by(&self, expire: ExpireFields) {
        // Who sets it again sets the same.
        let _ = self.expire_fields.set(expire);
    }

    /// Deletes up to about `limit` fields of a database whose time has come; returns how many, each
    /// hash counting as one at least.
    ///
    /// # Errors
    /// What the engine reports; the fields that were not deleted stay due.
    pub(super) fn expire_fields_of(&self, db: DbIndex, limit: usize) -> Result<usize> {
        let Some(expire) = self.expire_fields.get() else { return Ok(0) };
        let mut resume = self.expiry.walking.lock();
        self.expiry.compare_undone(self.engine().undone());
        let namespace = self.namespace(db);
        let walk = Walk::of_fields(namespace);
        let now_ms = self.clock().now_ms();
        if self.expiry.done_to_ms(walk) > now_ms {
            return Ok(0);
        }
        let from_ms = self.expiry.begin(walk, keys::FIELD_DEADLINES);
        let Due { hashes, mut next_ms } = self.due_hashes(namespace, from_ms, now_ms, limit)?;
        let mut expired = 0;
        for (deadline_ms, key) in hashes {
            if expired >= limit {
                next_ms = deadline_ms;
                break;
            }
            let from = resume.take();
            let visit = |tx: &mut WriteTx, slot: &mut Slot| expire(tx, slot, limit - expired, from.as_ref());
            let Some(done) = self.expire_fields_in(db, walk, (deadline_ms, &key), visit)? else {
                return Ok(expired);
            };
            expired += done.fields.max(1);
            self.tallies.add(Tally { expired_fields_active: done.fields as u64, ..Tally::default() });
            *resume = done.resume;
        }
        self.expiry.end(walk, next_ms);
        Ok(expired)
    }

    fn due_hashes(&self, namespace: Namespace, from_ms: u64, now_ms: u64, limit: usize) -> Result<Due> {
        let from = keys::FIELD_DEADLINES.saturating_add(from_ms);
        let mut scan = self.scan_deadlines(namespace, from, u64::MAX, ReadTier::Disk)?;
        let mut hashes = Vec::new();
        while let Some((entry, _)) = scan.next()? {
            let (_, deadline, key) = keys::decode_expiry(entry)?;
            let deadline_ms = deadline % keys::FIELD_DEADLINES;
            if deadline_ms > now_ms || hashes.len() >= limit {
                return Ok(Due { hashes, next_ms: deadline_ms });
            }
            hashes.push((deadline_ms, Bytes::copy_from_slice(key)));
        }
        Ok(Due { hashes, next_ms: keys::FIELD_DEADLINES })
    }

    /// Visits one hash, unless it is damaged; none if the database was emptied or exchanged in between.
    fn expire_fields_in(
        &self,
        db: DbIndex,
        walk: Walk,
        (deadline_ms, key): (u64, &Bytes),
        visit: impl Fn(&mut WriteTx, &mut Slot) -> Result<Expired>,
    ) -> Result<Option<Expired>> {
        let origin = Origin { db, client: 0, tier: ReadTier::Disk };
        let expire = |tx: &mut WriteTx| {
            let mut slot = tx.slot(key)?;
            let first_ms = |slot: &Slot| slot.meta().and_then(|meta| meta.first_field_deadline_ms());
            if first_ms(&slot) != Some(deadline_ms) {
                tx.write(Space::Expiry, &keys::field_expiry(walk.namespace, deadline_ms, key), None);
                return Ok((Expired::default(), None));
            }
            let expired = visit(tx, &mut slot)?;
            Ok((expired, first_ms(&slot)))
        };
        let written = self.write(origin, &Keys::one(key), |tx| {
            if tx.namespace() != walk.namespace {
                return Ok(None);
            }
            match tx.part(|tx| expire(tx)) {
                Err(error) if error.is_corruption() => Ok(Some(Err(error))),
                expired => expired.map(Ok).map(Some),
            }
        })?;
        let Some(expired) = written.value else { return Ok(None) };
        let (expired, left_ms) = expired.unwrap_or_else(|error| {
            report_damage(db, key, &error);
            (Expired::default(), None)
        });
        // There may be more to delete, or the clock stepped back since the entry was read.
        if let Some(left_ms) = left_ms {
            self.expiry.note(walk, left_ms);
        }
        Ok(Some(expired))
    }
}

//! Expiry on time: a walk along the time-ordered index `Space::Expiry`.

use super::{DbIndex, Keys, Keyspace, Origin};
use crate::encoding::keys::{self, Namespace};
use crate::error::Result;
use crate::storage::{Direction, ReadTier, ScanRange, Space};
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::atomic::Ordering;

/// Up to where each namespace's index was walked. Deleted entries lie before that point, and are
/// not walked over again. Deadlines added behind it (a clock that stepped back) move it back.
#[derive(Default)]
pub(super) struct Schedule {
    walked_to_ms: Mutex<HashMap<Namespace, u64>>,
}

impl Schedule {
    /// Takes note of a new entry of the index.
    pub(super) fn note(&self, expiry_key: &[u8]) {
        let Ok((namespace, deadline_ms, _)) = keys::decode_expiry(expiry_key) else { return };
        if let Some(walked_to_ms) = self.walked_to_ms.lock().get_mut(&namespace) {
            *walked_to_ms = deadline_ms.min(*walked_to_ms);
        }
    }

    fn walked_to_ms(&self, namespace: Namespace) -> u64 {
        *self.walked_to_ms.lock().entry(namespace).or_default()
    }

    fn advance(&self, namespace: Namespace, from_ms: u64, to_ms: u64) {
        if let Some(walked_to_ms) = self.walked_to_ms.lock().get_mut(&namespace) {
            // An entry noted in between wins.
            if *walked_to_ms == from_ms {
                *walked_to_ms = to_ms;
            }
        }
    }
}

impl Keyspace {
    /// Deletes up to `limit` keys whose time has come, each by a write of its own with the event
    /// `expired`; returns how many. Not flushed.
    pub fn expire_due(&self, limit: usize) -> Result<usize> {
        let mut expired = 0;
        if !self.expires_actively.load(Ordering::Acquire) {
            return Ok(0);
        }
        for db in 0..self.database_count() {
            if expired < limit && self.expires_count(db)? > 0 {
                expired += self.expire_due_of(db, limit - expired)?;
            }
        }
        Ok(expired)
    }

    /// As [`Keyspace::expire_due`], for one database.
    pub fn expire_due_of(&self, db: DbIndex, limit: usize) -> Result<usize> {
        let namespace = self.namespace(db);
        let from_ms = self.expiry.walked_to_ms(namespace);
        let now_ms = self.clock().now_ms();
        let due = self.due(namespace, from_ms, now_ms, limit)?;
        let walked_to_ms = if due.len() < limit { now_ms + 1 } else { due.last().map_or(0, |(at, _)| *at) };
        for (deadline_ms, key) in &due {
            self.expire_entry(db, namespace, *deadline_ms, key)?;
        }
        self.expiry.advance(namespace, from_ms, walked_to_ms.max(from_ms));
        Ok(due.len())
    }

    fn due(
        &self,
        namespace: Namespace,
        from_ms: u64,
        now_ms: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Bytes)>> {
        let from = keys::expiry(namespace, from_ms, b"");
        let range = ScanRange::new(&from, &keys::expiry(namespace, now_ms + 1, b""));
        let mut scan = self.engine().scan(Space::Expiry, &range, Direction::Forward, ReadTier::Disk)?;
        let mut due = Vec::new();
        while due.len() < limit {
            let Some((entry, _)) = scan.next()? else { break };
            let (_, deadline_ms, key) = keys::decode_expiry(entry)?;
            due.push((deadline_ms, Bytes::copy_from_slice(key)));
        }
        Ok(due)
    }

    /// How long the keys with a deadline have left, ms, as the mean of the `sample` keys that die
    /// first. Linear in `sample`.
    pub fn average_ttl_ms(&self, db: DbIndex, sample: usize, tier: ReadTier) -> Result<u64> {
        let now_ms = self.clock().now_ms();
        let range = ScanRange::prefix(&self.namespace(db).prefix());
        let mut scan = self.engine().scan(Space::Expiry, &range, Direction::Forward, tier)?;
        let (mut sum_ms, mut count) = (0_u128, 0_u128);
        while count < sample as u128 {
            let Some((entry, _)) = scan.next()? else { break };
            let (_, deadline_ms, _) = keys::decode_expiry(entry)?;
            sum_ms += u128::from(deadline_ms.saturating_sub(now_ms));
            count += 1;
        }
        Ok((sum_ms / count.max(1)) as u64)
    }

    /// Deletes the key if the entry still speaks of it; the entry goes in any case.
    fn expire_entry(&self, db: DbIndex, namespace: Namespace, deadline_ms: u64, key: &Bytes) -> Result<()> {
        let origin = Origin { db, client: 0, tier: ReadTier::Disk };
        self.write(origin, &Keys::one(key), |tx| {
            if tx.namespace() == namespace {
                let slot = tx.slot(key)?;
                if slot.meta().and_then(|meta| meta.expire_at_ms) != Some(deadline_ms) {
                    tx.write(Space::Expiry, &keys::expiry(namespace, deadline_ms, key), None);
                }
            }
            Ok(())
        })?;
        Ok(())
    }
}

//! Expiry on time: a walk along the time-ordered index `Space::Expiry`.

use super::field_expiry::Resume;
use super::tally::Tally;
use super::{DbIndex, Keys, Keyspace, Origin};
use crate::encoding::keys::{self, Namespace};
use crate::encoding::numbers::system_key;
use crate::error::{Error, Result};
use crate::storage::{Direction, ReadTier, Scan, ScanRange, Space};
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How often a count of keys is tried while keys come and go.
const COUNT_ATTEMPTS: usize = 4;

/// How far each namespace's index was walked. Deleted entries lie before that point, and are not
/// walked over again. Deadlines added behind it (a clock that stepped back) move it back.
pub(super) struct Schedule {
    progress: Mutex<HashMap<Walk, Progress>>,
    /// Held during a walk: there is one at a time. How far the last visit to a hash came.
    pub(super) walking: Mutex<Option<Resume>>,
    active: AtomicBool,
    /// No dead key is deleted before, ms since the Unix epoch.
    held_until_ms: AtomicU64,
    /// The engine's count as it was last seen.
    undone: AtomicU64,
}

/// Which part of the index is walked along: deadlines of keys, or of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Walk {
    pub namespace: Namespace,
    pub fields: bool,
}

impl Walk {
    const fn of_keys(namespace: Namespace) -> Walk {
        Walk { namespace, fields: false }
    }

    pub(super) const fn of_fields(namespace: Namespace) -> Walk {
        Walk { namespace, fields: true }
    }
}

#[derive(Default, Clone, Copy)]
struct Progress {
    /// Nothing is due before this.
    done_to_ms: u64,
    /// Where the walk that is under way will end, or the last one ended.
    reached_ms: u64,
}

impl Schedule {
    pub(super) fn new() -> Schedule {
        Schedule {
            progress: Mutex::new(HashMap::new()),
            walking: Mutex::new(None),
            active: AtomicBool::new(true),
            held_until_ms: AtomicU64::new(0),
            undone: AtomicU64::new(0),
        }
    }

    /// Takes note of an entry that was added. To be called once it is visible: a walk that began
    /// before either meets it, or is still to learn of it here.
    pub(super) fn note(&self, walk: Walk, deadline_ms: u64) {
        if let Some(progress) = self.progress.lock().get_mut(&walk) {
            progress.done_to_ms = progress.done_to_ms.min(deadline_ms);
            progress.reached_ms = progress.reached_ms.min(deadline_ms);
        }
    }

    /// Begins a walk up to `to_ms`; returns where it begins.
    pub(super) fn begin(&self, walk: Walk, to_ms: u64) -> u64 {
        let mut progress = self.progress.lock();
        let progress = progress.entry(walk).or_default();
        progress.reached_ms = to_ms.max(progress.done_to_ms);
        progress.done_to_ms
    }

    /// Ends a walk that came as far as `end_ms`. Entries noted in between win.
    pub(super) fn end(&self, walk: Walk, end_ms: u64) {
        if let Some(progress) = self.progress.lock().get_mut(&walk) {
            progress.done_to_ms = progress.reached_ms.min(end_ms).max(progress.done_to_ms);
        }
    }

    pub(super) fn done_to_ms(&self, walk: Walk) -> u64 {
        self.progress.lock().get(&walk).map_or(0, |progress| progress.done_to_ms)
    }

    /// Nothing is known of a namespace any more.
    pub(super) fn forget(&self, namespace: Namespace) {
        self.progress.lock().retain(|walk, _| walk.namespace != namespace);
    }

    /// Nothing is known of any namespace any more.
    pub(super) fn forget_all(&self) {
        self.progress.lock().clear();
    }

    /// Nothing is known of any namespace if deletions were undone since the last call: keys may be
    /// back, and due once more.
    pub(super) fn compare_undone(&self, undone: u64) {
        if self.undone.swap(undone, Ordering::AcqRel) != undone {
            self.forget_all();
        }
    }
}

/// How many keys of a database live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveCounts {
    pub keys: u64,
    /// Those among them that have a deadline.
    pub expires: u64,
}

/// How many keys are deleted in one commit.
const KEYS_PER_COMMIT: usize = 16;

impl Keyspace {
    /// Whether keys are deleted when their time comes, and not only when somebody looks at them.
    pub fn active_expiry(&self) -> bool {
        self.expiry.active.load(Ordering::Relaxed)
    }

    /// Switches [`Keyspace::active_expiry`].
    pub fn set_active_expiry(&self, active: bool) {
        self.expiry.active.store(active, Ordering::Relaxed);
    }

    /// Lets dead keys lie until then, ms since the Unix epoch: they are not there for whoever looks, but
    /// nothing is written about them. 0 ends that.
    pub fn hold_expiry(&self, until_ms: u64) {
        self.expiry.held_until_ms.store(until_ms, Ordering::Relaxed);
    }

    /// Whether dead keys are left lying at present.
    pub(super) fn holds_expiry(&self) -> bool {
        let until_ms = self.expiry.held_until_ms.load(Ordering::Relaxed);
        until_ms > 0 && until_ms > self.clock().now_ms()
    }

    /// While active expiry is on, deletes up to `limit` keys and fields of hashes whose time has come, as
    /// ordinary writes with the events `expired` and `hexpired`; returns how many it worked off. Not
    /// flushed. To be called with no key locked. What is damaged is left out and told in the log, once for
    /// each time the index is walked along from its beginning.
    ///
    /// # Errors
    /// What the engine reports; the keys that were not deleted stay due.
    pub fn expire_due(&self, limit: usize) -> Result<usize> {
        let mut expired = 0;
        if !self.active_expiry() || self.holds_expiry() {
            return Ok(0);
        }
        for db in 0..self.database_count() {
            if expired < limit && self.expires_count(db)? > 0 {
                expired += self.expire_due_of(db, limit - expired)?;
            }
            if expired < limit {
                expired += self.expire_fields_of(db, limit - expired)?;
            }
        }
        Ok(expired)
    }

    /// As [`Keyspace::expire_due`], for one database, whether active expiry is on or not.
    ///
    /// # Errors
    /// As [`Keyspace::expire_due`].
    pub fn expire_due_of(&self, db: DbIndex, limit: usize) -> Result<usize> {
        let _walking = self.expiry.walking.lock();
        self.expiry.compare_undone(self.engine().undone());
        let namespace = self.namespace(db);
        let to_ms = self.clock().now_ms().saturating_add(1);
        let from_ms = self.expiry.begin(Walk::of_keys(namespace), to_ms);
        let due = self.due(namespace, from_ms, to_ms, limit)?;
        for some in due.chunks(KEYS_PER_COMMIT) {
            if !self.expire_entries(db, namespace, some)? {
                return Ok(due.len());
            }
        }
        // Where entries were left over, some of them may have the deadline of the last one taken.
        let full = due.last().filter(|_| due.len() >= limit);
        self.expiry.end(Walk::of_keys(namespace), full.map_or(to_ms, |(deadline_ms, _)| *deadline_ms));
        Ok(due.len())
    }

    /// How many keys of a database live: dead ones do not count, unless they are left lying because
    /// active expiry is off. O(keys that are due and not yet deleted).
    ///
    /// # Errors
    /// What the engine reports; [`crate::error::Error::NeedsDisk`] in [`ReadTier::Memory`].
    pub fn live_key_count(&self, db: DbIndex, tier: ReadTier) -> Result<u64> {
        Ok(self.live_counts(db, tier)?.keys)
    }

    /// As [`Keyspace::live_key_count`], and how many of these keys have a deadline.
    ///
    /// # Errors
    /// As [`Keyspace::live_key_count`].
    pub fn live_counts(&self, db: DbIndex, tier: ReadTier) -> Result<LiveCounts> {
        self.live_counts_of(self.namespace(db), tier)
    }

    pub(super) fn live_counts_of(&self, namespace: Namespace, tier: ReadTier) -> Result<LiveCounts> {
        let read = || -> Result<LiveCounts> {
            let count = |name| self.count(namespace, name);
            Ok(LiveCounts { keys: count(system_key::KEY_COUNT)?, expires: count(system_key::EXPIRES_COUNT)? })
        };
        let mut counts = read()?;
        if !self.active_expiry() {
            return Ok(counts);
        }
        // The counts and the index are read one after the other: once more if keys came or went.
        for attempt in 0..=COUNT_ATTEMPTS {
            let due = if counts.expires == 0 { 0 } else { self.due_count(namespace, tier)? };
            let now = read()?;
            if now == counts || attempt == COUNT_ATTEMPTS {
                counts = now;
                counts.keys = counts.keys.saturating_sub(due);
                counts.expires = counts.expires.saturating_sub(due);
                break;
            }
            counts = now;
        }
        Ok(counts)
    }

    fn due_count(&self, namespace: Namespace, tier: ReadTier) -> Result<u64> {
        self.expiry.compare_undone(self.engine().undone());
        let from_ms = self.expiry.done_to_ms(Walk::of_keys(namespace));
        let to_ms = self.clock().now_ms().saturating_add(1);
        let mut scan = self.scan_deadlines(namespace, from_ms, to_ms, tier)?;
        let mut count = 0;
        while scan.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The entries of the index from one time (included) to another (excluded).
    pub(super) fn scan_deadlines(
        &self,
        namespace: Namespace,
        from_ms: u64,
        to_ms: u64,
        tier: ReadTier,
    ) -> Result<Box<dyn Scan + '_>> {
        let range = ScanRange::new(
            &keys::expiry(namespace, from_ms.min(to_ms), b""),
            &keys::expiry(namespace, to_ms, b""),
        );
        Ok(self.engine().scan(Space::Expiry, &range, Direction::Forward, tier)?)
    }

    fn due(&self, namespace: Namespace, from_ms: u64, to_ms: u64, limit: usize) -> Result<Vec<(u64, Bytes)>> {
        let mut scan = self.scan_deadlines(namespace, from_ms, to_ms, ReadTier::Disk)?;
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
        let mut scan =
            self.scan_deadlines(self.namespace(db), now_ms.saturating_add(1), keys::FIELD_DEADLINES, tier)?;
        let (mut sum_ms, mut count) = (0_u128, 0_u128);
        while count < sample as u128 {
            let Some((entry, _)) = scan.next()? else { break };
            let (_, deadline_ms, _) = keys::decode_expiry(entry)?;
            sum_ms += u128::from(deadline_ms.saturating_sub(now_ms));
            count += 1;
        }
        Ok((sum_ms / count.max(1)) as u64)
    }

    /// Deletes the keys that their entries still speak of, and every entry that speaks of nothing; leaves
    /// out keys that are damaged. Returns false, and does nothing, if the database was emptied or exchanged
    /// in between.
    fn expire_entries(&self, db: DbIndex, namespace: Namespace, entries: &[(u64, Bytes)]) -> Result<bool> {
        let origin = Origin { db, client: 0, tier: ReadTier::Disk };
        let written = self.write(origin, &Keys::many(entries.iter().map(|(_, key)| key)), |tx| {
            if tx.namespace() != namespace {
                return Ok(None);
            }
            let (mut alive, mut damaged) = (Vec::new(), Vec::new());
            for (deadline_ms, key) in entries {
                let slot = match tx.slot(key) {
                    Err(error) if error.is_corruption() => {
                        damaged.push((key, error));
                        continue;
                    }
                    slot => slot?,
                };
                if slot.meta().and_then(|meta| meta.expire_at_ms) == Some(*deadline_ms) {
                    // The clock stepped back since the entry was read.
                    alive.push(*deadline_ms);
                } else {
                    tx.write(Space::Expiry, &keys::expiry(namespace, *deadline_ms, key), None);
                }
            }
            // Nothing but deletions of dead keys.
            Ok(Some((alive, damaged, tx.event_count())))
        })?;
        let Some((alive, damaged, expired)) = written.value else { return Ok(false) };
        damaged.into_iter().for_each(|(key, error)| report_damage(db, key, &error));
        self.tallies.add(Tally { expired_keys_active: expired as u64, ..Tally::default() });
        alive.into_iter().for_each(|deadline_ms| self.expiry.note(Walk::of_keys(namespace), deadline_ms));
        Ok(true)
    }
}

/// Tells of a key whose time has come and that cannot be deleted.
pub(super) fn report_damage(db: DbIndex, key: &[u8], error: &Error) {
    let key = key.escape_ascii();
    tracing::warn!("database {db}, key '{key}' does not expire, see 'diskdb check': {error}");
}

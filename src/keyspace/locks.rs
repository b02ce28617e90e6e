//! Key locks: a fixed number of stripes, locked in sorted order, so that nobody waits in a circle.

use super::DbIndex;
use crate::error::{Error, Result};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use smallvec::SmallVec;
use std::sync::OnceLock;
use std::time::Duration;

const STRIPES: usize = 512;

/// Who wants keys, and so how long they are waited for if somebody else has them: a script may have them as
/// long as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
    /// A thread that other clients wait for: hardly at all, then [`Error::NeedsDisk`].
    Hardly,
    /// A client's command: until it is told why it should not ([`Locks::give_up_when`]).
    UntilBusy,
    /// The server itself.
    Always,
}

/// Longer than a command takes that has all it needs in memory.
const HARDLY: Duration = Duration::from_millis(1);
/// How often who waits asks whether to go on.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// Says why nobody should wait for keys any longer.
pub type WhyGiveUp = Box<dyn Fn() -> Option<Error> + Send + Sync>;

/// What a command touches.
#[derive(Debug, Clone)]
pub enum Keys<'a> {
    /// No key at all, or keys it only looks past without order (`SCAN`).
    None,
    /// These keys; no database given means the session's.
    Some(SmallVec<[(Option<DbIndex>, &'a [u8]); 1]>),
    /// Whatever there is.
    All,
}

impl<'a> Keys<'a> {
    /// One key of the session's database.
    pub fn one(key: &'a [u8]) -> Keys<'a> {
        Keys::Some(SmallVec::from_buf([(None, key)]))
    }

    /// Keys of the session's database.
    pub fn many<K: AsRef<[u8]> + 'a>(keys: impl IntoIterator<Item = &'a K>) -> Keys<'a> {
        Keys::Some(keys.into_iter().map(|key| (None, key.as_ref())).collect())
    }
}

/// The keys of several commands, of whatever databases.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<(DbIndex, Vec<u8>)>,
    all: bool,
}

impl KeySet {
    /// Adds the keys of a command; `db` is its session's database.
    pub fn add(&mut self, db: DbIndex, keys: &Keys<'_>) {
        match keys {
            Keys::None => {}
            Keys::Some(keys) => {
                self.keys.extend(keys.iter().map(|(other, key)| (other.unwrap_or(db), key.to_vec())));
            }
            Keys::All => self.all = true,
        }
    }

    /// All of them.
    pub fn keys(&self) -> Keys<'_> {
        match self {
            KeySet { all: true, .. } => Keys::All,
            KeySet { keys, .. } => {
                Keys::Some(keys.iter().map(|(db, key)| (Some(*db), key.as_slice())).collect())
            }
        }
    }
}

/// A set of stripes.
#[derive(Clone, Copy, Default)]
pub(super) struct Stripes([u64; STRIPES / 64]);

impl Stripes {
    fn insert(&mut self, stripe: usize) {
        self.0[stripe / 64] |= 1 << (stripe % 64);
    }

    fn contains(&self, stripe: usize) -> bool {
        self.0[stripe / 64] & (1 << (stripe % 64)) != 0
    }

    /// Every stripe there is.
    pub(super) fn all() -> Stripes {
        Stripes([u64::MAX; STRIPES / 64])
    }

    /// In ascending order.
    fn iter(self) -> impl Iterator<Item = usize> {
        let ones = |(at, mut word): (usize, u64)| {
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                (bit < 64).then_some(at * 64 + bit)
            })
        };
        self.0.into_iter().enumerate().flat_map(ones)
    }
}

enum Guard<'a> {
    Read(#[expect(dead_code, reason = "held until it is dropped")] RwLockReadGuard<'a, ()>),
    Write(#[expect(dead_code, reason = "held until it is dropped")] RwLockWriteGuard<'a, ()>),
}

/// The locks of a transaction that may turn out to touch more keys than it has said.
pub(super) struct Held<'a> {
    locks: &'a Locks,
    guards: SmallVec<[Guard<'a>; 4]>,
    stripes: Stripes,
    writes: bool,
    /// A stripe could not be had at once.
    was_busy: bool,
}

impl Held<'_> {
    /// Locks the keys that are not locked yet. It does not wait, for those who wait must not hold
    /// anything. None: somebody else has one of them; true: some were not locked before.
    pub(super) fn reach(&mut self, db: DbIndex, keys: &Keys) -> Option<bool> {
        let before = self.guards.len();
        if let Some(stripe) = self.locks.only_stripe(db, keys) {
            self.take(stripe);
        } else {
            self.locks.stripes_of(db, keys).into_iter().for_each(|stripe| self.take(stripe));
        }
        if self.was_busy { None } else { Some(self.guards.len() > before) }
    }

    fn take(&mut self, stripe: usize) {
        if self.stripes.contains(stripe) {
            return;
        }
        self.stripes.insert(stripe);
        let lock = &self.locks.stripes[stripe];
        let guard = match self.writes {
            true => lock.try_write().map(Guard::Write),
            false => lock.try_read().map(Guard::Read),
        };
        match guard {
            Some(guard) => self.guards.push(guard),
            None => self.was_busy = true,
        }
    }

    /// All that were locked, and those that could not be.
    pub(super) fn wanted(&self) -> Stripes {
        self.stripes
    }

    /// Whether the locks let nobody else read.
    pub(super) fn writes(&self) -> bool {
        self.writes
    }
}

pub(super) struct Locks {
    stripes: Box<[RwLock<()>]>,
    hasher: hashbrown::DefaultHashBuilder,
    why_give_up: OnceLock<WhyGiveUp>,
}

pub(super) type ReadGuards<'a> = SmallVec<[RwLockReadGuard<'a, ()>; 1]>;
pub(super) type WriteGuards<'a> = SmallVec<[RwLockWriteGuard<'a, ()>; 1]>;

impl Locks {
    pub(super) fn new() -> Locks {
        Locks {
            stripes: (0..STRIPES).map(|_| RwLock::new(())).collect(),
            hasher: Default::default(),
            why_give_up: OnceLock::new(),
        }
    }

    /// Asks `why` from now on, when a client has waited for a while. A second call changes nothing.
    pub(super) fn give_up_when(&self, why: WhyGiveUp) {
        let _ = self.why_give_up.set(why);
    }

    /// Locks keys for reading.
    ///
    /// # Errors
    /// What [`Waits`] says.
    pub(super) fn read(&self, waits: Waits, db: DbIndex, keys: &Keys) -> Result<ReadGuards<'_>> {
        if let Some(stripe) = self.only_stripe(db, keys) {
            return Ok(SmallVec::from_buf([self.read_stripe(waits, stripe)?]));
        }
        self.stripes_of(db, keys).into_iter().map(|stripe| self.read_stripe(waits, stripe)).collect()
    }

    /// Locks keys for writing.
    ///
    /// # Errors
    /// What [`Waits`] says.
    pub(super) fn write(&self, waits: Waits, db: DbIndex, keys: &Keys) -> Result<WriteGuards<'_>> {
        if let Some(stripe) = self.only_stripe(db, keys) {
            return Ok(SmallVec::from_buf([self.write_stripe(waits, stripe)?]));
        }
        self.stripes_of(db, keys).into_iter().map(|stripe| self.write_stripe(waits, stripe)).collect()
    }

    fn read_stripe(&self, waits: Waits, stripe: usize) -> Result<RwLockReadGuard<'_, ()>> {
        let lock = &self.stripes[stripe];
        match lock.try_read() {
            Some(guard) => Ok(guard),
            None => self.wait(waits, |time| lock.try_read_for(time)),
        }
    }

    fn write_stripe(&self, waits: Waits, stripe: usize) -> Result<RwLockWriteGuard<'_, ()>> {
        let lock = &self.stripes[stripe];
        match lock.try_write() {
            Some(guard) => Ok(guard),
            None => self.wait(waits, |time| lock.try_write_for(time)),
        }
    }

    #[cold]
    fn wait<T>(&self, waits: Waits, lock_within: impl Fn(Duration) -> Option<T>) -> Result<T> {
        if waits == Waits::Hardly {
            return lock_within(HARDLY).ok_or(Error::NeedsDisk);
        }
        loop {
            if let Some(guard) = lock_within(ASK_EVERY) {
                return Ok(guard);
            }
            let why = self.why_give_up.get().filter(|_| waits == Waits::UntilBusy);
            if let Some(error) = why.and_then(|why| why()) {
                return Err(error);
            }
        }
    }

    /// Where a transaction begins that may touch more than these keys.
    pub(super) fn stripes(&self, db: DbIndex, keys: &Keys) -> Stripes {
        let mut stripes = Stripes::default();
        self.stripes_of(db, keys).into_iter().for_each(|stripe| stripes.insert(stripe));
        stripes
    }

    /// Locks these stripes, for writing or for reading, and more later ([`Held::reach`]).
    ///
    /// # Errors
    /// What [`Waits`] says.
    pub(super) fn hold(&self, waits: Waits, stripes: Stripes, writes: bool) -> Result<Held<'_>> {
        let lock = |stripe: usize| match writes {
            true => self.write_stripe(waits, stripe).map(Guard::Write),
            false => self.read_stripe(waits, stripe).map(Guard::Read),
        };
        let guards = stripes.iter().map(lock).collect::<Result<_>>()?;
        Ok(Held { locks: self, guards, stripes, writes, was_busy: false })
    }

    /// The stripe of a single key: nearly every command has just one.
    fn only_stripe(&self, db: DbIndex, keys: &Keys) -> Option<usize> {
        match keys {
            Keys::Some(keys) => match keys.as_slice() {
                [(other, key)] => Some(self.stripe(other.unwrap_or(db), key)),
                _ => None,
            },
            _ => None,
        }
    }

    fn stripes_of(&self, db: DbIndex, keys: &Keys) -> SmallVec<[usize; 4]> {
        let mut stripes: SmallVec<[usize; 4]> = match keys {
            Keys::None => return SmallVec::new(),
            Keys::All => return (0..STRIPES).collect(),
            Keys::Some(keys) => {
                keys.iter().map(|(other, key)| self.stripe(other.unwrap_or(db), key)).collect()
            }
        };
        if stripes.len() > 1 {
            stripes.sort_unstable();
            stripes.dedup();
        }
        stripes
    }

    fn stripe(&self, db: DbIndex, key: &[u8]) -> usize {
        use std::hash::BuildHasher;
        self.hasher.hash_one((db, key)) as usize % STRIPES
    }
}

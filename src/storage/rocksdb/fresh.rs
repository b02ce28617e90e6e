//! What the value table knows all of: the namespaces and versions that were given out after the engine
//! was opened. Whatever was ever written of them went through the table, so that a key of theirs which
//! the table does not have is nowhere, and the tree need not be asked: a new member of a set costs no
//! look at RocksDB's filters. It ends for a value, and for those before it, when the table drops
//! something of it for want of room.

use crate::storage::{Fresh, Space};
use std::sync::atomic::{AtomicU64, Ordering};

/// From these numbers on.
pub(super) struct FreshFrom {
    namespace: AtomicU64,
    version: AtomicU64,
}

/// Nothing is.
const NEVER: u64 = u64::MAX;

impl Default for FreshFrom {
    fn default() -> FreshFrom {
        FreshFrom { namespace: NEVER.into(), version: NEVER.into() }
    }
}

impl FreshFrom {
    /// From here on the table hears of all that is written there.
    pub(super) fn begin(&self, fresh: Fresh) {
        self.namespace.store(fresh.namespace.into(), Ordering::Release);
        self.version.store(fresh.version, Ordering::Release);
    }

    /// The table may have lost anything.
    pub(super) fn end(&self) {
        self.namespace.store(NEVER, Ordering::Release);
        self.version.store(NEVER, Ordering::Release);
    }

    /// Whether the table has the key if anybody has. To be asked after the table, whose lock orders it
    /// behind what [`FreshFrom::lost`] says.
    pub(super) fn knows(&self, space: Space, key: &[u8]) -> bool {
        self.number(space, key).is_some_and(|(number, from)| number >= from.load(Ordering::Acquire))
    }

    /// The table is about to drop a value. To be told under the lock of the table's shard.
    pub(super) fn lost(&self, space: Space, key: &[u8]) {
        if let Some((number, from)) = self.number(space, key) {
            from.fetch_max(number.saturating_add(1), Ordering::AcqRel);
        }
    }

    /// The number that a key begins with, and from where on such are fresh.
    fn number(&self, space: Space, key: &[u8]) -> Option<(u64, &AtomicU64)> {
        let (namespace, rest) = key.split_first_chunk()?;
        match space {
            Space::Meta => Some((u32::from_be_bytes(*namespace).into(), &self.namespace)),
            Space::Data | Space::Index | Space::Blob => {
                Some((u64::from_be_bytes(*rest.first_chunk()?), &self.version))
            }
            Space::Expiry | Space::System => None,
        }
    }
}

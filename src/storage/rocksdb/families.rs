//! The column families of an open database, one for each space.

use crate::error::{StorageError, StorageResult};
use crate::storage::Space;
use rocksdb::{ColumnFamily, DB};

/// The handles, looked up once.
pub(super) struct Families([*const ColumnFamily; Space::COUNT]);

// SAFETY: `ColumnFamily` is `Send` and `Sync`, and these are shared references to such.
unsafe impl Send for Families {}
// SAFETY: as above.
unsafe impl Sync for Families {}

impl Families {
    /// The handles of `db`.
    ///
    /// # Errors
    /// When one is missing.
    ///
    /// # Safety
    /// The handles live as long as `db`: whoever keeps them keeps `db` as long, and drops no family.
    pub(super) unsafe fn of_db(db: &DB) -> StorageResult<Families> {
        let mut handles = [std::ptr::null(); Space::COUNT];
        for space in Space::ALL {
            let missing = || StorageError::Corruption(format!("column family {} is missing", space.name()));
            handles[space as usize] = db.cf_handle(space.name()).ok_or_else(missing)?;
        }
        Ok(Families(handles))
    }

    pub(super) fn of(&self, space: Space) -> &ColumnFamily {
        // SAFETY: the handle was taken from a database that is still open, see `of_db`.
        unsafe { &*self.0[space as usize] }
    }
}

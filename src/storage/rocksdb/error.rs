//! RocksDB's errors in our words.

use crate::error::StorageError;
use rocksdb::ErrorKind;
use std::path::Path;

pub(super) fn storage_error(error: &rocksdb::Error) -> StorageError {
    let text = error.as_ref().to_owned();
    match error.kind() {
        ErrorKind::Incomplete => StorageError::NeedsDisk,
        ErrorKind::Corruption => StorageError::Corruption(text),
        _ if is_full(&text) => StorageError::NoSpace(text),
        _ => StorageError::Io(text),
    }
}

/// An error while opening `directory`.
pub(super) fn open_error(directory: &Path, text: &str) -> StorageError {
    if text.contains("lock") && text.contains("LOCK") {
        return StorageError::Locked(directory.display().to_string());
    }
    if text.starts_with("Corruption") {
        return StorageError::Corruption(text.to_owned());
    }
    if is_full(text) {
        return StorageError::NoSpace(text.to_owned());
    }
    StorageError::Io(format!("{}: {text}", directory.display()))
}

fn is_full(text: &str) -> bool {
    text.contains("No space left on device")
        || text.contains("NoSpace")
        || text.contains("Disk quota exceeded")
}

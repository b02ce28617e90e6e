//! What of an entry that is to go stays in the groups where it is pending.

use super::{Edit, Group, GroupEdit, entry};
use crate::encoding::stream_id::StreamId;
use crate::error::Result;
use crate::keyspace::tx::WriteTx;

/// What is done with groups when an entry is to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum References {
    /// Where it is pending it stays so (`KEEPREF`).
    #[default]
    Keep,
    /// It is pending nowhere any more (`DELREF`).
    Delete,
    /// It goes only if every group has got it, and it is pending in none (`ACKED`).
    Acked,
}

/// What has become of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    Missing,
    Deleted,
    /// It is not acknowledged everywhere.
    Kept,
}

/// Every group of a stream, for one command that deletes entries.
pub struct AllGroups {
    references: References,
    groups: Vec<GroupEdit>,
}

impl AllGroups {
    /// The groups that the references are of; none are read to keep them.
    pub fn open(tx: &WriteTx, stream: &Edit, references: References) -> Result<AllGroups> {
        let groups = match references {
            References::Keep => Vec::new(),
            References::Delete | References::Acked => Group::all(tx, stream)?,
        };
        Ok(AllGroups { references, groups: groups.into_iter().map(GroupEdit::of).collect() })
    }

    /// The group of a name.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut GroupEdit> {
        self.groups.iter_mut().find(|group| group.head.name == name)
    }

    fn are_done_with(&self, tx: &WriteTx, id: StreamId) -> Result<bool> {
        for group in &self.groups {
            if id > group.head.last_id || group.pending(tx, id)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes an id out of what is pending anywhere; returns whether it was.
    fn forget(&mut self, tx: &WriteTx, id: StreamId) -> Result<bool> {
        let mut was_pending = false;
        for group in &mut self.groups {
            was_pending |= group.remove(tx, id)?;
        }
        Ok(was_pending)
    }

    /// Deletes an entry, if the groups allow it. O(groups · log n).
    pub fn delete(&mut self, tx: &mut WriteTx, stream: &mut Edit, id: StreamId) -> Result<Deletion> {
        if self.references == References::Acked && !self.are_done_with(tx, id)? {
            let is_there = stream.contains(tx, id)?;
            return Ok(if is_there { Deletion::Kept } else { Deletion::Missing });
        }
        let was_there = stream.delete(tx, id)?;
        if self.references == References::Delete {
            self.forget(tx, id)?;
        }
        Ok(if was_there { Deletion::Deleted } else { Deletion::Missing })
    }

    /// Takes out those of the first `count` entries that the groups allow; returns how many they were.
    pub fn trim(&mut self, tx: &mut WriteTx, stream: &mut Edit, count: u64) -> Result<u64> {
        if self.references == References::Keep {
            stream.trim(tx, count)?;
            return Ok(count);
        }
        let ids = stream.first_ids(tx, count)?;
        if self.references == References::Delete {
            stream.trim(tx, count)?;
            for id in ids {
                self.forget(tx, id)?;
            }
            return Ok(count);
        }
        let mut gone = 0;
        for id in ids {
            if self.are_done_with(tx, id)? {
                gone += u64::from(stream.take_out(tx, id)?);
            }
        }
        Ok(gone)
    }

    /// Writes what has become of the groups.
    pub fn finish(self, tx: &mut WriteTx) {
        if self.references == References::Delete {
            self.groups.into_iter().for_each(|group| group.finish(tx));
        }
    }

    /// As [`AllGroups::finish`], when one of them was changed beside that.
    pub fn finish_all(self, tx: &mut WriteTx) {
        self.groups.into_iter().for_each(|group| group.finish(tx));
    }
}

impl Edit {
    /// The ids of the first entries.
    fn first_ids(&self, tx: &WriteTx, count: u64) -> Result<Vec<StreamId>> {
        let pages = self.stream.pages(tx);
        let entries = self.stream.log.entries(&pages, 0..count.min(self.len()));
        entries.map(|stored| Ok(entry::id_of(&stored?)?)).collect()
    }
}

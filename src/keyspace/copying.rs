//! Copies of the members of a value. Those of a large one are made without its lock, from a view of
//! them as they were at one moment; if the value is another one by the time that is done, they are made
//! again, under the lock.

use super::Keyspace;
use super::staging::{PART_BYTES, Staging};
use super::tx::{Slot, WriteTx};
use crate::encoding::keys::{self, Namespace, Prefix};
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::{CHUNK_BYTES, Kind};
use crate::error::{Error, Result};
use crate::storage::{Direction, KeyBytes, ReadTier, Scan, ScanRange, Space, Writes};
use bytes::Bytes;

/// With more members (or chunks of a string) than this, others do not wait for a copy.
const LARGE: u64 = 1024;

/// What is copied, and where to: a copy is that of the value only as long as this is the same.
#[derive(Clone, Copy, PartialEq, Eq)]
struct What {
    from: Prefix,
    revision: u64,
    target: Namespace,
}

/// Whether a transaction can leave a copy to whoever runs it.
pub(super) enum Ahead<'a> {
    No,
    Possible,
    Asked(Asked<'a>),
    Made(Made<'a>),
}

/// A copy that is to be made, of the members as they are now.
pub(super) struct Asked<'a> {
    what: What,
    scans: Vec<(Space, Box<dyn Scan + 'a>)>,
}

/// Members of a version that no header names yet.
pub(super) struct Made<'a> {
    what: What,
    version: u64,
    staging: Staging<'a>,
}

impl<'a> Asked<'a> {
    /// Copies the members. No lock is needed.
    ///
    /// # Errors
    /// What the engine reports.
    pub(super) fn make(self, keyspace: &'a Keyspace) -> Result<Made<'a>> {
        let mut staging = Staging::new(keyspace);
        let version = staging.new_version();
        let to = keys::members(self.what.target, version);
        let mut writes = Writes::new();
        for (space, mut scan) in self.scans {
            while let Some((key, value)) = scan.next()? {
                let key = moved(key, &to);
                let value = Bytes::copy_from_slice(value);
                let full = staging.counts(space, &key, Some(&value));
                writes.push((space, key, Some(value)));
                if full {
                    staging.write(std::mem::take(&mut writes))?;
                }
            }
        }
        staging.write(writes)?;
        Ok(Made { what: self.what, version, staging })
    }
}

/// The key of a member below another version.
fn moved(key: &[u8], to: &Prefix) -> KeyBytes {
    let mut moved = KeyBytes::from_slice(to);
    moved.extend_from_slice(key.get(to.len()..).unwrap_or_default());
    moved
}

impl<'a> WriteTx<'a> {
    /// Copies the members of a value for another key; returns the header for that. What a member's key says
    /// behind the version means the same under any version.
    ///
    /// # Errors
    /// [`Error::NeedsDisk`] if the value is large and the tier is [`ReadTier::Memory`]: the transaction
    /// is to be run by who may wait.
    pub fn duplicate(&mut self, source: &Slot, target: &Slot) -> Result<Option<Meta>> {
        let Some(meta) = source.meta().cloned() else { return Ok(None) };
        let Some(Outside { version, len }) = meta.outside else { return Ok(Some(meta)) };
        let from = keys::members(source.namespace(), version);
        let what = What { from, revision: meta.revision, target: target.namespace() };
        let many = match meta.kind {
            Kind::String => len / CHUNK_BYTES as u64,
            _ => len,
        };
        // What the transaction has written itself is nowhere else yet.
        let ahead =
            if self.is_untouched() { std::mem::replace(&mut self.ahead, Ahead::No) } else { Ahead::No };
        let version = match ahead {
            Ahead::Made(made) if made.what == what => {
                self.staging.take_over(made.staging);
                made.version
            }
            _ if many > LARGE && self.tier() == ReadTier::Memory => return Err(Error::NeedsDisk),
            Ahead::Possible if many > LARGE => {
                self.ahead = Ahead::Asked(self.ask(what, &meta)?);
                return Err(Error::NeedsDisk);
            }
            _ => self.duplicate_now(what, &meta)?,
        };
        Ok(Some(Meta { outside: Some(Outside { version, len }), ..meta }))
    }

    fn ask(&self, what: What, meta: &Meta) -> Result<Asked<'a>> {
        let engine = self.keyspace().engine();
        let range = ScanRange::prefix(&what.from);
        let scan = |space: &Space| -> Result<_> {
            Ok((*space, engine.scan(*space, &range, Direction::Forward, ReadTier::Disk)?))
        };
        let scans = keys::member_spaces(meta.kind).iter().map(scan).collect::<Result<_>>()?;
        Ok(Asked { what, scans })
    }

    /// Copies some members at a time: what is written goes ahead of the commit when it is much.
    fn duplicate_now(&mut self, what: What, meta: &Meta) -> Result<u64> {
        let version = self.new_version();
        let to = keys::members(what.target, version);
        for space in keys::member_spaces(meta.kind) {
            let mut range = ScanRange::prefix(&what.from);
            loop {
                let mut some: Vec<(KeyBytes, Bytes)> = Vec::new();
                let mut bytes = 0;
                let mut scan = self.scan(*space, &range, Direction::Forward)?;
                while bytes < PART_BYTES {
                    let Some((key, value)) = scan.next()? else { break };
                    bytes += key.len() + value.len();
                    some.push((KeyBytes::from_slice(key), Bytes::copy_from_slice(value)));
                }
                drop(scan);
                let Some((last, _)) = some.last() else { break };
                range.from = [last, &[0][..]].concat();
                for (key, value) in some {
                    self.write(*space, &moved(&key, &to), Some(value));
                }
            }
        }
        Ok(version)
    }
}

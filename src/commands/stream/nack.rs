//! Giving pending entries back: `XNACK`.

use super::delete::numbered_ids;
use super::{UPDATE_KEY, no_group, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::stream::{Edit, GroupEdit, NOBODY, Pending};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// What becomes of the number of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The last one did not count.
    Silent,
    Fail,
    /// It is as high as can be.
    Fatal,
}

/// `XNACK`.
pub struct XNack {
    key: Bytes,
    group: Bytes,
    mode: Mode,
    ids: Vec<StreamId>,
    count: Option<u64>,
    force: bool,
}

impl Command for XNack {
    const SPEC: Spec = spec("XNACK", Arity::AtLeast(7))
        .keys(UPDATE_KEY)
        .flags(Flags::FAST)
        .syntax("key group <SILENT | FAIL | FATAL> IDS numids id [id ...] [RETRYCOUNT count] [FORCE]")
        .doc(
            "8.8.0",
            "O(log N) for each id, N being the number of pending entries",
            "Releases pending messages back to the group's PEL without acknowledging them, making them available \
             for re-delivery.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        const MODES: &[(&str, Mode)] =
            &[("SILENT", Mode::Silent), ("FAIL", Mode::Fail), ("FATAL", Mode::Fatal)];
        let (key, group) = (args.bytes()?, args.bytes()?);
        let mode = args.take_one(MODES).ok_or(Error::Syntax)?;
        let (mut ids, mut count, mut force) = (None, None, false);
        while !args.is_empty() {
            if numbered_ids(args, &mut ids)? {
            } else if args.take("FORCE") {
                force = true;
            } else if args.remaining() > 1 && args.take("RETRYCOUNT") {
                count = Some(u64::try_from(args.integer()?).map_err(|_| Error::NotInteger)?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(XNack { key, group, mode, ids: ids.ok_or(Error::Syntax)?, count, force })
    }
}

impl XNack {
    /// How often an entry counts as delivered that had been so `count` times.
    fn count(&self, count: u64) -> u64 {
        self.count.unwrap_or(match self.mode {
            Mode::Silent => count.saturating_sub(1),
            Mode::Fail => count,
            Mode::Fatal => i64::MAX as u64,
        })
    }
}

impl WriteCommand for XNack {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let missing = || no_group(&self.key, &self.group);
        let stream = Edit::existing(tx, &self.key)?.ok_or_else(missing)?;
        let mut group = GroupEdit::open(tx, &stream, &self.group)?.ok_or_else(missing)?;
        let mut released = 0;
        for id in &self.ids {
            let count = match group.pending(tx, *id)? {
                Some(pending) => pending.count,
                None if self.force && stream.contains(tx, *id)? => 0,
                None => continue,
            };
            group.put(tx, Pending { id: *id, consumer: NOBODY, time_ms: 0, count: self.count(count) })?;
            released += 1;
        }
        if released > 0 {
            group.finish(tx);
        }
        Ok(released)
    }
}

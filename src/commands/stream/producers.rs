//! What is remembered of producers: `XCFGSET`, `XIDMPRECORD`.

use super::{UPDATE_KEY, next_id, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::stream::Edit;
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `XCFGSET`.
pub struct XCfgSet {
    key: Bytes,
    seconds: Option<u64>,
    ids: Option<u64>,
}

/// The next word as a number of 1 to `most`.
fn up_to(args: &mut Args, most: u64, otherwise: &'static str) -> Result<u64> {
    let number = u64::try_from(args.integer()?).ok();
    number.filter(|number| (1..=most).contains(number)).ok_or(Error::text(otherwise))
}

impl Command for XCfgSet {
    const SPEC: Spec = spec("XCFGSET", Arity::AtLeast(2))
        .keys(UPDATE_KEY)
        .flags(Flags::FAST)
        .syntax("key [IDMP-DURATION idmp-duration] [IDMP-MAXSIZE idmp-maxsize]")
        .doc("8.6.0", "O(1)", "Sets the IDMP configuration parameters for a stream.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, mut seconds, mut ids) = (args.bytes()?, None, None);
        while args.remaining() > 1 {
            if args.take("IDMP-DURATION") {
                let wrong = "ERR IDMP-DURATION must be between 1 and 86400 seconds";
                seconds = Some(up_to(args, 86_400, wrong)?);
            } else if args.take("IDMP-MAXSIZE") {
                ids = Some(up_to(args, 10_000, "ERR IDMP-MAXSIZE must be between 1 and 10000 entries")?);
            } else {
                return Err(Error::Syntax);
            }
        }
        if seconds.is_none() && ids.is_none() {
            return Err(Error::Syntax);
        }
        args.end()?;
        Ok(XCfgSet { key, seconds, ids })
    }
}

impl WriteCommand for XCfgSet {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let mut stream = Edit::existing(tx, &self.key)?.ok_or(Error::NoSuchKey)?;
        stream.set_retention(tx, self.seconds, self.ids)?;
        stream.finish(tx, Event::XCFGSET);
        Ok(())
    }
}

/// `XIDMPRECORD`.
pub struct XIdmpRecord {
    key: Bytes,
    producer: Bytes,
    id: Bytes,
    entry: StreamId,
}

impl Command for XIdmpRecord {
    const SPEC: Spec = spec("XIDMPRECORD", Arity::Exactly(5))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key pid iid stream-id")
        .doc(
            "8.6.2",
            "O(log N)",
            "An internal command for setting IDMP metadata on an existing stream message.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, producer, id) = (args.bytes()?, args.bytes()?, args.bytes()?);
        if producer.is_empty() || id.is_empty() {
            return Err(Error::text("ERR XIDMPRECORD requires a non-empty producer ID and idempotent ID"));
        }
        Ok(XIdmpRecord { key, producer, id, entry: next_id(args)? })
    }
}

impl WriteCommand for XIdmpRecord {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let mut stream = Edit::existing(tx, &self.key)?.ok_or(Error::NoSuchKey)?;
        if !stream.contains(tx, self.entry)? {
            return Err(Error::text("ERR The stream has no entry of this ID"));
        }
        match stream.entry_of(tx, &self.producer, &self.id)? {
            Some(entry) if entry == self.entry => return Ok(()),
            Some(_) => return Err(Error::text("ERR The idempotent ID stands for another entry")),
            None => {}
        }
        stream.note_entry(tx, &self.producer, &self.id, self.entry)?;
        stream.finish(tx, Event::XCFGSET);
        Ok(())
    }
}

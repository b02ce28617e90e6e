//! Writing and deleting one string: `DELEX`, `GETDEL`, `GETEX`, `GETSET`, `PSETEX`, `SET`, `SETEX`,
//! `SETNX`.

use super::condition::Condition;
use super::expiry::{self, Expiry};
use super::{OVERWRITE_KEY, UPDATE, UPDATE_KEY, reply_of};
use crate::commands::args::Args;
use crate::commands::keys::KeyOf;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::time::Unit;
use crate::commands::{Command, WriteCommand};
use crate::data_types::string;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, Slot, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

/// `SET` reads the old value only to return it or to compare with it.
fn set_keys(words: &[Bytes]) -> Option<Vec<KeyOf>> {
    let reads = |word: &Bytes| {
        ["GET", "IFEQ", "IFNE", "IFDEQ", "IFDNE"]
            .iter()
            .any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
    };
    let flags = if words.iter().skip(3).any(reads) { UPDATE } else { KeyFlags::OW.and(KeyFlags::UPDATE) };
    Some(vec![(1, flags)])
}

/// `DELEX` without a condition does not read.
fn delex_keys(words: &[Bytes]) -> Option<Vec<KeyOf>> {
    let how = if words.len() > 2 { KeyFlags::RW.and(KeyFlags::ACCESS) } else { KeyFlags::RM };
    Some(vec![(1, how.and(KeyFlags::DELETE))])
}

fn old_value(tx: &ReadTx, slot: &Slot) -> Result<Reply> {
    match slot.meta_of(Kind::String)? {
        Some(meta) => string::value_of(tx, meta).map(reply_of),
        None => Ok(Reply::Null),
    }
}

/// Writes a value that dies at `deadline_ms`; one whose time has come deletes the key.
fn put_until(tx: &mut WriteTx, slot: &mut Slot, value: &Bytes, deadline_ms: u64) {
    if deadline_ms <= tx.now_ms() {
        return tx.delete(slot, Event::DEL);
    }
    string::put(tx, slot, value, Some(deadline_ms), Event::SET);
    tx.notify(slot, Event::EXPIRE);
}

pub struct Set {
    pub key: Bytes,
    pub value: Bytes,
    pub condition: Condition,
    /// Whether to answer with the value that was there.
    pub get: bool,
    pub expiry: Expiry,
}

impl Command for Set {
    const SPEC: Spec = Spec::new("SET", Group::String, Arity::AtLeast(3))
        .keys(&[KeySpec::at(1, UPDATE.and(KeyFlags::VARIABLE))])
        .find_keys(set_keys)
        .flags(Flags::DENYOOM)
        .syntax(
            "key value [NX | XX | IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest] \
             [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]",
        )
        .doc(
            "1.0.0",
            "O(1)",
            "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, value) = (args.bytes()?, args.bytes()?);
        let mut set = Set { key, value, condition: Condition::Always, get: false, expiry: Expiry::Unsaid };
        while !args.is_empty() {
            let known = args.take("GET").then(|| set.get = true).is_some()
                || set.condition.take(args)?
                || set.expiry.take(args)?
                || set.expiry.take_word(args, "KEEPTTL", Expiry::Keep)?;
            if !known {
                return Err(Error::Syntax);
            }
        }
        Ok(set)
    }
}

impl WriteCommand for Set {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut slot = if self.get { tx.slot_read(&self.key)? } else { tx.slot(&self.key)? };
        let old_deadline = slot.meta().and_then(|meta| meta.expire_at_ms);
        let deadline = self.expiry.resolve(old_deadline, tx.now_ms(), "set")?;
        let old = if self.get { Some(old_value(tx, &slot)?) } else { None };
        if !self.condition.holds(tx, slot.meta())? {
            return Ok(old.unwrap_or(Reply::Null));
        }
        match deadline {
            Some(deadline_ms) if self.expiry.is_deadline() => {
                put_until(tx, &mut slot, &self.value, deadline_ms);
            }
            deadline => string::put(tx, &mut slot, &self.value, deadline, Event::SET),
        }
        Ok(old.unwrap_or(Reply::Ok))
    }
}

pub struct SetNx {
    pub key: Bytes,
    pub value: Bytes,
}

impl Command for SetNx {
    const SPEC: Spec = Spec::new("SETNX", Group::String, Arity::Exactly(3))
        .deprecated("2.6.12", "`SET` with the `NX` argument")
        .keys(&[KeySpec::at(1, KeyFlags::OW.and(KeyFlags::INSERT))])
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key value")
        .doc("1.0.0", "O(1)", "Sets the string value of a key only when the key doesn't exist.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SetNx { key: args.bytes()?, value: args.bytes()? })
    }
}

impl WriteCommand for SetNx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let mut slot = tx.slot(&self.key)?;
        if slot.meta().is_some() {
            return Ok(false);
        }
        string::put(tx, &mut slot, &self.value, None, Event::SET);
        Ok(true)
    }
}

/// `SETEX` and `PSETEX`.
pub struct SetWithDeadline<const MILLISECONDS: bool> {
    pub key: Bytes,
    pub duration: Bytes,
    pub value: Bytes,
}

pub type SetEx = SetWithDeadline<false>;
pub type PSetEx = SetWithDeadline<true>;

impl<const MILLISECONDS: bool> SetWithDeadline<MILLISECONDS> {
    const NAME: &'static str = if MILLISECONDS { "psetex" } else { "setex" };
    const UNIT: Unit = if MILLISECONDS { Unit::Milliseconds } else { Unit::Seconds };
}

impl<const MILLISECONDS: bool> Command for SetWithDeadline<MILLISECONDS> {
    const SPEC: Spec = {
        let (name, syntax, since, replaced_by) = if MILLISECONDS {
            ("PSETEX", "key milliseconds value", "2.6.0", "`SET` with the `PX` argument")
        } else {
            ("SETEX", "key seconds value", "2.0.0", "`SET` with the `EX` argument")
        };
        Spec::new(name, Group::String, Arity::Exactly(4))
            .deprecated("2.6.12", replaced_by)
            .keys(OVERWRITE_KEY)
            .flags(Flags::DENYOOM)
            .syntax(syntax)
            .doc(
                since,
                "O(1)",
                "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
            )
    };
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SetWithDeadline { key: args.bytes()?, duration: args.bytes()?, value: args.bytes()? })
    }
}

impl<const MILLISECONDS: bool> WriteCommand for SetWithDeadline<MILLISECONDS> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let deadline_ms = expiry::deadline_ms(Self::UNIT, &self.duration, tx.now_ms(), Self::NAME)?;
        let mut slot = tx.slot(&self.key)?;
        put_until(tx, &mut slot, &self.value, deadline_ms);
        Ok(())
    }
}

pub struct GetSet {
    pub key: Bytes,
    pub value: Bytes,
}

impl Command for GetSet {
    const SPEC: Spec = Spec::new("GETSET", Group::String, Arity::Exactly(3))
        .deprecated("6.2.0", "`SET` with the `!GET` argument")
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key value")
        .doc("1.0.0", "O(1)", "Returns the previous string value of a key after setting it to a new value.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(GetSet { key: args.bytes()?, value: args.bytes()? })
    }
}

impl WriteCommand for GetSet {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut slot = tx.slot_read(&self.key)?;
        let old = old_value(tx, &slot)?;
        string::put(tx, &mut slot, &self.value, None, Event::SET);
        Ok(old)
    }
}

pub struct GetDel {
    pub key: Bytes,
}

impl Command for GetDel {
    const SPEC: Spec = Spec::new("GETDEL", Group::String, Arity::Exactly(2))
        .keys(&[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE))])
        .flags(Flags::FAST)
        .syntax("key")
        .doc("6.2.0", "O(1)", "Returns the string value of a key after deleting the key.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(GetDel { key: args.bytes()? })
    }
}

impl WriteCommand for GetDel {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut slot = tx.slot_read(&self.key)?;
        let old = old_value(tx, &slot)?;
        tx.delete(&mut slot, Event::DEL);
        Ok(old)
    }
}

pub struct GetEx {
    pub key: Bytes,
    pub expiry: Expiry,
}

impl Command for GetEx {
    const SPEC: Spec = Spec::new("GETEX", Group::String, Arity::AtLeast(2))
        .keys(UPDATE_KEY)
        .flags(Flags::FAST)
        .syntax(
            "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST]",
        )
        .doc("6.2.0", "O(1)", "Returns the string value of a key after setting its expiration time.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let mut command = GetEx { key: args.bytes()?, expiry: Expiry::Unsaid };
        while !args.is_empty() {
            let expiry = &mut command.expiry;
            if !expiry.take(args)? && !expiry.take_word(args, "PERSIST", Expiry::Persist)? {
                return Err(Error::Syntax);
            }
        }
        Ok(command)
    }
}

impl WriteCommand for GetEx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut slot = tx.slot_read(&self.key)?;
        let value = old_value(tx, &slot)?;
        let Some(meta) = slot.meta().cloned() else { return Ok(Reply::Null) };
        let deadline = self.expiry.resolve(meta.expire_at_ms, tx.now_ms(), "getex")?;
        match (&self.expiry, deadline) {
            (Expiry::At(..), Some(deadline_ms)) if deadline_ms <= tx.now_ms() => {
                tx.delete(&mut slot, Event::DEL);
            }
            (Expiry::At(..), _) => tx.put(&mut slot, Meta { expire_at_ms: deadline, ..meta }, Event::EXPIRE),
            (Expiry::Persist, _) if meta.expire_at_ms.is_some() => {
                tx.put(&mut slot, Meta { expire_at_ms: None, ..meta }, Event::PERSIST);
            }
            _ => {}
        }
        Ok(value)
    }
}

pub struct DelEx {
    pub key: Bytes,
    /// None: any key is deleted. The error is told only when there is a string to compare.
    pub condition: Option<Result<Condition>>,
}

impl Command for DelEx {
    const SPEC: Spec = Spec::new("DELEX", Group::String, Arity::AtLeast(2))
        .keys(&[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::DELETE).and(KeyFlags::VARIABLE))])
        .find_keys(delex_keys)
        .flags(Flags::FAST)
        .syntax("key [IFEQ ifeq-value | IFNE ifne-value | IFDEQ ifdeq-digest | IFDNE ifdne-digest]")
        .doc(
            "8.4.0",
            "O(1) for IFEQ/IFNE, O(N) for IFDEQ/IFDNE where N is the length of the string value.",
            "Conditionally removes the specified key based on value or digest comparison.",
        );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let condition = match args.remaining() {
            0 => None,
            2 => Some(
                Condition::parse_comparison(args)?
                    .ok_or(Error::text("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE")),
            ),
            _ => return Err(Error::Arity(args.command().to_owned())),
        };
        Ok(DelEx { key, condition })
    }
}

impl WriteCommand for DelEx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let mut slot = tx.slot(&self.key)?;
        let Some(meta) = slot.meta() else { return Ok(false) };
        if let Some(condition) = &self.condition {
            if meta.kind != Kind::String {
                return Err(Error::text("ERR Key should be of string type if conditions are specified"));
            }
            if !condition.as_ref().map_err(Error::clone)?.holds(tx, Some(meta))? {
                return Ok(false);
            }
        }
        tx.delete(&mut slot, Event::DEL);
        Ok(true)
    }
}

//! Values together with deadlines or deletion: `HGETDEL`, `HGETEX`, `HSETEX`.

use super::words::{Expiry, Options, fields};
use super::{COUNT_KEY, UPDATE_KEY};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::hash::{self, Field};
use crate::data_types::key::Condition;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `HGETDEL`.
pub struct HGetDel {
    pub key: Bytes,
    /// A key of another type is told before an error among the words.
    pub fields: Result<Vec<Bytes>>,
}

impl Command for HGetDel {
    const SPEC: Spec = Spec::new("HGETDEL", Group::Hash, Arity::AtLeast(5))
        .keys(&[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE))])
        .flags(Flags::FAST)
        .syntax("key FIELDS numfields field [field ...]")
        .doc(
            "8.0.0",
            "O(N) where N is the number of fields",
            "Returns the values of fields and deletes the fields from the hash.",
        );
    type Output = Vec<Option<Bytes>>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(HGetDel { key: args.bytes()?, fields: fields(args) })
    }
}

impl WriteCommand for HGetDel {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<Option<Bytes>>> {
        let mut slot = tx.slot(&self.key)?;
        slot.meta_of(Kind::Hash)?;
        hash::get_and_remove(tx, &mut slot, self.fields.as_ref().map_err(Error::clone)?)
    }
}

/// `HGETEX`.
pub struct HGetEx {
    pub key: Bytes,
    options: Options,
}

impl Command for HGetEx {
    const SPEC: Spec = Spec::new("HGETEX", Group::Hash, Arity::AtLeast(5))
        .keys(COUNT_KEY)
        .flags(Flags::FAST)
        .syntax(
            "key [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | \
             PERSIST] FIELDS numfields field [field ...]",
        )
        .doc(
            "8.0.0",
            "O(N) where N is the number of fields",
            "Returns the values of fields, and sets when the fields expire.",
        );
    type Output = Vec<Option<Bytes>>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(HGetEx { key: args.bytes()?, options: Options::parse(args, 1, "PERSIST", &[]) })
    }
}

impl WriteCommand for HGetEx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<Option<Bytes>>> {
        let mut slot = tx.slot(&self.key)?;
        let hash = hash::open_slot(tx, &mut slot)?;
        let (deadline_ms, fields) = self.options.check(tx.now_ms(), "hgetex")?;
        let Some(hash) = hash else { return Ok(vec![None; fields.len()]) };
        let values = fields.iter().map(|field| hash.get(tx, field)).collect::<Result<_>>()?;
        if self.options.expiry != Expiry::Unsaid {
            hash::set_deadlines(tx, &mut slot, fields, deadline_ms, Condition::default())?;
        }
        Ok(values)
    }
}

/// `HSETEX`.
pub struct HSetEx {
    pub key: Bytes,
    /// `FNX`: only if none of the fields is there; `FXX`: only if all are.
    options: Options,
}

impl Command for HSetEx {
    const SPEC: Spec = Spec::new("HSETEX", Group::Hash, Arity::AtLeast(6))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax(
            "key [FNX | FXX] [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT \
             unix-time-milliseconds | KEEPTTL] FIELDS numfields field value [field value ...]",
        )
        .doc(
            "8.0.0",
            "O(N) where N is the number of fields",
            "Sets the values of fields, and when the fields expire.",
        );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        let conditions = [("FNX", false), ("FXX", true)];
        Ok(HSetEx { key: args.bytes()?, options: Options::parse(args, 2, "KEEPTTL", &conditions) })
    }
}

impl WriteCommand for HSetEx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let now_ms = tx.now_ms();
        let Options { expiry, if_present, .. } = self.options;
        let (deadline_ms, words) = self.options.check(now_ms, "hsetex")?;
        let pairs = || words.chunks_exact(2).map(|pair| (&pair[0], &pair[1]));
        let mut slot = tx.slot(&self.key)?;
        let mut hash = hash::open_or_create(tx, &mut slot)?;
        for (name, _) in pairs().filter(|_| if_present.is_some()) {
            if Some(hash.field(tx, name)?.is_some()) != if_present {
                return Ok(false);
            }
        }
        let dead = deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms);
        for (name, value) in pairs() {
            if dead {
                hash.remove(tx, name)?;
                continue;
            }
            let kept = match expiry {
                Expiry::Word => hash.field(tx, name)?.and_then(|field| field.expire_at_ms),
                _ => None,
            };
            hash.set(tx, name, &Field { value: value.clone(), expire_at_ms: deadline_ms.or(kept) })?;
        }
        if dead {
            if slot.meta().is_some() {
                // Set and deleted at once, as far as can be heard.
                tx.notify(&slot, Event::HSET);
                hash.save(tx, &mut slot, Event::HDEL)?;
            }
            return Ok(true);
        }
        hash.save(tx, &mut slot, Event::HSET)?;
        if deadline_ms.is_some() {
            tx.notify(&slot, Event::HEXPIRE);
        }
        Ok(true)
    }
}

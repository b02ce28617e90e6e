//! Values together with deadlines or deletion: `HGETDEL`, `HGETEX`, `HSETEX`.

use super::expire::moment_ms;
use super::words::{Expiry, Options, fields};
use super::{COUNT_KEY, UPDATE_KEY};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::hash::{self, Field};
use crate::data_types::key::Condition;
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `HGETDEL`.
pub struct HGetDel {
    pub key: Bytes,
    pub fields: Vec<Bytes>,
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
        Ok(HGetDel { key: args.bytes()?, fields: fields(args)? })
    }
}

impl WriteCommand for HGetDel {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<Option<Bytes>>> {
        let mut slot = tx.slot(&self.key)?;
        hash::get_and_remove(tx, &mut slot, &self.fields)
    }
}

/// `HGETEX`.
pub struct HGetEx {
    pub key: Bytes,
    pub expiry: Expiry,
    pub fields: Vec<Bytes>,
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
        let key = args.bytes()?;
        let options = Options::parse(args, 1, "PERSIST", &[])?;
        Ok(HGetEx { key, expiry: options.expiry, fields: options.words })
    }
}

impl WriteCommand for HGetEx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<Option<Bytes>>> {
        let deadline_ms = match self.expiry {
            Expiry::At(unit, number) => Some(moment_ms(unit, number, tx.now_ms(), "hgetex")?),
            _ => None,
        };
        let mut slot = tx.slot(&self.key)?;
        let Some(hash) = hash::open_slot(tx, &mut slot)? else { return Ok(vec![None; self.fields.len()]) };
        let values = self.fields.iter().map(|field| hash.get(tx, field)).collect::<Result<_>>()?;
        if self.expiry != Expiry::Unsaid {
            hash::set_deadlines(tx, &mut slot, &self.fields, deadline_ms, Condition::default())?;
        }
        Ok(values)
    }
}

/// `HSETEX`.
pub struct HSetEx {
    pub key: Bytes,
    /// `FNX`: only if none of the fields is there; `FXX`: only if all are.
    pub if_present: Option<bool>,
    pub expiry: Expiry,
    pub pairs: Vec<(Bytes, Bytes)>,
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
        let key = args.bytes()?;
        let Options { expiry, if_present, words } =
            Options::parse(args, 2, "KEEPTTL", &[("FNX", false), ("FXX", true)])?;
        let pairs = words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        Ok(HSetEx { key, if_present, expiry, pairs })
    }
}

impl WriteCommand for HSetEx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let now_ms = tx.now_ms();
        let deadline_ms = match self.expiry {
            Expiry::At(unit, number) => Some(moment_ms(unit, number, now_ms, "hsetex")?),
            _ => None,
        };
        let mut slot = tx.slot(&self.key)?;
        let mut hash = hash::open_or_create(tx, &mut slot)?;
        for (name, _) in self.pairs.iter().filter(|_| self.if_present.is_some()) {
            if Some(hash.field(tx, name)?.is_some()) != self.if_present {
                return Ok(false);
            }
        }
        let dead = deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms);
        for (name, value) in &self.pairs {
            if dead {
                hash.remove(tx, name)?;
                continue;
            }
            let kept = match self.expiry {
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

//! `HIMPORT`: many hashes with the same fields, whose names a client sends once.

use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, Context, Entry, SessionCommand};
use crate::data_types::hash;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::protocol::Reply;
use bytes::Bytes;
use hashbrown::HashSet;

/// `HIMPORT`.
pub const SPEC: Spec = spec("HIMPORT", Arity::AtLeast(2)).doc(
    "8.10.0",
    "Depends on the subcommand.",
    "A container for commands that write many hashes with the same fields.",
);

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<Discard>(),
    Entry::session::<DiscardAll>(),
    Entry::session::<Prepare>(),
    Entry::session::<Set>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Hash, arity)
}

/// `HIMPORT PREPARE`.
pub struct Prepare {
    name: Bytes,
    fields: Vec<Bytes>,
}

impl Command for Prepare {
    const SPEC: Spec = spec("HIMPORT|PREPARE", Arity::AtLeast(4))
        .flags(Flags::DENYOOM)
        .syntax("fieldset-name field [field ...]")
        .doc(
            "8.10.0",
            "O(N) where N is the number of fields",
            "Gives names of fields a name, for the connection, in the place of those that had it.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Prepare { name: args.bytes()?, fields: args.rest().to_vec() })
    }
}

impl SessionCommand for Prepare {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let mut seen = HashSet::with_capacity(self.fields.len());
        if !self.fields.iter().all(|field| seen.insert(field)) {
            return Err(Error::text("ERR duplicate field name in fieldset"));
        }
        context.session.prepare_fieldset(&self.name, &self.fields);
        Ok(())
    }
}

/// `HIMPORT SET`.
pub struct Set {
    key: Bytes,
    fieldset: Bytes,
    values: Vec<Bytes>,
}

impl Command for Set {
    const SPEC: Spec = spec("HIMPORT|SET", Arity::AtLeast(5))
        .keys(&[KeySpec::at(2, KeyFlags::OW.and(KeyFlags::UPDATE))])
        .flags(Flags::WRITE.and(Flags::DENYOOM))
        .syntax("key fieldset-name value [value ...]")
        .doc(
            "8.10.0",
            "O(N) where N is the number of fields",
            "Makes a hash of values for prepared fields, in the place of the hash that was there.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Set { key: args.bytes()?, fieldset: args.bytes()?, values: args.rest().to_vec() })
    }
}

impl SessionCommand for Set {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let fields = context.session.fieldset(&self.fieldset).map(<[Bytes]>::to_vec);
        context.write(&Keys::one(&self.key), |tx| {
            let mut slot = tx.slot(&self.key)?;
            slot.meta_of(Kind::Hash)?;
            let fields = fields.as_ref().ok_or(Error::text("ERR no such fieldset"))?;
            if fields.len() != self.values.len() {
                return Err(Error::text("ERR value count does not match fieldset field count"));
            }
            let pairs = fields.iter().zip(&self.values);
            let fields = pairs.map(|(field, value)| (field.clone(), value.clone(), None)).collect();
            hash::put(tx, &mut slot, fields, None, Event::HSET)
        })?;
        Ok(Reply::Ok)
    }
}

/// `HIMPORT DISCARD`.
pub struct Discard {
    name: Bytes,
}

impl Command for Discard {
    const SPEC: Spec = spec("HIMPORT|DISCARD", Arity::Exactly(3)).syntax("fieldset-name").doc(
        "8.10.0",
        "O(N) where N is the number of fieldsets",
        "Forgets prepared names of fields.",
    );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Discard { name: args.bytes()? })
    }
}

impl SessionCommand for Discard {
    fn run(self, context: &mut Context<'_>) -> Result<bool> {
        Ok(context.session.discard_fieldset(&self.name))
    }
}

/// `HIMPORT DISCARDALL`.
pub struct DiscardAll;

impl Command for DiscardAll {
    const SPEC: Spec = spec("HIMPORT|DISCARDALL", Arity::Exactly(2)).doc(
        "8.10.0",
        "O(N) where N is the number of fieldsets",
        "Forgets all names of fields that the connection has prepared.",
    );
    type Output = usize;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(DiscardAll)
    }
}

impl SessionCommand for DiscardAll {
    fn run(self, context: &mut Context<'_>) -> Result<usize> {
        Ok(context.session.discard_fieldsets())
    }
}

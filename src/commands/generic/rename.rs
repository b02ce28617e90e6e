//! Values under other names and in other databases.

use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::key::{self, Existing};
use crate::error::{Error, Result};
use crate::keyspace::tx::WriteTx;
use crate::keyspace::{DbIndex, Keys};
use crate::protocol::Reply;
use bytes::Bytes;
use smallvec::smallvec;

const FROM: KeyFlags = KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::DELETE);

/// `RENAME` (`REPLACES` the key that has the name) and `RENAMENX`.
pub struct Renaming<const REPLACES: bool> {
    pub from: Bytes,
    pub to: Bytes,
}

pub type Rename = Renaming<true>;
pub type RenameNx = Renaming<false>;

impl<const REPLACES: bool> Command for Renaming<REPLACES> {
    const SPEC: Spec = {
        const REPLACED: &[KeySpec] =
            &[KeySpec::at(1, FROM), KeySpec::at(2, KeyFlags::OW.and(KeyFlags::UPDATE))];
        const INSERTED: &[KeySpec] =
            &[KeySpec::at(1, FROM), KeySpec::at(2, KeyFlags::OW.and(KeyFlags::INSERT))];
        let name = if REPLACES { "RENAME" } else { "RENAMENX" };
        let spec = Spec::new(name, Group::Generic, Arity::Exactly(3)).syntax("key newkey");
        if REPLACES {
            spec.keys(REPLACED).doc("1.0.0", "O(1)", "Renames a key, replacing the one that has the name.")
        } else {
            let spec = spec.keys(INSERTED).flags(Flags::FAST);
            spec.doc("1.0.0", "O(1)", "Renames a key if no other has the name.")
        }
    };
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Renaming { from: args.bytes()?, to: args.bytes()? })
    }
}

impl<const REPLACES: bool> WriteCommand for Renaming<REPLACES> {
    fn keys(&self) -> Keys<'_> {
        Keys::many([&self.from, &self.to])
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let existing = if REPLACES { Existing::Replace } else { Existing::Keep };
        let renamed = key::rename(tx, &self.from, &self.to, existing)?;
        Ok(if REPLACES { Reply::Ok } else { renamed.into() })
    }
}

/// `COPY`.
pub struct Copy {
    pub from: Bytes,
    pub to: Bytes,
    /// The database to copy to; none: the same.
    pub db: Option<DbIndex>,
    pub existing: Existing,
}

impl Command for Copy {
    const SPEC: Spec = Spec::new("COPY", Group::Generic, Arity::AtLeast(3))
        .keys(&[
            KeySpec::at(1, KeyFlags::RO.and(KeyFlags::ACCESS)),
            KeySpec::at(2, KeyFlags::OW.and(KeyFlags::UPDATE)),
        ])
        .flags(Flags::DENYOOM)
        .syntax("source destination [DB destination-db] [REPLACE]")
        .doc("6.2.0", "O(N) where N is the stored size of the value", "Copies a value to another key.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        let (from, to) = (args.bytes()?, args.bytes()?);
        let (mut db, mut existing) = (None, Existing::Keep);
        while !args.is_empty() {
            if args.take("REPLACE") {
                existing = Existing::Replace;
            } else if args.remaining() > 1 && args.take("DB") {
                db = Some(args.database()?);
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(Copy { from, to, db, existing })
    }
}

impl WriteCommand for Copy {
    fn keys(&self) -> Keys<'_> {
        Keys::Some(smallvec![(None, &self.from[..]), (self.db, &self.to[..])])
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let db = self.db.unwrap_or_else(|| tx.db());
        key::copy(tx, &self.from, (db, &self.to), self.existing)
    }
}

/// `MOVE`.
pub struct Move {
    pub key: Bytes,
    pub db: DbIndex,
}

impl Command for Move {
    const SPEC: Spec = Spec::new("MOVE", Group::Generic, Arity::Exactly(3))
        .keys(&[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::UPDATE))])
        .flags(Flags::FAST)
        .syntax("key db")
        .doc("1.0.0", "O(N) where N is the stored size of the value", "Moves a key to another database.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Move { key: args.bytes()?, db: args.database()? })
    }
}

impl WriteCommand for Move {
    fn keys(&self) -> Keys<'_> {
        Keys::Some(smallvec![(None, &self.key[..]), (Some(self.db), &self.key[..])])
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        key::move_to(tx, &self.key, self.db)
    }
}

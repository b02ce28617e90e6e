//! Whether keys are there, and how they go.

use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{ReadTx, WriteTx};
use bytes::Bytes;

const SHARDED: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];

const fn spec(name: &'static str, keys: &'static [KeySpec]) -> Spec {
    Spec::new(name, Group::Generic, Arity::AtLeast(2)).keys(keys).syntax("key [key ...]").tips(SHARDED)
}

const READ: &[KeySpec] = &[KeySpec::range(1, -1, 1, KeyFlags::RO)];
const DELETE: &[KeySpec] = &[KeySpec::range(1, -1, 1, KeyFlags::RM.and(KeyFlags::DELETE))];

fn delete(tx: &mut WriteTx, keys: &[Bytes]) -> Result<i64> {
    let mut deleted = 0;
    for key in keys {
        let mut slot = tx.slot(key)?;
        deleted += i64::from(slot.meta().is_some());
        tx.delete(&mut slot, Event::DEL);
    }
    Ok(deleted)
}

fn count(tx: &ReadTx, keys: &[Bytes]) -> Result<i64> {
    let mut found = 0;
    for key in keys {
        found += i64::from(tx.meta(key)?.is_some());
    }
    Ok(found)
}

/// A command on as many keys as there are words; `$run` says what it does to them.
macro_rules! on_keys {
    ($(#[$doc:meta])* $type:ident: $how:ident($tx:ty), $run:ident, $spec:expr) => {
        $(#[$doc])*
        pub struct $type {
            pub keys: Vec<Bytes>,
        }

        impl Command for $type {
            const SPEC: Spec = $spec;
            type Output = i64;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type { keys: args.rest().to_vec() })
            }
        }

        impl $how for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::many(&self.keys)
            }

            fn run(&self, tx: $tx) -> Result<i64> {
                $run(tx, &self.keys)
            }
        }
    };
}

on_keys!(
    /// `DEL`.
    Del: WriteCommand(&mut WriteTx<'_>), delete,
    spec("DEL", DELETE).doc("1.0.0", "O(N) where N is the number of keys", "Deletes one or more keys.")
);
on_keys!(
    /// `UNLINK`: here the same as `DEL`, which never waits for members to be freed.
    Unlink: WriteCommand(&mut WriteTx<'_>), delete,
    spec("UNLINK", DELETE).flags(Flags::FAST).doc(
        "4.0.0",
        "O(N) where N is the number of keys",
        "Deletes one or more keys; their values are reclaimed later.",
    )
);
on_keys!(
    /// `EXISTS`.
    Exists: ReadCommand(&ReadTx<'_>), count,
    spec("EXISTS", READ).flags(Flags::FAST).doc(
        "1.0.0",
        "O(N) where N is the number of keys",
        "Counts the keys that exist; a key named twice counts twice.",
    )
);
on_keys!(
    /// `TOUCH`.
    Touch: ReadCommand(&ReadTx<'_>), count,
    spec("TOUCH", READ).flags(Flags::FAST).doc(
        "3.2.1",
        "O(N) where N is the number of keys",
        "Counts the keys that exist, and reads them into memory.",
    )
);

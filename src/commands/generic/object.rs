//! What is known of a key: its type, and how it is kept.

use super::{ACCESS_KEY, READ_KEY};
use crate::commands::args::Args;
use crate::commands::help::help_command;
use crate::commands::spec::{Arity, Categories, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, Entry, ReadCommand};
use crate::data_types::key;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::{Reply, fields};
use bytes::Bytes;

/// `TYPE`.
pub struct Type {
    pub key: Bytes,
}

impl Command for Type {
    const SPEC: Spec = Spec::new("TYPE", Group::Generic, Arity::Exactly(2))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key")
        .doc("1.0.0", "O(1)", "Returns the type of the value at a key.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Type { key: args.bytes()? })
    }
}

impl ReadCommand for Type {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        Ok(Reply::Simple(tx.meta(&self.key)?.map_or("none", |meta| meta.kind.name()).into()))
    }
}

/// `OBJECT`.
pub const SPEC: Spec = Spec::new("OBJECT", Group::Generic, Arity::AtLeast(2))
    .without(Categories::KEYSPACE)
    .doc("2.2.3", "Depends on the subcommand", "A container for commands about how a value is kept.");

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::read::<ObjectEncoding>(),
    Entry::read::<ObjectFreq>(),
    Entry::session::<ObjectHelp>(),
    Entry::read::<ObjectIdleTime>(),
    Entry::read::<ObjectRefCount>(),
];

const OBJECT_KEY: &[KeySpec] = &[KeySpec::at(2, KeyFlags::RO)];
const CHANGES: &[&str] = &["nondeterministic_output"];

const fn subcommand(name: &'static str) -> Spec {
    Spec::new(name, Group::Generic, Arity::Exactly(3)).keys(OBJECT_KEY).syntax("key").tips(CHANGES)
}

macro_rules! object_subcommand {
    ($(#[$doc:meta])* $type:ident, $spec:expr, |$tx:ident, $meta:ident| $answer:expr) => {
        $(#[$doc])*
        pub struct $type {
            pub key: Bytes,
        }

        impl Command for $type {
            const SPEC: Spec = $spec;
            type Output = Reply;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type { key: args.bytes()? })
            }
        }

        impl ReadCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::one(&self.key)
            }

            fn run(&self, $tx: &ReadTx<'_>) -> Result<Reply> {
                let Some($meta) = $tx.meta_quietly(&self.key)? else { return Ok(Reply::Null) };
                $answer
            }
        }
    };
}

object_subcommand!(
    /// `OBJECT ENCODING`.
    ObjectEncoding,
    subcommand("OBJECT|ENCODING").doc("2.2.3", "O(1)", "Returns how Redis would keep the value in memory."),
    |tx, meta| Ok(Reply::text(key::encoding(&meta)))
);

object_subcommand!(
    /// `OBJECT FREQ`.
    ObjectFreq,
    subcommand("OBJECT|FREQ").doc("4.0.0", "O(1)", "Returns how often a key is used, on a logarithmic scale."),
    |tx, _meta| Err(Error::text(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
         switching between policies at runtime LRU and LFU data will take some time to adjust."
    ))
);

object_subcommand!(
    /// `OBJECT IDLETIME`: reads are not written down, so it counts from the last write.
    ObjectIdleTime,
    subcommand("OBJECT|IDLETIME").doc("2.2.3", "O(1)", "Returns how many seconds ago a key was last written."),
    |tx, meta| {
        let idle_ms = tx.now_ms().saturating_sub(meta.updated_at_ms);
        Ok(Reply::from(idle_ms / 1000))
    }
);

object_subcommand!(
    /// `OBJECT REFCOUNT`: values are never shared between keys.
    ObjectRefCount,
    subcommand("OBJECT|REFCOUNT").doc("2.2.3", "O(1)", "Returns how many keys share the value."),
    |tx, _meta| Ok(Reply::Integer(1))
);

help_command!(
    ObjectHelp,
    Spec::new("OBJECT|HELP", Group::Generic, Arity::Exactly(2)),
    "6.2.0",
    &[
        "ENCODING <key>",
        "    Return the kind of internal representation used in order to store the value",
        "    associated with a <key>.",
        "FREQ <key>",
        "    Return the access frequency index of the <key>. The returned integer is",
        "    proportional to the logarithm of the recent access frequency of the key.",
        "IDLETIME <key>",
        "    Return the idle time of the <key>, that is the approximated number of",
        "    seconds elapsed since the last access to the key.",
        "REFCOUNT <key>",
        "    Return the number of references of the value associated with the specified",
        "    <key>.",
    ]
);

/// `KEYMETA`, our own: the history and the place of a key.
pub struct KeyMeta {
    pub key: Bytes,
}

impl Command for KeyMeta {
    const SPEC: Spec = Spec::new("KEYMETA", Group::Generic, Arity::Exactly(2))
        .keys(ACCESS_KEY)
        .syntax("key")
        .tips(CHANGES)
        .doc(
            "diskdb",
            "O(N) where N is the stored size of the value",
            "Returns when a key came to be and was last written, how often, and what it takes on disk.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(KeyMeta { key: args.bytes()? })
    }
}

impl ReadCommand for KeyMeta {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let Some(meta) = tx.meta(&self.key)? else { return Ok(Reply::Null) };
        Ok(Reply::Map(fields([
            ("type", Reply::text(meta.kind.name())),
            ("encoding", Reply::text(key::encoding(&meta))),
            ("created-at-ms", meta.created_at_ms.into()),
            ("updated-at-ms", meta.updated_at_ms.into()),
            ("expires-at-ms", meta.expire_at_ms.into()),
            ("revision", meta.revision.into()),
            ("stored-bytes", key::stored_bytes(tx, &self.key, &meta)?.into()),
            ("version", meta.outside.map(|outside| outside.version).into()),
        ])))
    }
}

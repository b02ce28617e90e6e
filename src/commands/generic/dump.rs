//! Values in Redis' own format: out with `DUMP`, in with `RESTORE`.

use super::ACCESS_KEY;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::key;
use crate::data_types::key::Existing;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use bytes::Bytes;

/// `DUMP`.
pub struct Dump {
    pub key: Bytes,
}

impl Command for Dump {
    const SPEC: Spec = Spec::new("DUMP", Group::Generic, Arity::Exactly(2))
        .keys(ACCESS_KEY)
        .syntax("key")
        .tips(&["nondeterministic_output"])
        .doc(
            "2.6.0",
            "O(N) where N is the size of the value",
            "Returns a value in the format that RESTORE reads, here and in Redis 7.0 or later.",
        );
    type Output = Option<Bytes>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Dump { key: args.bytes()? })
    }
}

impl ReadCommand for Dump {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Option<Bytes>> {
        key::dump(tx, &self.key)
    }
}

/// What `RESTORE` and `RESTORE-ASKING` share.
struct Payload {
    key: Bytes,
    /// ms; read when it is known that the key is not in the way, for Redis complains in that order.
    ttl: Bytes,
    absolute: bool,
    existing: Existing,
    payload: Bytes,
}

impl Payload {
    fn parse(args: &mut Args) -> Result<Payload> {
        let (key, ttl, payload) = (args.bytes()?, args.bytes()?, args.bytes()?);
        let (mut absolute, mut existing) = (false, Existing::Keep);
        let (mut idle_time, mut frequency) = (false, false);
        while !args.is_empty() {
            if args.take("REPLACE") {
                existing = Existing::Replace;
            } else if args.take("ABSTTL") {
                absolute = true;
            } else if args.remaining() > 1 && !frequency && args.take("IDLETIME") {
                if args.integer()? < 0 {
                    return Err(Error::text("ERR Invalid IDLETIME value, must be >= 0"));
                }
                idle_time = true;
            } else if args.remaining() > 1 && !idle_time && args.take("FREQ") {
                if !(0..=255).contains(&args.integer()?) {
                    return Err(Error::text("ERR Invalid FREQ value, must be >= 0 and <= 255"));
                }
                frequency = true;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(Payload { key, ttl, absolute, existing, payload })
    }

    fn run(&self, tx: &mut WriteTx, name: &str) -> Result<()> {
        let mut slot = tx.slot(&self.key)?;
        if slot.meta().is_some() && self.existing == Existing::Keep {
            return Err(Error::text("BUSYKEY Target key name already exists."));
        }
        let ttl_ms = text::parse_i64(&self.ttl).ok_or(Error::NotInteger)?;
        let ttl_ms = u64::try_from(ttl_ms).map_err(|_| Error::text("ERR Invalid TTL value, must be >= 0"))?;
        let base_ms = if self.absolute { 0 } else { tx.now_ms() };
        let deadline_ms = (ttl_ms > 0).then(|| ttl_ms + base_ms);
        if deadline_ms.is_some_and(|deadline_ms| i64::try_from(deadline_ms).is_err()) {
            return Err(Error::InvalidExpire(name.to_ascii_lowercase()));
        }
        key::restore(tx, &mut slot, &self.payload, deadline_ms)
    }
}

const RESTORE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::OW.and(KeyFlags::UPDATE))];

macro_rules! restores {
    ($(#[$doc:meta])* $type:ident $name:literal $group:ident $flags:expr, $categories:expr, $version:literal, $summary:literal) => {
        $(#[$doc])*
        pub struct $type(Payload);

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::$group, Arity::AtLeast(4))
                .keys(RESTORE_KEY)
                .flags($flags)
                .categories($categories)
                .syntax("key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]")
                .doc($version, "O(N) where N is the size of the value", $summary);
            type Output = ();

            fn parse(args: &mut Args) -> Result<Self> {
                Payload::parse(args).map($type)
            }
        }

        impl WriteCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::one(&self.0.key)
            }

            fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
                self.0.run(tx, $name)
            }
        }
    };
}

restores!(
    /// `RESTORE`.
    Restore "RESTORE" Generic Flags::DENYOOM, Categories::DANGEROUS, "2.6.0",
    "Creates a key from what DUMP returned, here or in Redis."
);
restores!(
    /// `RESTORE-ASKING`: as `RESTORE`, for keys that move within a cluster.
    RestoreAsking "RESTORE-ASKING" Server Flags::DENYOOM.and(Flags::ASKING),
    Categories::DANGEROUS.and(Categories::KEYSPACE), "3.0.0",
    "Creates a key while its slot moves within a cluster."
);

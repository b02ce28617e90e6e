//! Deadlines: setting, reading and removing them.

use super::{ACCESS_KEY, UPDATE_KEY};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::time::Unit;
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::key::{self, Condition};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use bytes::Bytes;

/// A time as a client gives it, and when it is to be taken.
#[derive(Debug, Clone)]
struct Deadline {
    key: Bytes,
    time: i64,
    condition: Condition,
}

impl Deadline {
    fn parse(args: &mut Args) -> Result<Deadline> {
        let (key, time) = (args.bytes()?, args.bytes()?);
        let condition = condition(args)?;
        let time = text::parse_i64(&time).ok_or(Error::NotInteger)?;
        Ok(Deadline { key, time, condition })
    }

    fn run(&self, tx: &mut WriteTx, name: &str, unit: Unit) -> Result<bool> {
        let deadline_ms = unit.moment_ms(self.time, tx.now_ms());
        let deadline_ms = deadline_ms.ok_or_else(|| Error::InvalidExpire(name.to_ascii_lowercase()))?;
        key::expire_at(tx, &self.key, deadline_ms, self.condition)
    }
}

/// Takes `NX`, `XX`, `GT` and `LT`, up to the last word.
///
/// # Errors
/// When another word comes, or two that contradict each other.
fn condition(args: &mut Args) -> Result<Condition> {
    let mut condition = Condition::default();
    while let Some(word) = args.peek() {
        let flag = [
            ("NX", &mut condition.none),
            ("XX", &mut condition.some),
            ("GT", &mut condition.later),
            ("LT", &mut condition.earlier),
        ];
        let Some((_, flag)) = flag.into_iter().find(|(name, _)| args.take(name)) else {
            return Err(Error::err(format_args!("Unsupported option {}", String::from_utf8_lossy(word))));
        };
        *flag = true;
    }
    if condition.none && (condition.some || condition.later || condition.earlier) {
        return Err(Error::text("ERR NX and XX, GT or LT options at the same time are not compatible"));
    }
    if condition.later && condition.earlier {
        return Err(Error::text("ERR GT and LT options at the same time are not compatible"));
    }
    Ok(condition)
}

macro_rules! sets_deadline {
    ($(#[$doc:meta])* $type:ident $name:literal $unit:ident, $syntax:literal, $version:literal, $summary:literal) => {
        $(#[$doc])*
        pub struct $type(Deadline);

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::Generic, Arity::AtLeast(3))
                .keys(UPDATE_KEY)
                .flags(Flags::FAST)
                .syntax($syntax)
                .doc($version, "O(1)", $summary);
            type Output = bool;

            fn parse(args: &mut Args) -> Result<Self> {
                Deadline::parse(args).map($type)
            }
        }

        impl WriteCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::one(&self.0.key)
            }

            fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
                self.0.run(tx, $name, Unit::$unit)
            }
        }
    };
}

sets_deadline!(
    /// `EXPIRE`.
    Expire "EXPIRE" Seconds, "key seconds [NX | XX | GT | LT]", "1.0.0",
    "Sets how many seconds a key has left to live."
);
sets_deadline!(
    /// `PEXPIRE`.
    PExpire "PEXPIRE" Milliseconds, "key milliseconds [NX | XX | GT | LT]", "2.6.0",
    "Sets how many milliseconds a key has left to live."
);
sets_deadline!(
    /// `EXPIREAT`.
    ExpireAt "EXPIREAT" UnixSeconds, "key unix-time-seconds [NX | XX | GT | LT]", "1.2.0",
    "Sets when a key expires, as a Unix time in seconds."
);
sets_deadline!(
    /// `PEXPIREAT`.
    PExpireAt "PEXPIREAT" UnixMilliseconds, "key unix-time-milliseconds [NX | XX | GT | LT]", "2.6.0",
    "Sets when a key expires, as a Unix time in milliseconds."
);

/// What Redis answers for a key that is not there, and for one that lives for ever.
const NO_KEY: i64 = -2;
const NO_DEADLINE: i64 = -1;

fn read_deadline(tx: &ReadTx, key: &[u8], unit: Unit) -> Result<i64> {
    let Some(meta) = tx.meta(key)? else { return Ok(NO_KEY) };
    let Some(deadline_ms) = meta.expire_at_ms else { return Ok(NO_DEADLINE) };
    let base_ms = if unit.is_from_now() { tx.now_ms() } else { 0 };
    let time_ms = i64::try_from(deadline_ms.saturating_sub(base_ms)).unwrap_or(i64::MAX);
    Ok(if unit.is_seconds() { time_ms / 1000 + i64::from(time_ms % 1000 >= 500) } else { time_ms })
}

macro_rules! reads_deadline {
    ($(#[$doc:meta])* $type:ident $name:literal $unit:ident, $tips:expr, $version:literal, $summary:literal) => {
        $(#[$doc])*
        pub struct $type {
            pub key: Bytes,
        }

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::Generic, Arity::Exactly(2))
                .keys(ACCESS_KEY)
                .flags(Flags::FAST)
                .syntax("key")
                .tips($tips)
                .doc($version, "O(1)", $summary);
            type Output = i64;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type { key: args.bytes()? })
            }
        }

        impl ReadCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::one(&self.key)
            }

            fn run(&self, tx: &ReadTx<'_>) -> Result<i64> {
                read_deadline(tx, &self.key, Unit::$unit)
            }
        }
    };
}

const CHANGES: &[&str] = &["nondeterministic_output"];

reads_deadline!(
    /// `TTL`.
    Ttl "TTL" Seconds, CHANGES, "1.0.0",
    "Returns how many seconds a key has left to live."
);
reads_deadline!(
    /// `PTTL`.
    PTtl "PTTL" Milliseconds, CHANGES, "2.6.0",
    "Returns how many milliseconds a key has left to live."
);
reads_deadline!(
    /// `EXPIRETIME`.
    ExpireTime "EXPIRETIME" UnixSeconds, &[], "7.0.0",
    "Returns when a key expires, as a Unix time in seconds."
);
reads_deadline!(
    /// `PEXPIRETIME`.
    PExpireTime "PEXPIRETIME" UnixMilliseconds, &[], "7.0.0",
    "Returns when a key expires, as a Unix time in milliseconds."
);

/// `PERSIST`.
pub struct Persist {
    pub key: Bytes,
}

impl Command for Persist {
    const SPEC: Spec = Spec::new("PERSIST", Group::Generic, Arity::Exactly(2))
        .keys(UPDATE_KEY)
        .flags(Flags::FAST)
        .syntax("key")
        .doc("2.2.0", "O(1)", "Lets a key live for ever.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Persist { key: args.bytes()? })
    }
}

impl WriteCommand for Persist {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        key::persist(tx, &self.key)
    }
}

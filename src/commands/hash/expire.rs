//! Deadlines of fields: `HEXPIRE`, `HTTL` and their kin, `HPERSIST`.

use super::words::{deadline_words, fields};
use super::{READ_KEY, UPDATE_KEY};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::time::Unit;
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::hash::{self, Outcome};
use crate::data_types::key::Condition;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::{ReadTx, WriteTx};
use bytes::Bytes;

/// What is answered about a field that is not there, and about one that lives for ever.
const NO_FIELD: i64 = -2;
const NO_DEADLINE: i64 = -1;

/// No field may live longer than that, ms since the Unix epoch: Redis' limit.
const LAST_DEADLINE_MS: i64 = (1 << 46) - 1;

/// The moment that a number means, ms since the Unix epoch; one that has passed is 0.
///
/// # Errors
/// When it is negative or too large.
pub(super) fn moment_ms(unit: Unit, number: i64, now_ms: u64, command: &str) -> Result<u64> {
    if number < 0 {
        return Err(Error::text("ERR invalid expire time, must be >= 0"));
    }
    let moment_ms = unit.moment_ms(number, now_ms).filter(|moment_ms| *moment_ms <= LAST_DEADLINE_MS);
    moment_ms.map(i64::unsigned_abs).ok_or_else(|| Error::InvalidExpire(command.to_ascii_lowercase()))
}

fn number_of(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::NoField => NO_FIELD,
        Outcome::NoDeadline => NO_DEADLINE,
        Outcome::Refused => 0,
        Outcome::Done => 1,
        Outcome::Deleted => 2,
    }
}

macro_rules! sets_deadline {
    ($(#[$doc:meta])* $type:ident $name:literal $unit:ident, $syntax:literal, $summary:literal) => {
        $(#[$doc])*
        pub struct $type {
            pub key: Bytes,
            /// A key of another type is told before an error among the words, and a bad time before
            /// what is wrong behind it.
            pub time: Result<i64>,
            pub words: Result<(Condition, Vec<Bytes>)>,
        }

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::Hash, Arity::AtLeast(6))
                .keys(UPDATE_KEY)
                .flags(Flags::FAST)
                .syntax($syntax)
                .doc(SINCE, "O(N) where N is the number of fields", $summary);
            type Output = Vec<i64>;

            fn parse(args: &mut Args) -> Result<Self> {
                let (key, time) = (args.bytes()?, args.integer());
                Ok($type { key, time, words: deadline_words(args) })
            }
        }

        impl WriteCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::one(&self.key)
            }

            fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<i64>> {
                let mut slot = tx.slot(&self.key)?;
                slot.meta_of(Kind::Hash)?;
                let deadline_ms = moment_ms(Unit::$unit, self.time.clone()?, tx.now_ms(), $name)?;
                let (condition, fields) = self.words.as_ref().map_err(Error::clone)?;
                let outcomes =
                    hash::set_deadlines(tx, &mut slot, fields, Some(deadline_ms), *condition)?;
                Ok(outcomes.into_iter().map(number_of).collect())
            }
        }
    };
}

const SINCE: &str = "7.4.0";

sets_deadline!(
    /// `HEXPIRE`.
    HExpire "HEXPIRE" Seconds,
    "key seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    "Sets how many seconds fields of a hash have left to live."
);
sets_deadline!(
    /// `HPEXPIRE`.
    HPExpire "HPEXPIRE" Milliseconds,
    "key milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    "Sets how many milliseconds fields of a hash have left to live."
);
sets_deadline!(
    /// `HEXPIREAT`.
    HExpireAt "HEXPIREAT" UnixSeconds,
    "key unix-time-seconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    "Sets when fields of a hash expire, as a Unix time in seconds."
);
sets_deadline!(
    /// `HPEXPIREAT`.
    HPExpireAt "HPEXPIREAT" UnixMilliseconds,
    "key unix-time-milliseconds [NX | XX | GT | LT] FIELDS numfields field [field ...]",
    "Sets when fields of a hash expire, as a Unix time in milliseconds."
);

/// When a field dies, in a unit; rounded up.
fn time_of(deadline_ms: u64, unit: Unit, now_ms: u64) -> i64 {
    let base_ms = if unit.is_from_now() { now_ms } else { 0 };
    let time_ms = i64::try_from(deadline_ms.saturating_sub(base_ms)).unwrap_or(i64::MAX);
    if unit.is_seconds() { time_ms / 1000 + i64::from(time_ms % 1000 > 0) } else { time_ms }
}

macro_rules! reads_deadline {
    ($(#[$doc:meta])* $type:ident $name:literal $unit:ident, $tips:expr, $summary:literal) => {
        $(#[$doc])*
        pub struct $type {
            pub key: Bytes,
            /// A key of another type is told before an error among the words.
            pub fields: Result<Vec<Bytes>>,
        }

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::Hash, Arity::AtLeast(5))
                .keys(READ_KEY)
                .flags(Flags::FAST)
                .syntax("key FIELDS numfields field [field ...]")
                .tips($tips)
                .doc(SINCE, "O(N) where N is the number of fields", $summary);
            type Output = Vec<i64>;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type { key: args.bytes()?, fields: fields(args) })
            }
        }

        impl ReadCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::one(&self.key)
            }

            fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<i64>> {
                let hash = hash::open(tx, &self.key)?;
                let fields = self.fields.as_ref().map_err(Error::clone)?;
                let Some(hash) = hash else { return Ok(vec![NO_FIELD; fields.len()]) };
                let time = |name: &Bytes| {
                    let Some(field) = hash.field(tx, name)? else { return Ok(NO_FIELD) };
                    let deadline_ms = field.expire_at_ms;
                    Ok(deadline_ms.map_or(NO_DEADLINE, |at_ms| time_of(at_ms, Unit::$unit, tx.now_ms())))
                };
                fields.iter().map(time).collect()
            }
        }
    };
}

const CHANGES: &[&str] = &["nondeterministic_output"];

reads_deadline!(
    /// `HTTL`.
    HTtl "HTTL" Seconds, CHANGES, "Returns how many seconds fields of a hash have left to live."
);
reads_deadline!(
    /// `HPTTL`.
    HPTtl "HPTTL" Milliseconds, CHANGES,
    "Returns how many milliseconds fields of a hash have left to live."
);
reads_deadline!(
    /// `HEXPIRETIME`.
    HExpireTime "HEXPIRETIME" UnixSeconds, &[],
    "Returns when fields of a hash expire, as a Unix time in seconds."
);
reads_deadline!(
    /// `HPEXPIRETIME`.
    HPExpireTime "HPEXPIRETIME" UnixMilliseconds, &[],
    "Returns when fields of a hash expire, as a Unix time in milliseconds."
);

/// `HPERSIST`.
pub struct HPersist {
    pub key: Bytes,
    /// A key of another type is told before an error among the words.
    pub fields: Result<Vec<Bytes>>,
}

impl Command for HPersist {
    const SPEC: Spec = Spec::new("HPERSIST", Group::Hash, Arity::AtLeast(5))
        .keys(UPDATE_KEY)
        .flags(Flags::FAST)
        .syntax("key FIELDS numfields field [field ...]")
        .doc(SINCE, "O(N) where N is the number of fields", "Lets fields of a hash live for ever.");
    type Output = Vec<i64>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(HPersist { key: args.bytes()?, fields: fields(args) })
    }
}

impl WriteCommand for HPersist {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Vec<i64>> {
        let mut slot = tx.slot(&self.key)?;
        slot.meta_of(Kind::Hash)?;
        let fields = self.fields.as_ref().map_err(Error::clone)?;
        let outcomes = hash::set_deadlines(tx, &mut slot, fields, None, Condition::default())?;
        Ok(outcomes.into_iter().map(number_of).collect())
    }
}

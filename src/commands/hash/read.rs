//! Fields and values: `HEXISTS`, `HGET`, `HGETALL`, `HKEYS`, `HLEN`, `HMGET`, `HSCAN`, `HSTRLEN`, `HVALS`.

use super::{LOOK_KEY, READ_KEY};
use crate::commands::args::Args;
use crate::commands::paging::Paging;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::hash::{self, Hash};
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::{Reply, Shape, Strings, StringsBuilder};
use bytes::Bytes;

macro_rules! reads_field {
    ($(#[$doc:meta])* $type:ident $name:literal, $keys:expr, $output:ty, $version:literal, $summary:literal, |$value:ident| $answer:expr) => {
        $(#[$doc])*
        pub struct $type {
            pub key: Bytes,
            pub field: Bytes,
        }

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::Hash, Arity::Exactly(3))
                .keys($keys)
                .flags(Flags::FAST)
                .syntax("key field")
                .doc($version, "O(1)", $summary);
            type Output = $output;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type { key: args.bytes()?, field: args.bytes()? })
            }
        }

        impl ReadCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::one(&self.key)
            }

            fn run(&self, tx: &ReadTx<'_>) -> Result<$output> {
                let hash = hash::open(tx, &self.key)?;
                let $value = hash.map_or(Ok(None), |hash| hash.get(tx, &self.field))?;
                Ok($answer)
            }
        }
    };
}

reads_field!(
    /// `HGET`.
    HGet "HGET", READ_KEY, Option<Bytes>, "2.0.0", "Returns the value of a field in a hash.",
    |value| value
);
reads_field!(
    /// `HEXISTS`.
    HExists "HEXISTS", LOOK_KEY, bool, "2.0.0", "Determines whether a field exists in a hash.",
    |value| value.is_some()
);
reads_field!(
    /// `HSTRLEN`.
    HStrLen "HSTRLEN", LOOK_KEY, usize, "3.2.0", "Returns the length of the value of a field.",
    |value| value.map_or(0, |value| value.len())
);

macro_rules! reads_all {
    ($(#[$doc:meta])* $type:ident $name:literal, $summary:literal, $shape:expr, |$out:ident, $field:ident, $value:ident| $push:expr) => {
        $(#[$doc])*
        pub struct $type {
            pub key: Bytes,
        }

        impl Command for $type {
            const SPEC: Spec = Spec::new($name, Group::Hash, Arity::Exactly(2))
                .keys(READ_KEY)
                .syntax("key")
                .tips(&["nondeterministic_output_order"])
                .doc("2.0.0", "O(N) where N is the size of the hash", $summary);
            type Output = Strings;

            fn parse(args: &mut Args) -> Result<Self> {
                Ok($type { key: args.bytes()? })
            }
        }

        impl ReadCommand for $type {
            fn keys(&self) -> Keys<'_> {
                Keys::one(&self.key)
            }

            fn run(&self, tx: &ReadTx<'_>) -> Result<Strings> {
                let mut $out = StringsBuilder::default();
                if let Some(hash) = hash::open(tx, &self.key)? {
                    hash.walk(tx, |$field, $value| $push)?;
                }
                Ok($out.finish($shape))
            }
        }
    };
}

reads_all!(
    /// `HGETALL`.
    HGetAll "HGETALL", "Returns all fields and values in a hash.", Shape::Map,
    |out, field, value| {
        out.push(field);
        out.push(value);
    }
);
reads_all!(
    /// `HKEYS`.
    HKeys "HKEYS", "Returns all fields in a hash.", Shape::Array,
    |out, field, _value| out.push(field)
);
reads_all!(
    /// `HVALS`.
    HVals "HVALS", "Returns all values in a hash.", Shape::Array,
    |out, _field, value| out.push(value)
);

/// `HLEN`.
pub struct HLen {
    pub key: Bytes,
}

impl Command for HLen {
    const SPEC: Spec = Spec::new("HLEN", Group::Hash, Arity::Exactly(2))
        .keys(LOOK_KEY)
        .flags(Flags::FAST)
        .syntax("key")
        .doc("2.0.0", "O(1)", "Returns the number of fields in a hash.");
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(HLen { key: args.bytes()? })
    }
}

impl ReadCommand for HLen {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<u64> {
        hash::open(tx, &self.key)?.map_or(Ok(0), |hash| hash.len(tx))
    }
}

/// `HMGET`.
pub struct HMGet {
    pub key: Bytes,
    pub fields: Vec<Bytes>,
}

impl Command for HMGet {
    const SPEC: Spec = Spec::new("HMGET", Group::Hash, Arity::AtLeast(3))
        .keys(READ_KEY)
        .flags(Flags::FAST)
        .syntax("key field [field ...]")
        .doc("2.0.0", "O(N) where N is the number of fields", "Returns the values of all fields in a hash.");
    type Output = Vec<Option<Bytes>>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(HMGet { key: args.bytes()?, fields: args.rest().to_vec() })
    }
}

impl ReadCommand for HMGet {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<Option<Bytes>>> {
        let hash = hash::open(tx, &self.key)?;
        let value = |field: &Bytes| hash.as_ref().map_or(Ok(None), |hash| hash.get(tx, field));
        self.fields.iter().map(value).collect()
    }
}

/// `HSCAN`.
pub struct HScan(Paging);

impl Command for HScan {
    const SPEC: Spec = Spec::new("HSCAN", Group::Hash, Arity::AtLeast(3))
        .keys(READ_KEY)
        .syntax("key cursor [MATCH pattern] [COUNT count] [NOVALUES]")
        .tips(&["nondeterministic_output"])
        .doc("2.8.0", "O(COUNT) for every call", "Iterates over fields and values of a hash.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Paging::parse(args, true).map(HScan)
    }
}

impl ReadCommand for HScan {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.0.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let hash = hash::open(tx, &self.0.key)?;
        self.0.run(tx, hash.as_ref().map(Hash::members), |entry, options| {
            let Some((field, value)) = hash::live_pair(entry, tx.now_ms())? else { return Ok(Vec::new()) };
            let value = (!options.no_values).then_some(value);
            Ok(std::iter::once(field).chain(value).map(Reply::Bulk).collect())
        })
    }
}

//! The HyperLogLog commands.

use super::args::Args;
use super::spec::{Arity, Flags, Group, KeyFlags, KeySpec, Spec};
use super::{Command, Context, Entry, SessionCommand, WriteCommand};
use crate::data_types::hyperloglog;
use crate::error::{Error, Result};
use crate::keyspace::tx::WriteTx;
use crate::keyspace::{DbIndex, KeySet, Keys};
use crate::protocol::Reply;
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[
    Entry::write::<PfAdd>(),
    Entry::new(PfCount::SPEC, run_count, Some(add_keys_of_count)),
    Entry::write::<PfDebug>(),
    Entry::write::<PfMerge>(),
    Entry::session::<PfSelfTest>(),
];

/// `PFADD`.
pub struct PfAdd {
    pub key: Bytes,
    pub elements: Vec<Bytes>,
}

impl Command for PfAdd {
    const SPEC: Spec = Spec::new("PFADD", Group::HyperLogLog, Arity::AtLeast(2))
        .keys(&[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::INSERT))])
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key [element [element ...]]")
        .doc(
            "2.8.9",
            "O(1) per element",
            "Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.",
        );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(PfAdd { key: args.bytes()?, elements: args.rest().to_vec() })
    }
}

impl WriteCommand for PfAdd {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        hyperloglog::add(tx, &self.key, &self.elements)
    }
}

/// `PFCOUNT`. It reads, and keeps the estimate with the key.
pub struct PfCount {
    pub keys: Vec<Bytes>,
}

impl Command for PfCount {
    const SPEC: Spec = Spec::new("PFCOUNT", Group::HyperLogLog, Arity::AtLeast(2))
        .keys(&[KeySpec::range(1, -1, 1, KeyFlags::RW.and(KeyFlags::ACCESS))])
        .flags(Flags::READONLY.and(Flags::MAY_REPLICATE))
        .syntax("key [key ...]")
        .doc(
            "2.8.9",
            "O(N) in the number of keys",
            "Returns the approximated number of different elements that keys have seen.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(PfCount { keys: args.rest().to_vec() })
    }
}

fn add_keys_of_count(args: &mut Args, db: DbIndex, keys: &mut KeySet) -> Result<()> {
    keys.add(db, &Keys::many(&PfCount::parse(args)?.keys));
    Ok(())
}

fn run_count(context: &mut Context, args: &mut Args) -> Result<Reply> {
    let PfCount { keys } = PfCount::parse(args)?;
    let locked = Keys::many(&keys);
    let count = context.read(&locked, |tx| hyperloglog::count(tx, &keys))?;
    if count.is_new && !context.instance.health.stops_writes() {
        // Whether it is kept or not: the client has its answer.
        let _ = context.write(&locked, |tx| hyperloglog::keep_estimate(tx, &keys[0]));
    }
    Ok(count.estimate.into())
}

/// `PFMERGE`.
pub struct PfMerge {
    pub to: Bytes,
    pub from: Vec<Bytes>,
}

impl Command for PfMerge {
    const SPEC: Spec = Spec::new("PFMERGE", Group::HyperLogLog, Arity::AtLeast(2))
        .keys(&[
            KeySpec::at(1, KeyFlags::RW.and(KeyFlags::ACCESS).and(KeyFlags::INSERT)),
            KeySpec::range(2, -1, 1, KeyFlags::RO.and(KeyFlags::ACCESS)),
        ])
        .flags(Flags::DENYOOM)
        .syntax("destkey [sourcekey [sourcekey ...]]")
        .doc("2.8.9", "O(N) in the number of keys", "Merges HyperLogLogs into one key.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(PfMerge { to: args.bytes()?, from: args.rest().to_vec() })
    }
}

impl WriteCommand for PfMerge {
    fn keys(&self) -> Keys<'_> {
        Keys::many(std::iter::once(&self.to).chain(&self.from))
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        hyperloglog::merge(tx, &self.to, &self.from)
    }
}

/// `PFDEBUG`.
pub struct PfDebug {
    pub what: Bytes,
    pub key: Bytes,
}

impl Command for PfDebug {
    const SPEC: Spec = Spec::new("PFDEBUG", Group::HyperLogLog, Arity::Exactly(3))
        .keys(&[KeySpec::at(2, KeyFlags::RW.and(KeyFlags::ACCESS))])
        .flags(Flags::DENYOOM.and(Flags::ADMIN))
        .syntax("subcommand key")
        .doc("2.8.9", "O(1)", "Shows how a HyperLogLog is kept: GETREG, DECODE, ENCODING, TODENSE.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(PfDebug { what: args.bytes()?, key: args.bytes()? })
    }
}

impl WriteCommand for PfDebug {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let Some(sketch) = hyperloglog::get(tx, &self.key)? else {
            return Err(Error::text("ERR The specified key does not exist"));
        };
        let is = |name: &str| self.what.eq_ignore_ascii_case(name.as_bytes());
        if is("GETREG") {
            hyperloglog::make_dense(tx, &self.key)?;
            let registers = sketch.registers()?;
            return Ok(Reply::Array(
                registers.into_iter().map(|value| Reply::Integer(value.into())).collect(),
            ));
        }
        if is("DECODE") {
            if !sketch.is_sparse() {
                return Err(Error::text("ERR HLL encoding is not sparse"));
            }
            return Ok(sketch.describe()?.into());
        }
        if is("ENCODING") {
            return Ok(Reply::Simple(if sketch.is_sparse() { "sparse" } else { "dense" }.into()));
        }
        if is("TODENSE") {
            return Ok(hyperloglog::make_dense(tx, &self.key)?.into());
        }
        let what = String::from_utf8_lossy(&self.what[..self.what.len().min(128)]);
        Err(Error::err(format_args!("Unknown PFDEBUG subcommand '{what}'")))
    }
}

/// `PFSELFTEST`.
pub struct PfSelfTest;

impl Command for PfSelfTest {
    const SPEC: Spec = Spec::new("PFSELFTEST", Group::HyperLogLog, Arity::Exactly(1))
        .flags(Flags::ADMIN)
        .doc("2.8.9", "N/A", "Tests the HyperLogLog implementation; takes some tenths of a second.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(PfSelfTest)
    }
}

impl SessionCommand for PfSelfTest {
    fn run(self, _: &mut Context<'_>) -> Result<()> {
        hyperloglog::self_test()
    }
}

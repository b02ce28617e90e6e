//! Groups and their consumers: `XGROUP`.

use super::{id, spec};
use crate::commands::args::Args;
use crate::commands::help::help_command;
use crate::commands::spec::{Arity, Categories, Flags, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, Entry, WriteCommand};
use crate::data_types::stream::{Edit, GroupEdit, Stream};
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use bytes::Bytes;

/// `XGROUP`.
pub const SPEC: Spec = spec("XGROUP", Arity::AtLeast(2)).without(Categories::STREAM).doc(
    "5.0.0",
    "Depends on the subcommand",
    "A container for consumer groups commands.",
);

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::write::<Create>(),
    Entry::write::<CreateConsumer>(),
    Entry::write::<DelConsumer>(),
    Entry::write::<Destroy>(),
    Entry::session::<Help>(),
    Entry::write::<SetId>(),
];

const INSERT_KEY: &[KeySpec] = &[KeySpec::at(2, KeyFlags::RW.and(KeyFlags::INSERT))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(2, KeyFlags::RW.and(KeyFlags::UPDATE))];
const DELETE_KEY: &[KeySpec] = &[KeySpec::at(2, KeyFlags::RW.and(KeyFlags::DELETE))];

const NO_KEY: Error = Error::text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM \
     option to create an empty stream automatically.",
);

/// Key and group, which all of them name.
struct Names {
    key: Bytes,
    group: Bytes,
}

impl Names {
    fn parse(args: &mut Args) -> Result<Names> {
        Ok(Names { key: args.bytes()?, group: args.bytes()? })
    }

    fn stream(&self, tx: &mut WriteTx) -> Result<Edit> {
        Edit::existing(tx, &self.key)?.ok_or(NO_KEY)
    }

    fn group(&self, tx: &WriteTx, stream: &Stream) -> Result<GroupEdit> {
        GroupEdit::open(tx, stream, &self.group)?.ok_or_else(|| super::no_such_group(&self.key, &self.group))
    }
}

/// The options of `CREATE` and `SETID`.
#[derive(Default)]
struct Options {
    makes_stream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(args: &mut Args, creates: bool) -> Result<Options> {
        let mut options = Options::default();
        while !args.is_empty() {
            if creates && args.take("MKSTREAM") {
                options.makes_stream = true;
            } else if args.remaining() > 1 && args.take("ENTRIESREAD") {
                let read = args.integer()?;
                if read < -1 {
                    return Err(Error::text("ERR value for ENTRIESREAD must be positive or -1"));
                }
                options.entries_read = u64::try_from(read).ok();
            } else {
                return Err(args.subcommand_error());
            }
        }
        Ok(options)
    }

    /// How many entries are said to be read; not more than were ever added.
    fn entries_read(&self, stream: &Stream) -> Option<u64> {
        self.entries_read.map(|read| read.min(stream.head().entries_added))
    }
}

/// `XGROUP CREATE`.
pub struct Create {
    names: Names,
    id: Bytes,
    options: Options,
}

impl Command for Create {
    const SPEC: Spec = spec("XGROUP|CREATE", Arity::AtLeast(5))
        .keys(INSERT_KEY)
        .flags(Flags::DENYOOM)
        .syntax("key group <id | $> [MKSTREAM] [ENTRIESREAD entries-read]")
        .doc("5.0.0", "O(1)", "Creates a consumer group.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let (names, id) = (Names::parse(args)?, args.bytes()?);
        Ok(Create { names, id, options: Options::parse(args, true)? })
    }
}

impl WriteCommand for Create {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.names.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let mut stream = Edit::open(tx, &self.names.key)?;
        if !stream.exists() && !self.options.makes_stream {
            return Err(NO_KEY);
        }
        let last_id = match self.id.as_ref() {
            b"$" => stream.head().last_id,
            word => id(word, 0)?,
        };
        let entries_read = self.options.entries_read(&stream);
        let group = stream.create_group(tx, &self.names.group, last_id, entries_read)?;
        let group = group.ok_or(Error::text("BUSYGROUP Consumer Group name already exists"))?;
        group.finish(tx);
        stream.finish(tx, Event::XGROUP_CREATE);
        Ok(())
    }
}

/// `XGROUP SETID`.
pub struct SetId {
    names: Names,
    id: Bytes,
    options: Options,
}

impl Command for SetId {
    const SPEC: Spec = spec("XGROUP|SETID", Arity::AtLeast(5))
        .keys(UPDATE_KEY)
        .syntax("key group <id | $> [ENTRIESREAD entries-read]")
        .doc("5.0.0", "O(1)", "Sets the last-delivered ID of a consumer group.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let (names, id) = (Names::parse(args)?, args.bytes()?);
        Ok(SetId { names, id, options: Options::parse(args, false)? })
    }
}

impl WriteCommand for SetId {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.names.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<()> {
        let stream = self.names.stream(tx)?;
        let mut group = self.names.group(tx, &stream)?;
        let last_id = match self.id.as_ref() {
            b"$" => stream.head().last_id,
            b"-" => StreamId::MIN,
            b"+" => StreamId::MAX,
            word => id(word, 0)?,
        };
        group.head_mut().last_id = last_id;
        group.head_mut().entries_read = self.options.entries_read(&stream);
        group.finish(tx);
        stream.finish(tx, Event::XGROUP_SETID);
        Ok(())
    }
}

/// `XGROUP DESTROY`.
pub struct Destroy(Names);

impl Command for Destroy {
    const SPEC: Spec = spec("XGROUP|DESTROY", Arity::Exactly(4)).keys(DELETE_KEY).syntax("key group").doc(
        "5.0.0",
        "O(1)",
        "Destroys a consumer group.",
    );
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Names::parse(args).map(Destroy)
    }
}

impl WriteCommand for Destroy {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.0.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let mut stream = self.0.stream(tx)?;
        let Some(group) = GroupEdit::open(tx, &stream, &self.0.group)? else { return Ok(false) };
        stream.destroy_group(tx, &group);
        stream.finish(tx, Event::XGROUP_DESTROY);
        Ok(true)
    }
}

/// `XGROUP CREATECONSUMER`.
pub struct CreateConsumer(Names, Bytes);

impl Command for CreateConsumer {
    const SPEC: Spec = spec("XGROUP|CREATECONSUMER", Arity::Exactly(5))
        .keys(INSERT_KEY)
        .flags(Flags::DENYOOM)
        .syntax("key group consumer")
        .doc("6.2.0", "O(1)", "Creates a consumer in a consumer group.");
    type Output = bool;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(CreateConsumer(Names::parse(args)?, args.bytes()?))
    }
}

impl WriteCommand for CreateConsumer {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.0.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<bool> {
        let stream = self.0.stream(tx)?;
        let mut group = self.0.group(tx, &stream)?;
        if group.find_consumer(tx, &self.1)?.is_some() {
            return Ok(false);
        }
        group.create_consumer(tx, &self.1);
        group.finish(tx);
        stream.finish(tx, Event::XGROUP_CREATECONSUMER);
        Ok(true)
    }
}

/// `XGROUP DELCONSUMER`.
pub struct DelConsumer(Names, Bytes);

impl Command for DelConsumer {
    const SPEC: Spec =
        spec("XGROUP|DELCONSUMER", Arity::Exactly(5)).keys(DELETE_KEY).syntax("key group consumer").doc(
            "5.0.0",
            "O(N log M) where N is the number of entries pending with the consumer, M that of the group",
            "Deletes a consumer from a consumer group.",
        );
    type Output = u64;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(DelConsumer(Names::parse(args)?, args.bytes()?))
    }
}

impl WriteCommand for DelConsumer {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.0.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<u64> {
        let stream = self.0.stream(tx)?;
        let mut group = self.0.group(tx, &stream)?;
        let Some(number) = group.find_consumer(tx, &self.1)? else { return Ok(0) };
        let pending = group.delete_consumer(tx, number)?;
        group.finish(tx);
        stream.finish(tx, Event::XGROUP_DELCONSUMER);
        Ok(pending)
    }
}

help_command!(
    Help,
    spec("XGROUP|HELP", Arity::Exactly(2)),
    "5.0.0",
    &[
        "CREATE <key> <groupname> <id|$> [option]",
        "    Create a new consumer group. Options are:",
        "    * MKSTREAM",
        "      Create the empty stream if it does not exist.",
        "    * ENTRIESREAD entries_read",
        "      Set the group's entries_read counter (internal use).",
        "CREATECONSUMER <key> <groupname> <consumer>",
        "    Create a new consumer in the specified group.",
        "DELCONSUMER <key> <groupname> <consumer>",
        "    Remove the specified consumer.",
        "DESTROY <key> <groupname>",
        "    Remove the specified group.",
        "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
        "    Set the current group ID and entries_read counter.",
    ]
);

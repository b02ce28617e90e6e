//! The stream family.

mod add;
mod claim;
mod delete;
mod deliver;
mod group;
mod info;
mod nack;
mod pending;
mod producers;
mod range;
mod read;
mod trim;

use super::Entry;
use super::args::Args;
use super::spec::{Arity, Group, KeyFlags, KeySpec, Spec};
use crate::data_types::stream;
use crate::encoding::stream_id::StreamId;
use crate::error::{Error, Result};
use crate::protocol::Reply;

pub static COMMANDS: &[Entry] = &[
    Entry::write::<pending::XAck>(),
    Entry::write::<delete::XAckDel>(),
    Entry::write::<add::XAdd>(),
    Entry::write::<claim::XAutoClaim>(),
    Entry::write::<producers::XCfgSet>(),
    Entry::write::<claim::XClaim>(),
    Entry::write::<delete::XDel>(),
    Entry::write::<delete::XDelEx>(),
    Entry::container(group::SPEC, group::SUBCOMMANDS),
    Entry::write::<producers::XIdmpRecord>(),
    Entry::container(info::SPEC, info::SUBCOMMANDS),
    Entry::read::<range::XLen>(),
    Entry::write::<nack::XNack>(),
    Entry::read::<pending::XPending>(),
    Entry::read::<range::XRange>(),
    Entry::blocking_read::<read::XRead>(),
    Entry::blocking::<read::XReadGroup>(),
    Entry::read::<range::XRevRange>(),
    Entry::write::<trim::XSetId>(),
    Entry::write::<trim::XTrim>(),
];

const READ_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RO.and(KeyFlags::ACCESS))];
const UPDATE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::UPDATE))];
const DELETE_KEY: &[KeySpec] = &[KeySpec::at(1, KeyFlags::RW.and(KeyFlags::DELETE))];

const INVALID_ID: Error = Error::text("ERR Invalid stream ID specified as stream command argument");

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Stream, arity)
}

/// The group, or its stream, is not there.
fn no_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Error::Text(format!("NOGROUP No such key '{key}' or consumer group '{group}'").into())
}

/// The stream is there, and the group is not.
fn no_such_group(key: &[u8], group: &[u8]) -> Error {
    let (key, group) = (String::from_utf8_lossy(key), String::from_utf8_lossy(group));
    Error::Text(format!("NOGROUP No such consumer group '{group}' for key name '{key}'").into())
}

/// The id that a word is; `missing_seq` stands for a second part that is not there.
fn id(word: &[u8], missing_seq: u64) -> Result<StreamId> {
    StreamId::parse(word, missing_seq).ok_or(INVALID_ID)
}

/// The next word as a whole id.
fn next_id(args: &mut Args) -> Result<StreamId> {
    id(&args.bytes()?, 0)
}

/// An end of a range: `-` and `+` are those of the stream, `(` leaves the id out.
fn bound(word: &[u8], is_start: bool) -> Result<StreamId> {
    let missing_seq = if is_start { 0 } else { u64::MAX };
    match word {
        b"-" => return Ok(StreamId::MIN),
        b"+" => return Ok(StreamId::MAX),
        _ => {}
    }
    let Some(excluded) = word.strip_prefix(b"(").filter(|rest| !rest.is_empty()) else {
        return id(word, missing_seq);
    };
    let excluded = id(excluded, missing_seq)?;
    if is_start {
        excluded.next().ok_or(Error::text("ERR invalid start ID for the interval"))
    } else {
        excluded.previous().ok_or(Error::text("ERR invalid end ID for the interval"))
    }
}

fn shown_id(id: StreamId) -> Reply {
    Reply::bulk(id.to_string())
}

/// Fields and values in turn.
fn shown_fields(fields: stream::Fields) -> Reply {
    Reply::Array(
        fields.into_iter().flat_map(|(name, value)| [Reply::Bulk(name), Reply::Bulk(value)]).collect(),
    )
}

/// Entries, each with its id.
fn shown(entries: Vec<stream::Entry>) -> Reply {
    let shown = |entry: stream::Entry| Reply::Array(vec![shown_id(entry.id), shown_fields(entry.fields)]);
    Reply::Array(entries.into_iter().map(shown).collect())
}

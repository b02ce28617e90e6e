//! Whether what is stored makes sense: every header with its value, the indexes and counts of keys, and
//! whether anything is left over of values that are gone. Reads everything once and changes nothing.

use super::{array, dense::Dense, hash, list, sorted_set, stream, string};
use crate::encoding::DecodeError;
use crate::encoding::databases::Databases;
use crate::encoding::functions;
use crate::encoding::keys::{self, Namespace};
use crate::encoding::meta::Meta;
use crate::encoding::numbers::{CHUNK_BYTES, Kind, system_key};
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::keyspace::{Keys, Keyspace, Origin, staging};
use crate::storage::{Direction, ReadTier, Scan, ScanRange, Space, prefix_end};
use hashbrown::HashSet;

/// So many problems are told one by one.
const MAX_TOLD: usize = 1000;

/// What a check has found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Report {
    /// Keys of all databases, dead ones that are not yet deleted included.
    pub keys: u64,
    /// Records of values that lie outside their headers.
    pub records: u64,
    /// What is wrong, in words; only so many are told.
    pub problems: Vec<String>,
    pub problem_count: u64,
}

impl Report {
    fn problem(&mut self, text: String) {
        self.problem_count += 1;
        if self.problems.len() < MAX_TOLD {
            self.problems.push(text);
        }
    }
}

/// Holds everything that is stored against the rules. While a database is being looked at, nobody writes.
/// Takes memory for the version of each value that lies outside its header.
///
/// # Errors
/// When something cannot be read at all.
pub fn check(keyspace: &Keyspace) -> Result<Report> {
    let mut report = Report::default();
    for db in 0..keyspace.database_count() {
        let origin = Origin { db, client: 0, tier: ReadTier::Disk };
        let found = keyspace.read(origin, &Keys::All, |tx| {
            let mut report = Report::default();
            check_database(tx, &mut report)?;
            if db == 0 {
                check_namespaces(tx, &mut report)?;
                check_functions(tx, &mut report)?;
            }
            Ok(report)
        })?;
        report.keys += found.keys;
        report.records += found.records;
        report.problem_count += found.problem_count;
        report.problems.extend(found.problems);
        report.problems.truncate(MAX_TOLD);
    }
    Ok(report)
}

fn check_database(tx: &ReadTx, report: &mut Report) -> Result<()> {
    let range = ScanRange::prefix(&tx.namespace().prefix());
    let mut scan = tx.scan(Space::Meta, &range, Direction::Forward)?;
    let mut versions = HashSet::new();
    let (mut expires, mut field_deadlines) = (0, 0);
    while let Some((stored, header)) = scan.next()? {
        report.keys += 1;
        let (_, key) = keys::decode_meta(stored)?;
        let checked =
            Meta::decode(bytes::Bytes::copy_from_slice(header)).map_err(Into::into).and_then(|meta| {
                expires += u64::from(meta.expire_at_ms.is_some());
                field_deadlines += u64::from(meta.first_field_deadline_ms().is_some());
                let is_first = meta.outside.is_none_or(|outside| versions.insert(outside.version));
                check_key(tx, key, &meta, is_first)
            });
        if let Err(error) = checked {
            report.problem(format!("database {}, key '{}': {error}", tx.db(), key.escape_ascii()));
        }
    }
    check_counts(tx, report.keys, (expires, field_deadlines), report)?;
    // What is being written of a value that is not there yet.
    let staged = staging::staged(tx.keyspace().engine())?;
    versions.extend(
        staged.iter().filter_map(|prefix| prefix.last_chunk()).map(|bytes| u64::from_be_bytes(*bytes)),
    );
    for space in [Space::Data, Space::Index, Space::Blob] {
        check_left_over(tx, space, &versions, report)?;
    }
    Ok(())
}

fn check_key(tx: &ReadTx, key: &[u8], meta: &Meta, is_first: bool) -> Result<()> {
    if !is_first {
        return Err(DecodeError { what: "version that another key has" }.into());
    }
    let deadline = meta.expire_at_ms.map(|at_ms| keys::expiry(tx.namespace(), at_ms, key));
    let field_deadline =
        meta.first_field_deadline_ms().map(|at_ms| keys::field_expiry(tx.namespace(), at_ms, key));
    for record in deadline.into_iter().chain(field_deadline) {
        if tx.get(Space::Expiry, &record)?.is_none() {
            return Err(DecodeError { what: "deadline without its record" }.into());
        }
    }
    match meta.kind {
        Kind::String => match meta.outside {
            Some(outside) => string::parts::check(tx, outside),
            None if meta.inline.len() > CHUNK_BYTES => Err(DecodeError { what: "length of a string" }.into()),
            None => Ok(()),
        },
        Kind::List => list::check(tx, meta),
        Kind::Set => Dense::open(meta, tx.namespace())?.check(tx, |_| Ok(None)),
        Kind::Hash => hash::check(tx, meta),
        Kind::SortedSet => sorted_set::check(tx, meta),
        Kind::Stream => stream::check(tx, meta),
        Kind::Array => array::check(tx, meta),
        // As long as the other types are not there.
        Kind::Json => Ok(()),
    }
}

/// Every deadline has its record already: are there others? And are the counters right?
fn check_counts(
    tx: &ReadTx,
    keys: u64,
    (expires, field_deadlines): (u64, u64),
    report: &mut Report,
) -> Result<()> {
    let range = ScanRange::prefix(&tx.namespace().prefix());
    let mut scan = tx.scan(Space::Expiry, &range, Direction::Forward)?;
    let mut records = 0;
    while scan.next()?.is_some() {
        records += 1;
    }
    let (keyspace, db) = (tx.keyspace(), tx.db());
    for (what, found, said) in [
        ("records of deadlines", records, expires + field_deadlines),
        ("keys", keys, keyspace.key_count(db)?),
        ("keys with a deadline", expires, keyspace.expires_count(db)?),
        ("hashes with deadlines of fields", field_deadlines, keyspace.subexpires_count(db)?),
    ] {
        if found != said {
            report.problem(format!("database {db}: {found} {what}, and {said} were expected"));
        }
    }
    Ok(())
}

/// Everything outside headers belongs to a header.
fn check_left_over(tx: &ReadTx, space: Space, versions: &HashSet<u64>, report: &mut Report) -> Result<()> {
    let range = ScanRange::prefix(&tx.namespace().prefix());
    let mut scan = tx.scan(space, &range, Direction::Forward)?;
    let mut last = None;
    while let Some((stored, _)) = scan.next()? {
        report.records += 1;
        let version = stored.get(4..12).and_then(<[u8]>::first_chunk).map(|bytes| u64::from_be_bytes(*bytes));
        if last == Some(version) {
            continue;
        }
        last = Some(version);
        if version.is_none_or(|version| !versions.contains(&version)) {
            let name = space.name();
            report
                .problem(format!("database {}: {name} has records of no key, version {version:?}", tx.db()));
        }
    }
    Ok(())
}

/// Every library of functions decodes.
fn check_functions(tx: &ReadTx, report: &mut Report) -> Result<()> {
    for (name, record) in tx.keyspace().system_records(system_key::FUNCTIONS)? {
        if let Err(error) = functions::decode(&record) {
            report.problem(format!("library '{}': {error}", name.escape_ascii()));
        }
    }
    Ok(())
}

/// Every record belongs to a database, or to one that was emptied and waits for its deletion.
fn check_namespaces(tx: &ReadTx, report: &mut Report) -> Result<()> {
    let record = tx.get(Space::System, system_key::DATABASES)?;
    let databases = record.map(|record| Databases::decode(&record)).transpose()?.unwrap_or_default();
    for space in Space::ALL.into_iter().filter(|space| *space != Space::System) {
        let mut from = Some(Vec::new());
        while let Some(start) = from {
            let mut scan = tx.scan(space, &ScanRange { from: start, to: None }, Direction::Forward)?;
            let Some((key, _)) = scan.next()? else { break };
            let Some(number) = key.first_chunk() else {
                report.problem(format!("{} has a key that is too short", space.name()));
                break;
            };
            let namespace = Namespace(u32::from_be_bytes(*number));
            let garbage = tx.get(Space::System, &namespace.system_key(system_key::GARBAGE))?;
            if !databases.namespaces.contains(&namespace) && garbage.is_none() {
                report.problem(format!(
                    "{} has records of namespace {}, which no database has",
                    space.name(),
                    namespace.0
                ));
            }
            from = prefix_end(&namespace.prefix());
        }
    }
    Ok(())
}

//! `MEMORY`: what takes how much.

use super::{Command, Context, Entry, SessionCommand, help_command, help_spec};
use crate::commands::ReadCommand;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Group, KeyFlags, KeySpec, Spec};
use crate::data_types::key;
use crate::error::{Error, Result};
use crate::instance::process::{self, MemoryUse};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::{Reply, fields};
use bytes::Bytes;

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<MemoryDoctor>(),
    Entry::session::<MemoryHelp>(),
    Entry::session::<MemoryMallocStats>(),
    Entry::session::<MemoryPurge>(),
    Entry::session::<MemoryStats>(),
    Entry::read::<MemoryUsage>(),
];

/// A part of a whole, 0 of nothing.
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Every stored record is counted, so `SAMPLES` changes nothing.
pub struct MemoryUsage {
    pub key: Bytes,
}

impl Command for MemoryUsage {
    const SPEC: Spec = Spec::new("MEMORY|USAGE", Group::Server, Arity::AtLeast(3))
        .keys(&[KeySpec::at(2, KeyFlags::RO)])
        .syntax("key [SAMPLES count]")
        .doc(
            "4.0.0",
            "O(N) where N is the number of bytes",
            "Returns how many bytes a key and its value take as stored.",
        );
    type Output = Option<u64>;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        while !args.is_empty() {
            if !args.take("SAMPLES") || args.is_empty() {
                return Err(Error::Syntax);
            }
            if args.integer()? < 0 {
                return Err(Error::Syntax);
            }
        }
        Ok(MemoryUsage { key })
    }
}

impl ReadCommand for MemoryUsage {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Option<u64>> {
        let Some(meta) = tx.meta(&self.key)? else { return Ok(None) };
        key::stored_bytes(tx, &self.key, &meta).map(Some)
    }
}

pub struct MemoryStats;

impl Command for MemoryStats {
    const SPEC: Spec = Spec::new("MEMORY|STATS", Group::Server, Arity::Exactly(2))
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .doc("4.0.0", "O(1)", "Returns what takes how much memory.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(MemoryStats)
    }
}

impl SessionCommand for MemoryStats {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let instance = context.instance;
        let memory = MemoryUse::now();
        let peak = instance.stats.peak_memory(memory.allocated);
        let startup = instance.identity.startup_memory;
        let engine = instance.keyspace.engine().memory_bytes();
        let mut keys = 0;
        let mut databases = Vec::new();
        for db in 0..instance.keyspace.database_count() {
            let count = instance.keyspace.live_key_count(db, context.session.tier)?;
            keys += count;
            if count > 0 {
                databases.push((Reply::bulk(format!("db.{db}")), database()));
            }
        }
        let mut all = fields([
            ("peak.allocated", peak.into()),
            ("total.allocated", memory.allocated.into()),
            ("startup.allocated", startup.into()),
            ("replication.backlog", Reply::Integer(0)),
            ("clients.slaves", Reply::Integer(0)),
            ("clients.normal", instance.clients.memory_bytes().into()),
            ("cluster.links", Reply::Integer(0)),
            ("aof.buffer", Reply::Integer(0)),
            ("lua.caches", instance.scripts.size().1.into()),
            ("functions.caches", Reply::Integer(0)),
        ]);
        all.extend(databases);
        let net = memory.allocated.saturating_sub(startup);
        all.extend(fields([
            ("overhead.total", memory.allocated.saturating_sub(engine).into()),
            ("keys.count", keys.into()),
            ("keys.bytes-per-key", engine.checked_div(keys).unwrap_or(0).into()),
            ("dataset.bytes", engine.into()),
            ("dataset.percentage", Reply::Double(100.0 * ratio(engine, net))),
            ("peak.percentage", Reply::Double(100.0 * ratio(memory.allocated, peak))),
        ]));
        all.extend(allocator(&memory));
        Ok(Reply::Map(all))
    }
}

/// What a database takes besides its data: nothing in memory, for it is on disk.
fn database() -> Reply {
    let names = ["overhead.hashtable.main", "overhead.hashtable.expires", "overhead.hashtable.slot-to-keys"];
    Reply::Map(fields(names.map(|name| (name, Reply::Integer(0)))))
}

/// How what was asked of the allocator compares with what it took from the system.
fn allocator(memory: &MemoryUse) -> Vec<(Reply, Reply)> {
    let ratio = |part, whole| Reply::Double(ratio(part, whole));
    let difference = |a: u64, b: u64| Reply::Integer(a as i64 - b as i64);
    fields([
        ("allocator.allocated", memory.allocated.into()),
        ("allocator.active", memory.active.into()),
        ("allocator.resident", memory.resident.into()),
        ("allocator-fragmentation.ratio", ratio(memory.active, memory.allocated)),
        ("allocator-fragmentation.bytes", difference(memory.active, memory.allocated)),
        ("allocator-rss.ratio", ratio(memory.resident, memory.active)),
        ("allocator-rss.bytes", difference(memory.resident, memory.active)),
        ("rss-overhead.ratio", ratio(memory.rss, memory.resident)),
        ("rss-overhead.bytes", difference(memory.rss, memory.resident)),
        ("fragmentation", ratio(memory.rss, memory.allocated)),
        ("fragmentation.bytes", difference(memory.rss, memory.allocated)),
    ])
}

pub struct MemoryDoctor;

impl Command for MemoryDoctor {
    const SPEC: Spec = Spec::new("MEMORY|DOCTOR", Group::Server, Arity::Exactly(2))
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .doc("4.0.0", "O(1)", "Returns a report on memory for people.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(MemoryDoctor)
    }
}

impl SessionCommand for MemoryDoctor {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let instance = context.instance;
        let memory = MemoryUse::now();
        let peak = instance.stats.peak_memory(memory.allocated);
        let findings =
            findings(&memory, peak, instance.clients.memory_bytes() as u64, instance.clients.count() as u64);
        let report = if findings.is_empty() {
            "No memory problem found.\n".to_owned()
        } else {
            findings.iter().map(|finding| format!("- {finding}\n")).collect()
        };
        Ok(Reply::Verbatim("txt", report.into()))
    }
}

/// Less than this, bytes, is no problem whatever the ratios are.
const SMALL: u64 = 64 << 20;

fn findings(memory: &MemoryUse, peak: u64, client_buffers: u64, clients: u64) -> Vec<String> {
    let mut findings = Vec::new();
    if memory.allocated.max(memory.rss) < SMALL {
        return findings;
    }
    if ratio(peak, memory.allocated) > 1.5 {
        findings.push(format!(
            "Peak: {peak} bytes were in use once, {} are now. The allocator may keep what lies between; MEMORY \
             PURGE gives it back.",
            memory.allocated
        ));
    }
    if ratio(memory.rss, memory.allocated) > 1.4 && memory.rss - memory.allocated > SMALL {
        findings.push(format!(
            "Fragmentation: the process holds {} bytes for {} bytes in use.",
            memory.rss, memory.allocated
        ));
    }
    if client_buffers / clients.max(1) > 200 << 10 {
        findings.push(format!(
            "Clients: their buffers take {client_buffers} bytes. CLIENT LIST tells who reads too slowly or sends \
             too much at once."
        ));
    }
    findings
}

pub struct MemoryMallocStats;

impl Command for MemoryMallocStats {
    const SPEC: Spec = Spec::new("MEMORY|MALLOC-STATS", Group::Server, Arity::Exactly(2))
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .doc("4.0.0", "Depends on how much memory is allocated", "Returns the allocator's statistics.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(MemoryMallocStats)
    }
}

impl SessionCommand for MemoryMallocStats {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        let memory = MemoryUse::now();
        let text = format!(
            "allocator: {}\nallocated: {}\nactive: {}\nresident: {}\nprocess resident: {}\n",
            process::allocator_name(),
            memory.allocated,
            memory.active,
            memory.resident,
            memory.rss
        );
        Ok(Reply::Verbatim("txt", text.into()))
    }
}

pub struct MemoryPurge;

impl Command for MemoryPurge {
    const SPEC: Spec = Spec::new("MEMORY|PURGE", Group::Server, Arity::Exactly(2))
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .doc("4.0.0", "Depends on how much memory is allocated", "Gives unused memory back to the system.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(MemoryPurge)
    }
}

impl SessionCommand for MemoryPurge {
    fn run(self, _: &mut Context<'_>) -> Result<()> {
        process::purge();
        Ok(())
    }
}

help_command!(
    MemoryHelp,
    help_spec("MEMORY|HELP"),
    "4.0.0",
    &[
        "DOCTOR",
        "    Return memory problems reports.",
        "MALLOC-STATS",
        "    Return internal statistics report from the memory allocator.",
        "PURGE",
        "    Attempt to purge dirty pages for reclamation by the allocator.",
        "STATS",
        "    Return information about the memory usage of the server.",
        "USAGE <key> [SAMPLES <count>]",
        "    Return memory in bytes used by <key> and its value. Nested values are",
        "    sampled up to <count> times (default: 5, 0 means sample all).",
    ]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doctor_finds_what_is_wrong() {
        let healthy = MemoryUse { allocated: 1 << 30, active: 1 << 30, resident: 1 << 30, rss: 1 << 30 };
        assert!(findings(&healthy, 1 << 30, 0, 10).is_empty());
        assert_eq!(findings(&healthy, 2 << 30, 0, 10).len(), 1);
        assert_eq!(findings(&MemoryUse { rss: 2 << 30, ..healthy }, 2 << 30, 10 << 20, 10).len(), 3);
        let small = MemoryUse { allocated: 1 << 20, rss: 10 << 20, ..healthy };
        assert!(findings(&small, 1 << 30, 0, 1).is_empty());
    }
}

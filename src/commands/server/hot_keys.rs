//! `HOTKEYS`: which keys cost most.

use super::{Command, Context, Entry, SessionCommand, help_command, help_spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::instance::hot_keys::Wanted;
use crate::protocol::Reply;
use bytes::Bytes;
use std::ops::RangeInclusive;

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<Get>(),
    Entry::session::<Help>(),
    Entry::session::<Reset>(),
    Entry::session::<Start>(),
    Entry::session::<Stop>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Server, arity).flags(Flags::ADMIN.and(Flags::NOSCRIPT))
}

/// How many keys are shown if nobody says otherwise.
const DEFAULT_COUNT: usize = 10;
/// `CPU` and `NET`.
const METRICS: i64 = 2;

pub struct Start {
    /// What is wrong with it is told after that it is under way already.
    wanted: Result<Wanted>,
}

/// The next word as a number of the range.
fn number(args: &mut Args, range: RangeInclusive<i64>, otherwise: &'static str) -> Result<u64> {
    let number = text::parse_i64(&args.bytes()?).filter(|number| range.contains(number));
    number.and_then(|number| u64::try_from(number).ok()).ok_or(Error::text(otherwise))
}

/// Reads `METRICS count [CPU] [NET]`. Metrics that there are not are passed over, for the sake of later ones.
fn metrics(args: &mut Args) -> Result<(bool, bool)> {
    if args.remaining() < 2 || !args.take("METRICS") {
        return Err(Error::text("ERR METRICS parameter is required"));
    }
    let count = number(args, 1..=METRICS, "ERR METRICS count must be > 0 and <= 2")?;
    let (mut cpu, mut net) = (false, false);
    for _ in 0..count {
        if args.is_empty() {
            return Err(Error::text("ERR METRICS count does not match number of metric types provided"));
        }
        if args.take("CPU") {
            if std::mem::replace(&mut cpu, true) {
                return Err(Error::text("ERR METRICS CPU defined more than once!"));
            }
        } else if args.take("NET") {
            if std::mem::replace(&mut net, true) {
                return Err(Error::text("ERR METRICS NET defined more than once!"));
            }
        } else {
            args.bytes()?;
        }
    }
    if !cpu && !net {
        return Err(Error::text("ERR METRICS no valid metrics passed. Supported: CPU|NET"));
    }
    Ok((cpu, net))
}

fn wanted(args: &mut Args) -> Result<Wanted> {
    let (cpu, net) = metrics(args)?;
    let mut wanted = Wanted { cpu, net, count: DEFAULT_COUNT, duration_s: None, sample_ratio: 1 };
    while !args.is_empty() {
        if args.remaining() < 2 {
            return Err(Error::Syntax);
        }
        if args.take("COUNT") {
            wanted.count = number(args, 1..=64, "ERR COUNT must be between 1 and 64")? as usize;
        } else if args.take("DURATION") {
            let seconds = number(args, 1..=1_000_000, "ERR DURATION must be between 1 and 1000000")?;
            wanted.duration_s = Some(seconds);
        } else if args.take("SAMPLE") {
            wanted.sample_ratio = number(args, 1..=i32::MAX.into(), "ERR SAMPLE ratio must be positive")?;
        } else if args.take("SLOTS") {
            return Err(Error::text("ERR SLOTS parameter cannot be used in non-cluster mode"));
        } else {
            return Err(Error::Syntax);
        }
    }
    Ok(wanted)
}

impl Command for Start {
    const SPEC: Spec = spec("HOTKEYS|START", Arity::AtLeast(2))
        .syntax(
            "METRICS count [CPU] [NET] [COUNT k] [DURATION seconds] [SAMPLE ratio] [SLOTS count slot [slot ...]]",
        )
        .doc("8.6.0", "O(1)", "Starts to find out which keys cost most.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Start { wanted: wanted(args) })
    }
}

const UNDER_WAY: Error = Error::text("ERR hotkey tracking session already in progress");

impl SessionCommand for Start {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let (hot_keys, now_ms) = (&context.instance.hot_keys, context.instance.keyspace.clock().now_ms());
        if hot_keys.report(now_ms).is_some_and(|report| report.is_active) {
            return Err(UNDER_WAY);
        }
        if hot_keys.start(self.wanted?, now_ms) { Ok(()) } else { Err(UNDER_WAY) }
    }
}

pub struct Stop;

impl Command for Stop {
    const SPEC: Spec = spec("HOTKEYS|STOP", Arity::Exactly(2)).doc(
        "8.6.0",
        "O(1)",
        "Stops finding out which keys cost most; what was found out stays.",
    );
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Stop)
    }
}

impl SessionCommand for Stop {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let now_ms = context.instance.keyspace.clock().now_ms();
        Ok(if context.instance.hot_keys.stop(now_ms) { Reply::Ok } else { Reply::Null })
    }
}

pub struct Reset;

impl Command for Reset {
    const SPEC: Spec = spec("HOTKEYS|RESET", Arity::Exactly(2)).doc(
        "8.6.0",
        "O(1)",
        "Forgets what was found out about the keys that cost most.",
    );
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Reset)
    }
}

impl SessionCommand for Reset {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let now_ms = context.instance.keyspace.clock().now_ms();
        match context.instance.hot_keys.reset(now_ms) {
            true => Ok(()),
            false => Err(Error::text("ERR hotkey tracking session in progress, stop tracking first")),
        }
    }
}

pub struct Get;

impl Command for Get {
    const SPEC: Spec = spec("HOTKEYS|GET", Arity::Exactly(2)).doc(
        "8.6.0",
        "O(K) where K is the number of keys returned",
        "Returns which keys cost most, and how much.",
    );
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Get)
    }
}

/// Keys and sums, one after the other.
fn flat(sums: Vec<(Bytes, u64)>) -> Reply {
    Reply::Array(sums.into_iter().flat_map(|(key, sum)| [Reply::Bulk(key), sum.into()]).collect())
}

impl SessionCommand for Get {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let now_ms = context.instance.keyspace.clock().now_ms();
        let Some(report) = context.instance.hot_keys.report(now_ms) else { return Ok(Reply::Null) };
        let all_slots = Reply::Array(vec![Reply::Array(vec![Reply::Integer(0), Reply::Integer(16383)])]);
        let mut map = vec![
            ("tracking-active", Reply::Integer(report.is_active.into())),
            ("sample-ratio", report.wanted.sample_ratio.into()),
            ("selected-slots", all_slots),
            ("all-commands-all-slots-us", (report.all_ns / 1000).into()),
            ("net-bytes-all-commands-all-slots", report.all_bytes.into()),
            ("collection-start-time-unix-ms", report.began_at_ms.into()),
            ("collection-duration-ms", report.duration_ms.into()),
        ];
        let Wanted { cpu, net, .. } = report.wanted;
        if cpu {
            map.push(("total-cpu-time-user-ms", report.usage.user_ms.into()));
            map.push(("total-cpu-time-sys-ms", report.usage.system_ms.into()));
        }
        if net {
            map.push(("total-net-bytes", report.usage.net_bytes.into()));
        }
        if cpu {
            // Something that took no whole microsecond has taken one rather than none.
            let by_us = report.by_ns.into_iter().map(|(key, ns)| (key, ns.div_ceil(1000)));
            map.push(("by-cpu-time-us", flat(by_us.collect())));
        }
        if net {
            map.push(("by-net-bytes", flat(report.by_bytes)));
        }
        let map = map.into_iter().map(|(name, value)| (Reply::text(name), value));
        Ok(Reply::Array(vec![Reply::Map(map.collect())]))
    }
}

help_command!(
    Help,
    help_spec("HOTKEYS|HELP"),
    "8.6.1",
    &[
        "START METRICS count [CPU] [NET] [COUNT k] [DURATION seconds] [SAMPLE ratio] [SLOTS count slot...]",
        "    Start hotkeys tracking.",
        "    * METRICS count [CPU] [NET]",
        "        What to measure of each key: execution time, bytes on the network, or both.",
        "    * COUNT k",
        "        How many keys to show of each metric. Default: 10",
        "    * DURATION seconds",
        "        Tracking ends by itself after that time. Default: it goes on until it is stopped",
        "    * SAMPLE ratio",
        "        Keys are tracked with probability 1/ratio. Default: 1 (tracks every key)",
        "    * SLOTS count slot...",
        "        Which slots to track keys from. Only available in cluster mode.",
        "STOP",
        "    Stop hotkeys tracking. Results are still available via GET",
        "GET",
        "    Get results from hotkeys tracking.",
        "RESET",
        "    Reset memory used for hotkeys tracking. Tracking must have been stopped.",
        "    Results will no longer be available after this command.",
    ]
);

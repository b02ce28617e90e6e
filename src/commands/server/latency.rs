//! `LATENCY`: what took longer than it should, and how long commands take.

use super::observe::stats_of;
use super::{Command, Context, Entry, QUERY, SessionCommand, help_command, help_spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Found, all_found};
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::histogram::Snapshot;
use crate::instance::latency::{Sample, Series};
use crate::protocol::{Reply, fields};
use bytes::Bytes;
use std::fmt::Write;

pub static SUBCOMMANDS: &[Entry] = &[
    Entry::session::<LatencyDoctor>(),
    Entry::session::<LatencyGraph>(),
    Entry::session::<LatencyHelp>(),
    Entry::session::<LatencyHistogram>(),
    Entry::session::<LatencyHistory>(),
    Entry::session::<LatencyLatest>(),
    Entry::session::<LatencyReset>(),
];

const FLAGS: Flags = QUERY.and(Flags::NOSCRIPT);
const TIPS: &[&str] = &["nondeterministic_output", "request_policy:all_nodes", "response_policy:special"];

fn no_samples(event: &[u8]) -> Error {
    Error::err(format_args!("No samples available for event '{}'", String::from_utf8_lossy(event)))
}

pub struct LatencyLatest;

impl Command for LatencyLatest {
    const SPEC: Spec = Spec::new("LATENCY|LATEST", Group::Server, Arity::Exactly(2))
        .flags(FLAGS)
        .tips(TIPS)
        .doc("2.8.13", "O(1)", "Returns the latest sample of every event.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(LatencyLatest)
    }
}

impl SessionCommand for LatencyLatest {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let one = |(event, series): (&'static str, Series)| {
            let last = series.samples.back().copied().unwrap_or(Sample { at_s: 0, latency_ms: 0 });
            Reply::Array(vec![
                Reply::text(event),
                Reply::from(last.at_s),
                Reply::from(last.latency_ms),
                Reply::from(series.max_ms),
            ])
        };
        Ok(Reply::Array(context.instance.latency.events().into_iter().map(one).collect()))
    }
}

pub struct LatencyHistory {
    pub event: Bytes,
}

impl Command for LatencyHistory {
    const SPEC: Spec = Spec::new("LATENCY|HISTORY", Group::Server, Arity::Exactly(3))
        .flags(FLAGS)
        .tips(TIPS)
        .syntax("event")
        .doc("2.8.13", "O(1)", "Returns the samples of an event.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LatencyHistory { event: args.bytes()? })
    }
}

impl SessionCommand for LatencyHistory {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let samples = context.instance.latency.event(&self.event).map(|(_, series)| series.samples);
        let one =
            |sample: Sample| Reply::Array(vec![Reply::from(sample.at_s), Reply::from(sample.latency_ms)]);
        Ok(Reply::Array(samples.into_iter().flatten().map(one).collect()))
    }
}

pub struct LatencyReset {
    pub events: Vec<Bytes>,
}

impl Command for LatencyReset {
    const SPEC: Spec = Spec::new("LATENCY|RESET", Group::Server, Arity::AtLeast(2))
        .flags(FLAGS)
        .tips(&["request_policy:all_nodes", "response_policy:agg_sum"])
        .syntax("[event [event ...]]")
        .doc("2.8.13", "O(1)", "Forgets the samples of some events, or of all.");
    type Output = usize;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LatencyReset { events: args.rest().to_vec() })
    }
}

impl SessionCommand for LatencyReset {
    fn run(self, context: &mut Context<'_>) -> Result<usize> {
        let latency = &context.instance.latency;
        if self.events.is_empty() {
            return Ok(latency.reset_all());
        }
        Ok(self.events.iter().filter(|event| latency.reset(event)).count())
    }
}

pub struct LatencyGraph {
    pub event: Bytes,
}

impl Command for LatencyGraph {
    const SPEC: Spec = Spec::new("LATENCY|GRAPH", Group::Server, Arity::Exactly(3))
        .flags(FLAGS)
        .tips(TIPS)
        .syntax("event")
        .doc("2.8.13", "O(1)", "Draws the samples of an event.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LatencyGraph { event: args.bytes()? })
    }
}

impl SessionCommand for LatencyGraph {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let (event, series) =
            context.instance.latency.event(&self.event).ok_or_else(|| no_samples(&self.event))?;
        let now_s = context.instance.keyspace.clock().now_ms() / 1000;
        Ok(Reply::Verbatim("txt", graph(event, &series, now_s).into()))
    }
}

const GRAPH_ROWS: u64 = 4;
const GRAPH_COLUMNS: usize = 80;

/// The newest samples as columns, one character each, their age below, read downwards.
fn graph(event: &str, series: &Series, now_s: u64) -> String {
    let skip = series.samples.len().saturating_sub(GRAPH_COLUMNS);
    let samples: Vec<Sample> = series.samples.iter().skip(skip).copied().collect();
    let high = samples.iter().map(|sample| sample.latency_ms).max().unwrap_or(0);
    let low = samples.iter().map(|sample| sample.latency_ms).min().unwrap_or(0);
    let mut out = format!("{event} - high {high} ms, low {low} ms (all time high {} ms)\n", series.max_ms);
    out += &"-".repeat(GRAPH_COLUMNS);
    out.push('\n');
    // Each row shows three heights.
    let steps = GRAPH_ROWS * 3;
    let height = |sample: &Sample| match high - low {
        0 => 1,
        span => 1 + (sample.latency_ms - low).saturating_mul(steps - 1) / span,
    };
    for row in (0..GRAPH_ROWS).rev() {
        for sample in &samples {
            out.push(match height(sample).saturating_sub(row * 3) {
                0 => ' ',
                1 => '_',
                2 => 'o',
                3 => '#',
                _ => '|',
            });
        }
        out.push('\n');
    }
    out.push('\n');
    let ages: Vec<Vec<char>> =
        samples.iter().map(|sample| age(now_s.saturating_sub(sample.at_s)).chars().collect()).collect();
    for line in 0..ages.iter().map(Vec::len).max().unwrap_or(0) {
        out.extend(ages.iter().map(|age| age.get(line).copied().unwrap_or(' ')));
        out.push('\n');
    }
    out
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86400),
    }
}

pub struct LatencyDoctor;

impl Command for LatencyDoctor {
    const SPEC: Spec = Spec::new("LATENCY|DOCTOR", Group::Server, Arity::Exactly(2))
        .flags(FLAGS)
        .tips(TIPS)
        .doc("2.8.13", "O(1)", "Returns a report on latency for people.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(LatencyDoctor)
    }
}

impl SessionCommand for LatencyDoctor {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        Ok(Reply::Verbatim("txt", doctor(context.instance).into()))
    }
}

fn doctor(instance: &Instance) -> String {
    let latency = &instance.latency;
    let events = latency.events();
    if latency.threshold_ms() == 0 && events.is_empty() {
        return "The latency monitor is off. Turn it on with CONFIG SET latency-monitor-threshold \
                <milliseconds>, choosing what is too long for you.\n"
            .to_owned();
    }
    if events.is_empty() {
        return "Nothing took longer than the threshold since the latency monitor was turned on.\n"
            .to_owned();
    }
    let mut report = String::from("These events took longer than the threshold:\n\n");
    for (number, (event, series)) in events.iter().enumerate() {
        let count = series.samples.len() as u64;
        let mean = series.samples.iter().map(|sample| sample.latency_ms).sum::<u64>() / count.max(1);
        let off: u64 = series.samples.iter().map(|sample| sample.latency_ms.abs_diff(mean)).sum();
        let first_s = series.samples.front().map_or(0, |sample| sample.at_s);
        let last_s = series.samples.back().map_or(0, |sample| sample.at_s);
        let period = (last_s.saturating_sub(first_s)) as f64 / count.max(1) as f64;
        let _ = writeln!(
            report,
            "{}. {event}: {count} latency spikes (average {mean}ms, mean deviation {}ms, period {period:.2} \
             sec). Worst all time event {}ms.",
            number + 1,
            off / count.max(1),
            series.max_ms
        );
    }
    report += "\nWhat to look at:\n\n\
        - SLOWLOG GET names the calls that took longest. Commands that walk whole collections or the whole \
        keyspace (KEYS, SORT, LRANGE 0 -1, HGETALL) take as long as there is data; SCAN and its kin do not.\n\
        - Reads of data that is in no cache wait for the disk. INFO rocksdb tells the hit rate of the block \
        cache; a larger cache-size raises it.\n\
        - A write that finds the engine behind with its compactions is slowed down: INFO rocksdb tells of stalls.\n";
    report
}

pub struct LatencyHistogram {
    pub commands: Vec<Bytes>,
}

impl Command for LatencyHistogram {
    const SPEC: Spec = Spec::new("LATENCY|HISTOGRAM", Group::Server, Arity::AtLeast(2))
        .flags(FLAGS)
        .tips(TIPS)
        .syntax("[command [command ...]]")
        .doc("7.0.0", "O(N) where N is the number of commands", "Returns how long calls of commands took.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(LatencyHistogram { commands: args.rest().to_vec() })
    }
}

/// What one command's histogram tells, if it was ever called.
pub(super) fn histogram_of(instance: &Instance, id: usize) -> Option<Snapshot> {
    stats_of(instance, id)
        .histogram()
        .map(|histogram| histogram.snapshot())
        .filter(|snapshot| snapshot.total > 0)
}

impl SessionCommand for LatencyHistogram {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let asked = |found: &Found, name: &Bytes| {
            let own = found.name.as_bytes();
            let container = own.split(|byte| *byte == b'|').next().unwrap_or_default();
            own.eq_ignore_ascii_case(name) || container.eq_ignore_ascii_case(name)
        };
        let mut shown = Vec::new();
        let mut show = |found: &Found| {
            if let Some(snapshot) = histogram_of(context.instance, found.id) {
                shown.push((Reply::bulk(found.name.clone()), distribution(&snapshot)));
            }
        };
        if self.commands.is_empty() {
            all_found().iter().for_each(|found| show(found));
        }
        for name in &self.commands {
            all_found().iter().filter(|found| asked(found, name)).for_each(|found| show(found));
        }
        Ok(Reply::Map(shown))
    }
}

fn distribution(snapshot: &Snapshot) -> Reply {
    let steps =
        snapshot.by_powers_of_two().into_iter().map(|(us, calls)| (Reply::from(us), Reply::from(calls)));
    Reply::Map(fields([("calls", snapshot.total.into()), ("histogram_usec", Reply::Map(steps.collect()))]))
}

help_command!(
    LatencyHelp,
    help_spec("LATENCY|HELP"),
    "2.8.13",
    &[
        "DOCTOR",
        "    Return a human readable latency analysis report.",
        "GRAPH <event>",
        "    Return an ASCII latency graph for the <event> class.",
        "HISTORY <event>",
        "    Return time-latency samples for the <event> class.",
        "LATEST",
        "    Return the latest latency samples for all events.",
        "RESET [<event> ...]",
        "    Reset latency data of one or more <event> classes.",
        "    (default: reset all data for all event classes)",
        "HISTOGRAM [COMMAND ...]",
        "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
        "    If no commands are specified then all histograms are replied.",
    ]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn graph_of_a_rising_latency() {
        let samples = (1..=12).map(|ms| Sample { at_s: ms * 30, latency_ms: ms }).collect();
        let drawn = graph("command", &Series { max_ms: 20, samples }, 400);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines[0], "command - high 12 ms, low 1 ms (all time high 20 ms)");
        assert_eq!(lines[2], "         _o#");
        assert_eq!(lines[5], "_o#|||||||||");
        assert_eq!(lines[7], "655443322114");
    }
}

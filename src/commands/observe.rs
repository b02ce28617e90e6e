//! What is measured of every call: counters, latency, the logs of calls that stand out, hot keys.

use super::keys::keys_of;
use super::spec::Flags;
use super::{Context, Found, all_found, find};
use crate::config::{Flag, directive};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::clients::Transport;
use crate::instance::command_log::{CommandLog, LoggedCall};
use crate::instance::stats::CommandStats;
use crate::protocol::{Reply, ReplyBuffer};
use crate::session::{ScriptCall, Session};
use bytes::Bytes;

/// The counters of a command.
pub(super) fn stats_of(instance: &Instance, id: usize) -> &CommandStats {
    &instance.stats.commands(all_found().len())[id]
}

/// Counts a call of a command that there is not.
pub(super) fn unknown(instance: &Instance, error: &Error) {
    instance.stats.error(&error.to_string());
}

/// Counts a call that was refused before it ran.
pub(super) fn rejected(instance: &Instance, found: &Found, error: &Error) {
    stats_of(instance, found.id).rejected.increment();
    instance.stats.error(&error.to_string());
}

/// Counts a call that ran for `ns` nanoseconds, and logs it if it took long. One that has to run again where waiting for
/// the disk is allowed has not run yet.
pub(super) fn called(context: &mut Context, found: &Found, words: &[Bytes], ns: u64, result: &Result<Reply>) {
    let instance = context.instance;
    if result.as_ref().is_err_and(Error::asks_again) {
        return;
    }
    let script = std::mem::take(&mut context.session.script);
    if !instance.monitors.is_empty() {
        monitored(context, found, words);
    }
    let command = stats_of(instance, found.id);
    instance.stats.called(command, ns);
    match result {
        Ok(Reply::Error(text)) => {
            command.failed.increment();
            if !script.error_is_counted {
                instance.stats.error(text);
            }
        }
        Ok(_) => {}
        Err(error) => {
            command.failed.increment();
            instance.stats.error(&error.to_string());
        }
    }
    if !script.calls.is_empty() {
        called_by_script(context, &script.calls);
    }
    let duration_us = ns / 1000;
    if instance.command_logs.slow.wants(duration_us) || instance.latency.wants(duration_us) {
        slow(context, found, words, duration_us);
    }
    if instance.command_logs.large_requests.wants(at_most(words)) {
        large_request(context, found, words);
    }
    if instance.hot_keys.is_active() {
        attribute(context, found, words, ns, result);
    }
}

/// A bound of [`request_bytes`] that costs less.
fn at_most(words: &[Bytes]) -> u64 {
    // The signs and the digits around a word.
    const AROUND: usize = 26;
    words.iter().map(|word| word.len() + AROUND).sum::<usize>() as u64 + AROUND as u64
}

/// How long a request is on the wire.
fn request_bytes(words: &[Bytes]) -> u64 {
    let line = |number: usize| number.checked_ilog10().unwrap_or(0) as usize + 4;
    let words_bytes: usize = words.iter().map(|word| line(word.len()) + word.len() + 2).sum();
    (line(words.len()) + words_bytes) as u64
}

#[cold]
fn large_request(context: &Context, found: &Found, words: &[Bytes]) {
    let (logs, bytes) = (&context.instance.command_logs, request_bytes(words));
    if logs.large_requests.wants(bytes) && !found.entry.spec.flags.has(Flags::SKIP_SLOWLOG) {
        log(&logs.large_requests, context.instance, context.session, (found, words), bytes);
    }
}

/// The reply of a call has been written, which was so long. Of a transaction, the reply as a whole counts.
pub fn replied(instance: &Instance, session: &Session, words: &[Bytes], bytes: usize) {
    let large = &instance.command_logs.large_replies;
    if large.wants(bytes as u64)
        && let Ok((found, _)) = find(words)
    {
        log(large, instance, session, (found, words), bytes as u64);
    }
}

/// Adds what a call has cost to its keys. What a transaction costs is that of its commands.
#[cold]
fn attribute(context: &Context, found: &Found, words: &[Bytes], ns: u64, result: &Result<Reply>) {
    if found.name == "exec" {
        return;
    }
    let mut reply = ReplyBuffer::new();
    match result {
        Ok(said) => reply.write(said, context.session.dialect),
        Err(error) => reply.write(&Reply::Error(error.to_string().into()), context.session.dialect),
    }
    let bytes = request_bytes(words) + reply.len() as u64;
    let keys = keys_of(found, words).unwrap_or_default();
    let keys = keys.iter().filter_map(|(word, _)| words.get(*word));
    let now_ms = context.instance.keyspace.clock().now_ms();
    context.instance.hot_keys.record(now_ms, ns, bytes, keys);
}

#[cold]
fn log(log: &CommandLog, instance: &Instance, session: &Session, call: (&Found, &[Bytes]), amount: u64) {
    log.push(LoggedCall {
        id: 0,
        at_s: instance.keyspace.clock().now_ms() / 1000,
        amount,
        words: without_secrets(&call.0.name, call.1),
        client: session.client.address.peer.clone(),
        client_name: session.client.details().name,
    });
}

/// Counts what a script has called, and tells those who listen of it.
fn called_by_script(context: &Context, calls: &[ScriptCall]) {
    let stats = &context.instance.stats;
    for call in calls {
        let found = all_found()[call.command];
        let command = stats_of(context.instance, found.id);
        stats.called(command, call.ns);
        if let Some(error) = &call.error {
            command.failed.increment();
            stats.error(error);
        }
        if !call.words.is_empty() && !context.instance.monitors.is_empty() {
            tell(context, "lua", &without_secrets(&found.name, &call.words));
        }
    }
}

/// Tells those who listen of the call, as Redis words it. It does not tell of commands of administrators.
#[cold]
fn monitored(context: &Context, found: &Found, words: &[Bytes]) {
    let flags = found.entry.spec.flags;
    // Redis says so of commands that run scripts as it tells of them by other means.
    let is_hidden = flags.has(Flags::SKIP_MONITOR) && !flags.has(Flags::SCRIPT_RUNNER);
    if flags.has(Flags::ADMIN) || is_hidden {
        return;
    }
    let address = &context.session.client.address;
    let peer = match address.transport {
        Transport::Unix => format!("unix:{}", address.local.trim_end_matches(":0")),
        _ => address.peer.clone(),
    };
    tell(context, &peer, &without_secrets(&found.name, words));
}

/// Tells those who listen that `who` has called this.
fn tell(context: &Context, who: &str, words: &[Bytes]) {
    let now_us = context.instance.keyspace.clock().now_us();
    let (seconds, rest_us) = (now_us / 1_000_000, now_us % 1_000_000);
    let mut line = format!("{seconds}.{rest_us:06} [{} {who}]", context.session.db);
    for word in words {
        line.push(' ');
        text::quote(word, &mut line);
    }
    context.instance.monitors.tell(line);
}

#[cold]
fn slow(context: &Context, found: &Found, words: &[Bytes], duration_us: u64) {
    let instance = context.instance;
    let flags = found.entry.spec.flags;
    let at_s = instance.keyspace.clock().now_ms() / 1000;
    if instance.latency.wants(duration_us) {
        let event = if flags.has(Flags::FAST) { "fast-command" } else { "command" };
        instance.latency.record(event, at_s, duration_us);
    }
    let slow = &instance.command_logs.slow;
    if slow.wants(duration_us) && !flags.has(Flags::SKIP_SLOWLOG) {
        log(slow, instance, context.session, (found, words), duration_us);
    }
}

/// The words of a call as a log may show them.
pub(super) fn without_secrets(name: &str, words: &[Bytes]) -> Vec<Bytes> {
    let mut shown = words.to_vec();
    let mut hide = |from: usize, to: usize| {
        for word in shown.iter_mut().take(to).skip(from) {
            *word = Bytes::from_static(b"(redacted)");
        }
    };
    // A word that only looks like the option hides what need not be: better than the reverse.
    let mut hide_after = |option: &str, count: usize| {
        for (at, word) in words.iter().enumerate() {
            if word.eq_ignore_ascii_case(option.as_bytes()) {
                hide(at + 1, at + 1 + count);
            }
        }
    };
    match name {
        "auth" => hide(1, words.len()),
        "acl|setuser" => hide(2, words.len()),
        "hello" => hide_after("AUTH", 2),
        "migrate" => {
            hide_after("AUTH", 1);
            hide_after("AUTH2", 2);
        }
        "config|set" => {
            for (at, name) in words.iter().enumerate().skip(2).step_by(2) {
                let directive = std::str::from_utf8(name).ok().and_then(directive);
                if directive.is_some_and(|directive| directive.is(Flag::Sensitive)) {
                    hide(at + 1, at + 2);
                }
            }
        }
        _ => {}
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_as_long_as_on_the_wire() {
        for lengths in [vec![4], vec![3, 0, 9, 10, 99, 100], vec![1_000_000; 12]] {
            let words: Vec<Bytes> = lengths.iter().map(|length| Bytes::from(vec![b'x'; *length])).collect();
            let sent: usize = lengths.iter().map(|length| format!("${length}\r\n\r\n").len() + length).sum();
            let sent = sent + format!("*{}\r\n", words.len()).len();
            assert_eq!(request_bytes(&words), sent as u64);
            assert!(at_most(&words) >= sent as u64);
        }
    }

    #[test]
    fn secrets_stay_out_of_logs() {
        let cases = [
            ("auth", "AUTH user pass", "AUTH * *"),
            ("hello", "HELLO 3 AUTH user pass SETNAME x", "HELLO 3 AUTH * * SETNAME x"),
            ("hello", "HELLO 3 SETNAME auth AUTH user pass", "HELLO 3 SETNAME auth * * *"),
            ("config|set", "CONFIG SET maxmemory 1 requirepass x", "CONFIG SET maxmemory 1 requirepass *"),
            ("acl|setuser", "ACL SETUSER x >y", "ACL SETUSER * *"),
            ("migrate", "MIGRATE h p k 0 1 AUTH2 u p KEYS a", "MIGRATE h p k 0 1 AUTH2 * * KEYS a"),
            ("set", "SET a b", "SET a b"),
        ];
        for (name, line, shown) in cases {
            let words: Vec<Bytes> =
                line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
            let all: Vec<String> = without_secrets(name, &words)
                .iter()
                .map(|word| String::from_utf8_lossy(word).replace("(redacted)", "*"))
                .collect();
            assert_eq!(all.join(" "), shown);
        }
    }
}

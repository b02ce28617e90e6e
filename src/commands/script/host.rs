//! Running a script: one transaction, whose commands are those that the script calls.

use super::Found;
use crate::clock::Stopwatch;
use crate::commands::args::Args;
use crate::commands::spec::Flags;
use crate::commands::{Context, acl, check_room, find, limit, observe, run_found};
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::acl::log;
use crate::instance::acl::selector::Denied;
use crate::instance::clients::Unblock;
use crate::instance::running::{End, RunningScript, ScriptKind};
use crate::instance::scripts::{Script, ScriptFlags};
use crate::keyspace::Keys;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use crate::scripting::{self, Called, Ended, Host, Job, Place, Stopped};
use crate::session::{Dialect, ScriptCall, ScriptTrace, Session};
use crate::storage::ReadTier;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// So long a script may run on a thread that other clients wait for, µs; a longer one begins anew on the pool.
const IN_PLACE_US: u64 = 3000;
/// So many calls are remembered until their script has ended, and counted then.
const MOST_REMEMBERED: usize = 1024;

/// A script to run.
pub struct Run<'a> {
    pub kind: ScriptKind,
    pub script: &'a Script,
    /// The id of the library that a function is from.
    pub library: Option<u64>,
    /// The whole call, for those who ask what runs.
    pub words: &'a [Bytes],
    pub keys: &'a [Bytes],
    pub arguments: &'a [Bytes],
    /// Whether the client has asked for a script that writes nothing.
    pub read_only: bool,
}

/// Runs a script as one commit. What it has thrown is a reply: the commands before that stand.
pub fn run(context: &mut Context<'_>, run: &Run<'_>) -> Result<Reply> {
    let flags = run.script.flags;
    let writes_nothing = flags.is_some_and(|flags| flags.has(ScriptFlags::NO_WRITES));
    if run.read_only && flags.is_some() && !writes_nothing {
        return Err(Error::text("ERR Can not execute a script with write flag using *_ro command."));
    }
    let read_only = run.read_only || writes_nothing;
    let allows_oom = flags.is_some_and(|flags| flags.has(ScriptFlags::ALLOW_OOM));
    if flags.is_some() && !read_only {
        // Who says nothing of writing is asked with the first command that writes.
        check_room(
            context.instance,
            if allows_oom { Flags::WRITE } else { Flags::WRITE.and(Flags::DENYOOM) },
        )?;
    }
    if context.session.tier == ReadTier::Memory && context.session.runs_long {
        return Err(Error::NeedsDisk);
    }
    let reply = context.compound(&Keys::many(run.keys), !read_only, |instance, session, tx| {
        let before = (session.db, session.dialect, session.wait_ended);
        let began = Stopwatch::start();
        let mut caller = Caller {
            run,
            instance,
            session,
            tx,
            read_only,
            allows_oom,
            writes: false,
            running: None,
            trace: ScriptTrace::default(),
            began,
            lap: began,
        };
        let reply = caller.run();
        let trace = std::mem::take(&mut caller.trace);
        if session.db != before.0 {
            session.select(before.0);
        }
        (session.dialect, session.wait_ended) = (before.1, before.2);
        session.script = trace;
        reply
    })?;
    context.session.runs_long = false;
    Ok(reply)
}

/// What runs the commands of a script, in the transaction of the script.
struct Caller<'a, 'tx> {
    run: &'a Run<'a>,
    instance: &'a Instance,
    session: &'a mut Session,
    tx: &'a mut WriteTx<'tx>,
    read_only: bool,
    /// It may write though there is little room on the disk.
    allows_oom: bool,
    /// It has called a command that writes.
    writes: bool,
    /// What others see of the script, where it may take long.
    running: Option<Arc<RunningScript>>,
    trace: ScriptTrace,
    began: Stopwatch,
    /// Started when the last command ended.
    lap: Stopwatch,
}

impl Caller<'_, '_> {
    fn run(&mut self) -> Result<Reply> {
        let run = self.run;
        let instance = self.instance;
        let in_place = self.session.tier == ReadTier::Memory;
        let entry =
            (!in_place).then(|| instance.running.enter(run.kind, run.script.sha.clone(), run.words.to_vec()));
        self.running = entry.as_ref().map(|entry| entry.script().clone());
        let job = Job {
            generation: self.instance.scripts.generation(),
            sha: &run.script.sha,
            code: run.script.code(),
            library: run.library,
            keys: run.keys,
            arguments: run.arguments,
            memory_limit: instance.running.memory_limit(),
        };
        match scripting::run(&job, self) {
            Ended::Returned { reply, is_counted } => {
                self.trace.error_is_counted = is_counted;
                Ok(reply)
            }
            Ended::Failed(failure) => {
                self.trace.error_is_counted = failure.is_counted;
                Ok(Reply::Error(told(&failure.text, failure.place.as_ref(), run.script).into()))
            }
            Ended::Stopped(Stopped::By(error)) => Err(error),
            Ended::Stopped(Stopped::Interrupted(place)) => Err(self.interrupted(place.as_ref())),
        }
    }

    /// What becomes of a script that was made to end. Nothing of it stays.
    fn interrupted(&mut self, place: Option<&Place>) -> Error {
        let end = self.running.as_ref().and_then(|script| self.instance.running.why_end(script));
        match end {
            Some(end) => self.ended(end, place),
            // The directive was changed this very moment.
            None if self.running.is_some() => self.ended(End::TimeLimit, place),
            None => {
                self.session.runs_long = true;
                Error::NeedsDisk
            }
        }
    }

    fn ended(&self, end: End, place: Option<&Place>) -> Error {
        let text = match end {
            // Redis speaks of SCRIPT KILL for functions, too.
            End::Killed => "ERR Script killed by user with SCRIPT KILL...".to_owned(),
            End::Shutdown => "ERR the server stops, and the script was undone.".to_owned(),
            End::TimeLimit => {
                let limit_ms = self.instance.running.time_limit_ms();
                format!("ERR the script ran longer than script-time-limit ({limit_ms} ms), and was undone.")
            }
        };
        Error::Text(told(&text, place, self.run.script).into())
    }

    /// Whether the script may run the command.
    fn check(&self, found: &Found, words: &[Bytes]) -> std::result::Result<(), &'static str> {
        let spec = &found.entry.spec;
        if !spec.arity.allows(words.len()) {
            return Err("ERR Wrong number of args calling Redis command from script");
        }
        let allows_all = self.instance.scripts.allows_all_commands.load(Ordering::Relaxed);
        if spec.flags.has(Flags::NOSCRIPT) && !allows_all {
            return Err("ERR This Redis command is not allowed from script");
        }
        let writes = spec.flags.has(Flags::WRITE) || spec.flags.has(Flags::MAY_REPLICATE);
        if writes && self.read_only {
            return Err("ERR Write commands are not allowed from read-only scripts.");
        }
        Ok(())
    }

    /// Why the user may not run the command, which the log of refusals learns.
    fn deny(&self, found: &Found, words: &[Bytes]) -> Option<&'static str> {
        let (client, user) = (&self.session.client, &self.session.user);
        let denied = acl::denied(user, found, words)?;
        acl::note(self.instance, client, user, log::Place::Lua, denied, (found, words));
        Some(match denied {
            Denied::Command => "ERR The user executing the script can't run this command or subcommand",
            Denied::Key(_) => {
                "ERR The user executing the script can't access at least one of the keys mentioned in the command \
                 arguments"
            }
            Denied::Channel(_) => {
                "ERR The user executing the script can't publish to the channel mentioned in the command"
            }
        })
    }

    /// Makes sure that the script never runs again before a command does what cannot be undone.
    fn run_for_good(&mut self, found: &Found) -> Result<()> {
        if !found.acts_beyond_data() {
            return Ok(());
        }
        if self.session.tier == ReadTier::Memory {
            return Err(Error::NeedsDisk);
        }
        if self.tx.reach(self.session.db, &Keys::All)? {
            self.instance.waiters.let_pass(self.session.db, &Keys::All)?;
        }
        Ok(())
    }

    /// A command that writes may run now.
    fn begin_write(&mut self, flags: Flags) -> Result<()> {
        if !self.writes {
            // Half of what a script does is not refused.
            check_room(self.instance, if self.allows_oom { Flags::WRITE } else { flags })?;
        }
        self.writes = true;
        if let Some(script) = &self.running {
            script.note_write();
        }
        Ok(())
    }

    fn remember(&mut self, found: &Found, error: Option<String>, words: Vec<Bytes>) {
        let (ns, lap) = self.lap.lap();
        self.lap = lap;
        let words = if self.instance.monitors.is_empty() { Vec::new() } else { words };
        if self.trace.calls.len() < MOST_REMEMBERED {
            self.trace.calls.push(ScriptCall { command: found.id, ns, error, words });
        }
    }
}

impl Host for Caller<'_, '_> {
    fn call(&mut self, words: Vec<Bytes>, resp3: bool) -> Result<Called> {
        let Ok((found, name_words)) = find(&words) else {
            return Ok(Called::Error("ERR Unknown Redis command called from script".into()));
        };
        if let Err(text) = self.check(found, &words) {
            observe::rejected(self.instance, found, &Error::text(text));
            return Ok(Called::Error(text.into()));
        }
        if let Some(text) = self.deny(found, &words) {
            return Ok(Called::Error(text.into()));
        }
        if found.entry.spec.flags.has(Flags::WRITE)
            && let Err(error) = self.begin_write(found.entry.spec.flags)
        {
            return Ok(Called::Error(error.to_string()));
        }
        if let Some(script) = &self.running
            && let Some(end) = self.instance.running.why_end(script)
        {
            return Err(self.ended(end, None));
        }
        self.run_for_good(found)?;
        self.session.dialect = if resp3 { Dialect::Resp3 } else { Dialect::Resp2 };
        // A script waits for nothing.
        self.session.wait_ended = Some(Unblock::Timeout);
        let (instance, session) = (self.instance, &mut *self.session);
        let most = instance.keyspace.max_string_bytes();
        let mut run = |tx: &mut WriteTx<'_>| {
            let mut args = Args::new(&words, name_words, &found.name, most);
            limit(&mut args, session, found, &words);
            let mut context = Context { instance, session, joined: Some(tx) };
            run_found(&mut context, found, &mut args)
        };
        let result = match found.entry.spec.flags.has(Flags::READONLY) {
            // There is nothing to undo.
            true => run(self.tx),
            false => self.tx.part(run),
        };
        let error = match &result {
            Err(error) if error.restarts() => return result.map(Called::Reply),
            Err(error) => Some(error.to_string()),
            Ok(Reply::Error(text)) => Some(text.to_string()),
            Ok(_) => None,
        };
        self.remember(found, error, words);
        Ok(result.map_or_else(|error| Called::Error(error.to_string()), Called::Reply))
    }

    fn goes_on(&mut self) -> bool {
        match &self.running {
            None => self.began.elapsed_us() < IN_PLACE_US,
            Some(script) => self.instance.running.why_end(script).is_none(),
        }
    }

    fn may_call(&mut self, words: &[Bytes]) -> Option<bool> {
        let (found, _) = find(words).ok()?;
        Some(acl::denied(&self.session.user, found, words).is_none())
    }
}

/// What the client is told of a script that has thrown something.
fn told(text: &str, place: Option<&Place>, script: &Script) -> String {
    match place {
        Some(place) => format!("{text} script: {}, on {}:{}.", script.sha, place.source, place.line),
        None => text.to_owned(),
    }
}

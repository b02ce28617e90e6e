//! The scripts that run where they may take long: who asks how long they do, and who ends them.

use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// Which command ends a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptKind {
    /// `EVAL` and its kind run it.
    Script,
    /// `FCALL` does.
    Function,
}

impl ScriptKind {
    /// As the command begins that ends it.
    pub fn name(self) -> &'static str {
        match self {
            ScriptKind::Script => "SCRIPT",
            ScriptKind::Function => "FUNCTION",
        }
    }
}

/// How a script stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    Runs,
    /// It has called a command that writes.
    Writes,
    Killed,
    /// The server stops.
    Ended,
}

/// Why a script has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Killed,
    Shutdown,
    /// It has run for longer than `script-time-limit`.
    TimeLimit,
}

/// A script that runs.
#[derive(Debug)]
pub struct RunningScript {
    pub kind: ScriptKind,
    /// The SHA1 of a script, the name of a function.
    pub name: String,
    /// The call that runs it.
    pub words: Vec<Bytes>,
    started: Stopwatch,
    stage: AtomicU8,
    /// The log has been told that it takes long.
    is_told: AtomicBool,
}

impl RunningScript {
    /// Milliseconds since it began.
    pub fn duration_ms(&self) -> u64 {
        self.started.elapsed_us() / 1000
    }

    fn change(&self, from: Stage, to: Stage) -> bool {
        let (from, to) = (from as u8, to as u8);
        self.stage.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn is(&self, stage: Stage) -> bool {
        self.stage.load(Ordering::Acquire) == stage as u8
    }

    /// Whether it was killed, or the server stops. One load.
    pub fn must_end(&self) -> Option<End> {
        match self.stage.load(Ordering::Acquire) {
            stage if stage == Stage::Killed as u8 => Some(End::Killed),
            stage if stage == Stage::Ended as u8 => Some(End::Shutdown),
            _ => None,
        }
    }

    /// It calls a command that writes, and is not to be killed from here on.
    pub fn note_write(&self) {
        // If it has been killed, it stays so.
        let _ = self.change(Stage::Runs, Stage::Writes);
    }
}

/// No script runs.
const NONE: u64 = u64::MAX;

/// All scripts that run where they may take long.
pub struct RunningScripts {
    scripts: Mutex<Vec<Arc<RunningScript>>>,
    /// When the oldest of them began, µs on `clock`.
    oldest_us: AtomicU64,
    clock: Stopwatch,
    /// `busy-reply-threshold`, ms; 0: however long they run.
    busy_after_ms: AtomicU64,
    /// `script-time-limit`, ms; 0: none.
    time_limit_ms: AtomicU64,
    /// `script-memory-limit`, bytes; 0: none.
    memory_limit: AtomicU64,
    /// The server stops.
    ends: AtomicBool,
}

impl Default for RunningScripts {
    fn default() -> RunningScripts {
        RunningScripts {
            scripts: Mutex::default(),
            oldest_us: AtomicU64::new(NONE),
            clock: Stopwatch::start(),
            busy_after_ms: AtomicU64::new(0),
            time_limit_ms: AtomicU64::new(0),
            memory_limit: AtomicU64::new(0),
            ends: AtomicBool::new(false),
        }
    }
}

/// While it is there, the script is among those that run.
pub struct Entry<'a> {
    scripts: &'a RunningScripts,
    script: Arc<RunningScript>,
}

impl Entry<'_> {
    /// The script.
    pub fn script(&self) -> &Arc<RunningScript> {
        &self.script
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        let scripts = &mut *self.scripts.scripts.lock();
        scripts.retain(|script| !Arc::ptr_eq(script, &self.script));
        self.scripts.note_oldest(scripts);
    }
}

impl RunningScripts {
    /// Sets the limits of the directives: ms, ms and bytes.
    pub fn configure(&self, busy_after_ms: u64, time_limit_ms: u64, memory_limit: u64) {
        self.busy_after_ms.store(busy_after_ms, Ordering::Relaxed);
        self.time_limit_ms.store(time_limit_ms, Ordering::Relaxed);
        self.memory_limit.store(memory_limit, Ordering::Relaxed);
    }

    /// How many bytes a script may take; 0 is no limit.
    pub fn memory_limit(&self) -> usize {
        self.memory_limit.load(Ordering::Relaxed) as usize
    }

    /// `script-time-limit`, ms; 0 is none.
    pub fn time_limit_ms(&self) -> u64 {
        self.time_limit_ms.load(Ordering::Relaxed)
    }

    /// A script begins.
    pub fn enter(&self, kind: ScriptKind, name: String, words: Vec<Bytes>) -> Entry<'_> {
        let scripts = &mut *self.scripts.lock();
        let stage = if self.ends.load(Ordering::Acquire) { Stage::Ended } else { Stage::Runs };
        let script = Arc::new(RunningScript {
            kind,
            name,
            words,
            started: Stopwatch::start(),
            stage: AtomicU8::new(stage as u8),
            is_told: AtomicBool::new(false),
        });
        scripts.push(script.clone());
        self.note_oldest(scripts);
        Entry { scripts: self, script }
    }

    /// The first one is the oldest.
    fn note_oldest(&self, scripts: &[Arc<RunningScript>]) {
        let now_us = self.clock.elapsed_us();
        let began = |script: &Arc<RunningScript>| now_us.saturating_sub(script.started.elapsed_us());
        self.oldest_us.store(scripts.first().map_or(NONE, began), Ordering::Release);
    }

    /// The one that began first.
    pub fn oldest(&self) -> Option<Arc<RunningScript>> {
        self.scripts.lock().first().cloned()
    }

    /// The function that began first, if one runs.
    ///
    /// # Errors
    /// When a script runs, and takes long.
    pub fn oldest_function(&self) -> Result<Option<Arc<RunningScript>>> {
        let scripts = self.scripts.lock();
        match scripts.iter().find(|script| script.kind == ScriptKind::Function) {
            Some(function) => Ok(Some(function.clone())),
            None => match scripts.first() {
                Some(script) if self.is_late(script.started.elapsed_us()) => {
                    Err(Error::Busy(ScriptKind::Script.name()))
                }
                _ => Ok(None),
            },
        }
    }

    /// What clients are told while a script runs longer than `busy-reply-threshold`. One load where none
    /// runs.
    pub fn busy(&self) -> Option<Error> {
        let oldest_us = self.oldest_us.load(Ordering::Acquire);
        if oldest_us == NONE || !self.is_late(self.clock.elapsed_us().saturating_sub(oldest_us)) {
            return None;
        }
        Some(Error::Busy(self.oldest()?.kind.name()))
    }

    fn is_late(&self, duration_us: u64) -> bool {
        let after_ms = self.busy_after_ms.load(Ordering::Relaxed);
        after_ms > 0 && duration_us / 1000 >= after_ms
    }

    /// Why the script has to end; none: it may go on. To be asked by the script itself.
    pub fn why_end(&self, script: &RunningScript) -> Option<End> {
        let duration_us = script.started.elapsed_us();
        if self.is_late(duration_us) && !script.is_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "Slow script detected: still in execution after {} milliseconds. You can try killing the \
                 script using the {} KILL command. Script name is: {}.",
                duration_us / 1000,
                script.kind.name(),
                script.name
            );
        }
        let limit_ms = self.time_limit_ms();
        let is_over = limit_ms > 0 && duration_us / 1000 >= limit_ms;
        script.must_end().or(is_over.then_some(End::TimeLimit))
    }

    /// Ends the oldest script of that kind that has not written.
    ///
    /// # Errors
    /// When there is none.
    pub fn kill(&self, kind: ScriptKind) -> Result<()> {
        let scripts = self.scripts.lock();
        let mut of_kind = scripts.iter().filter(|script| script.kind == kind);
        if of_kind.any(|script| script.change(Stage::Runs, Stage::Killed)) {
            return Ok(());
        }
        match scripts.first() {
            None => Err(Error::text("NOTBUSY No scripts in execution right now.")),
            Some(_) if scripts.iter().any(|script| script.is(Stage::Writes)) => Err(Error::text(
                "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either \
                 wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
            )),
            Some(other) if other.kind != kind => Err(Error::Busy(other.kind.name())),
            // It is about to end.
            Some(_) => Ok(()),
        }
    }

    /// Ends all scripts, those to come as well: the server stops.
    pub fn end_all(&self) {
        self.ends.store(true, Ordering::Release);
        let scripts = self.scripts.lock();
        scripts.iter().for_each(|script| script.stage.store(Stage::Ended as u8, Ordering::Release));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(scripts: &RunningScripts, kind: ScriptKind) -> Entry<'_> {
        scripts.enter(kind, "f".into(), Vec::new())
    }

    fn text(result: Result<()>) -> String {
        let text = result.map_or_else(|error| error.to_string(), |()| "OK".into());
        text.split(' ').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_oldest_that_has_not_written_is_killed() {
        let scripts = RunningScripts::default();
        assert_eq!(text(scripts.kill(ScriptKind::Script)), "NOTBUSY");
        let first = enter(&scripts, ScriptKind::Script);
        first.script().note_write();
        assert_eq!(text(scripts.kill(ScriptKind::Script)), "UNKILLABLE");
        let second = enter(&scripts, ScriptKind::Script);
        let third = enter(&scripts, ScriptKind::Script);
        assert_eq!(text(scripts.kill(ScriptKind::Script)), "OK");
        let ends = [&first, &second, &third].map(|entry| scripts.why_end(entry.script()));
        assert_eq!(ends, [None, Some(End::Killed), None]);
        second.script().note_write();
        assert_eq!(scripts.why_end(second.script()), Some(End::Killed));
    }

    #[test]
    fn a_function_is_not_killed_as_a_script() {
        let scripts = RunningScripts::default();
        let _function = enter(&scripts, ScriptKind::Function);
        let refused = scripts.kill(ScriptKind::Script).unwrap_err().to_string();
        assert!(refused.contains("FUNCTION KILL"), "{refused}");
        assert_eq!(text(scripts.kill(ScriptKind::Function)), "OK");
    }

    #[test]
    fn others_are_told_once_a_script_runs_long() {
        let scripts = RunningScripts::default();
        scripts.configure(1, 0, 0);
        let entry = enter(&scripts, ScriptKind::Script);
        std::thread::sleep(std::time::Duration::from_millis(2));
        assert!(scripts.busy().is_some());
        scripts.configure(0, 0, 0);
        assert!(scripts.busy().is_none(), "0 is never");
        scripts.configure(1, 1, 0);
        assert_eq!(scripts.why_end(entry.script()), Some(End::TimeLimit));
        scripts.configure(60_000, 0, 0);
        assert!(scripts.busy().is_none() && scripts.why_end(entry.script()).is_none());
        drop(entry);
        scripts.configure(1, 0, 0);
        assert!(scripts.busy().is_none());
    }

    #[test]
    fn whoever_comes_after_the_end_ends() {
        let scripts = RunningScripts::default();
        let before = enter(&scripts, ScriptKind::Script);
        before.script().note_write();
        scripts.end_all();
        let after = enter(&scripts, ScriptKind::Script);
        for entry in [before, after] {
            assert_eq!(scripts.why_end(entry.script()), Some(End::Shutdown));
        }
    }
}

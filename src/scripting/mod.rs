//! Lua 5.1: virtual machines that run scripts, and know nothing of what the commands in them do.
//!
//! Every thread has a machine of its own, made when the first script runs on it. It remembers the scripts it
//! has compiled, until the server forgets its scripts. What a script may see and do is in `prelude.lua`.

mod bridge;
mod call;
mod convert;
mod guards;
mod libraries;
mod push;
mod random;
mod vm;

use crate::error::Error;
use crate::protocol::Reply;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use vm::Vm;

pub use libraries::hex_sha1;
pub use vm::{NotLoaded, Registered};

/// What runs the commands of a script.
pub trait Host {
    /// Runs a command for `redis.call`; the reply is to be as a client of RESP2 or RESP3 gets it.
    ///
    /// # Errors
    /// When the script has to end here; nobody will see what it returns.
    fn call(&mut self, words: Vec<Bytes>, resp3: bool) -> Result<Called, Error>;

    /// Whether the client might run the command (`redis.acl_check_cmd`); none: there is no such command.
    fn may_call(&mut self, words: &[Bytes]) -> Option<bool>;

    /// Asked now and then while a script runs; false ends it.
    fn goes_on(&mut self) -> bool;
}

/// What came of a command.
pub enum Called {
    Reply(Reply),
    /// The whole text, code first.
    Error(String),
}

/// A script to run.
pub struct Job<'a> {
    /// Changes when the server forgets its scripts, and with them the machines theirs.
    pub generation: u64,
    /// The SHA1 of a script, or the name of a function.
    pub sha: &'a str,
    /// The whole script or library; the line of its flags may be blanked out.
    pub code: &'a [u8],
    /// The id of the library that the function is from; no two libraries have the same.
    pub library: Option<u64>,
    pub keys: &'a [Bytes],
    pub arguments: &'a [Bytes],
    /// How many bytes the machine may take; 0 is no limit.
    pub memory_limit: usize,
}

/// How a script has ended.
pub enum Ended {
    Returned {
        reply: Reply,
        /// It is the error of a command, which has been counted.
        is_counted: bool,
    },
    Failed(Failure),
    /// It was made to end.
    Stopped(Stopped),
}

/// Why a script was made to end.
pub enum Stopped {
    /// A command has to run elsewhere, and the script with it.
    By(Error),
    /// [`Host::goes_on`] said so, when the script was there.
    Interrupted(Option<Place>),
}

/// Where something happened: the source of the script, and the line.
pub struct Place {
    pub source: String,
    pub line: i64,
}

/// What a script has thrown.
pub struct Failure {
    /// Code first.
    pub text: String,
    pub place: Option<Place>,
    /// It is the error of a command, which has been counted.
    pub is_counted: bool,
}

thread_local! {
    static MACHINE: RefCell<Option<Vm>> = const { RefCell::new(None) };
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// While it is there, a script runs on this thread.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        IS_RUNNING.set(false);
    }
}

/// Compiles a script for this thread.
///
/// # Errors
/// What the compiler says.
pub fn compile(generation: u64, sha: &str, code: &[u8]) -> Result<(), String> {
    with_machine(generation, |vm| vm.function(sha, code).map(drop))
}

/// Runs a script, or a function of a library, on this thread.
pub fn run(job: &Job<'_>, host: &mut dyn Host) -> Ended {
    let ended = with_free_machine(job.generation, |vm| vm.run(job, host));
    ended.unwrap_or_else(|text| Ended::Failed(Failure { text, place: None, is_counted: false }))
}

/// Loads a library of functions on this thread: what it registers. Its code may take so many bytes; 0 is no
/// limit.
///
/// # Errors
/// Why it cannot be loaded.
pub fn load(
    generation: u64,
    code: &[u8],
    memory_limit: usize,
    host: &mut dyn Host,
) -> Result<Vec<Registered>, NotLoaded> {
    let loaded = with_free_machine(generation, |vm| vm.load(code, memory_limit, host));
    loaded.unwrap_or_else(|text| {
        Err(NotLoaded::Ended(Ended::Failed(Failure { text, place: None, is_counted: false })))
    })
}

/// Gives `f` the machine of the thread, which is thrown away afterwards if nothing else may run on it.
fn with_free_machine<T>(generation: u64, f: impl FnOnce(&mut Vm) -> T) -> Result<T, String> {
    if IS_RUNNING.replace(true) {
        return Err("ERR a script cannot run another one".to_owned());
    }
    let _running = Running;
    let mut is_sound = false;
    let result = with_machine(generation, |vm| {
        let result = f(vm);
        is_sound = vm.is_sound();
        Ok(result)
    });
    if !is_sound {
        MACHINE.set(None);
    }
    result
}

/// Gives `f` the machine of the thread, a new one if there is none or its scripts are forgotten.
fn with_machine<T>(generation: u64, f: impl FnOnce(&mut Vm) -> Result<T, String>) -> Result<T, String> {
    // While it runs it is not there: a panic takes it along.
    let kept = MACHINE.take().filter(|vm| vm.generation() == generation);
    let mut vm = match kept {
        Some(vm) => vm,
        None => Vm::new(generation).map_err(|error| format!("ERR no Lua: {error}"))?,
    };
    let result = f(&mut vm);
    MACHINE.set(Some(vm));
    result
}

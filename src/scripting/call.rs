//! `redis.call` and its kind, and what makes a script end: functions of C, as they run more often than
//! anything else here and take any number of arguments.
//!
//! Errors of Lua jump over whatever is between them and who catches them. So all that Rust would have to
//! clear away is in functions of its own, which return before an error is thrown.

use super::push::Stack;
use super::vm::Shared;
use super::{Called, Host, Place};
use crate::error::Error;
use crate::protocol::put_double;
use bytes::Bytes;
use mlua::{Lua, ffi};
use smallvec::SmallVec;
use std::any::Any;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// So many instructions run between two looks at whether the script may go on.
const INSTRUCTIONS: c_int = 10_000;

thread_local! {
    /// The script that runs on this thread.
    static ACTIVE: Cell<*mut Active<'static>> = const { Cell::new(std::ptr::null_mut()) };
}

/// A script that runs.
pub struct Active<'a> {
    pub lua: &'a Lua,
    pub shared: &'a Shared,
    pub host: &'a mut dyn Host,
    /// How many bytes the machine may take; 0 is no limit.
    pub memory_limit: usize,
    /// A command could not run here, and the script cannot go on.
    pub stopped: Option<Error>,
    /// Where the script was when it was made to end.
    pub interrupted: Option<Option<Place>>,
    /// A command has panicked.
    pub panic: Option<Box<dyn Any + Send>>,
}

/// While it is there, functions of this thread's machine find the script.
pub struct Activation;

impl Activation {
    /// Makes the script the one that runs, and has it looked at now and then.
    ///
    /// # Safety
    /// `active` must not be used by others before this is dropped, and the state must be that of its machine.
    pub unsafe fn new(active: *mut Active<'_>, state: *mut ffi::lua_State) -> Activation {
        ACTIVE.set(active.cast());
        // SAFETY: the state is that of a machine of this thread.
        unsafe { watch(state, INSTRUCTIONS) }
        Activation
    }
}

impl Drop for Activation {
    fn drop(&mut self) {
        ACTIVE.set(std::ptr::null_mut());
    }
}

/// Gives `f` the script that runs, while no other code of it does.
fn with_active<T>(f: impl FnOnce(&mut Active<'_>) -> T) -> Option<T> {
    // SAFETY: who has set it keeps it, and does not touch it meanwhile. `f` runs no code of Lua, so that nobody
    // comes here a second time.
    unsafe { ACTIVE.get().as_mut() }.map(f)
}

unsafe fn watch(state: *mut ffi::lua_State, instructions: c_int) {
    // SAFETY: the caller's.
    unsafe { ffi::lua_sethook(state, Some(look), ffi::LUA_MASKCOUNT, instructions) };
}

/// What a function has put on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Value,
    /// The table of an error.
    Failed,
    /// Nothing: the script has to end.
    Ends,
}

/// `redis.call`: what a command fails with is thrown.
pub unsafe extern "C-unwind" fn call(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls this, and nothing here is left to clear away when it throws.
    unsafe {
        match run_command(state) {
            Outcome::Value => 1,
            Outcome::Failed => ffi::lua_error(state),
            Outcome::Ends => end(state),
        }
    }
}

/// `redis.pcall`: what a command fails with is returned.
pub unsafe extern "C-unwind" fn pcall(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        match run_command(state) {
            Outcome::Value | Outcome::Failed => 1,
            Outcome::Ends => end(state),
        }
    }
}

/// `redis.acl_check_cmd`.
pub unsafe extern "C-unwind" fn may_call(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        match check_command(state) {
            Outcome::Value => 1,
            Outcome::Failed => ffi::lua_error(state),
            Outcome::Ends => end(state),
        }
    }
}

/// Whether all tables of an array are empty.
pub unsafe extern "C-unwind" fn are_empty(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls this with the array, and nothing is left to clear away when it throws.
    unsafe {
        for at in 1..=ffi::lua_objlen(state, 1) as c_int {
            ffi::lua_rawgeti_(state, 1, at);
            ffi::lua_pushnil(state);
            if ffi::lua_next(state, 2) != 0 {
                ffi::lua_pushboolean(state, 0);
                return 1;
            }
            ffi::lua_settop(state, 1);
        }
        ffi::lua_pushboolean(state, 1);
        1
    }
}

/// Ends the script with an error that comes again with every instruction, whoever catches it.
unsafe fn end(state: *mut ffi::lua_State) -> ! {
    // SAFETY: the caller's.
    unsafe {
        watch(state, 1);
        ffi::lua_settop(state, 0);
        ffi::lua_pushstring(state, c"the script was made to end".as_ptr());
        ffi::lua_error(state)
    }
}

/// Called by Lua after so many instructions.
unsafe extern "C-unwind" fn look(state: *mut ffi::lua_State, debug: *mut ffi::lua_Debug) {
    // SAFETY: Lua calls this; an error may be thrown here, and nothing is left to clear away then.
    unsafe {
        if !may_go_on(state, debug) {
            watch(state, 1);
            ffi::lua_pushstring(state, c"the script was made to end".as_ptr());
            ffi::lua_error(state)
        }
    }
}

unsafe fn may_go_on(state: *mut ffi::lua_State, debug: *mut ffi::lua_Debug) -> bool {
    with_active(|active| {
        if active.stopped.is_some() || active.interrupted.is_some() || active.panic.is_some() {
            return false;
        }
        let goes_on = active.host.goes_on();
        if !goes_on {
            // SAFETY: Lua has handed both to the hook.
            active.interrupted = Some(unsafe { place(state, debug) });
        }
        goes_on
    })
    .unwrap_or(true)
}

/// Where the script is.
unsafe fn place(state: *mut ffi::lua_State, debug: *mut ffi::lua_Debug) -> Option<Place> {
    // SAFETY: the caller's; `source` is text that ends with 0 and lives as long as the function that runs.
    unsafe {
        if ffi::lua_getinfo(state, c"Sl".as_ptr(), debug) == 0 || (*debug).source.is_null() {
            return None;
        }
        let source = CStr::from_ptr((*debug).source).to_string_lossy().into_owned();
        Some(Place { source, line: (*debug).currentline.into() })
    }
}

/// Runs the command that the stack holds.
unsafe fn run_command(state: *mut ffi::lua_State) -> Outcome {
    let ran = with_active(|active| {
        // SAFETY: the caller's.
        unsafe {
            active.with_room(state, |active, words, stack| {
                let resp3 = active.shared.resp3.get();
                if active.stopped.is_some() {
                    return Outcome::Ends;
                }
                match catch_unwind(AssertUnwindSafe(|| active.host.call(words, resp3))) {
                    Ok(Ok(Called::Reply(crate::protocol::Reply::Error(text)))) => failed(stack, &text),
                    Ok(Ok(Called::Reply(reply))) => {
                        stack.reply(&reply);
                        Outcome::Value
                    }
                    Ok(Ok(Called::Error(text))) => failed(stack, &text.replace(['\r', '\n'], " ")),
                    Ok(Err(error)) => {
                        active.stopped = Some(error);
                        Outcome::Ends
                    }
                    Err(panic) => {
                        active.panic = Some(panic);
                        Outcome::Ends
                    }
                }
            })
        }
    });
    ran.unwrap_or(Outcome::Ends)
}

/// Whether the client might run the command that the stack holds.
unsafe fn check_command(state: *mut ffi::lua_State) -> Outcome {
    let ran = with_active(|active| {
        // SAFETY: the caller's.
        unsafe {
            active.with_room(state, |active, words, stack| match active.host.may_call(&words) {
                Some(may) => {
                    stack.boolean(may);
                    Outcome::Value
                }
                None => failed(stack, "ERR Invalid command passed to redis.acl_check_cmd()"),
            })
        }
    });
    ran.unwrap_or(Outcome::Ends)
}

fn failed(stack: Stack, text: &str) -> Outcome {
    stack.error(text);
    Outcome::Failed
}

impl Active<'_> {
    /// Takes the words of a command from the stack and gives them to `f`, while the machine may take as much
    /// memory as it likes: who throws for want of it would leave something behind here.
    ///
    /// # Safety
    /// The state must be that of the code that has called the function.
    unsafe fn with_room(
        &mut self,
        state: *mut ffi::lua_State,
        f: impl FnOnce(&mut Self, Vec<Bytes>, Stack) -> Outcome,
    ) -> Outcome {
        let limits = self.memory_limit > 0;
        // What is not set cannot be lifted; a machine of our own has an allocator that knows limits.
        let set_limit = |limit| !limits || self.lua.set_memory_limit(limit).is_ok();
        if !set_limit(0) {
            return Outcome::Ends;
        }
        // SAFETY: the caller's, and there is no limit.
        let stack = unsafe { Stack::new(state, self.shared.resp3.get()) };
        // SAFETY: the caller's.
        let outcome = match unsafe { words(state) } {
            Ok(words) => f(self, words, stack),
            Err(text) => failed(stack, text),
        };
        if limits && self.lua.set_memory_limit(self.memory_limit).is_err() {
            return Outcome::Ends;
        }
        outcome
    }
}

/// Room for a number among the words of a command.
const NUMBER_BYTES: usize = 24;

/// The words of a command, which are taken off the stack.
unsafe fn words(state: *mut ffi::lua_State) -> Result<Vec<Bytes>, &'static str> {
    // SAFETY: the caller's; a string on the stack stays where it is.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            return Err("ERR Please specify at least one argument for this redis lib call");
        }
        // All in one buffer, as they come from a client.
        let length = |at: c_int| match ffi::lua_type(state, at) {
            ffi::LUA_TSTRING => ffi::lua_objlen(state, at),
            _ => NUMBER_BYTES,
        };
        let mut text = Vec::with_capacity((1..=count).map(length).sum());
        let mut ends = SmallVec::<[usize; 8]>::new();
        for at in 1..=count {
            match ffi::lua_type(state, at) {
                ffi::LUA_TSTRING => {
                    let mut length = 0;
                    let word = ffi::lua_tolstring(state, at, &mut length);
                    text.extend_from_slice(bytes(word, length));
                }
                ffi::LUA_TNUMBER => put_double(&mut text, ffi::lua_tonumber(state, at)),
                _ => return Err("ERR Lua redis lib command arguments must be strings or integers"),
            }
            ends.push(text.len());
        }
        ffi::lua_settop(state, 0);
        let text = Bytes::from(text);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        Ok(starts.zip(&ends).map(|(from, to)| text.slice(from..*to)).collect())
    }
}

/// The bytes of a string of Lua.
///
/// # Safety
/// It must stay on the stack as long as they are used.
pub unsafe fn bytes<'a>(text: *const c_char, length: usize) -> &'a [u8] {
    if text.is_null() {
        return &[];
    }
    // SAFETY: the caller's.
    unsafe { std::slice::from_raw_parts(text.cast(), length) }
}

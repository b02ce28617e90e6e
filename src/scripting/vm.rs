//! A virtual machine, and the scripts it has compiled.

use super::convert::{self, Names, ToLua};
use super::random::Random;
use super::{Called, Ended, Failure, GoesOn, Host, Job, Place, Stopped, libraries};
use crate::error::Error;
use crate::protocol::Reply;
use bytes::Bytes;
use hashbrown::HashMap;
use mlua::debug::Debug;
use mlua::{
    Function, HookTriggers, LightUserData, Lua, LuaOptions, LuaString, MultiValue, Result, StdLib, Table,
    Value, VmState,
};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

const PRELUDE: &str = include_str!("prelude.lua");

/// So many instructions run between two looks at whether the script may go on.
const INSTRUCTIONS: u32 = 10_000;
/// A machine forgets what it has compiled when it knows so many scripts.
const MOST_FUNCTIONS: usize = 1000;
/// Garbage of so many bytes is cleared away when its script ends.
const MUCH_GARBAGE: usize = 4 << 20;

/// In front of the words of a command, it asks whether the client might run it. No script can make it.
pub const CHECK: LightUserData = LightUserData(std::ptr::without_provenance_mut(1));

/// What a running script and its machine share.
#[derive(Default)]
pub struct Shared {
    pub resp3: Cell<bool>,
    pub random: Cell<Option<Random>>,
    goes_on: RefCell<Option<GoesOn>>,
    /// Where the script was when it was made to end.
    interrupted: RefCell<Option<Option<Place>>>,
}

/// A virtual machine.
pub struct Vm {
    lua: Lua,
    names: Rc<Names>,
    shared: Rc<Shared>,
    run: Function,
    functions: HashMap<String, Function>,
    generation: u64,
    is_sound: bool,
}

impl Vm {
    /// A machine that has compiled nothing yet.
    pub fn new(generation: u64) -> Result<Vm> {
        // SAFETY: scripts never see `debug`, which only the prelude gets.
        let libraries = StdLib::MATH | StdLib::TABLE | StdLib::STRING | StdLib::DEBUG;
        let lua = unsafe { Lua::unsafe_new_with(libraries, LuaOptions::new().catch_rust_panics(false)) };
        let names = Rc::new(Names::new(&lua)?);
        let shared: Rc<Shared> = Rc::default();
        let functions = libraries::install(&lua, &names, &shared)?;
        let prelude = lua.load(PRELUDE).set_name("=redis").into_function()?;
        let (run, world): (Function, Table) = prelude.call(functions)?;
        lua.set_globals(world)?;
        let watched = shared.clone();
        lua.set_global_hook(every(INSTRUCTIONS), move |lua, debug| watched.look(lua, debug))?;
        Ok(Vm { lua, names, shared, run, functions: HashMap::new(), generation, is_sound: true })
    }

    /// Of which generation its scripts are.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether another script may run on it.
    pub fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// The compiled script.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn function(&mut self, sha: &str, code: &[u8]) -> std::result::Result<Function, String> {
        if let Some(function) = self.functions.get(sha) {
            return Ok(function.clone());
        }
        let chunk = self.lua.load(code).set_name("@user_script").set_mode(mlua::chunk::ChunkMode::Text);
        let function = chunk.into_function().map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message,
            error => error.to_string(),
        })?;
        if self.functions.len() >= MOST_FUNCTIONS {
            self.functions.clear();
        }
        self.functions.insert(sha.to_owned(), function.clone());
        Ok(function)
    }

    /// Runs a script.
    pub fn run(&mut self, job: &Job<'_>, host: &mut dyn Host) -> Ended {
        let failed = |text| Ended::Failed(Failure { text, place: None, is_counted: false });
        let function = match self.function(job.sha, job.code) {
            Ok(function) => function,
            Err(text) => return failed(format!("ERR Error compiling script (new function): {text}")),
        };
        let stopped = Cell::new(None);
        let ended = self.call(job, &function, host, &stopped);
        self.tidy_up();
        let interrupted = self.shared.interrupted.take();
        if let Some(error) = stopped.take() {
            return Ended::Stopped(Stopped::By(error));
        }
        if let Some(place) = interrupted {
            self.is_sound = false;
            return Ended::Stopped(Stopped::Interrupted(place));
        }
        ended.unwrap_or_else(|error| {
            self.is_sound = false;
            failed(format!("ERR Error running script: {}", error.to_string().replace(['\r', '\n'], " ")))
        })
    }

    fn call(
        &mut self,
        job: &Job<'_>,
        function: &Function,
        host: &mut dyn Host,
        stopped: &Cell<Option<Error>>,
    ) -> Result<Ended> {
        let (lua, names, shared) = (&self.lua, &self.names, &self.shared);
        shared.resp3.set(false);
        *shared.goes_on.borrow_mut() = Some(job.goes_on.clone());
        let strings = |words: &[Bytes]| {
            let strings = words.iter().map(|word| lua.create_string(word));
            lua.create_sequence_from(strings.collect::<Result<Vec<LuaString>>>()?)
        };
        let (keys, arguments) = (strings(job.keys)?, strings(job.arguments)?);
        let limit = job.memory_limit;
        let (ok, value, is_clean) = lua.scope(|scope| {
            let bridge = scope.create_function_mut(|lua, words: MultiValue| {
                lua.set_memory_limit(0)?;
                let resp3 = shared.resp3.get();
                let results = dispatch(&ToLua { lua, names, resp3 }, &words, host, stopped);
                drop(words);
                lua.set_memory_limit(limit)?;
                results
            })?;
            lua.set_memory_limit(limit)?;
            let ended = self.run.call::<(bool, Value, bool)>((function, bridge, keys, arguments));
            lua.set_memory_limit(0)?;
            ended
        })?;
        self.is_sound = is_clean;
        if ok {
            let reply = convert::reply(names, &value, shared.resp3.get())?;
            let is_counted = value.as_table().is_some_and(|table| self.is_counted(table));
            return Ok(Ended::Returned { reply, is_counted });
        }
        self.failure(&value).map(Ended::Failed)
    }

    /// What a script has thrown.
    fn failure(&self, value: &Value) -> Result<Failure> {
        let Value::Table(table) = value else {
            let text = value.to_string()?.replace(['\r', '\n'], " ");
            return Ok(Failure { text: format!("ERR {text}"), place: None, is_counted: false });
        };
        let text = match table.raw_get::<Value>(&self.names.err)? {
            Value::String(text) => convert::line(&text),
            _ => "ERR unknown error".to_owned(),
        };
        let source = table.raw_get::<Option<LuaString>>("source").unwrap_or_default();
        let line = table.raw_get::<Option<f64>>("line").unwrap_or_default();
        let place = source
            .zip(line)
            .map(|(source, line)| Place { source: convert::line(&source), line: line as i64 });
        Ok(Failure { text, place, is_counted: self.is_counted(table) })
    }

    fn is_counted(&self, error: &Table) -> bool {
        error.raw_get::<bool>(&self.names.counted).is_ok_and(|is_counted| is_counted)
    }

    /// Nothing of a script that has ended stays.
    fn tidy_up(&self) {
        *self.shared.goes_on.borrow_mut() = None;
        if self.lua.used_memory() > MUCH_GARBAGE && self.lua.gc_collect().is_err() {
            tracing::warn!("a script has left garbage that cannot be cleared away");
        }
    }
}

fn every(instructions: u32) -> HookTriggers {
    HookTriggers::new().every_nth_instruction(instructions)
}

impl Shared {
    /// Ends the script if it may not go on: with an error, which comes again with every instruction, whoever
    /// catches it.
    fn look(self: &Rc<Self>, lua: &Lua, debug: &Debug) -> Result<VmState> {
        let goes_on = self.goes_on.borrow().as_ref().is_none_or(|goes_on| goes_on());
        if goes_on && self.interrupted.borrow().is_none() {
            return Ok(VmState::Continue);
        }
        if self.interrupted.borrow().is_none() {
            let source = debug.source().source.map(|source| source.into_owned());
            let line = debug.current_line().map_or(-1, |line| line as i64);
            *self.interrupted.borrow_mut() = Some(source.map(|source| Place { source, line }));
            let shared = self.clone();
            lua.set_global_hook(every(1), move |lua, debug| shared.look(lua, debug))?;
        }
        Err(mlua::Error::runtime("the script was made to end"))
    }
}

/// Runs a command for a script. Whether it went well, and the reply or the error.
fn dispatch(
    to_lua: &ToLua<'_>,
    values: &MultiValue,
    host: &mut dyn Host,
    stopped: &Cell<Option<Error>>,
) -> Result<(bool, Value)> {
    let failed = |text: &str| Ok((false, Value::Table(to_lua.error(text)?)));
    if values.front() == Some(&Value::LightUserData(CHECK)) {
        return check(to_lua, values, host);
    }
    if values.is_empty() {
        return failed("ERR Please specify at least one argument for this redis lib call");
    }
    let Some(words) = values.iter().map(convert::word).collect() else {
        return failed("ERR Lua redis lib command arguments must be strings or integers");
    };
    let was_stopped = stopped.take();
    let called = match was_stopped {
        Some(error) => Err(error),
        None => host.call(words, to_lua.resp3),
    };
    match called {
        Ok(Called::Reply(Reply::Error(text))) => failed(&text),
        Ok(Called::Reply(reply)) => Ok((true, to_lua.value(&reply)?)),
        Ok(Called::Error(text)) => failed(&text.replace(['\r', '\n'], " ")),
        Err(error) => {
            stopped.set(Some(error));
            Err(mlua::Error::runtime("the script was made to end"))
        }
    }
}

/// Whether the client might run a command.
fn check(to_lua: &ToLua<'_>, values: &MultiValue, host: &mut dyn Host) -> Result<(bool, Value)> {
    let failed = |text: &str| Ok((false, Value::Table(to_lua.error(text)?)));
    let Some(words) = values.iter().skip(1).map(convert::word).collect::<Option<Vec<Bytes>>>() else {
        return failed("ERR Lua redis lib command arguments must be strings or integers");
    };
    if words.is_empty() {
        return failed("ERR Please specify at least one argument for this redis lib call");
    }
    match host.may_call(&words) {
        Some(may) => Ok((true, Value::Boolean(may))),
        None => failed("ERR Invalid command passed to redis.acl_check_cmd()"),
    }
}

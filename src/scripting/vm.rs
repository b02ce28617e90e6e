//! A virtual machine, and the scripts it has compiled.

use super::call::{Activation, Active};
use super::convert::{self, Names};
use super::libraries::JsonSettings;
use super::push::Stack;
use super::random::Random;
use super::{Ended, Failure, Host, Job, Place, Stopped, libraries};
use bytes::Bytes;
use hashbrown::HashMap;
use mlua::{Function, Lua, LuaOptions, LuaString, Result, StdLib, Table, Value, ffi};
use std::cell::Cell;
use std::panic::resume_unwind;
use std::rc::Rc;

const PRELUDE: &str = include_str!("prelude.lua");

/// A machine forgets what it has compiled when it knows so many scripts.
const MOST_FUNCTIONS: usize = 1000;
/// Garbage of so many bytes is cleared away when its script ends.
const MUCH_GARBAGE: usize = 4 << 20;
/// What Lua says when it gets no more memory.
pub const OUT_OF_MEMORY: &str = "not enough memory";
/// Longer code would make the compiler count too far.
const LONGEST_CODE: usize = 1 << 29;

/// What a running script and its machine share.
#[derive(Default)]
pub struct Shared {
    pub resp3: Cell<bool>,
    pub random: Cell<Option<Random>>,
    /// Of `cjson`; a script finds them as they are at first.
    pub json: JsonSettings,
}

/// Functions of the prelude.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Run,
    LoadLibrary,
    CallFunction,
}

/// A virtual machine.
pub struct Vm {
    lua: Lua,
    names: Rc<Names>,
    shared: Rc<Shared>,
    run: Function,
    load_library: Function,
    call_function: Function,
    functions: HashMap<String, Function>,
    /// The functions of libraries, by the ids of these and by their own names.
    libraries: HashMap<u64, HashMap<String, Function>>,
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
        let (run, world, load_library, call_function): (Function, Table, Function, Function) =
            prelude.call(functions)?;
        lua.set_globals(world)?;
        Ok(Vm {
            lua,
            names,
            shared,
            run,
            load_library,
            call_function,
            functions: HashMap::new(),
            libraries: HashMap::new(),
            generation,
            is_sound: true,
        })
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
        let function = self.compile(code, "@user_script")?;
        if self.functions.len() >= MOST_FUNCTIONS {
            self.functions.clear();
        }
        self.functions.insert(sha.to_owned(), function.clone());
        Ok(function)
    }

    fn compile(&self, code: &[u8], name: &str) -> std::result::Result<Function, String> {
        if code.len() > LONGEST_CODE {
            return Err("the script is too long".to_owned());
        }
        let chunk = self.lua.load(code).set_name(name).set_mode(mlua::chunk::ChunkMode::Text);
        chunk.into_function().map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message,
            error => error.to_string(),
        })
    }

    /// Loads a library: what it has registered.
    ///
    /// # Errors
    /// Why it cannot be loaded.
    pub fn load(
        &mut self,
        code: &[u8],
        memory_limit: usize,
        host: &mut dyn Host,
    ) -> std::result::Result<Vec<Registered>, NotLoaded> {
        let code = self.compile(code, "@user_function").map_err(NotLoaded::Uncompiled)?;
        let (ok, value) = self.watched(Entry::LoadLibrary, &code, (&[], &[]), memory_limit, host)?;
        let functions = match value {
            Value::Table(functions) if ok => functions,
            value => {
                let failure = self.failure(&value);
                return Err(failure.map_or_else(|error| failed(&error), Ended::Failed).into());
            }
        };
        let registered = functions.sequence_values::<Table>().map(|function| registered(&function?));
        registered.collect::<Result<_>>().map_err(|error| failed(&error).into())
    }

    /// A function of a library, which is loaded if it is not known here yet.
    fn library_function(
        &mut self,
        id: u64,
        job: &Job<'_>,
        host: &mut dyn Host,
    ) -> std::result::Result<Function, NotLoaded> {
        if !self.libraries.contains_key(&id) {
            let registered = self.load(job.code, job.memory_limit, host)?;
            if self.libraries.len() >= MOST_FUNCTIONS {
                self.libraries.clear();
            }
            let named = registered.into_iter().map(|function| (function.name, function.callback));
            self.libraries.insert(id, named.collect());
        }
        let functions = self.libraries.get(&id);
        let function = functions.and_then(|functions| functions.get(job.sha)).cloned();
        function.ok_or_else(|| failure("ERR the library has not registered the function").into())
    }

    /// Runs a script.
    pub fn run(&mut self, job: &Job<'_>, host: &mut dyn Host) -> Ended {
        let (entry, function) = match job.library {
            None => (Entry::Run, self.function(job.sha, job.code).map_err(NotLoaded::Uncompiled)),
            Some(id) => (Entry::CallFunction, self.library_function(id, job, host)),
        };
        let function = match function {
            Ok(function) => function,
            Err(NotLoaded::Ended(ended)) => return ended,
            Err(NotLoaded::Uncompiled(text)) => {
                return failure(&format!("ERR Error compiling script (new function): {text}"));
            }
        };
        match self.watched(entry, &function, (job.keys, job.arguments), job.memory_limit, host) {
            Ok((ok, value)) => self.ended(ok, &value).unwrap_or_else(|error| {
                self.is_sound = false;
                failed(&error)
            }),
            Err(ended) => ended,
        }
    }

    /// Calls a function of the prelude with a function of a script, under the eyes of the host: whether it has
    /// returned, and what it has returned or thrown.
    fn watched(
        &mut self,
        entry: Entry,
        function: &Function,
        words: (&[Bytes], &[Bytes]),
        memory_limit: usize,
        host: &mut dyn Host,
    ) -> std::result::Result<(bool, Value), Ended> {
        let mut active = Active {
            lua: &self.lua,
            shared: &self.shared,
            host,
            memory_limit: match memory_limit {
                0 => 0,
                // What the machine itself takes is none of the script's.
                limit => limit.saturating_add(self.lua.used_memory()),
            },
            stopped: None,
            interrupted: None,
            panic: None,
        };
        let ended = self.call(entry, function, words, &mut active);
        let Active { stopped, interrupted, panic, .. } = active;
        self.tidy_up();
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
        if let Some(error) = stopped {
            return Err(Ended::Stopped(Stopped::By(error)));
        }
        if let Some(place) = interrupted {
            self.is_sound = false;
            return Err(Ended::Stopped(Stopped::Interrupted(place)));
        }
        match ended {
            Ok((ok, value, is_clean)) => {
                self.is_sound &= is_clean;
                Ok((ok, value))
            }
            Err(error) => {
                self.is_sound = false;
                Err(failed(&error))
            }
        }
    }

    /// Calls the function: whether it has returned, what it has returned or thrown, and whether another
    /// script may run in its world.
    fn call(
        &self,
        entry: Entry,
        function: &Function,
        (keys, arguments): (&[Bytes], &[Bytes]),
        active: &mut Active<'_>,
    ) -> Result<(bool, Value, bool)> {
        let entry = match entry {
            Entry::Run => &self.run,
            Entry::LoadLibrary => &self.load_library,
            Entry::CallFunction => &self.call_function,
        };
        self.shared.resp3.set(false);
        self.shared.json.take();
        let limit = active.memory_limit;
        // SAFETY: nobody uses what is active before this ends. What is called comes with two arguments, which
        // are pushed before there is a limit on memory.
        let result = unsafe {
            self.lua.exec_raw((entry, function), |state| {
                let _active = Activation::new(active, state);
                let stack = Stack::new(state, false);
                stack.strings(keys);
                stack.strings(arguments);
                if limit == 0 || self.lua.set_memory_limit(limit).is_ok() {
                    ffi::lua_call(state, 3, 3);
                }
            })
        };
        if limit > 0 {
            self.lua.set_memory_limit(0)?;
        }
        result
    }

    /// What became of a script.
    fn ended(&self, ok: bool, value: &Value) -> Result<Ended> {
        if !ok {
            return self.failure(value).map(Ended::Failed);
        }
        let reply = convert::reply(&self.names, value, self.shared.resp3.get())?;
        let is_counted = value.as_table().is_some_and(|table| self.is_counted(table));
        Ok(Ended::Returned { reply, is_counted })
    }

    /// What a script has thrown.
    fn failure(&self, value: &Value) -> Result<Failure> {
        let Value::Table(table) = value else {
            let text = match value.to_string()? {
                text if text == OUT_OF_MEMORY => {
                    "the script takes more memory than script-memory-limit".into()
                }
                text => text.replace(['\r', '\n'], " "),
            };
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
        if self.lua.used_memory() > MUCH_GARBAGE && self.lua.gc_collect().is_err() {
            tracing::warn!("a script has left garbage that cannot be cleared away");
        }
    }
}

/// A function that a library has registered.
pub struct Registered {
    pub name: String,
    pub description: Option<Vec<u8>>,
    pub flags: Vec<String>,
    callback: Function,
}

fn registered(function: &Table) -> Result<Registered> {
    let description: Option<LuaString> = function.raw_get("description")?;
    Ok(Registered {
        name: function.raw_get("function_name")?,
        description: description.map(|text| text.as_bytes().to_vec()),
        flags: function.raw_get::<Option<Vec<String>>>("flags")?.unwrap_or_default(),
        callback: function.raw_get("callback")?,
    })
}

/// Why a library is not loaded.
pub enum NotLoaded {
    /// What the compiler says.
    Uncompiled(String),
    Ended(Ended),
}

impl From<Ended> for NotLoaded {
    fn from(ended: Ended) -> NotLoaded {
        NotLoaded::Ended(ended)
    }
}

fn failure(text: &str) -> Ended {
    Ended::Failed(Failure { text: text.to_owned(), place: None, is_counted: false })
}

/// Something has failed that no script has thrown.
fn failed(error: &mlua::Error) -> Ended {
    failure(&format!("ERR Error running script: {}", error.to_string().replace(['\r', '\n'], " ")))
}

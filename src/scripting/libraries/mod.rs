//! What scripts can call: the parts in Rust.

mod arguments;
mod bits;
mod json;
mod msgpack;
mod number;
mod stack;
mod structs;

use super::bridge;
use super::convert::{Names, ToLua};
use super::random::Random;
use super::vm::{OUT_OF_MEMORY, Shared};
use super::{call, guards};
use crate::clock::Stopwatch;
use arguments::{Arguments, Thrown};
use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Result, Table, Value};
use sha1::{Digest, Sha1};
use std::rc::Rc;

pub use json::Shared as JsonSettings;

/// What a function of a library has come to.
type Returned<T> = std::result::Result<T, Thrown>;

/// The functions that the prelude gives to scripts.
pub fn install(lua: &Lua, names: &Rc<Names>, shared: &Rc<Shared>) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("version", crate::REDIS_VERSION)?;
    table.raw_set("version_number", version_number())?;
    table.raw_set("call", bridge::function(lua, call::call)?)?;
    table.raw_set("pcall", bridge::function(lua, call::pcall)?)?;
    table.raw_set("may_call", bridge::function(lua, call::may_call)?)?;
    table.raw_set("unpack", guards::unpack(lua)?)?;
    table.raw_set("are_empty", bridge::function(lua, call::are_empty)?)?;
    table.raw_set("takes_pattern", lua.create_function(guards::takes_pattern)?)?;
    let mut library = Library { lua, names, table };
    library.add("sha1hex", sha1hex)?;
    library.add("log", log)?;
    library.add("set_repl", set_repl)?;
    let resp3 = shared.clone();
    library.add("setresp", move |arguments| set_resp(arguments, &resp3))?;
    let started = Stopwatch::start();
    library.add("clock", move |_| Ok(started.elapsed_us() as f64 / 1e6))?;
    let (random, seeded) = (shared.clone(), shared.clone());
    library.add("random", move |arguments| next_random(arguments, &random))?;
    library.add("randomseed", move |arguments| {
        seeded.random.set(Some(Random::seeded(arguments.number(1)? as i32)));
        Ok(())
    })?;
    let table = library.table;
    table.raw_set("bit", bits::library(lua, names)?)?;
    table.raw_set("cjson", json::library(lua, names, &shared.json)?)?;
    table.raw_set("cmsgpack", msgpack::library(lua, names)?)?;
    table.raw_set("struct", structs::library(lua, names)?)?;
    Ok(table)
}

/// A table of functions in the making.
pub struct Library<'a> {
    lua: &'a Lua,
    names: &'a Rc<Names>,
    pub table: Table,
}

impl<'a> Library<'a> {
    /// An empty one.
    pub fn new(lua: &'a Lua, names: &'a Rc<Names>) -> Result<Library<'a>> {
        Ok(Library { lua, names, table: lua.create_table()? })
    }

    /// Adds a function; what it throws is told with the place of its caller.
    pub fn add<T: IntoLuaMulti>(
        &mut self,
        name: &'static str,
        f: impl Fn(&mut Arguments<'_>) -> Returned<T> + 'static,
    ) -> Result<()> {
        let names = self.names.clone();
        let function: Function = self.lua.create_function(move |lua, values: MultiValue| {
            let thrown = match f(&mut Arguments { lua, values }) {
                Ok(values) => {
                    let mut values = values.into_lua_multi(lua)?;
                    values.push_front(Value::Boolean(true));
                    return Ok(values);
                }
                // As Lua says it itself.
                Err(Thrown::Lua(mlua::Error::MemoryError(_))) => {
                    return (false, OUT_OF_MEMORY, true).into_lua_multi(lua);
                }
                Err(Thrown::Lua(error)) => return Err(error),
                Err(Thrown::Text(text)) => Value::String(lua.create_string(text)?),
                Err(Thrown::Plain(text)) => return (false, text, true).into_lua_multi(lua),
                Err(Thrown::Error(text)) => Value::Table(ToLua { lua, names: &names }.error(&text)?),
            };
            (false, thrown).into_lua_multi(lua)
        })?;
        self.table.raw_set(name, bridge::throwing(self.lua, function)?)
    }
}

/// The version of Redis in one number, two digits of hexadecimal for each part.
fn version_number() -> u32 {
    let parts = crate::REDIS_VERSION.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    parts.fold(0, |number, part| number << 8 | part)
}

/// The SHA1 of bytes, in hexadecimal digits.
pub fn hex_sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha1hex(arguments: &mut Arguments<'_>) -> Returned<String> {
    if arguments.count() != 1 {
        return Err(Thrown::error("ERR wrong number of arguments"));
    }
    Ok(hex_sha1(&arguments.bytes(1).unwrap_or_default()))
}

fn log(arguments: &mut Arguments<'_>) -> Returned<()> {
    if arguments.count() < 2 {
        return Err(Thrown::error("ERR redis.log() requires two arguments or more."));
    }
    if !arguments.is_number(1) {
        return Err(Thrown::error("ERR First argument must be a number (log level)."));
    }
    let level = arguments.number(1)?;
    if !(0.0..4.0).contains(&level) {
        return Err(Thrown::error("ERR Invalid debug level."));
    }
    let words: Vec<Vec<u8>> = (2..=arguments.count()).filter_map(|at| arguments.bytes(at).ok()).collect();
    let words = words.join(&b' ');
    let text = String::from_utf8_lossy(&words);
    match level as u8 {
        0 | 1 => tracing::debug!("a script says: {text}"),
        2 => tracing::info!("a script says: {text}"),
        _ => tracing::warn!("a script says: {text}"),
    }
    Ok(())
}

fn set_repl(arguments: &mut Arguments<'_>) -> Returned<()> {
    if arguments.count() != 1 {
        return Err(Thrown::error("ERR redis.set_repl() requires two arguments."));
    }
    let flags = arguments.number(1)? as i64;
    if (0..4).contains(&flags) {
        return Ok(());
    }
    Err(Thrown::error("ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE."))
}

fn set_resp(arguments: &mut Arguments<'_>, shared: &Shared) -> Returned<()> {
    if arguments.count() != 1 {
        return Err(Thrown::error("ERR redis.setresp() requires one argument."));
    }
    let version = arguments.number(1).unwrap_or_default();
    if version != 2.0 && version != 3.0 {
        return Err(Thrown::error("ERR RESP version must be 2 or 3."));
    }
    shared.resp3.set(version == 3.0);
    Ok(())
}

fn next_random(arguments: &mut Arguments<'_>, shared: &Shared) -> Returned<f64> {
    let mut random = shared.random.get().unwrap_or_else(|| Random::seeded(fastrand::i32(..)));
    let number = random.next();
    shared.random.set(Some(random));
    let (low, high, last) = match arguments.count() {
        0 => return Ok(number),
        1 => (1.0, arguments.integer(1)? as f64, 1),
        2 => (arguments.integer(1)? as f64, arguments.integer(2)? as f64, 2),
        _ => return Err(Thrown::Text("wrong number of arguments".into())),
    };
    if low > high {
        return Err(arguments.bad(last, "interval is empty"));
    }
    Ok((number * (high - low + 1.0)).floor() + low)
}

#[cfg(test)]
mod tests;

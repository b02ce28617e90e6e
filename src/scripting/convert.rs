//! Values of Lua as replies.

use crate::protocol::Reply;
use bytes::Bytes;
use mlua::{Lua, LuaString, Result, Table, Value};

/// Nested deeper than this, what a script returns is cut off, as deep as Redis allows or less.
const MAX_DEPTH: usize = 500;

/// The names of the fields that make a table more than an array.
pub struct Names {
    pub err: LuaString,
    pub ok: LuaString,
    pub counted: LuaString,
    double: LuaString,
    map: LuaString,
    set: LuaString,
    big_number: LuaString,
    verbatim: LuaString,
    format: LuaString,
    string: LuaString,
}

impl Names {
    /// The names as strings of a machine.
    pub fn new(lua: &Lua) -> Result<Names> {
        Ok(Names {
            err: lua.create_string("err")?,
            ok: lua.create_string("ok")?,
            counted: lua.create_string("ignore_error_stats_update")?,
            double: lua.create_string("double")?,
            map: lua.create_string("map")?,
            set: lua.create_string("set")?,
            big_number: lua.create_string("big_number")?,
            verbatim: lua.create_string("verbatim_string")?,
            format: lua.create_string("format")?,
            string: lua.create_string("string")?,
        })
    }
}

/// Makes tables of errors for one machine.
pub struct ToLua<'a> {
    pub lua: &'a Lua,
    pub names: &'a Names,
}

impl ToLua<'_> {
    /// The table for the error of a command.
    pub fn error(&self, text: &str) -> Result<Table> {
        let table = self.lua.create_table_with_capacity(0, 2)?;
        table.raw_set(&self.names.err, text)?;
        table.raw_set(&self.names.counted, true)?;
        Ok(table)
    }
}

/// What a script returns, as a reply. Of numbers only the whole part counts, and an array ends at the first
/// nil; true and false are 1 and nil unless the script has asked for the types of RESP3.
pub fn reply(names: &Names, value: &Value, resp3: bool) -> Result<Reply> {
    FromLua { names, resp3 }.reply(value, 0)
}

struct FromLua<'a> {
    names: &'a Names,
    resp3: bool,
}

impl FromLua<'_> {
    fn reply(&self, value: &Value, depth: usize) -> Result<Reply> {
        if depth > MAX_DEPTH {
            return Ok(Reply::Error("ERR reached lua stack limit".into()));
        }
        Ok(match value {
            Value::String(text) => Reply::Bulk(Bytes::copy_from_slice(&text.as_bytes())),
            Value::Boolean(yes) if self.resp3 => Reply::Boolean(*yes),
            Value::Boolean(true) => Reply::Integer(1),
            Value::Integer(number) => Reply::Integer(*number),
            Value::Number(number) => Reply::Integer(whole(*number)),
            Value::Table(table) => self.table(table, depth)?,
            _ => Reply::Null,
        })
    }

    fn table(&self, table: &Table, depth: usize) -> Result<Reply> {
        if let Value::String(text) = table.raw_get::<Value>(&self.names.err)? {
            return Ok(Reply::Error(line(&text).into()));
        }
        if let Value::String(text) = table.raw_get::<Value>(&self.names.ok)? {
            return Ok(Reply::Simple(line(&text).into()));
        }
        match table.raw_get::<Value>(&self.names.double)? {
            Value::Number(number) => return Ok(Reply::Double(number)),
            Value::Integer(number) => return Ok(Reply::Double(number as f64)),
            _ => {}
        }
        if let Value::Table(map) = table.raw_get::<Value>(&self.names.map)? {
            let pair = |pair: Result<(Value, Value)>| {
                let (key, value) = pair?;
                Ok((self.reply(&key, depth + 1)?, self.reply(&value, depth + 1)?))
            };
            return map.pairs().map(pair).collect::<Result<_>>().map(Reply::Map);
        }
        if let Value::Table(set) = table.raw_get::<Value>(&self.names.set)? {
            let member = |pair: Result<(Value, Value)>| self.reply(&pair?.0, depth + 1);
            return set.pairs().map(member).collect::<Result<_>>().map(Reply::Set);
        }
        if let Value::String(digits) = table.raw_get::<Value>(&self.names.big_number)? {
            return Ok(Reply::BigNumber(line(&digits)));
        }
        if let Value::Table(verbatim) = table.raw_get::<Value>(&self.names.verbatim)?
            && let Value::String(format) = verbatim.raw_get::<Value>(&self.names.format)?
            && let Value::String(text) = verbatim.raw_get::<Value>(&self.names.string)?
        {
            let format = if &*format.as_bytes() == b"mkd" { "mkd" } else { "txt" };
            return Ok(Reply::Verbatim(format, Bytes::copy_from_slice(&text.as_bytes())));
        }
        let mut items = Vec::new();
        loop {
            match table.raw_get::<Value>(items.len() + 1)? {
                Value::Nil => return Ok(Reply::Array(items)),
                item => items.push(self.reply(&item, depth + 1)?),
            }
        }
    }
}

/// As C casts a number; where it makes no sense, as the processor does.
pub fn whole(number: f64) -> i64 {
    let fits = number >= i64::MIN as f64 && number < -(i64::MIN as f64);
    if fits { number as i64 } else { i64::MIN }
}

/// A text as it can stand in one line of a reply.
pub fn line(text: &LuaString) -> String {
    text.to_string_lossy().replace(['\r', '\n'], " ")
}

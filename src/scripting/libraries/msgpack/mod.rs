//! The library `cmsgpack`.

mod decode;
mod encode;

use super::arguments::{Arguments, Thrown};
use super::stack::{MAX_HEIGHT, on_stack};
use super::{Library, Returned};
use crate::scripting::convert::Names;
use decode::Decoder;
use encode::Encoder;
use mlua::{Lua, LuaString, MultiValue, Result, Table, Value};
use std::ffi::c_int;
use std::rc::Rc;

/// The table of its functions.
pub fn library(lua: &Lua, names: &Rc<Names>) -> Result<Table> {
    let mut library = Library::new(lua, names)?;
    library.add("pack", pack)?;
    library.add("unpack", |arguments| {
        let height = arguments.count();
        unpack(arguments, 0, 0, height)
    })?;
    library.add("unpack_one", |arguments| {
        let offset = arguments.integer_or(2, 0)?;
        unpack(arguments, 1, offset, 1)
    })?;
    library.add("unpack_limit", |arguments| {
        let (limit, offset) = (arguments.integer(2)?, arguments.integer_or(3, 0)?);
        unpack(arguments, limit, offset, 1)
    })?;
    library.table.raw_set("_NAME", "cmsgpack")?;
    library.table.raw_set("_VERSION", "lua-cmsgpack 0.4.0")?;
    library.table.raw_set("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo")?;
    library.table.raw_set("_DESCRIPTION", "MessagePack C implementation for Lua")?;
    Ok(library.table)
}

fn pack(arguments: &mut Arguments<'_>) -> Returned<Value> {
    let count = arguments.count();
    if count == 0 {
        return Err(arguments.bad(0, "MessagePack pack needs input."));
    }
    if count * 2 > MAX_HEIGHT {
        return Err(arguments.bad(0, "Too many arguments for MessagePack pack."));
    }
    let mut encoder = Encoder::default();
    for value in std::mem::take(&mut arguments.values) {
        on_stack::<()>(arguments.lua, value, |stack| {
            encoder.value(stack, 0);
            stack.clear();
        })?;
    }
    Ok(Value::String(arguments.lua.create_string(encoder.finish())?))
}

/// Reads up to `limit` values from a place on. Without limit and place, it reads all; otherwise the first
/// result is where it has stopped. `height` is how many values the caller's stack holds.
fn unpack(arguments: &mut Arguments<'_>, limit: i64, offset: i64, height: usize) -> Returned<MultiValue> {
    let text: LuaString = arguments.string(1)?;
    let bytes = text.as_bytes();
    let len = bytes.len();
    if limit < 0 || offset < 0 {
        let (offset, len) = (offset as i32, len as i32);
        let text = format!("Invalid request to unpack with offset of {offset} and limit of {len}.");
        return Err(Thrown::Text(text));
    }
    let Some(rest) = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)) else {
        let offset = offset as i32;
        return Err(Thrown::Text(format!("Start offset {offset} greater than input length {len}.")));
    };
    let reads_all = limit == 0 && offset == 0;
    let limit = if reads_all { i64::from(i32::MAX) } else { limit };
    let mut decoder = Decoder::new(rest);
    let arguments_count = height.min(MAX_HEIGHT) as c_int;
    let mut values = on_stack::<MultiValue>(arguments.lua, (), |stack| {
        if !stack.fill(arguments_count) || !decoder.run(stack, limit) {
            stack.clear();
        }
    })?;
    let left = decoder.finish()?;
    let below = height.min(values.len());
    values.drain(..below);
    if !reads_all {
        let next = if left == 0 { -1.0 } else { (len - left) as f64 };
        values.push_front(Value::Number(next));
    }
    Ok(values)
}

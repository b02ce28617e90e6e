//! The library `cjson`. Its texts are not quite JSON (numbers in hexadecimal, NaN, bytes that are not UTF-8, a
//! NUL as the end), and where it stops and what it says of it are its own: no other codec answers like it.

mod decode;
mod encode;

use super::arguments::{Arguments, Thrown};
use super::stack::on_stack;
use super::{Library, Returned};
use crate::scripting::convert::Names;
use decode::Decoder;
use encode::Encoder;
use mlua::{Lua, LuaString, MultiValue, Result, Table, Value};
use std::cell::Cell;
use std::rc::Rc;

/// What scripts can set.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    sparse_convert: bool,
    sparse_ratio: i32,
    sparse_safe: i32,
    encode_max_depth: i32,
    decode_max_depth: i32,
    precision: i32,
    keeps_buffer: bool,
    encode_invalid: Invalid,
    decode_invalid: bool,
}

/// What becomes of a number that JSON does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invalid {
    Refused,
    Written,
    Null,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            sparse_convert: false,
            sparse_ratio: 2,
            sparse_safe: 10,
            encode_max_depth: 1000,
            decode_max_depth: 1000,
            precision: 14,
            keeps_buffer: true,
            encode_invalid: Invalid::Refused,
            decode_invalid: true,
        }
    }
}

/// The settings of one library.
pub type Shared = Rc<Cell<Settings>>;

/// The table of its functions.
pub fn library(lua: &Lua, names: &Rc<Names>, settings: &Shared) -> Result<Table> {
    let mut library = Library::new(lua, names)?;
    let with = |f: fn(&mut Arguments<'_>, Settings) -> Returned<Value>| {
        let settings = settings.clone();
        move |arguments: &mut Arguments<'_>| f(arguments, settings.get())
    };
    library.add("encode", with(encode))?;
    library.add("decode", with(decode))?;
    let changes = |f: fn(&mut Arguments<'_>, &mut Settings) -> Returned<MultiValue>| {
        let settings = settings.clone();
        move |arguments: &mut Arguments<'_>| {
            let mut new = settings.get();
            let result = f(arguments, &mut new);
            settings.set(new);
            result
        }
    };
    library.add("encode_sparse_array", changes(sparse_array))?;
    library.add("encode_max_depth", changes(|arguments, s| most(arguments, &mut s.encode_max_depth)))?;
    library.add("decode_max_depth", changes(|arguments, s| most(arguments, &mut s.decode_max_depth)))?;
    library.add("encode_number_precision", changes(precision))?;
    library.add("encode_keep_buffer", changes(|arguments, s| switch(arguments, &mut s.keeps_buffer)))?;
    library.add("encode_invalid_numbers", changes(invalid_numbers))?;
    library
        .add("decode_invalid_numbers", changes(|arguments, s| switch(arguments, &mut s.decode_invalid)))?;
    let of_new = names.clone();
    library.add("new", move |arguments| Ok(self::library(arguments.lua, &of_new, &Shared::default())?))?;
    library.table.raw_set("null", Value::NULL)?;
    library.table.raw_set("_NAME", "cjson")?;
    library.table.raw_set("_VERSION", "2.1.0")?;
    Ok(library.table)
}

/// The one argument.
fn only(arguments: &Arguments<'_>) -> Returned<Value> {
    match arguments.get(1) {
        Some(value) if arguments.count() == 1 => Ok(value.clone()),
        _ => Err(arguments.bad(1, "expected 1 argument")),
    }
}

fn encode(arguments: &mut Arguments<'_>, settings: Settings) -> Returned<Value> {
    let value = only(arguments)?;
    let mut encoder = Encoder::new(settings);
    on_stack::<()>(arguments.lua, value, |stack| {
        encoder.run(stack);
        stack.clear();
    })?;
    let text = encoder.finish().map_err(Thrown::Text)?;
    Ok(Value::String(arguments.lua.create_string(text)?))
}

fn decode(arguments: &mut Arguments<'_>, settings: Settings) -> Returned<Value> {
    only(arguments)?;
    let text: LuaString = arguments.string(1)?;
    let bytes = text.as_bytes();
    if bytes.len() >= 2 && bytes[..2].contains(&0) {
        return Err(Thrown::Text("JSON parser does not support UTF-16 or UTF-32".into()));
    }
    let mut decoder = Decoder::new(settings, &bytes);
    let value = on_stack::<MultiValue>(arguments.lua, &text, |stack| {
        if !decoder.run(stack) {
            stack.clear();
        }
    })?;
    decoder.finish().map_err(Thrown::Text)?;
    Ok(value.into_iter().next_back().unwrap_or(Value::Nil))
}

fn few(arguments: &Arguments<'_>, most: usize) -> Returned<()> {
    if arguments.count() > most {
        return Err(arguments.bad(most + 1, "found too many arguments"));
    }
    Ok(())
}

/// Changes a number if the argument is there. A complaint is always about the first one.
fn number(arguments: &Arguments<'_>, at: usize, low: i32, high: i32, setting: &mut i32) -> Returned<Value> {
    if !arguments.is_missing(at) {
        let new = arguments.integer(at)? as i32;
        if !(low..=high).contains(&new) {
            return Err(arguments.bad(1, &format!("expected integer between {low} and {high}")));
        }
        *setting = new;
    }
    Ok(Value::Number((*setting).into()))
}

/// The place of the argument among the names, if it is there.
fn option(arguments: &Arguments<'_>, at: usize, names: &[&str]) -> Returned<Option<usize>> {
    match arguments.get(at) {
        None | Some(Value::Nil) => Ok(None),
        Some(Value::Boolean(yes)) => Ok(Some(usize::from(*yes))),
        Some(_) => {
            let name = arguments.bytes(at)?;
            let found = names.iter().position(|other| other.as_bytes() == name);
            let name = String::from_utf8_lossy(&name);
            found.map(Some).ok_or_else(|| arguments.bad(at, &format!("invalid option '{name}'")))
        }
    }
}

/// Changes what is on or off if the argument is there.
fn turn(arguments: &Arguments<'_>, at: usize, setting: &mut bool) -> Returned<Value> {
    if let Some(chosen) = option(arguments, at, &["off", "on"])? {
        *setting = chosen == 1;
    }
    Ok(Value::Boolean(*setting))
}

fn one(value: Value) -> MultiValue {
    MultiValue::from_iter([value])
}

fn switch(arguments: &mut Arguments<'_>, setting: &mut bool) -> Returned<MultiValue> {
    few(arguments, 1)?;
    turn(arguments, 1, setting).map(one)
}

fn most(arguments: &mut Arguments<'_>, setting: &mut i32) -> Returned<MultiValue> {
    few(arguments, 1)?;
    number(arguments, 1, 1, i32::MAX, setting).map(one)
}

fn precision(arguments: &mut Arguments<'_>, settings: &mut Settings) -> Returned<MultiValue> {
    few(arguments, 1)?;
    number(arguments, 1, 1, 14, &mut settings.precision).map(one)
}

fn sparse_array(arguments: &mut Arguments<'_>, settings: &mut Settings) -> Returned<MultiValue> {
    few(arguments, 3)?;
    let convert = turn(arguments, 1, &mut settings.sparse_convert)?;
    let ratio = number(arguments, 2, 0, i32::MAX, &mut settings.sparse_ratio)?;
    let safe = number(arguments, 3, 0, i32::MAX, &mut settings.sparse_safe)?;
    Ok(MultiValue::from_iter([convert, ratio, safe]))
}

fn invalid_numbers(arguments: &mut Arguments<'_>, settings: &mut Settings) -> Returned<MultiValue> {
    few(arguments, 1)?;
    if let Some(chosen) = option(arguments, 1, &["off", "on", "null"])? {
        settings.encode_invalid = [Invalid::Refused, Invalid::Written, Invalid::Null][chosen];
    }
    Ok(one(match settings.encode_invalid {
        Invalid::Refused => Value::Boolean(false),
        Invalid::Written => Value::Boolean(true),
        Invalid::Null => Value::String(arguments.lua.create_string("null")?),
    }))
}

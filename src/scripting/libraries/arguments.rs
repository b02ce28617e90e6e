//! The arguments of a function that a script calls, read as Lua's own functions read theirs.

use crate::scripting::convert::whole;
use mlua::{Lua, LuaString, MultiValue, Value};

/// Why a function of a library does not return.
pub enum Thrown {
    /// A text, to be told with the place of the caller.
    Text(String),
    /// A text, to be told as it is.
    Plain(&'static str),
    /// A table with this error, code first.
    Error(String),
    Lua(mlua::Error),
}

impl Thrown {
    /// A table with an error, code first.
    pub fn error(text: &str) -> Thrown {
        Thrown::Error(text.to_owned())
    }
}

impl From<mlua::Error> for Thrown {
    fn from(error: mlua::Error) -> Thrown {
        Thrown::Lua(error)
    }
}

/// What a function was called with.
pub struct Arguments<'a> {
    pub lua: &'a Lua,
    pub values: MultiValue,
}

impl Arguments<'_> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// The argument, the first one being 1.
    pub fn get(&self, at: usize) -> Option<&Value> {
        self.values.get(at.wrapping_sub(1))
    }

    /// Whether it is a number, or a text that is one.
    pub fn is_number(&self, at: usize) -> bool {
        self.get(at).and_then(|value| self.lua.coerce_number(value.clone()).ok().flatten()).is_some()
    }

    /// The complaint about an argument, with the name that the caller has for the function.
    pub fn bad(&self, at: usize, why: &str) -> Thrown {
        let called = self.lua.inspect_stack(1, |function| {
            let names = function.names();
            (names.name.map(|name| name.into_owned()), names.name_what == Some("method"))
        });
        let (name, is_method) = called.unwrap_or_default();
        let name = name.as_deref().unwrap_or("?");
        if is_method && at == 1 {
            return Thrown::Text(format!("calling '{name}' on bad self ({why})"));
        }
        let at = at.saturating_sub(usize::from(is_method));
        Thrown::Text(format!("bad argument #{at} to '{name}' ({why})"))
    }

    /// The complaint about an argument of the wrong type.
    pub fn expected(&self, at: usize, what: &str) -> Thrown {
        let found = self.get(at).map_or("no value", type_name);
        self.bad(at, &format!("{what} expected, got {found}"))
    }

    /// A number.
    ///
    /// # Errors
    /// When it is none.
    pub fn number(&self, at: usize) -> Result<f64, Thrown> {
        let number = self.get(at).and_then(|value| self.lua.coerce_number(value.clone()).ok().flatten());
        number.ok_or_else(|| self.expected(at, "number"))
    }

    /// The whole part of a number, as C casts it.
    ///
    /// # Errors
    /// When it is none.
    pub fn integer(&self, at: usize) -> Result<i64, Thrown> {
        self.number(at).map(whole)
    }

    /// The same where the argument may be missing or nil.
    ///
    /// # Errors
    /// When it is there and no number.
    pub fn integer_or(&self, at: usize, default: i64) -> Result<i64, Thrown> {
        if self.is_missing(at) { Ok(default) } else { self.integer(at) }
    }

    /// Whether the argument is missing or nil.
    pub fn is_missing(&self, at: usize) -> bool {
        self.get(at).is_none_or(Value::is_nil)
    }

    /// A string; a number is one as well.
    ///
    /// # Errors
    /// When it is none.
    pub fn string(&self, at: usize) -> Result<LuaString, Thrown> {
        let text = self.get(at).and_then(|value| self.lua.coerce_string(value.clone()).ok().flatten());
        text.ok_or_else(|| self.expected(at, "string"))
    }

    /// The bytes of one.
    ///
    /// # Errors
    /// When it is none.
    pub fn bytes(&self, at: usize) -> Result<Vec<u8>, Thrown> {
        self.string(at).map(|text| text.as_bytes().to_vec())
    }
}

/// What Lua calls the type of a value.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        _ => "userdata",
    }
}

//! The arguments of a function that a script calls, read as Lua's own functions read theirs.

use mlua::{Lua, MultiValue, Value};

/// Why a function of a library does not return.
pub enum Thrown {
    /// A text, to be told with the place of the caller.
    Text(String),
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
    /// Of the function, for errors.
    pub name: &'static str,
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

    /// The complaint about an argument.
    pub fn bad(&self, at: usize, why: &str) -> Thrown {
        Thrown::Text(format!("bad argument #{at} to '{}' ({why})", self.name))
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

    /// The whole part of a number, as far as 64 bits hold it.
    ///
    /// # Errors
    /// When it is none.
    pub fn integer(&self, at: usize) -> Result<f64, Thrown> {
        self.number(at).map(|number| (number as i64) as f64)
    }

    /// A string; a number is one as well.
    ///
    /// # Errors
    /// When it is none.
    pub fn bytes(&self, at: usize) -> Result<Vec<u8>, Thrown> {
        let text = self.get(at).and_then(|value| self.lua.coerce_string(value.clone()).ok().flatten());
        text.map(|text| text.as_bytes().to_vec()).ok_or_else(|| self.expected(at, "string"))
    }
}

/// What Lua calls the type of a value.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nil",
        Value::Boolean(_) => "boolean",
        Value::LightUserData(_) => "light userdata",
        Value::Integer(_) | Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Table(_) => "table",
        Value::Function(_) => "function",
        Value::Thread(_) => "thread",
        _ => "userdata",
    }
}

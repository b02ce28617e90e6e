//! The machine's stack, for libraries that walk through a value or build one of any depth: what the stack has
//! room for is what Redis' libraries have room for, and a value costs no reference of mlua.

use mlua::{FromLuaMulti, IntoLuaMulti, Lua, Result, ffi};
use std::ffi::c_int;
use std::slice;

/// So many values the stack of a function of C may hold.
pub const MAX_HEIGHT: usize = 8000;

/// A value, as a library tells them apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    Nil,
    Boolean(bool),
    Number(f64),
    String(&'a [u8]),
    Table,
    /// `cjson.null`.
    Null,
    /// Something else, and what Lua calls it.
    Other(&'static str),
}

/// The values of one call, the last one on top. Each method says what has to be there.
pub struct Stack {
    state: *mut ffi::lua_State,
}

/// Lets `f` work on a stack that holds `values`; what is there afterwards is the result.
///
/// When memory is short, Lua ends `f` at any method that takes some, and nothing that `f` owns is freed: it
/// is to own nothing then, but to borrow from its caller.
pub fn on_stack<R: FromLuaMulti>(lua: &Lua, values: impl IntoLuaMulti, f: impl FnOnce(&Stack)) -> Result<R> {
    // SAFETY: the methods of `Stack` keep to what the stack holds and has room for.
    unsafe { lua.exec_raw(values, |state| f(&Stack { state })) }
}

impl Stack {
    /// Makes room for so many values more; there is none beyond what a function of C may use.
    #[must_use]
    pub fn has_room(&self, values: c_int) -> bool {
        // SAFETY: any number will do.
        unsafe { ffi::lua_checkstack(self.state, values) != 0 }
    }

    /// The value at a place counted from the top, which is -1.
    pub fn item(&self, at: c_int) -> Item<'_> {
        // SAFETY: the caller knows that there is a value; a string stays where it is while the stack holds it.
        unsafe {
            match ffi::lua_type(self.state, at) {
                ffi::LUA_TNIL | ffi::LUA_TNONE => Item::Nil,
                ffi::LUA_TBOOLEAN => Item::Boolean(ffi::lua_toboolean(self.state, at) != 0),
                ffi::LUA_TNUMBER => Item::Number(ffi::lua_tonumber(self.state, at)),
                ffi::LUA_TSTRING => {
                    let mut len = 0;
                    let bytes = ffi::lua_tolstring(self.state, at, &mut len);
                    Item::String(slice::from_raw_parts(bytes.cast(), len))
                }
                ffi::LUA_TTABLE => Item::Table,
                ffi::LUA_TLIGHTUSERDATA if ffi::lua_touserdata(self.state, at).is_null() => Item::Null,
                ffi::LUA_TFUNCTION => Item::Other("function"),
                ffi::LUA_TTHREAD => Item::Other("thread"),
                _ => Item::Other("userdata"),
            }
        }
    }

    /// Takes values from the top, of which there are as many.
    pub fn pop(&self, values: c_int) {
        // SAFETY: as above.
        unsafe { ffi::lua_pop(self.state, values) }
    }

    /// Pushes a value; there is room for it.
    pub fn push(&self, item: Item<'_>) {
        // SAFETY: as above.
        unsafe {
            match item {
                Item::Nil | Item::Other(_) => ffi::lua_pushnil(self.state),
                Item::Boolean(yes) => ffi::lua_pushboolean(self.state, c_int::from(yes)),
                Item::Number(number) => ffi::lua_pushnumber(self.state, number),
                Item::String(bytes) => {
                    ffi::lua_pushlstring(self.state, bytes.as_ptr().cast(), bytes.len());
                }
                Item::Table => ffi::lua_newtable(self.state),
                Item::Null => ffi::lua_pushlightuserdata(self.state, std::ptr::null_mut()),
            }
        }
    }

    /// Pushes so many values; false: there is no room for them.
    pub fn fill(&self, values: c_int) -> bool {
        let has_room = self.has_room(values);
        if has_room {
            (0..values).for_each(|_| self.push(Item::Nil));
        }
        has_room
    }

    /// Pushes the value at a place once more; there is room for it.
    pub fn copy(&self, at: c_int) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushvalue(self.state, at) }
    }

    /// Begins a walk through the table on top; there is room for two values and the table is not changed.
    pub fn begin(&self) {
        self.push(Item::Nil);
    }

    /// Goes on with a walk: takes the key on top of the table, and pushes the next key and its value. When
    /// there is none, the table is on top, and the answer false.
    pub fn next(&self) -> bool {
        // SAFETY: the key is one that this walk has met.
        unsafe { ffi::lua_next(self.state, -2) != 0 }
    }

    /// Pushes what the table on top has at a number; there is room for it.
    pub fn get(&self, at: c_int) {
        // SAFETY: as above.
        unsafe {
            ffi::lua_rawgeti(self.state, -1, ffi::lua_Integer::from(at));
        }
    }

    /// Takes a value and below it its key, neither nil nor NaN, and puts them into the table below.
    pub fn set(&self) {
        // SAFETY: as above.
        unsafe { ffi::lua_rawset(self.state, -3) }
    }

    /// Takes a value, and puts it into the table below at a number.
    pub fn put(&self, at: c_int) {
        // SAFETY: as above.
        unsafe { ffi::lua_rawseti(self.state, -2, ffi::lua_Integer::from(at)) }
    }

    /// Takes all values.
    pub fn clear(&self) {
        // SAFETY: as above.
        unsafe { ffi::lua_settop(self.state, 0) }
    }
}

//! Functions of Lua's own libraries that can be made to crash, in a form that cannot.

use super::bridge;
use super::call::bytes;
use mlua::{Function, Lua, Result, ffi};
use std::ffi::{CStr, c_int};

/// A pattern that is no longer needs no look.
const LONG_PATTERN: usize = 1000;
/// Lua calls itself for each of these in a pattern, as deep as there are some.
const MOST_REPEATS: usize = 1000;

/// `unpack`: that of Lua 5.1 counts in numbers of 32 bits, and writes where it may not if they are not enough.
pub fn unpack(lua: &Lua) -> Result<Function> {
    bridge::function(lua, safe_unpack)
}

/// A function that takes a pattern as its second argument, and refuses what would take all the stack of the
/// thread. The function is one of C that needs nothing but its arguments.
/// If its fourth may say that the second is no pattern, `takes_plain`.
pub fn takes_pattern(lua: &Lua, (function, takes_plain): (Function, bool)) -> Result<Function> {
    // SAFETY: the closure's upvalues are on the stack; it leaves itself there.
    unsafe { lua.exec_raw((function, takes_plain), |state| ffi::lua_pushcclosure(state, check_pattern, 2)) }
}

unsafe extern "C-unwind" fn safe_unpack(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls this; nothing here is left to clear away when it throws.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        // As Lua does: whatever does not fit is cut off.
        let first = ffi::luaL_optinteger(state, 2, 1) as i32;
        let last = match ffi::lua_isnoneornil(state, 3) {
            0 => ffi::luaL_checkinteger(state, 3) as i32,
            _ => ffi::lua_objlen(state, 1) as i32,
        };
        if first > last {
            return 0;
        }
        let count = i64::from(last) - i64::from(first) + 1;
        if count > 1_000_000 || ffi::lua_checkstack(state, count as c_int) == 0 {
            throw(state, c"too many results to unpack");
        }
        (first..=last).for_each(|at| ffi::lua_rawgeti_(state, 1, at));
        count as c_int
    }
}

unsafe extern "C-unwind" fn check_pattern(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; the upvalue is a function of C, which finds its own arguments on the stack.
    unsafe {
        let is_plain =
            || ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) != 0 && ffi::lua_toboolean(state, 4) != 0;
        let is_long = ffi::lua_type(state, 2) == ffi::LUA_TSTRING && ffi::lua_objlen(state, 2) > LONG_PATTERN;
        if is_long && !is_plain() {
            let mut length = 0;
            let pattern = ffi::lua_tolstring(state, 2, &mut length);
            let repeats = bytes(pattern, length).iter().filter(|byte| b"*+-?".contains(byte)).count();
            if repeats > MOST_REPEATS {
                throw(state, c"pattern too complex");
            }
        }
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(function) => function(state),
            None => 0,
        }
    }
}

/// Throws a text with the place of the caller in front.
unsafe fn throw(state: *mut ffi::lua_State, text: &CStr) -> ! {
    // SAFETY: the caller's.
    unsafe {
        ffi::luaL_where(state, 1);
        ffi::lua_pushstring(state, text.as_ptr());
        ffi::lua_concat(state, 2);
        ffi::lua_error(state)
    }
}

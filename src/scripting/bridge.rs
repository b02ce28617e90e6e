//! Functions of Rust as functions of C, which is what scripts can tell: they may throw tables, and errors are
//! told with the place of the script that called them.

use mlua::{Function, IntoLuaMulti, Lua, Result, ffi};
use std::ffi::c_int;

/// A function whose first result says whether all went well: it is taken away if so; otherwise the second
/// one is thrown, a text with the place of the caller in front unless the third is true.
pub fn throwing(lua: &Lua, function: impl IntoLuaMulti) -> Result<Function> {
    // SAFETY: the closure's one upvalue is on the stack; it leaves itself there.
    unsafe { lua.exec_raw(function, |state| ffi::lua_pushcclosure(state, call_and_throw, 1)) }
}

/// A function of C as a value of Lua.
pub fn function(lua: &Lua, function: ffi::lua_CFunction) -> Result<Function> {
    // SAFETY: the closure leaves itself on the stack.
    unsafe { lua.exec_raw((), |state| ffi::lua_pushcclosure(state, function, 0)) }
}

/// Calls the upvalue with all arguments, and returns how many results are on the stack.
///
/// # Safety
/// To be called by a C function of Lua with an upvalue. Errors jump over it, and it owns nothing.
unsafe fn call_upvalue(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: the stack has room for LUA_MINSTACK values beyond the arguments.
    unsafe {
        let arguments = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, arguments, ffi::LUA_MULTRET);
        if ffi::lua_gettop(state) == 0 {
            ffi::lua_pushnil(state);
        }
        ffi::lua_gettop(state)
    }
}

unsafe extern "C-unwind" fn call_and_throw(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: nothing here has a destructor that an error could jump over.
    unsafe {
        let results = call_upvalue(state);
        if ffi::lua_toboolean(state, 1) != 0 {
            return results - 1;
        }
        let is_plain = ffi::lua_toboolean(state, 3) != 0;
        ffi::lua_settop(state, 2);
        if ffi::lua_type(state, 2) == ffi::LUA_TSTRING && !is_plain {
            ffi::luaL_where(state, 1);
            ffi::lua_insert(state, -2);
            ffi::lua_concat(state, 2);
        }
        ffi::lua_error(state)
    }
}

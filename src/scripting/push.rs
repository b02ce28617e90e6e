//! Replies as values of Lua, put on the stack of a machine one by one.

use crate::protocol::{Reply, Shape, put_double};
use mlua::ffi;
use std::ffi::{c_char, c_int};

/// A stack of Lua that replies are put on.
#[derive(Clone, Copy)]
pub struct Stack {
    state: *mut ffi::lua_State,
    /// Whether the script has asked for the types of RESP3.
    resp3: bool,
}

impl Stack {
    /// The stack of a script that runs.
    ///
    /// # Safety
    /// The state must be that of the code that is running, and no limit on its memory may be set as long as
    /// this is used: then nothing here can throw.
    pub unsafe fn new(state: *mut ffi::lua_State, resp3: bool) -> Stack {
        Stack { state, resp3 }
    }

    /// Puts the value for a reply on the stack.
    pub fn reply(self, reply: &Reply) {
        match reply {
            Reply::Ok => self.tagged(b"ok", |stack| stack.string(b"OK")),
            Reply::Simple(text) => self.tagged(b"ok", |stack| stack.string(text.as_bytes())),
            Reply::Error(text) => self.error(text),
            Reply::Integer(number) => self.number(*number as f64),
            Reply::Bulk(bytes) => self.string(bytes),
            Reply::Chunks(chunks) => self.string(&chunks.concat()),
            Reply::Null | Reply::NullArray if self.resp3 => self.nil(),
            Reply::Null | Reply::NullArray => self.boolean(false),
            Reply::Array(items) | Reply::Push(items) => self.array(items.iter(), |item| self.reply(item)),
            Reply::Strings(strings) => match strings.shape() {
                Shape::Map | Shape::Set if self.resp3 => self.reply(&strings.unpacked()),
                _ => self.array(strings.iter(), |string| self.string(&string)),
            },
            Reply::Map(pairs) => self.pairs(pairs, self.resp3),
            Reply::Pairs(pairs) if self.resp3 => self.rows(pairs),
            Reply::Pairs(pairs) => self.pairs(pairs, false),
            Reply::Table(pairs) if self.resp3 => self.pairs(pairs, true),
            Reply::Table(pairs) => self.rows(pairs),
            Reply::Set(items) if self.resp3 => self.tagged(b"set", |stack| {
                stack.table(0, items.len());
                items.iter().for_each(|item| stack.entry(item, |stack| stack.boolean(true)));
            }),
            Reply::Set(items) => self.array(items.iter(), |item| self.reply(item)),
            _ => self.scalar(reply),
        }
    }

    /// What RESP2 has no type of its own for.
    fn scalar(self, reply: &Reply) {
        match reply {
            Reply::Double(number) if self.resp3 => self.tagged(b"double", |stack| stack.number(*number)),
            Reply::Double(number) => {
                let mut text = Vec::new();
                put_double(&mut text, *number);
                self.string(&text);
            }
            Reply::Decimal(text) if self.resp3 => {
                self.tagged(b"double", |stack| stack.number(text.parse().unwrap_or(f64::NAN)));
            }
            Reply::Boolean(yes) if self.resp3 => self.boolean(*yes),
            Reply::Boolean(yes) => self.number((*yes).into()),
            Reply::BigNumber(digits) if self.resp3 => {
                self.tagged(b"big_number", |stack| stack.string(digits.as_bytes()));
            }
            Reply::Decimal(text) | Reply::BigNumber(text) => self.string(text.as_bytes()),
            Reply::Verbatim(format, text) if self.resp3 => self.tagged(b"verbatim_string", |stack| {
                stack.table(0, 2);
                stack.field(b"format", |stack| stack.string(format.as_bytes()));
                stack.field(b"string", |stack| stack.string(text));
            }),
            Reply::Verbatim(_, text) => self.string(text),
            // What comes out of band comes first.
            Reply::Sequence(replies) => replies.last().map_or_else(|| self.nil(), |reply| self.reply(reply)),
            _ => self.nil(),
        }
    }

    /// The table for the error of a command.
    pub fn error(self, text: &str) {
        self.table(0, 2);
        self.field(b"err", |stack| stack.string(text.as_bytes()));
        self.field(b"ignore_error_stats_update", |stack| stack.boolean(true));
    }

    /// A table of strings.
    pub fn strings<T: AsRef<[u8]>>(self, strings: &[T]) {
        self.array(strings.iter(), |string| self.string(string.as_ref()));
    }

    /// A string.
    pub fn string(self, bytes: &[u8]) {
        // SAFETY: see `new`; there is room, as every table has made some.
        unsafe { ffi::lua_pushlstring_(self.state, bytes.as_ptr().cast::<c_char>(), bytes.len()) }
    }

    /// A boolean.
    pub fn boolean(self, yes: bool) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushboolean(self.state, yes.into()) }
    }

    fn number(self, number: f64) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushnumber(self.state, number) }
    }

    fn nil(self) {
        // SAFETY: as above.
        unsafe { ffi::lua_pushnil(self.state) }
    }

    /// An empty table, and room on the stack for a key, a value, and whatever is next to it.
    fn table(self, items: usize, fields: usize) {
        /// Room for more is made when it is needed.
        const MOST: usize = 1 << 20;
        let [items, fields] = [items, fields].map(|count| count.min(MOST) as c_int);
        // SAFETY: see `new`. A reply is never so deep that the stack ends.
        unsafe {
            ffi::lua_checkstack(self.state, 6);
            ffi::lua_createtable(self.state, items, fields);
        }
    }

    fn field(self, name: &[u8], value: impl FnOnce(Stack)) {
        self.string(name);
        value(self);
        // SAFETY: the table is below the key and the value, and a name is a key that every table takes.
        unsafe { ffi::lua_rawset(self.state, -3) }
    }

    fn tagged(self, name: &[u8], value: impl FnOnce(Stack)) {
        self.table(0, 1);
        self.field(name, value);
    }

    fn array<T>(self, items: impl Iterator<Item = T>, push: impl Fn(T)) {
        self.table(items.size_hint().0, 0);
        for (at, item) in (1..).zip(items) {
            push(item);
            // SAFETY: the table is below the value.
            unsafe { ffi::lua_rawseti_(self.state, -2, at) }
        }
    }

    /// Puts a pair into the table on top; a key that a table cannot have is left out.
    fn entry(self, key: &Reply, value: impl FnOnce(Stack)) {
        self.reply(key);
        // SAFETY: the key is on top, and the table below it. Neither nil nor what differs from itself is a
        // key.
        unsafe {
            if ffi::lua_isnil(self.state, -1) != 0 || ffi::lua_rawequal(self.state, -1, -1) == 0 {
                return ffi::lua_pop(self.state, 1);
            }
            value(self);
            ffi::lua_rawset(self.state, -3);
        }
    }

    fn pairs(self, pairs: &[(Reply, Reply)], map: bool) {
        if map {
            return self.tagged(b"map", |stack| {
                stack.table(0, pairs.len());
                pairs.iter().for_each(|(key, value)| stack.entry(key, |stack| stack.reply(value)));
            });
        }
        self.array(pairs.iter().flat_map(|(key, value)| [key, value]), |item| self.reply(item));
    }

    fn rows(self, pairs: &[(Reply, Reply)]) {
        self.array(pairs.iter(), |(key, value)| {
            self.array([key, value].into_iter(), |item| self.reply(item))
        });
    }
}

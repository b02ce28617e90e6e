//! Values as JSON.

use super::super::stack::{Item, Stack};
use super::{Invalid, Settings};
use crate::protocol::put_general;
use crate::scripting::vm::OUT_OF_MEMORY;

/// A text is no longer than this, as no argument of a command is by default.
const MAX_BYTES: usize = 512 << 20;

/// Writes one value.
pub struct Encoder {
    settings: Settings,
    out: Vec<u8>,
    /// The tables around the place where it is.
    open: Vec<Open>,
    failure: Option<String>,
}

/// A table that is being written.
enum Open {
    /// `next` is the number of the last item that was begun.
    Array {
        next: i32,
        last: i32,
    },
    Object {
        is_fresh: bool,
    },
}

/// How a table is written.
enum Shape {
    Array(i32),
    Object,
}

impl Encoder {
    pub fn new(settings: Settings) -> Encoder {
        Encoder { settings, out: Vec::new(), open: Vec::new(), failure: None }
    }

    /// Writes the value on the stack.
    pub fn run(&mut self, stack: &Stack) {
        loop {
            let wrong = self.value(stack).and_then(|()| self.go_on(stack));
            match wrong {
                Ok(true) => {}
                Ok(false) => return,
                Err(text) => {
                    self.failure = Some(text);
                    return;
                }
            }
        }
    }

    /// The text.
    ///
    /// # Errors
    /// Why there is none.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        self.failure.map_or(Ok(self.out), Err)
    }

    /// Writes the value on top, or the beginning of a table.
    fn value(&mut self, stack: &Stack) -> Result<(), String> {
        match stack.item(-1) {
            Item::Nil | Item::Null => self.out.extend_from_slice(b"null"),
            Item::Boolean(true) => self.out.extend_from_slice(b"true"),
            Item::Boolean(false) => self.out.extend_from_slice(b"false"),
            Item::Number(number) => self.number(number)?,
            Item::String(text) => self.string(text),
            Item::Table => self.begin(stack)?,
            Item::Other(name) => return Err(cannot(name, "type not supported")),
        }
        if self.out.len() > MAX_BYTES {
            return Err(OUT_OF_MEMORY.into());
        }
        Ok(())
    }

    fn begin(&mut self, stack: &Stack) -> Result<(), String> {
        let depth = self.open.len() + 1;
        if depth > self.settings.encode_max_depth as usize || !stack.has_room(3) {
            return Err(format!("Cannot serialise, excessive nesting ({depth})"));
        }
        match self.shape(stack)? {
            Shape::Array(last) => {
                self.out.push(b'[');
                self.open.push(Open::Array { next: 0, last });
            }
            Shape::Object => {
                self.out.push(b'{');
                stack.begin();
                self.open.push(Open::Object { is_fresh: true });
            }
        }
        Ok(())
    }

    /// Whether the table on top has nothing but whole numbers from 1 on as keys, and the highest.
    fn shape(&self, stack: &Stack) -> Result<Shape, String> {
        let (mut max, mut items) = (0i32, 0i32);
        stack.begin();
        while stack.next() {
            let key = match stack.item(-2) {
                Item::Number(key) if key.floor() == key && key >= 1.0 => key,
                _ => {
                    stack.pop(2);
                    return Ok(Shape::Object);
                }
            };
            if key > f64::from(max) {
                // A number that is too large counts as none, as when C casts it.
                max = if key <= f64::from(i32::MAX) { key as i32 } else { i32::MIN };
            }
            items = items.wrapping_add(1);
            stack.pop(1);
        }
        let ratio = self.settings.sparse_ratio;
        if ratio > 0 && max > items.wrapping_mul(ratio) && max > self.settings.sparse_safe {
            let refused = !self.settings.sparse_convert;
            return if refused {
                Err(cannot("table", "excessively sparse array"))
            } else {
                Ok(Shape::Object)
            };
        }
        Ok(if max > 0 { Shape::Array(max) } else { Shape::Object })
    }

    /// After a value, or the beginning of a table, finds the next one, and writes what is between. There is
    /// one, or all is written.
    fn go_on(&mut self, stack: &Stack) -> Result<bool, String> {
        loop {
            match self.open.last_mut() {
                None => return Ok(false),
                Some(Open::Array { next, last }) => {
                    if *next > 0 {
                        stack.pop(1);
                    }
                    if *next < *last {
                        *next += 1;
                        let next = *next;
                        self.comma(next > 1);
                        stack.get(next);
                        return Ok(true);
                    }
                    self.out.push(b']');
                }
                Some(Open::Object { is_fresh }) => {
                    let is_first = std::mem::replace(is_fresh, false);
                    if !is_first {
                        stack.pop(1);
                    }
                    if stack.next() {
                        self.comma(!is_first);
                        self.key(stack)?;
                        return Ok(true);
                    }
                    self.out.push(b'}');
                }
            }
            self.open.pop();
        }
    }

    fn comma(&mut self, comma: bool) {
        if comma {
            self.out.push(b',');
        }
    }

    /// Writes the key below the value on top.
    fn key(&mut self, stack: &Stack) -> Result<(), String> {
        const WRONG: &str = "table key must be a number or string";
        match stack.item(-2) {
            Item::Number(number) => {
                self.out.push(b'"');
                self.number(number)?;
                self.out.push(b'"');
            }
            Item::String(text) => self.string(text),
            Item::Boolean(_) => return Err(cannot("boolean", WRONG)),
            Item::Table => return Err(cannot("table", WRONG)),
            Item::Other(name) => return Err(cannot(name, WRONG)),
            Item::Null | Item::Nil => return Err(cannot("userdata", WRONG)),
        }
        self.out.push(b':');
        Ok(())
    }

    fn number(&mut self, number: f64) -> Result<(), String> {
        if number.is_finite() {
            put_general(&mut self.out, number, self.settings.precision as u8);
            return Ok(());
        }
        let text: &[u8] = match self.settings.encode_invalid {
            Invalid::Refused => return Err(cannot("number", "must not be NaN or Inf")),
            Invalid::Null => b"null",
            Invalid::Written if number.is_nan() => b"nan",
            Invalid::Written if number > 0.0 => b"inf",
            Invalid::Written => b"-inf",
        };
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        for &byte in text {
            let escape = match byte {
                b'"' | b'\\' | b'/' => byte,
                0x08 => b'b',
                b'\t' => b't',
                b'\n' => b'n',
                0x0c => b'f',
                b'\r' => b'r',
                0..=0x1f | 0x7f => {
                    let digits = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
                    self.out.extend_from_slice(b"\\u00");
                    self.out.extend_from_slice(&digits);
                    continue;
                }
                _ => {
                    self.out.push(byte);
                    continue;
                }
            };
            self.out.extend_from_slice(&[b'\\', escape]);
        }
        self.out.push(b'"');
    }
}

fn cannot(name: &str, why: &str) -> String {
    format!("Cannot serialise {name}: {why}")
}

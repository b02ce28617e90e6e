//! The library `struct`: values in the bytes of C's structures.

use super::arguments::{Arguments, Thrown};
use super::number::to_u64;
use super::stack::MAX_HEIGHT;
use super::{Library, Returned};
use crate::scripting::convert::Names;
use mlua::{Lua, MultiValue, Result, Table, Value};
use std::rc::Rc;

/// An integer has up to so many bytes.
const MAX_INTEGER: usize = 32;
const INT: usize = 4;
/// What `!` aligns to if it does not say.
const MAX_ALIGN: usize = 8;

/// The table of its functions.
pub fn library(lua: &Lua, names: &Rc<Names>) -> Result<Table> {
    let mut library = Library::new(lua, names)?;
    library.add("pack", pack)?;
    library.add("unpack", unpack)?;
    library.add("size", size)?;
    Ok(library.table)
}

/// The options of a format, one by one.
struct Format<'a> {
    arguments: &'a Arguments<'a>,
    rest: &'a [u8],
    is_big: bool,
    align: usize,
}

/// An option, and how many bytes its value takes; 0: it says nothing of that.
struct Field {
    name: u8,
    size: usize,
}

impl<'a> Format<'a> {
    /// The options up to a NUL.
    fn new(arguments: &'a Arguments<'a>, format: &'a [u8]) -> Format<'a> {
        let end = format.iter().position(|byte| *byte == 0).unwrap_or(format.len());
        Format { arguments, rest: &format[..end], is_big: false, align: 1 }
    }

    /// The next option.
    fn next(&mut self) -> Returned<Option<Field>> {
        let Some((&name, rest)) = self.rest.split_first() else { return Ok(None) };
        self.rest = rest;
        let size = match name {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.number(1)?,
            b'i' | b'I' => self.number(INT)?,
            _ => 0,
        };
        if matches!(name, b'i' | b'I') && size > MAX_INTEGER {
            let text = format!("integral size {size} is larger than limit of {MAX_INTEGER}");
            return Err(Thrown::Text(text));
        }
        Ok(Some(Field { name, size }))
    }

    /// The digits that follow.
    fn number(&mut self, default: usize) -> Returned<usize> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if number.is_empty() {
            return Ok(default);
        }
        let number = std::str::from_utf8(number).ok().and_then(|number| number.parse::<i32>().ok());
        number.map(|number| number as usize).ok_or_else(|| Thrown::Text("integral size overflow".into()))
    }

    /// How many bytes are between `at` and the value.
    fn padding(&self, at: usize, option: &Field) -> usize {
        if option.size == 0 || option.name == b'c' {
            return 0;
        }
        let size = option.size.min(self.align);
        size.wrapping_sub(at & (size - 1)) & (size - 1)
    }

    /// Obeys an option that stands for no value.
    fn control(&mut self, name: u8) -> Returned<()> {
        match name {
            b' ' => {}
            b'>' => self.is_big = true,
            b'<' => self.is_big = false,
            b'!' => {
                let align = self.number(MAX_ALIGN)?;
                if !align.is_power_of_two() {
                    return Err(Thrown::Text(format!("alignment {align} is not a power of 2")));
                }
                self.align = align;
            }
            _ => {
                let name = char::from(name);
                return Err(self.arguments.bad(1, &format!("invalid format option '{name}'")));
            }
        }
        Ok(())
    }

    /// Appends bytes that are in the order of this machine's.
    fn put<const N: usize>(&self, out: &mut Vec<u8>, mut little: [u8; N]) {
        if self.is_big {
            little.reverse();
        }
        out.extend_from_slice(&little);
    }

    /// The first bytes in the order of this machine's; there are as many.
    fn get<const N: usize>(&self, data: &[u8]) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&data[..N]);
        if self.is_big {
            bytes.reverse();
        }
        bytes
    }

    fn put_integer(&self, out: &mut Vec<u8>, number: f64, size: usize) {
        let start = out.len();
        let value = u128::from(to_u64(number)).to_le_bytes();
        out.extend((0..size).map(|at| value.get(at).copied().unwrap_or(0)));
        if self.is_big {
            out[start..].reverse();
        }
    }

    /// An integer of which the lowest 64 bits count.
    fn get_integer(&self, data: &[u8], is_signed: bool) -> f64 {
        let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        let value = if self.is_big { data.iter().fold(0, add) } else { data.iter().rev().fold(0, add) };
        if !is_signed {
            return value as f64;
        }
        // The processor takes the lowest six bits of how far to shift, which tells for more than 8 bytes.
        let sign = u64::MAX.wrapping_shl((data.len() as u32).wrapping_mul(8).wrapping_sub(1));
        let value = if value & sign == 0 { value } else { value | sign };
        (value as i64) as f64
    }
}

fn pack(arguments: &mut Arguments<'_>) -> Returned<Value> {
    let text = arguments.bytes(1)?;
    // Behind the arguments lies a nil, which a missing one is taken for.
    arguments.values.push_back(Value::Nil);
    let mut format = Format::new(arguments, &text);
    let (mut out, mut at) = (Vec::new(), 2);
    while let Some(option) = format.next()? {
        out.resize(out.len() + format.padding(out.len(), &option), 0);
        match option.name {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                format.put_integer(&mut out, arguments.number(at)?, option.size);
            }
            b'f' => format.put(&mut out, (arguments.number(at)? as f32).to_le_bytes()),
            b'd' => format.put(&mut out, arguments.number(at)?.to_le_bytes()),
            b'c' | b's' => {
                let text = arguments.string(at)?;
                let text = text.as_bytes();
                let size = if option.size == 0 { text.len() } else { option.size };
                let text = text.get(..size).ok_or_else(|| arguments.bad(at + 1, "string too short"))?;
                out.extend_from_slice(text);
                if option.name == b's' {
                    out.push(0);
                }
            }
            b'x' => out.push(0),
            name => format.control(name)?,
        }
        at += usize::from(!matches!(option.name, b'x' | b' ' | b'<' | b'>' | b'!'));
    }
    Ok(Value::String(arguments.lua.create_string(out)?))
}

fn unpack(arguments: &mut Arguments<'_>) -> Returned<MultiValue> {
    let (text, data) = (arguments.bytes(1)?, arguments.string(2)?);
    let data = data.as_bytes();
    let mut at = arguments.integer_or(3, 1)? as usize;
    if at == 0 {
        return Err(arguments.bad(3, "offset must be 1 or greater"));
    }
    at -= 1;
    let short = || arguments.bad(2, "data string too short");
    let mut format = Format::new(arguments, &text);
    let mut values = Vec::new();
    while let Some(option) = format.next()? {
        at = at.wrapping_add(format.padding(at, &option));
        let mut found = data.get(at..).and_then(|rest| rest.get(..option.size)).ok_or_else(short)?;
        if arguments.count() + values.len() + 2 > MAX_HEIGHT {
            return Err(Thrown::Text("stack overflow (too many results)".into()));
        }
        let mut taken = found.len();
        let value = match option.name {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                Value::Number(format.get_integer(found, option.name.is_ascii_lowercase()))
            }
            b'f' => Value::Number(f32::from_le_bytes(format.get(found)).into()),
            b'd' => Value::Number(f64::from_le_bytes(format.get(found))),
            b'c' => {
                if option.size == 0 {
                    let size = previous(arguments, &mut values)?;
                    found = data[at..].get(..size).ok_or_else(short)?;
                    taken = size;
                }
                Value::String(arguments.lua.create_string(found)?)
            }
            b's' => {
                let rest = &data[at..];
                let end = rest.iter().position(|byte| *byte == 0);
                let end = end.ok_or_else(|| Thrown::Text("unfinished string in data".into()))?;
                taken = end + 1;
                Value::String(arguments.lua.create_string(&rest[..end])?)
            }
            b'x' => {
                at += taken;
                continue;
            }
            name => {
                format.control(name)?;
                continue;
            }
        };
        values.push(value);
        at += taken;
    }
    values.push(Value::Number(at.wrapping_add(1) as i64 as f64));
    Ok(MultiValue::from_iter(values))
}

/// The last value, which is how long a string is.
fn previous(arguments: &Arguments<'_>, values: &mut Vec<Value>) -> Returned<usize> {
    let number = values.last().and_then(|value| arguments.lua.coerce_number(value.clone()).ok().flatten());
    let number = number.ok_or_else(|| Thrown::Text("format 'c0' needs a previous size".into()))?;
    values.pop();
    Ok(usize::try_from(to_u64(number)).unwrap_or(usize::MAX))
}

fn size(arguments: &mut Arguments<'_>) -> Returned<f64> {
    let text = arguments.bytes(1)?;
    let mut format = Format::new(arguments, &text);
    let mut at = 0usize;
    while let Some(option) = format.next()? {
        at = at.wrapping_add(format.padding(at, &option));
        match option.name {
            b's' => return Err(arguments.bad(1, "option 's' has no fixed size")),
            b'c' if option.size == 0 => return Err(arguments.bad(1, "option 'c0' has no fixed size")),
            name if name.is_ascii_alphanumeric() => {}
            name => format.control(name)?,
        }
        at = at.wrapping_add(option.size);
    }
    Ok(at as i64 as f64)
}

//! The library `bit`: operations on 32 bits.

use super::arguments::{Arguments, Thrown};
use super::{Library, Returned};
use crate::scripting::convert::Names;
use mlua::{Lua, Result, Table};
use std::rc::Rc;

/// The table of its functions.
pub fn library(lua: &Lua, names: &Rc<Names>) -> Result<Table> {
    let mut library = Library::new(lua, names)?;
    library.add("tobit", |arguments| signed(arguments, |bits| bits))?;
    library.add("bnot", |arguments| signed(arguments, |bits| !bits))?;
    library.add("bswap", |arguments| signed(arguments, u32::swap_bytes))?;
    library.add("band", |arguments| fold(arguments, |a, b| a & b))?;
    library.add("bor", |arguments| fold(arguments, |a, b| a | b))?;
    library.add("bxor", |arguments| fold(arguments, |a, b| a ^ b))?;
    library.add("lshift", |arguments| shift(arguments, |bits, by| bits << by))?;
    library.add("rshift", |arguments| shift(arguments, |bits, by| bits >> by))?;
    library.add("arshift", |arguments| shift(arguments, |bits, by| (bits as i32 >> by) as u32))?;
    library.add("rol", |arguments| shift(arguments, u32::rotate_left))?;
    library.add("ror", |arguments| shift(arguments, u32::rotate_right))?;
    library.add("tohex", to_hex)?;
    Ok(library.table)
}

/// The lowest 32 bits of the nearest whole number.
fn bits(arguments: &Arguments<'_>, at: usize) -> std::result::Result<u32, Thrown> {
    /// Added to a number of up to 51 bits, it moves the whole part into the lowest bits.
    const MAGIC: f64 = 6_755_399_441_055_744.0;
    Ok((arguments.number(at)? + MAGIC).to_bits() as u32)
}

fn number(bits: u32) -> f64 {
    f64::from(bits as i32)
}

fn signed(arguments: &mut Arguments<'_>, f: fn(u32) -> u32) -> Returned<f64> {
    bits(arguments, 1).map(|bits| number(f(bits)))
}

fn fold(arguments: &mut Arguments<'_>, f: fn(u32, u32) -> u32) -> Returned<f64> {
    let mut all = bits(arguments, 1)?;
    for at in 2..=arguments.count() {
        all = f(all, bits(arguments, at)?);
    }
    Ok(number(all))
}

fn shift(arguments: &mut Arguments<'_>, f: fn(u32, u32) -> u32) -> Returned<f64> {
    let (what, by) = (bits(arguments, 1)?, bits(arguments, 2)?);
    Ok(number(f(what, by & 31)))
}

fn to_hex(arguments: &mut Arguments<'_>) -> Returned<String> {
    let what = bits(arguments, 1)?;
    let digits = if arguments.count() < 2 { 8 } else { bits(arguments, 2)? as i32 };
    let text = if digits < 0 { format!("{what:08X}") } else { format!("{what:08x}") };
    let digits = digits.unsigned_abs().min(8) as usize;
    Ok(text[8 - digits..].to_owned())
}

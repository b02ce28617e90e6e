//! MessagePack as values.

use super::super::arguments::Thrown;
use super::super::stack::{Item, Stack};

/// Reads values.
pub struct Decoder<'a> {
    left: &'a [u8],
    /// The arrays and maps around the place where it is.
    open: Vec<Open>,
    failure: Option<Failure>,
}

#[derive(Clone, Copy)]
struct Open {
    /// How many values are still to come, keys included.
    left: u64,
    shape: Shape,
}

#[derive(Clone, Copy)]
enum Shape {
    /// The number of the item that comes.
    Array(f64),
    Map,
}

/// What was read: a value, or the beginning of more.
enum Piece<'a> {
    Item(Item<'a>),
    Many(Open),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Missing,
    BadFormat,
    /// The stack has no room for this.
    Stack(&'static str),
    NilKey,
    NanKey,
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder { left: bytes, open: Vec::new(), failure: None }
    }

    /// Pushes up to so many values onto the stack; false: it had to stop.
    pub fn run(&mut self, stack: &Stack, limit: i64) -> bool {
        let mut count = 0;
        while count < limit && !self.left.is_empty() {
            if let Err(failure) = self.value(stack) {
                self.failure = Some(failure);
                return false;
            }
            count += 1;
        }
        true
    }

    /// How many bytes have not been read.
    ///
    /// # Errors
    /// Why it had to stop.
    pub fn finish(self) -> Result<usize, Thrown> {
        Err(match self.failure {
            None => return Ok(self.left.len()),
            Some(Failure::Missing) => Thrown::Text("Missing bytes in input.".into()),
            Some(Failure::BadFormat) => Thrown::Text("Bad data format in input.".into()),
            Some(Failure::Stack(what)) => Thrown::Text(format!("stack overflow ({what})")),
            Some(Failure::NilKey) => Thrown::Plain("table index is nil"),
            Some(Failure::NanKey) => Thrown::Plain("table index is NaN"),
        })
    }

    /// Pushes a value with all that is in it.
    fn value(&mut self, stack: &Stack) -> Result<(), Failure> {
        const MANY: &str = "too many return values at once; use unpack_one or unpack_limit instead.";
        loop {
            let first = *self.left.first().ok_or(Failure::Missing)?;
            if !stack.has_room(1) {
                return Err(Failure::Stack(MANY));
            }
            match self.piece(first)? {
                Piece::Item(item) => stack.push(item),
                Piece::Many(open) => {
                    stack.push(Item::Table);
                    if matches!(open.shape, Shape::Array(_)) && !stack.has_room(1) {
                        return Err(Failure::Stack("in function mp_decode_to_lua_array"));
                    }
                    self.open.push(open);
                    if self.has_next(stack) {
                        continue;
                    }
                }
            }
            if !self.put(stack)? {
                return Ok(());
            }
        }
    }

    /// Whether the innermost array or map has another value, and gets the stack ready for it.
    fn has_next(&mut self, stack: &Stack) -> bool {
        let Some(open) = self.open.last_mut() else { return false };
        if open.left == 0 {
            self.open.pop();
            return false;
        }
        open.left -= 1;
        if let Shape::Array(at) = &mut open.shape {
            stack.push(Item::Number(*at));
            *at += 1.0;
        }
        true
    }

    /// Puts the value on top where it belongs, with it all that ends here; whether a value is to come.
    fn put(&mut self, stack: &Stack) -> Result<bool, Failure> {
        loop {
            let Some(open) = self.open.last() else { return Ok(false) };
            let is_key = matches!(open.shape, Shape::Map) && open.left % 2 == 1;
            if !is_key {
                match stack.item(-2) {
                    Item::Nil => return Err(Failure::NilKey),
                    Item::Number(key) if key.is_nan() => return Err(Failure::NanKey),
                    _ => stack.set(),
                }
            }
            if self.has_next(stack) {
                return Ok(true);
            }
        }
    }

    /// Reads what the first byte begins.
    fn piece(&mut self, first: u8) -> Result<Piece<'a>, Failure> {
        let number = |number: f64| Piece::Item(Item::Number(number));
        Ok(match first {
            0x00..=0x7f => {
                self.take::<0>()?;
                number(first.into())
            }
            0xe0..=0xff => {
                self.take::<0>()?;
                number((first as i8).into())
            }
            0xa0..=0xbf => {
                self.take::<0>()?;
                self.string((first & 0x1f).into())?
            }
            0x80..=0x9f => {
                self.take::<0>()?;
                many(u32::from(first & 15), first & 0x10 != 0)
            }
            0xc0 => self.constant(Item::Nil)?,
            0xc2 => self.constant(Item::Boolean(false))?,
            0xc3 => self.constant(Item::Boolean(true))?,
            0xca => number(f32::from_be_bytes(self.take()?).into()),
            0xcb => number(f64::from_be_bytes(self.take()?)),
            0xcc => number(u8::from_be_bytes(self.take()?).into()),
            0xcd => number(u16::from_be_bytes(self.take()?).into()),
            0xce => number(u32::from_be_bytes(self.take()?).into()),
            // What does not fit into 63 bits has a sign here.
            0xcf | 0xd3 => number(i64::from_be_bytes(self.take()?) as f64),
            0xd0 => number(i8::from_be_bytes(self.take()?).into()),
            0xd1 => number(i16::from_be_bytes(self.take()?).into()),
            0xd2 => number(i32::from_be_bytes(self.take()?).into()),
            0xd9 => {
                let len = u8::from_be_bytes(self.take()?);
                self.string(len.into())?
            }
            0xda => {
                let len = u16::from_be_bytes(self.take()?);
                self.string(len.into())?
            }
            0xdb => {
                let len = u32::from_be_bytes(self.take()?);
                self.string(len as usize)?
            }
            0xdc | 0xde => many(u16::from_be_bytes(self.take()?).into(), first == 0xdc),
            0xdd | 0xdf => many(u32::from_be_bytes(self.take()?), first == 0xdd),
            0xc1 | 0xc4..=0xc9 | 0xd4..=0xd8 => return Err(Failure::BadFormat),
        })
    }

    fn constant(&mut self, item: Item<'static>) -> Result<Piece<'a>, Failure> {
        self.take::<0>()?;
        Ok(Piece::Item(item))
    }

    /// Takes the first byte and so many more, and gives those.
    fn take<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let rest = self.left.get(1..).ok_or(Failure::Missing)?;
        let (taken, left) = rest.split_first_chunk().ok_or(Failure::Missing)?;
        self.left = left;
        Ok(*taken)
    }

    fn string(&mut self, len: usize) -> Result<Piece<'a>, Failure> {
        let (text, left) = self.left.split_at_checked(len).ok_or(Failure::Missing)?;
        self.left = left;
        Ok(Piece::Item(Item::String(text)))
    }
}

/// The beginning of an array, or of a map with so many keys.
fn many<'a>(count: u32, is_array: bool) -> Piece<'a> {
    Piece::Many(if is_array {
        Open { left: count.into(), shape: Shape::Array(1.0) }
    } else {
        Open { left: u64::from(count) * 2, shape: Shape::Map }
    })
}

//! Values as MessagePack.

use super::super::stack::{Item, Stack};
use crate::scripting::convert::whole;

/// Tables nested deeper than this are written as nil.
const MAX_DEPTH: usize = 16;

/// Writes values.
#[derive(Default)]
pub struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    /// The bytes.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Writes the value on top.
    pub fn value(&mut self, stack: &Stack, depth: usize) {
        match stack.item(-1) {
            Item::String(text) => self.string(text),
            Item::Boolean(yes) => self.out.push(if yes { 0xc3 } else { 0xc2 }),
            Item::Number(number) => self.number(number),
            Item::Table if depth < MAX_DEPTH && stack.has_room(3) => match array_len(stack) {
                Some(len) => self.array(stack, len, depth + 1),
                None => self.map(stack, depth + 1),
            },
            _ => self.out.push(0xc0),
        }
    }

    fn array(&mut self, stack: &Stack, len: i32, depth: usize) {
        self.count(len as usize, 0x90, 0xdc);
        for at in 1..=len {
            stack.get(at);
            self.value(stack, depth);
            stack.pop(1);
        }
    }

    fn map(&mut self, stack: &Stack, depth: usize) {
        let mut len = 0;
        stack.begin();
        while stack.next() {
            stack.pop(1);
            len += 1;
        }
        self.count(len, 0x80, 0xde);
        stack.begin();
        while stack.next() {
            stack.copy(-2);
            self.value(stack, depth);
            stack.pop(1);
            self.value(stack, depth);
            stack.pop(1);
        }
    }

    /// How many items follow: a few, or 16 or 32 bits of them.
    fn count(&mut self, count: usize, few: u8, many: u8) {
        match (u8::try_from(count), u16::try_from(count)) {
            (Ok(count), _) if count < 16 => self.out.push(few | count),
            (_, Ok(count)) => self.head(many, &count.to_be_bytes()),
            _ => self.head(many + 1, &(count as u32).to_be_bytes()),
        }
    }

    fn string(&mut self, text: &[u8]) {
        match (u8::try_from(text.len()), u16::try_from(text.len())) {
            (Ok(len), _) if len < 32 => self.out.push(0xa0 | len),
            (Ok(len), _) => self.head(0xd9, &[len]),
            (_, Ok(len)) => self.head(0xda, &len.to_be_bytes()),
            _ => self.head(0xdb, &(text.len() as u32).to_be_bytes()),
        }
        self.out.extend_from_slice(text);
    }

    fn number(&mut self, number: f64) {
        let (integer, single) = (whole(number), number as f32);
        if number.is_finite() && integer as f64 == number {
            self.integer(integer);
        } else if f64::from(single) == number {
            self.head(0xca, &single.to_be_bytes());
        } else {
            self.head(0xcb, &number.to_be_bytes());
        }
    }

    fn integer(&mut self, number: i64) {
        match number {
            -32..=0x7f => self.out.push(number as u8),
            0x80..=0xff => self.head(0xcc, &(number as u8).to_be_bytes()),
            0x100..=0xffff => self.head(0xcd, &(number as u16).to_be_bytes()),
            0x1_0000..=0xffff_ffff => self.head(0xce, &(number as u32).to_be_bytes()),
            0x1_0000_0000.. => self.head(0xcf, &number.to_be_bytes()),
            -0x80..=-33 => self.head(0xd0, &(number as i8).to_be_bytes()),
            -0x8000..=-0x81 => self.head(0xd1, &(number as i16).to_be_bytes()),
            -0x8000_0000..=-0x8001 => self.head(0xd2, &(number as i32).to_be_bytes()),
            _ => self.head(0xd3, &number.to_be_bytes()),
        }
    }

    fn head(&mut self, head: u8, rest: &[u8]) {
        self.out.push(head);
        self.out.extend_from_slice(rest);
    }
}

/// How many items the table on top has if it is an array: its keys are 1, 2 and so on, without a gap.
fn array_len(stack: &Stack) -> Option<i32> {
    let (mut max, mut count) = (0, 0i32);
    stack.begin();
    while stack.next() {
        stack.pop(1);
        match stack.item(-1) {
            Item::Number(key) if key > 0.0 && key <= f64::from(i32::MAX) && key.fract() == 0.0 => {
                max = max.max(key as i32);
            }
            _ => {
                stack.pop(1);
                return None;
            }
        }
        count = count.wrapping_add(1);
    }
    (max == count).then_some(count)
}

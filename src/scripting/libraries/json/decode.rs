//! JSON as values.

use super::super::number::strtod;
use super::super::stack::{Item, Stack};
use super::Settings;
use std::ffi::c_int;

/// Reads one value.
pub struct Decoder<'a> {
    settings: Settings,
    text: &'a [u8],
    at: usize,
    /// The last string that was read.
    string: Vec<u8>,
    /// The arrays and objects around the place where it is.
    open: Vec<Open>,
    failure: Option<String>,
}

#[derive(Clone, Copy)]
enum Open {
    /// The number of the item that is being read.
    Array(c_int),
    Object,
}

/// A piece of the text, and where it begins or, if it is wrong, where it is.
#[derive(Clone, Copy)]
struct Token {
    kind: Kind,
    at: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::ObjectBegin => "T_OBJ_BEGIN",
            Kind::ObjectEnd => "T_OBJ_END",
            Kind::ArrayBegin => "T_ARR_BEGIN",
            Kind::ArrayEnd => "T_ARR_END",
            Kind::String => "T_STRING",
            Kind::Number(_) => "T_NUMBER",
            Kind::Boolean(_) => "T_BOOLEAN",
            Kind::Null => "T_NULL",
            Kind::Colon => "T_COLON",
            Kind::Comma => "T_COMMA",
            Kind::End => "T_END",
            Kind::Wrong(what) => what,
        }
    }
}

impl<'a> Decoder<'a> {
    pub fn new(settings: Settings, text: &'a [u8]) -> Decoder<'a> {
        Decoder { settings, text, at: 0, string: Vec::new(), open: Vec::new(), failure: None }
    }

    /// Pushes the value onto the stack, on which nothing is but the text; false: there is none.
    pub fn run(&mut self, stack: &Stack) -> bool {
        self.failure = self.read(stack).err();
        self.failure.is_none()
    }

    /// Whether it has done so.
    ///
    /// # Errors
    /// Why not.
    pub fn finish(self) -> Result<(), String> {
        self.failure.map_or(Ok(()), Err)
    }

    fn read(&mut self, stack: &Stack) -> Result<(), String> {
        let mut token = self.token();
        loop {
            let next = match self.begin(stack, token)? {
                None => self.end(stack)?,
                inside => inside,
            };
            match next {
                Some(next) => token = next,
                None => return Ok(()),
            }
        }
    }

    /// Pushes the value that the token begins; of an array or object that is not empty, only the empty
    /// table, and with it comes the token that begins the first value inside.
    fn begin(&mut self, stack: &Stack, token: Token) -> Result<Option<Token>, String> {
        let item = match token.kind {
            Kind::ArrayBegin => {
                self.descend(stack, 2)?;
                let token = self.token();
                if token.kind != Kind::ArrayEnd {
                    self.open.push(Open::Array(1));
                    return Ok(Some(token));
                }
                return Ok(None);
            }
            Kind::ObjectBegin => {
                self.descend(stack, 3)?;
                let token = self.token();
                if token.kind != Kind::ObjectEnd {
                    self.open.push(Open::Object);
                    return self.key(stack, token).map(Some);
                }
                return Ok(None);
            }
            Kind::String => Item::String(&self.string),
            Kind::Number(number) => Item::Number(number),
            Kind::Boolean(yes) => Item::Boolean(yes),
            Kind::Null => Item::Null,
            _ => return Err(expected("value", token)),
        };
        stack.push(item);
        Ok(None)
    }

    /// Puts the value on top where it belongs, with it the tables that end here, and finds the token that
    /// begins the next value; none: all is read.
    fn end(&mut self, stack: &Stack) -> Result<Option<Token>, String> {
        loop {
            let Some(open) = self.open.last_mut() else {
                let token = self.token();
                return if token.kind == Kind::End { Ok(None) } else { Err(expected("the end", token)) };
            };
            let (end, wanted) = match open {
                Open::Array(next) => {
                    stack.put(*next);
                    *next += 1;
                    (Kind::ArrayEnd, "comma or array end")
                }
                Open::Object => {
                    stack.set();
                    (Kind::ObjectEnd, "comma or object end")
                }
            };
            let token = self.token();
            if token.kind == Kind::Comma {
                let token = self.token();
                let is_object = end == Kind::ObjectEnd;
                return if is_object { self.key(stack, token).map(Some) } else { Ok(Some(token)) };
            }
            if token.kind != end {
                return Err(expected(wanted, token));
            }
            self.open.pop();
        }
    }

    /// Pushes a table, if it may be nested that deep.
    fn descend(&self, stack: &Stack, values: c_int) -> Result<(), String> {
        let depth = self.open.len() + 1;
        if depth > self.settings.decode_max_depth as usize || !stack.has_room(values) {
            return Err(format!("Found too many nested data structures ({depth}) at character {}", self.at));
        }
        stack.push(Item::Table);
        Ok(())
    }

    /// Pushes a key; the token after it and its colon begins the value.
    fn key(&mut self, stack: &Stack, token: Token) -> Result<Token, String> {
        if token.kind != Kind::String {
            return Err(expected("object key string", token));
        }
        stack.push(Item::String(&self.string));
        let token = self.token();
        if token.kind != Kind::Colon {
            return Err(expected("colon", token));
        }
        Ok(self.token())
    }

    /// The byte at a place; behind the end there is a NUL, and a NUL is the end.
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn token(&mut self) -> Token {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let at = self.at;
        let kind = match self.byte(at) {
            0 => return Token { kind: Kind::End, at },
            b'"' => match self.read_string() {
                Ok(()) => Kind::String,
                Err(wrong) => return Token { kind: Kind::Wrong(wrong), at: self.at },
            },
            b'-' | b'0'..=b'9' if !self.settings.decode_invalid && is_odd(&self.text[at..]) => {
                Kind::Wrong("invalid number")
            }
            b'-' | b'0'..=b'9' => self.number(),
            _ => self.word(),
        };
        Token { kind, at }
    }

    /// A piece that is neither a string nor a number as JSON has them.
    fn word(&mut self) -> Kind {
        let rest = &self.text[self.at..];
        let words: [(&[u8], Kind); 9] = [
            (b"{", Kind::ObjectBegin),
            (b"}", Kind::ObjectEnd),
            (b"[", Kind::ArrayBegin),
            (b"]", Kind::ArrayEnd),
            (b":", Kind::Colon),
            (b",", Kind::Comma),
            (b"true", Kind::Boolean(true)),
            (b"false", Kind::Boolean(false)),
            (b"null", Kind::Null),
        ];
        if let Some((word, kind)) = words.iter().find(|(word, _)| rest.starts_with(word)) {
            self.at += word.len();
            return *kind;
        }
        let may_be_number = matches!(rest.first(), Some(b'+' | b'i' | b'I' | b'n' | b'N'));
        if may_be_number && self.settings.decode_invalid && is_odd(rest) {
            return self.number();
        }
        Kind::Wrong("invalid token")
    }

    fn number(&mut self) -> Kind {
        match strtod(&self.text[self.at..]) {
            (_, 0) => Kind::Wrong("invalid number"),
            (number, len) => {
                self.at += len;
                Kind::Number(number)
            }
        }
    }

    /// Reads a string, or up to what is wrong with it.
    fn read_string(&mut self) -> Result<(), &'static str> {
        self.at += 1;
        self.string.clear();
        loop {
            let plain = self.text[self.at.min(self.text.len())..].iter();
            let len = plain.take_while(|byte| !matches!(byte, b'"' | b'\\' | 0)).count();
            self.string.extend_from_slice(&self.text[self.at..self.at + len]);
            self.at += len;
            match self.byte(self.at) {
                0 => return Err("unexpected end of string"),
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => {}
            }
            let escaped = match self.byte(self.at + 1) {
                byte @ (b'"' | b'\\' | b'/') => byte,
                b'b' => 0x08,
                b't' => b'\t',
                b'n' => b'\n',
                b'f' => 0x0c,
                b'r' => b'\r',
                b'u' => {
                    let (character, len) = self.unicode().ok_or("invalid unicode escape code")?;
                    self.at += len;
                    self.put(character);
                    continue;
                }
                _ => return Err("invalid escape code"),
            };
            self.string.push(escaped);
            self.at += 2;
        }
    }

    /// What the escape here stands for, one or a pair of them, and how long that is.
    fn unicode(&self) -> Option<(u32, usize)> {
        let code = self.four_digits(self.at + 2)?;
        if code & 0xf800 != 0xd800 {
            return Some((code, 6));
        }
        if code & 0x400 != 0 || self.byte(self.at + 6) != b'\\' || self.byte(self.at + 7) != b'u' {
            return None;
        }
        let low = self.four_digits(self.at + 8)?;
        (low & 0xfc00 == 0xdc00).then_some((((code & 0x3ff) << 10 | (low & 0x3ff)) + 0x10000, 12))
    }

    fn four_digits(&self, at: usize) -> Option<u32> {
        (at..at + 4).try_fold(0, |code, at| Some(code << 4 | char::from(self.byte(at)).to_digit(16)?))
    }

    /// Appends a character as UTF-8.
    fn put(&mut self, character: u32) {
        let character = char::from_u32(character).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.string.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Whether a text begins like a number that C knows, but JSON does not.
fn is_odd(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        _ if text.first() == Some(&b'+') => true,
        [b'0', next, ..] => matches!(next, b'x' | b'X' | b'0'..=b'9'),
        _ => digits
            .get(..3)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")),
    }
}

fn expected(what: &str, found: Token) -> String {
    format!("Expected {what} but found {} at character {}", found.kind.name(), found.at + 1)
}

//! What a directive's value may be, and how the plain kinds are read and written, by Redis' rules.

use super::words;

/// What a directive's value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A whole number within bounds, both included.
    Integer { min: i128, max: i128 },
    /// File permissions, written in octal.
    Octal { max: u32 },
    /// Bytes, with an optional unit (`64mb`), within bounds, both included.
    Memory { min: u64, max: u64 },
    /// Bytes, or a percentage of `maxmemory` (`5%`).
    MemoryOrPercent,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// Any of these names.
    Choices(&'static [&'static str]),
    /// One word of any text.
    Text,
    /// The name of a file, without a folder.
    FileName,
    /// Letters, digits, hyphens and dots.
    HostName,
    /// Any number of words.
    List,
    /// One word with rules of its own.
    Word(&'static str),
    /// Several words with rules of their own.
    Words(&'static str),
}

/// The largest number of a signed 64-bit integer, the upper bound of many of Redis' directives.
pub const I64_MAX: u64 = i64::MAX as u64;
/// The largest number of a signed 32-bit integer.
pub const I32_MAX: i128 = i32::MAX as i128;

/// A whole number from `min` to `max`.
pub const fn integer(min: i128, max: i128) -> Kind {
    Kind::Integer { min, max }
}

/// Bytes from `min` to `max`.
pub const fn memory(min: u64, max: u64) -> Kind {
    Kind::Memory { min, max }
}

impl Kind {
    /// Whether the value may be several words.
    pub fn takes_many(self) -> bool {
        matches!(self, Kind::Choices(_) | Kind::List | Kind::Words(_))
    }

    /// What the value may be, for people.
    pub fn describe(self) -> String {
        match self {
            Kind::Bool => "yes or no".into(),
            Kind::Integer { min, max } if max >= I32_MAX => format!("integer, at least {min}"),
            Kind::Integer { min, max } => format!("integer from {min} to {max}"),
            Kind::Octal { max } => format!("octal number from 0 to {max:o}"),
            Kind::Memory { min, max } if max >= I64_MAX => {
                format!("memory size, at least {}", memory_text(min))
            }
            Kind::Memory { min, max } => {
                format!("memory size from {} to {}", memory_text(min), memory_text(max))
            }
            Kind::MemoryOrPercent => "memory size, or a percentage of maxmemory".into(),
            Kind::Choice(names) => format!("one of: {}", names.join(", ")),
            Kind::Choices(names) => format!("any of: {}", names.join(", ")),
            Kind::Text => "text".into(),
            Kind::FileName => "file name".into(),
            Kind::HostName => "host name".into(),
            Kind::List => "list of words".into(),
            Kind::Word(rule) | Kind::Words(rule) => rule.into(),
        }
    }
}

/// A type that the value of a directive has inside the program.
pub trait Value {
    /// Takes the value that `words` say; `self` is the value so far, which the words of some
    /// directives change only in part.
    ///
    /// # Errors
    /// The reason, in Redis' words; `self` is unchanged then.
    fn assign(&mut self, words: &[String], kind: Kind) -> Result<(), String>;

    /// The value as `CONFIG GET` shows it.
    fn text(&self, kind: Kind) -> String;

    /// The value as lines of a conf file, without the directive's name.
    fn lines(&self, kind: Kind) -> Vec<String> {
        vec![words::quote_if_needed(&self.text(kind))]
    }
}

/// The one word of a directive that takes one.
pub(super) fn single(words: &[String]) -> Result<&str, String> {
    match words {
        [word] => Ok(word),
        _ => Err("wrong number of arguments".into()),
    }
}

impl Value for bool {
    fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
        let word = single(words)?;
        *self = match () {
            () if word.eq_ignore_ascii_case("yes") => true,
            () if word.eq_ignore_ascii_case("no") => false,
            () => return Err("argument must be 'yes' or 'no'".into()),
        };
        Ok(())
    }

    fn text(&self, _: Kind) -> String {
        if *self { "yes" } else { "no" }.into()
    }
}

/// The integer that `text` is the canonical form of: no `+`, no blanks, no leading zeros, 64 bits.
fn parse_integer(text: &str) -> Option<i128> {
    let number: i128 = text.parse().ok()?;
    let fits = number >= i128::from(i64::MIN) && number <= i128::from(u64::MAX);
    (fits && number.to_string() == text).then_some(number)
}

/// The bytes that `text` means: `1k` is 1000, `1kb` is 1024, and so on up to `gb`.
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    // Redis takes the empty text for 0, too.
    let number: u64 = if number.is_empty() && unit.is_empty() { 0 } else { number.parse().ok()? };
    number.checked_mul(factor)
}

/// Bytes in the largest unit that divides them.
pub fn memory_text(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")] {
        if bytes != 0 && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

/// Reads a number of any numeric kind and checks its bounds.
fn parse_number(words: &[String], kind: Kind) -> Result<i128, String> {
    let word = single(words)?;
    let (number, min, max) = match kind {
        Kind::Octal { max } => {
            let number = u32::from_str_radix(word, 8).ok().filter(|_| !word.starts_with('+'));
            let number = number.ok_or("argument couldn't be parsed as an octal number")?;
            if number > max {
                return Err(format!("argument must be between 0 and {max:o} inclusive"));
            }
            (i128::from(number), 0, i128::from(max))
        }
        Kind::Memory { min, max } => {
            let number = parse_memory(word).ok_or("argument must be a memory value")?;
            (number.into(), min.into(), max.into())
        }
        Kind::MemoryOrPercent => return parse_memory_or_percent(word),
        Kind::Integer { min, max } => {
            let number = parse_integer(word).ok_or("argument couldn't be parsed into an integer")?;
            (number, min, max)
        }
        _ => return Err("argument is of a kind that is not a number".into()),
    };
    if number < min || number > max {
        return Err(format!("argument must be between {min} and {max} inclusive"));
    }
    Ok(number)
}

/// A percentage is kept as a negative number.
fn parse_memory_or_percent(word: &str) -> Result<i128, String> {
    const REASON: &str = "argument must be a memory or percent value";
    if let Some(percent) = word.strip_suffix('%') {
        let percent = parse_integer(percent).filter(|percent| *percent >= 0).ok_or(REASON)?;
        if percent > 100 {
            return Err("percentage argument must be less or equal to 100".into());
        }
        return Ok(-percent);
    }
    let bytes = parse_memory(word).ok_or(REASON)?;
    if bytes > I64_MAX {
        return Err(format!("argument must be between -100 and {I64_MAX} inclusive"));
    }
    Ok(bytes.into())
}

fn number_text(number: i128, kind: Kind) -> String {
    match kind {
        Kind::Octal { .. } => format!("{number:o}"),
        Kind::MemoryOrPercent if number < 0 => format!("{}%", -number),
        _ => number.to_string(),
    }
}

fn number_line(number: i128, kind: Kind) -> String {
    match (kind, u64::try_from(number)) {
        (Kind::Memory { .. } | Kind::MemoryOrPercent, Ok(bytes)) => memory_text(bytes),
        _ => number_text(number, kind),
    }
}

macro_rules! numbers {
    ($($type:ty)+) => {$(
        impl Value for $type {
            fn assign(&mut self, words: &[String], kind: Kind) -> Result<(), String> {
                let number = parse_number(words, kind)?;
                *self = <$type>::try_from(number).map_err(|_| {
                    format!("argument must be between {} and {} inclusive", <$type>::MIN, <$type>::MAX)
                })?;
                Ok(())
            }

            fn text(&self, kind: Kind) -> String {
                number_text((*self).into(), kind)
            }

            fn lines(&self, kind: Kind) -> Vec<String> {
                vec![number_line((*self).into(), kind)]
            }
        }
    )+};
}

numbers! { u16 u32 u64 i32 i64 }

impl Value for String {
    fn assign(&mut self, words: &[String], kind: Kind) -> Result<(), String> {
        let word = single(words)?;
        if kind == Kind::FileName && (word.contains('/') || word.contains('\\')) {
            return Err("argument can't be a path, just a filename".into());
        }
        if kind == Kind::HostName {
            check_host_name(word)?;
        }
        word.clone_into(self);
        Ok(())
    }

    fn text(&self, _: Kind) -> String {
        self.clone()
    }
}

fn check_host_name(word: &str) -> Result<(), String> {
    if word.len() >= 256 {
        return Err("Hostnames must be less than 256 characters".into());
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    if word.bytes().all(allowed) {
        Ok(())
    } else {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots".into())
    }
}

impl Value for Vec<String> {
    fn assign(&mut self, words: &[String], _: Kind) -> Result<(), String> {
        // One empty word is how an empty list is written.
        let empty = matches!(words, [word] if word.is_empty());
        *self = if empty { Vec::new() } else { words.to_vec() };
        Ok(())
    }

    fn text(&self, _: Kind) -> String {
        self.join(" ")
    }

    fn lines(&self, _: Kind) -> Vec<String> {
        vec![words::join(self)]
    }
}

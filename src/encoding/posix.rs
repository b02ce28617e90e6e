//! Regular expressions as TRE, the library that Redis uses, understands them: POSIX extended ones on
//! bytes, and what TRE adds. They are translated into those of the crate `regex`, which takes linear
//! time for any text. References back to groups are refused, as in Redis.
//!
//! Approximate matching (`{~1}`) is read and left out, for Redis' TRE is built without it. `\B` holds at
//! the ends of a text that begins or ends without a word, where TRE says that it does not.

use regex::bytes::{Regex, RegexBuilder};

/// What is wrong with an expression, in TRE's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    Pattern,
    CollatingElement,
    ClassName,
    Escape,
    BackReference,
    Bracket,
    Parenthesis,
    Brace,
    Bound,
    Range,
    /// It takes more memory, or more levels of groups, than it may.
    Space,
    Repetition,
    LargeBound,
    /// It refers back to a group.
    Unsupported,
}

impl Invalid {
    /// TRE's message; none for what TRE could do and Redis refuses.
    pub fn message(self) -> Option<&'static str> {
        Some(match self {
            Invalid::Pattern => "Invalid regexp",
            Invalid::CollatingElement => "Unknown collating element",
            Invalid::ClassName => "Unknown character class name",
            Invalid::Escape => "Trailing backslash",
            Invalid::BackReference => "Invalid back reference",
            Invalid::Bracket => "Missing ']'",
            Invalid::Parenthesis => "Missing ')'",
            Invalid::Brace => "Missing '}'",
            Invalid::Bound => "Invalid contents of {}",
            Invalid::Range => "Invalid character range",
            Invalid::Space => "Out of memory",
            Invalid::Repetition => "Invalid use of repetition operators",
            Invalid::LargeBound => "Maximum repetition in {} larger than 255",
            Invalid::Unsupported => return None,
        })
    }
}

/// The most repetitions that a bound may ask for.
const MAX_BOUND: u32 = 255;

/// Groups within groups, at most: each is a level of the stack here.
const MAX_DEPTH: usize = 200;

/// An expression that finds what `pattern` describes anywhere in a text, in memory of about `max_bytes`.
///
/// # Errors
/// What is wrong with the pattern.
pub fn compile(pattern: &[u8], ignore_case: bool, max_bytes: usize) -> Result<Regex, Invalid> {
    let mut parser = Parser {
        rest: pattern,
        out: String::new(),
        ignore_case,
        newline: false,
        depth: 0,
        level: 0,
        groups: 0,
        back_reference: None,
    };
    parser.alternatives()?;
    if parser.depth > 0 {
        return Err(Invalid::Parenthesis);
    }
    match parser.back_reference {
        Some(group) if group > parser.groups => return Err(Invalid::BackReference),
        Some(_) => return Err(Invalid::Unsupported),
        None => {}
    }
    RegexBuilder::new(&parser.out)
        .unicode(false)
        .size_limit(max_bytes)
        .dfa_size_limit(max_bytes)
        .build()
        .map_err(|_| Invalid::Space)
}

struct Parser<'a> {
    rest: &'a [u8],
    out: String,
    ignore_case: bool,
    /// Whether `.` leaves out line feeds: `(?n)`.
    newline: bool,
    /// Groups that are open.
    depth: usize,
    /// Levels of this parser on the stack.
    level: usize,
    groups: u32,
    back_reference: Option<u32>,
}

/// A set of bytes.
#[derive(Clone, Copy)]
struct Bytes([bool; 256]);

impl Bytes {
    const NONE: Bytes = Bytes([false; 256]);

    fn of(holds: impl Fn(u8) -> bool) -> Bytes {
        let mut bytes = Bytes::NONE;
        bytes.add(holds);
        bytes
    }

    fn add(&mut self, holds: impl Fn(u8) -> bool) {
        (0..=255u8).zip(&mut self.0).for_each(|(byte, held)| *held |= holds(byte));
    }

    fn with_other_case(self) -> Bytes {
        let held = |byte: u8| self.0[usize::from(byte)];
        Bytes::of(|byte| held(byte.to_ascii_lowercase()) || held(byte.to_ascii_uppercase()) || held(byte))
    }

    fn inverted(self) -> Bytes {
        Bytes(self.0.map(|held| !held))
    }

    fn write(&self, out: &mut String) {
        *out += "[";
        let mut byte = 0;
        while byte < 256 {
            let run = self.0[byte..].iter().take_while(|held| **held).count();
            if run > 0 {
                *out += &format!("\\x{byte:02x}-\\x{:02x}", byte + run - 1);
            }
            byte += run + 1;
        }
        // An empty set is one that can be written as well.
        if self.0.iter().all(|held| !held) {
            *out += "^\\x00-\\xff";
        }
        *out += "]";
    }
}

/// The bytes of a class that has a name, in the C locale.
fn class(name: &[u8]) -> Option<fn(u8) -> bool> {
    Some(match name {
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"blank" => |byte| byte == b' ' || byte == b'\t',
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"digit" => |byte| byte.is_ascii_digit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| byte.is_ascii_graphic() || byte == b' ',
        b"punct" => |byte| byte.is_ascii_punctuation(),
        b"space" => |byte| byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => |byte| byte.is_ascii_uppercase(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        _ => return None,
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

type Parsed = Result<(), Invalid>;

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.rest = &self.rest[usize::from(found)..];
        found
    }

    fn next(&mut self) -> Option<u8> {
        let (first, after) = self.rest.split_first()?;
        self.rest = after;
        Some(*first)
    }

    fn set(&mut self, holds: impl Fn(u8) -> bool) {
        Bytes::of(holds).write(&mut self.out);
    }

    fn literal(&mut self, byte: u8) {
        let mut bytes = Bytes::of(|held| held == byte);
        if self.ignore_case {
            bytes = bytes.with_other_case();
        }
        bytes.write(&mut self.out);
    }

    /// Branches with `|` between them, up to the end of the group and over it.
    fn alternatives(&mut self) -> Parsed {
        self.level += 1;
        if self.level > MAX_DEPTH {
            return Err(Invalid::Space);
        }
        self.out += "(?:";
        self.branch()?;
        while self.take(b'|') {
            self.out += "|";
            self.branch()?;
        }
        self.take(b')');
        self.out += ")";
        self.level -= 1;
        Ok(())
    }

    /// Atoms and what repeats them, one at least, which may be empty.
    fn branch(&mut self) -> Parsed {
        loop {
            let start = self.out.len();
            self.atom()?;
            self.repetitions(start)?;
            match self.peek() {
                None | Some(b'|') => return Ok(()),
                Some(b')') if self.depth > 0 => {
                    self.depth -= 1;
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    fn atom(&mut self) -> Parsed {
        match self.peek() {
            None | Some(b'*' | b'+' | b'?' | b'{' | b'|') => self.out += "(?:)",
            Some(b')') if self.depth > 0 => self.out += "(?:)",
            Some(byte) => {
                self.next();
                match byte {
                    b'(' => return self.group(),
                    b'[' => return self.bracket(),
                    b'\\' => return self.escape(),
                    b'.' => {
                        let newline = self.newline;
                        self.set(|byte| !newline || byte != b'\n');
                    }
                    b'^' => self.out += "\\A",
                    b'$' => self.out += "\\z",
                    _ => self.literal(byte),
                }
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Parsed {
        if !self.take(b'?') {
            self.depth += 1;
            self.groups += 1;
            return self.alternatives();
        }
        // Flags hold for the rest of the group around them, or for a group of their own.
        let before = (self.ignore_case, self.newline);
        let mut on = true;
        loop {
            match self.next().ok_or(Invalid::Pattern)? {
                b'i' => self.ignore_case = on,
                b'n' => self.newline = on,
                // How alternatives are tried does not matter for whether one is found.
                b'r' | b'U' => {}
                b'-' => on = false,
                b':' => {
                    self.depth += 1;
                    break;
                }
                b'#' => {
                    let end = self.rest.iter().position(|byte| *byte == b')').ok_or(Invalid::Pattern)?;
                    self.rest = &self.rest[end + 1..];
                    break;
                }
                b')' => break,
                _ => return Err(Invalid::Pattern),
            }
        }
        self.alternatives()?;
        (self.ignore_case, self.newline) = before;
        Ok(())
    }

    /// The inside of a bracket expression, from behind its `[`.
    fn bracket(&mut self) -> Parsed {
        let negated = self.take(b'^');
        let start = self.rest.len();
        let mut bytes = Bytes::NONE;
        loop {
            let is_first = self.rest.len() == start;
            match self.rest {
                [] => return Err(Invalid::Bracket),
                [b']', ..] if !is_first => break,
                [from, b'-', to, ..] if *to != b']' => {
                    if from > to {
                        return Err(Invalid::Range);
                    }
                    bytes.add(|byte| (*from..=*to).contains(&byte));
                    self.rest = &self.rest[3..];
                }
                [b'[', b'.' | b'=', ..] => return Err(Invalid::CollatingElement),
                [b'[', b':', name @ ..] => {
                    let end = name.iter().position(|byte| *byte == b':').ok_or(Invalid::ClassName)?;
                    bytes.add(class(&name[..end]).ok_or(Invalid::ClassName)?);
                    self.rest = name.get(end + 2..).ok_or(Invalid::Bracket)?;
                }
                [b'-', after, ..] if *after != b']' && !is_first => return Err(Invalid::Range),
                [literal, ..] => {
                    bytes.add(|byte| byte == *literal);
                    self.rest = &self.rest[1..];
                }
            }
        }
        self.next();
        if self.ignore_case {
            bytes = bytes.with_other_case();
        }
        if negated {
            bytes = bytes.inverted();
        }
        bytes.write(&mut self.out);
        Ok(())
    }

    /// What a backslash and the next byte mean.
    fn escape(&mut self) -> Parsed {
        let byte = self.next().ok_or(Invalid::Escape)?;
        match byte {
            b't' => self.set(|byte| byte == b'\t'),
            b'n' => self.set(|byte| byte == b'\n'),
            b'r' => self.set(|byte| byte == b'\r'),
            b'f' => self.set(|byte| byte == 0x0c),
            b'a' => self.set(|byte| byte == 0x07),
            b'e' => self.set(|byte| byte == 0x1b),
            b'w' => self.set(is_word),
            b'W' => self.set(|byte| !is_word(byte)),
            b's' => self.set(|byte| byte.is_ascii_whitespace() || byte == 0x0b),
            b'S' => self.set(|byte| !byte.is_ascii_whitespace() && byte != 0x0b),
            b'd' => self.set(|byte| byte.is_ascii_digit()),
            b'D' => self.set(|byte| !byte.is_ascii_digit()),
            b'Q' => self.quoted(),
            // TRE takes both ends of a text for ends of a word.
            b'b' => self.out += "(?:\\b|\\A|\\z)",
            b'B' => self.out += "\\B",
            b'<' => self.out += "\\b{start}",
            b'>' => self.out += "\\b{end}",
            b'x' => return self.hexadecimal(),
            b'0'..=b'9' => {
                let group = u32::from(byte - b'0');
                self.back_reference = self.back_reference.max(Some(group));
            }
            // What is escaped is meant as it stands, whatever is said of letters.
            _ => self.set(|held| held == byte),
        }
        Ok(())
    }

    /// What is meant literally, up to `\E` or the end.
    fn quoted(&mut self) {
        self.out += "(?:";
        while !self.rest.is_empty() && !self.rest.starts_with(b"\\E") {
            if let Some(byte) = self.next() {
                self.literal(byte);
            }
        }
        self.rest = self.rest.strip_prefix(b"\\E").unwrap_or(self.rest);
        self.out += ")";
    }

    fn hexadecimal(&mut self) -> Parsed {
        let (digits, most) = if self.take(b'{') { (self.rest, 8) } else { (self.rest, 2) };
        let count = digits.iter().take(most).take_while(|byte| byte.is_ascii_hexdigit()).count();
        let value = digits[..count]
            .iter()
            .fold(0u32, |value, digit| value << 4 | char::from(*digit).to_digit(16).unwrap_or(0));
        self.rest = &self.rest[count..];
        if most == 8 && !self.take(b'}') {
            return Err(Invalid::Brace);
        }
        self.set(|byte| u32::from(byte) == value);
        Ok(())
    }

    /// What stands behind an atom that begins at `start` of the output.
    fn repetitions(&mut self, start: usize) -> Parsed {
        while let Some(operator @ (b'*' | b'+' | b'?' | b'{')) = self.peek() {
            self.next();
            self.out.insert_str(start, "(?:");
            self.out += ")";
            match operator {
                b'{' => self.bound()?,
                _ => self.out.push(char::from(operator)),
            }
            match self.peek() {
                // As few as possible: no matter for whether there is a match.
                Some(b'?') => self.rest = &self.rest[1..],
                Some(b'*' | b'+') => return Err(Invalid::Repetition),
                _ => {}
            }
        }
        Ok(())
    }

    /// The inside of `{}`, from behind its `{`.
    fn bound(&mut self) -> Parsed {
        let start = self.rest.len();
        let least = self.number();
        let (least, most) = match (least, self.take(b',')) {
            (least, true) => (least.or(Some(0)), self.number()),
            (least, false) => (least, least),
        };
        if least.zip(most).is_some_and(|(least, most)| least > most) {
            return Err(Invalid::Bound);
        }
        if least.max(most) > Some(MAX_BOUND) {
            return Err(Invalid::LargeBound);
        }
        self.approximation()?;
        match self.peek() {
            None => return Err(Invalid::Brace),
            Some(b'}') if self.rest.len() < start => self.rest = &self.rest[1..],
            Some(_) => return Err(Invalid::Bound),
        }
        self.out += &match (least, most) {
            (Some(least), Some(most)) => format!("{{{least},{most}}}"),
            (Some(least), None) => format!("{{{least},}}"),
            (None, _) => String::new(),
        };
        Ok(())
    }

    /// How far a text may be from the pattern, in whatever order: limits and costs.
    fn approximation(&mut self) -> Parsed {
        while let Some(byte) = self.peek() {
            match byte {
                b'+' | b'-' | b'#' | b'~' | b'<' => {
                    self.next();
                    while byte == b'<' && self.take(b' ') {}
                    self.number();
                }
                b',' | b' ' => self.rest = &self.rest[1..],
                b'0'..=b'9' => {
                    self.number();
                    if !matches!(self.next(), Some(b'i' | b'd' | b's')) {
                        return Err(Invalid::Bound);
                    }
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Option<u32> {
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, after) = self.rest.split_at(digits);
        self.rest = after;
        let add = |number: u32, digit: &u8| number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
        (digits > 0).then(|| number.iter().fold(0, add))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPACE: usize = 1 << 20;

    fn found(pattern: &str, text: &str) -> bool {
        compile(pattern.as_bytes(), false, SPACE).unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn finds_what_tre_finds() {
        for (pattern, texts) in [
            ("foo|bar", &["a foo", "bar"][..]),
            ("^(foo|bar)$", &["foo", "bar"]),
            ("^.*[0-9]{3}$", &["foo123", "999"]),
            ("a{2}", &["aa"]),
            ("^a{,2}$", &["", "a", "aa"]),
            ("^a{2,}$", &["aaaa"]),
            ("^a{1~2}b$", &["ab"]),
            ("^[]a]$", &["]", "a"]),
            ("^[^]a]$", &["b", "["]),
            ("^[a\\]$", &["\\", "a"]),
            ("^[[:alpha:]_]+$", &["a_B"]),
            ("^[a-]$", &["-", "a"]),
            ("^[+--]$", &["+", ",", "-"]),
            ("^*a", &["a"]),
            ("^()$", &[""]),
            ("a||b", &["x"]),
            ("^\\x41\\x{42}$", &["AB"]),
            ("^\\Qa.b\\E.$", &["a.bc"]),
            ("\\<foo\\>", &["a foo b"]),
            ("\\bfoo\\b", &["foo"]),
            ("^\\w\\W\\s\\S\\d\\D$", &["a- x1y"]),
            ("(?i)FOO", &["foo"]),
            ("(?i:F)oo", &["foo"]),
            ("^(a(?i)b)c$", &["aBc"]),
            ("(?#a comment)x", &["x"]),
            ("^a+?b*?$", &["aab"]),
            ("a)b", &["a)b"]),
            ("^a.b$", &["a\nb"]),
            ("\\.", &["a.b"]),
            ("{2}", &["anything"]),
        ] {
            for text in texts {
                assert!(found(pattern, text), "{pattern} in {text:?}");
            }
        }
    }

    #[test]
    fn does_not_find_what_tre_does_not() {
        for (pattern, text) in [
            ("^a$", "a\n"),
            ("^[^a]$", "a"),
            ("(?n)^a.b$", "a\nb"),
            ("(?i:F)oo", "FOO"),
            ("^(a(?i)b)c$", "aBC"),
            ("\\x{100}", "Ā"),
            ("\\<oo", "foo"),
            ("^\\Qa.b\\E$", "axb"),
            ("^a{0}$", "a"),
        ] {
            assert!(!found(pattern, text), "{pattern} in {text:?}");
        }
        let ignoring = |pattern: &[u8], text: &[u8]| compile(pattern, true, SPACE).unwrap().is_match(text);
        assert!(
            ignoring(b"^[^a]b$", b"xB") && !ignoring(b"^[^a]b$", b"AB") && ignoring(b"[[:upper:]]", b"a")
        );
        assert!(!ignoring(b"\\A", b"a") && ignoring(b"\xff", b"\xff"));
    }

    #[test]
    fn wrong_ones_are_named() {
        for (pattern, error) in [
            ("(", Invalid::Parenthesis),
            ("(a(b)", Invalid::Parenthesis),
            ("[", Invalid::Bracket),
            ("[]", Invalid::Bracket),
            ("[[:alpha:", Invalid::Bracket),
            ("[[:nothing:]]", Invalid::ClassName),
            ("[[.a.]]", Invalid::CollatingElement),
            ("[b-a]", Invalid::Range),
            ("[a-c-e]", Invalid::Range),
            ("a\\", Invalid::Escape),
            ("\\1", Invalid::BackReference),
            ("(a)\\1", Invalid::Unsupported),
            ("\\0", Invalid::Unsupported),
            ("a{", Invalid::Brace),
            ("a{1", Invalid::Brace),
            ("a{1,2", Invalid::Brace),
            ("\\x{1", Invalid::Brace),
            ("\\x{g}", Invalid::Brace),
            ("a{}", Invalid::Bound),
            ("a{x}", Invalid::Bound),
            ("a{2,1}", Invalid::Bound),
            ("a{256}", Invalid::LargeBound),
            ("a**", Invalid::Repetition),
            ("a{1}+", Invalid::Repetition),
            ("(?#", Invalid::Pattern),
            ("(?i", Invalid::Pattern),
            ("(?x)", Invalid::Pattern),
            ("(((.{255}){255}){255}){255}", Invalid::Space),
        ] {
            assert_eq!(compile(pattern.as_bytes(), false, SPACE).err(), Some(error), "{pattern}");
        }
        let deep = "(".repeat(1000) + &")".repeat(1000);
        assert_eq!(compile(deep.as_bytes(), false, SPACE).err(), Some(Invalid::Space));
        assert!(compile(b"\\x", false, SPACE).is_ok() && compile(b"\\x{}", false, SPACE).is_ok());
    }

    proptest! {
        #[test]
        fn never_panics(pattern: Vec<u8>, ignore_case: bool) {
            let _ = compile(&pattern, ignore_case, SPACE);
        }

        #[test]
        fn what_is_read_can_be_built(pattern in r"[ab01|(){},?*+.^$\\\[\]:ixQE<>#~-]{0,16}") {
            // That memory ran out is what a bad translation would look like.
            prop_assert_ne!(compile(pattern.as_bytes(), false, 16 << 20).err(), Some(Invalid::Space));
        }
    }
}

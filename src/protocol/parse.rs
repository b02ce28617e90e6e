//! Requests out of a read buffer: RESP arrays of bulk strings, and inline commands.
//!
//! Whatever way the bytes arrive in pieces, each is looked at once: the parser remembers how far it
//! is in a request that is not complete yet. A complete one is split off the buffer, and its words
//! are slices of that.

use super::request::{Limits, ProtocolError, Request, Words};
use crate::words;
use bytes::{Buf, BytesMut};
use memchr::memchr;
use smallvec::SmallVec;

/// A bulk string of this length or more makes the parser prepare the buffer for it.
const LARGE_BULK_BYTES: usize = 32 * 1024;
/// How much room a large bulk string is given before any of it has arrived.
const FIRST_ROOM_BYTES: usize = 1024 * 1024;
/// How much room it is given afterwards, as a multiple of what has arrived: an announcement alone
/// costs nothing, and growing copies a seventh of the value at most.
const ROOM_FACTOR: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Before a request.
    Start,
    /// Before the line that announces a bulk string; so many are missing.
    BulkLine { missing: u32 },
    /// In a bulk string of `len` bytes; so many are missing, this one included.
    Bulk { missing: u32, len: usize },
}

/// Reads requests off the front of a buffer. One per connection.
#[derive(Debug)]
pub struct RequestParser {
    stage: Stage,
    /// How much of the incomplete request at the front of the buffer is understood.
    position: usize,
    /// How far the end of the line at `position` was looked for.
    searched: usize,
    /// Where the words so far begin in the buffer, and how long they are.
    words: SmallVec<[(usize, usize); 8]>,
}

impl Default for RequestParser {
    fn default() -> RequestParser {
        RequestParser::new()
    }
}

impl RequestParser {
    /// A parser before its first request.
    pub fn new() -> RequestParser {
        RequestParser { stage: Stage::Start, position: 0, searched: 0, words: SmallVec::new() }
    }

    /// Takes the next request off the front of `buffer`; none when it is not complete, then call
    /// again with more bytes at the end of the same buffer. Requests without words (an empty line,
    /// `*0`) are skipped. Linear in the bytes that are new.
    ///
    /// # Errors
    /// When no further bytes can make sense of what is there. The connection is to be closed; the
    /// parser is of no more use.
    pub fn next(&mut self, buffer: &mut BytesMut, limits: &Limits) -> Result<Option<Request>, ProtocolError> {
        loop {
            let step = match self.stage {
                Stage::Start => match buffer.first() {
                    None => return Ok(None),
                    Some(b'*') => self.count_line(buffer, limits)?,
                    Some(_) => self.inline(buffer)?,
                },
                Stage::BulkLine { missing } => self.bulk_line(buffer, missing, limits)?,
                Stage::Bulk { missing, len } => self.bulk(buffer, missing, len),
            };
            match step {
                Step::Go => {}
                Step::Complete(words) => return self.complete(words, limits).map(Some),
                Step::Wait if buffer.len() > limits.max_request_bytes => {
                    return Err(ProtocolError::RequestTooLong);
                }
                Step::Wait => return Ok(None),
            }
        }
    }

    /// The line `*<count>\r\n`.
    fn count_line(&mut self, buffer: &mut BytesMut, limits: &Limits) -> Result<Step, ProtocolError> {
        let Some(line) = self.line(buffer, ProtocolError::CountLineTooLong)? else { return Ok(Step::Wait) };
        let count = line.number(buffer).filter(|count| *count <= Limits::WORDS);
        let count = count.ok_or(ProtocolError::InvalidCount)?;
        if count > Limits::UNAUTHENTICATED_WORDS && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedCount);
        }
        if count <= 0 {
            buffer.advance(line.next);
            self.restart();
        } else {
            self.position = line.next;
            self.stage = Stage::BulkLine { missing: count as u32 };
        }
        Ok(Step::Go)
    }

    /// The line `$<length>\r\n`.
    fn bulk_line(&mut self, buffer: &[u8], missing: u32, limits: &Limits) -> Result<Step, ProtocolError> {
        let Some(line) = self.line(buffer, ProtocolError::BulkLineTooLong)? else { return Ok(Step::Wait) };
        let first = buffer[self.position];
        if first != b'$' {
            return Err(ProtocolError::ExpectedBulk(first));
        }
        let len = line.number(buffer).ok_or(ProtocolError::InvalidBulk)?;
        let bytes = usize::try_from(len).map_err(|_| ProtocolError::InvalidBulk)?;
        if bytes > limits.max_bulk_bytes {
            return Err(ProtocolError::InvalidBulk);
        }
        if len > Limits::UNAUTHENTICATED_BULK_BYTES && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulk);
        }
        self.position = line.next;
        self.stage = Stage::Bulk { missing, len: bytes };
        Ok(Step::Go)
    }

    /// The bytes of a bulk string, and the two after it, which nobody looks at.
    fn bulk(&mut self, buffer: &mut BytesMut, missing: u32, len: usize) -> Step {
        let end = self.position + len + 2;
        if buffer.len() < end {
            if len >= LARGE_BULK_BYTES {
                make_room(buffer, end);
            }
            return Step::Wait;
        }
        self.words.push((self.position, len));
        self.position = end;
        self.searched = end;
        if missing > 1 {
            self.stage = Stage::BulkLine { missing: missing - 1 };
            return Step::Go;
        }
        let mut bytes = buffer.split_to(end).freeze();
        let mut words: Words =
            self.words[..self.words.len() - 1].iter().map(|(at, len)| bytes.slice(*at..*at + *len)).collect();
        // The last word takes over the share of the whole, which saves counting up and down.
        bytes.advance(end - len - 2);
        bytes.truncate(len);
        words.push(bytes);
        Step::Complete(words)
    }

    fn inline(&mut self, buffer: &mut BytesMut) -> Result<Step, ProtocolError> {
        let found = memchr(b'\n', &buffer[self.searched..]).map(|offset| self.searched + offset);
        if found.unwrap_or(buffer.len()) > Limits::LINE_BYTES {
            return Err(ProtocolError::InlineTooLong);
        }
        let Some(end) = found else {
            self.searched = buffer.len();
            return Ok(Step::Wait);
        };
        let mut line = buffer.split_to(end + 1).freeze();
        line.truncate(if end > 0 && line[end - 1] == b'\r' { end - 1 } else { end });
        let words = words::split(&line).ok_or(ProtocolError::UnbalancedQuotes)?;
        self.position = end + 1;
        if words.is_empty() {
            self.restart();
            return Ok(Step::Go);
        }
        Ok(Step::Complete(words))
    }

    fn complete(&mut self, words: Words, limits: &Limits) -> Result<Request, ProtocolError> {
        let wire_bytes = self.position;
        self.restart();
        if wire_bytes > limits.max_request_bytes {
            return Err(ProtocolError::RequestTooLong);
        }
        if is_http(&words[0]) {
            return Err(ProtocolError::CrossProtocol);
        }
        Ok(Request { words, wire_bytes })
    }

    fn restart(&mut self) {
        self.stage = Stage::Start;
        self.position = 0;
        self.searched = 0;
        // A request with very many words shall not keep its memory for ever.
        if self.words.capacity() > 1024 { self.words = SmallVec::new() } else { self.words.clear() }
    }

    /// The line at `position`, if its end has arrived.
    fn line(&mut self, buffer: &[u8], too_long: ProtocolError) -> Result<Option<Line>, ProtocolError> {
        let from = self.searched.max(self.position);
        let found = find_carriage_return(&buffer[from..]).map(|offset| from + offset);
        if found.unwrap_or(buffer.len()) - self.position > Limits::LINE_BYTES {
            return Err(too_long);
        }
        self.searched = found.unwrap_or(buffer.len());
        Ok(found.filter(|end| end + 2 <= buffer.len()).map(|end| Line {
            start: self.position + 1,
            end,
            next: end + 2,
        }))
    }
}

enum Step {
    /// Something was understood; go on.
    Go,
    /// More bytes are needed.
    Wait,
    /// The words of a request, which is off the buffer.
    Complete(Words),
}

/// A line that announces a length.
struct Line {
    /// After its first byte, the type.
    start: usize,
    end: usize,
    /// After `\r\n`.
    next: usize,
}

impl Line {
    /// The number, which must be written as Redis would write it.
    fn number(&self, buffer: &[u8]) -> Option<i64> {
        let (negative, digits) = match &buffer[self.start..self.end] {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let valid = match digits {
            [b'0'] => !negative,
            [b'1'..=b'9', ..] => digits.len() <= 18,
            _ => false,
        };
        if !valid {
            return None;
        }
        let mut number = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + i64::from(digit - b'0');
        }
        Some(if negative { -number } else { number })
    }
}

/// Nearly every length has one to four digits: looking is quicker than calling `memchr`.
fn find_carriage_return(bytes: &[u8]) -> Option<usize> {
    let near = bytes.iter().take(6).position(|byte| *byte == b'\r');
    near.or_else(|| memchr(b'\r', bytes))
}

/// Gives `buffer` room for `wanted` bytes in all, or for several times of what has arrived if that
/// is less.
fn make_room(buffer: &mut BytesMut, wanted: usize) {
    let affordable = buffer.len().saturating_mul(ROOM_FACTOR).max(FIRST_ROOM_BYTES);
    let room = wanted.min(affordable);
    if buffer.capacity() < room && buffer.capacity() - buffer.len() < LARGE_BULK_BYTES {
        // BytesMut::reserve would give twice the room and might keep what precedes.
        let mut larger = BytesMut::with_capacity(room);
        larger.extend_from_slice(buffer);
        *buffer = larger;
    }
}

/// Whether a request begins like one that a browser sends across origins.
fn is_http(name: &[u8]) -> bool {
    matches!(name.len(), 4 | 5) && (name.eq_ignore_ascii_case(b"post") || name.eq_ignore_ascii_case(b"host:"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

    /// What the parser makes of bytes that arrive in the given pieces, the rest in one.
    fn parse(input: &[u8], pieces: &[usize], limits: &Limits) -> Outcome {
        let mut parser = RequestParser::new();
        let mut buffer = BytesMut::new();
        let mut requests = Vec::new();
        let mut rest = input;
        let mut pieces = pieces.iter();
        while !rest.is_empty() {
            let piece = pieces.next().map_or(rest.len(), |len| *len.min(&rest.len()));
            buffer.extend_from_slice(&rest[..piece]);
            rest = &rest[piece..];
            loop {
                match parser.next(&mut buffer, limits) {
                    Ok(Some(request)) => {
                        requests.push(request.words.iter().map(|word| word.to_vec()).collect());
                    }
                    Ok(None) => break,
                    Err(error) => return (requests, Some(error)),
                }
            }
        }
        (requests, None)
    }

    fn words(input: impl AsRef<[u8]>) -> Vec<Vec<String>> {
        let (requests, error) = parse(input.as_ref(), &[], &Limits::default());
        assert_eq!(error, None);
        let text = |word: Vec<u8>| String::from_utf8(word).unwrap();
        requests.into_iter().map(|words| words.into_iter().map(text).collect()).collect()
    }

    fn error(input: impl AsRef<[u8]>, authenticated: bool) -> Option<String> {
        let limits = Limits { authenticated, ..Limits::default() };
        parse(input.as_ref(), &[], &limits).1.map(|error| error.to_string())
    }

    #[test]
    fn requests() {
        assert_eq!(words("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), [["GET", "k"]]);
        assert_eq!(words("*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n"), [["PING"], ["PING"]]);
        assert_eq!(words("*1\rx$4\rxPING\r\n"), [["PING"]]);
        assert_eq!(words("*0\r\n*-1\r\n*-5\r\n\r\n\n  \t \r\n PING \r\n"), [["PING"]]);
        assert_eq!(words("*1\r\n$0\r\n\r\nset k \"a b\"\n"), [vec![""], vec!["set", "k", "a b"]]);
        assert_eq!(words("*2\r\n$3\r\nGET\r\n$1\r\n"), Vec::<Vec<String>>::new());
    }

    /// Inputs and answers of redis-server 7.0.15, without "ERR Protocol error: ".
    #[test]
    fn errors_as_redis_words_them() {
        let long = "1".repeat(Limits::LINE_BYTES + 1);
        let cases: &[(&str, &str)] = &[
            ("*a\r\n", "invalid multibulk length"),
            ("*+1\r\n", "invalid multibulk length"),
            ("*01\r\n", "invalid multibulk length"),
            ("*\r\n", "invalid multibulk length"),
            ("*2147483648\r\n", "invalid multibulk length"),
            ("*1\n$4\nPING\r\n", "invalid multibulk length"),
            (&format!("*{long}"), "too big mbulk count string"),
            ("*1\r\n+PING\r\n", "expected '$', got '+'"),
            ("*1\r\n$a\r\n", "invalid bulk length"),
            ("*1\r\n$\r\n", "invalid bulk length"),
            ("*1\r\n$04\r\n", "invalid bulk length"),
            ("*1\r\n$-1\r\n", "invalid bulk length"),
            ("*1\r\n$536870913\r\n", "invalid bulk length"),
            (&format!("*1\r\n${long}"), "too big bulk count string"),
            (&long, "too big inline request"),
            ("PING \"abc\r\n", "unbalanced quotes in request"),
        ];
        for (input, expected) in cases {
            let expected = format!("ERR Protocol error: {expected}");
            assert_eq!(error(input, true), Some(expected), "{:?}", &input[..input.len().min(20)]);
        }
        assert_eq!(error("*2147483647\r\n$536870912\r\n", true), None);
        assert_eq!(error(&long[1..], true), None);
    }

    #[test]
    fn limits_before_authentication() {
        let text = |what| Some(format!("ERR Protocol error: unauthenticated {what} length"));
        assert_eq!(error("*11\r\n", false), text("multibulk"));
        assert_eq!(error("*10\r\n$16385\r\n", false), text("bulk"));
        assert_eq!(error("*10\r\n$16384\r\n", false), None);
    }

    #[test]
    fn browsers_are_sent_away_in_silence() {
        for input in ["POST / HTTP/1.1\r\n", "Host: here\r\n", "*1\r\n$4\r\npost\r\n"] {
            let (requests, error) = parse(input.as_bytes(), &[], &Limits::default());
            assert_eq!((requests.len(), error), (0, Some(ProtocolError::CrossProtocol)));
        }
        assert!(ProtocolError::CrossProtocol.is_silent());
    }

    #[test]
    fn requests_are_limited_as_a_whole() {
        let limits = Limits { max_request_bytes: 30, ..Limits::default() };
        let fits = b"*1\r\n$20\r\n12345678901234567890\r\n";
        let too_long = b"*1\r\n$22\r\n1234567890123456789012\r\n";
        assert_eq!(fits.len(), 31);
        for pieces in [vec![], vec![1; 40]] {
            assert_eq!(parse(too_long, &pieces, &limits).1, Some(ProtocolError::RequestTooLong));
            let limits = Limits { max_request_bytes: 31, ..limits };
            assert_eq!(parse(fits, &pieces, &limits), (vec![vec![b"12345678901234567890".to_vec()]], None));
        }
    }

    #[test]
    fn announcing_costs_nothing() {
        let mut parser = RequestParser::new();
        let mut buffer = BytesMut::from("*2147483647\r\n$536870912\r\nabc");
        assert_eq!(parser.next(&mut buffer, &Limits::default()), Ok(None));
        assert!(buffer.capacity() <= FIRST_ROOM_BYTES);
        assert_ne!(parser.stage, Stage::Start);
    }

    #[test]
    fn large_bulks_move_seldom() {
        let len = 64 << 20;
        let mut parser = RequestParser::new();
        let mut buffer = BytesMut::with_capacity(16 * 1024);
        buffer.extend_from_slice(format!("*2\r\n$4\r\nECHO\r\n${len}\r\n").as_bytes());
        let (mut sent, mut moves) = (0, 0);
        while sent < len + 2 {
            assert_eq!(parser.next(&mut buffer, &Limits::default()), Ok(None));
            if buffer.capacity() == buffer.len() {
                buffer.reserve(16 * 1024);
            }
            let before = buffer.as_ptr();
            let piece = (buffer.capacity() - buffer.len()).min(100_000).min(len + 2 - sent);
            buffer.extend_from_slice(&vec![b'x'; piece]);
            sent += piece;
            moves += usize::from(buffer.as_ptr() != before);
        }
        let room = buffer.capacity();
        assert!(room < len + 1024, "{room} bytes for {len}");
        let request = parser.next(&mut buffer, &Limits::default()).unwrap().unwrap();
        assert_eq!((request.words[1].len(), buffer.len(), moves), (len, 0, 0));
    }

    #[test]
    fn a_million_words_in_small_pieces() {
        let count = 1 << 20;
        let mut input = format!("*{count}\r\n").into_bytes();
        (0..count).for_each(|_| input.extend_from_slice(b"$1\r\na\r\n"));
        let (requests, error) = parse(&input, &vec![64; input.len() / 64], &Limits::default());
        assert_eq!((requests.len(), requests[0].len(), error), (1, count, None));
    }

    fn any_input() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            any::<Vec<u8>>(),
            prop::collection::vec(any::<Vec<u8>>(), 0..5).prop_map(|words| {
                let mut out = format!("*{}\r\n", words.len()).into_bytes();
                for word in words {
                    out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                    out.extend_from_slice(&word);
                    out.extend_from_slice(b"\r\n");
                }
                out
            }),
            "[a-z \\\\'\"]{0,20}\r?\n".prop_map(String::into_bytes),
            "\\*[0-9]{0,2}\r\n|\\$[0-9]{0,2}\r\n|\r|\n".prop_map(String::into_bytes),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(input in any_input(), pieces in prop::collection::vec(1..20usize, 0..200)) {
            let limits = Limits { max_bulk_bytes: 64, ..Limits::default() };
            prop_assert_eq!(parse(&input, &pieces, &limits), parse(&input, &[], &limits));
            prop_assert_eq!(parse(&input, &vec![1; input.len()], &limits), parse(&input, &[], &limits));
            // Of several errors, the one seen first may be another one.
            let limits = Limits { max_request_bytes: 128, ..limits };
            let outcome = |pieces: &[usize]| {
                let (requests, error) = parse(&input, pieces, &limits);
                (requests, error.is_some())
            };
            prop_assert_eq!(outcome(&pieces), outcome(&[]));
        }

        #[test]
        fn arrays_round_trip(requests: Vec<Vec<Vec<u8>>>) {
            let requests: Vec<_> = requests.into_iter().filter(|words| !words.is_empty()).collect();
            let mut input = Vec::new();
            for words in &requests {
                input.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
                for word in words {
                    input.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
                    input.extend_from_slice(word);
                    input.extend_from_slice(b"\r\n");
                }
            }
            prop_assert_eq!(parse(&input, &[7; 100], &Limits::default()), (requests, None));
        }
    }
}

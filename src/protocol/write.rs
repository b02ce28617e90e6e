//! Replies into bytes.
//!
//! A [`ReplyBuffer`] is one connection's output: small replies lie side by side in one growing
//! buffer, large values stay where they are and are sent from there, and [`ReplyBuffer::io_slices`]
//! lines both up for one vectored write.

use super::reply::Reply;
use super::strings::{Shape, Strings};
use super::{Dialect, Message, ProtocolError, number, text};
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;

/// A bulk string of this length or more is not copied.
pub const LARGE_BYTES: usize = 16 * 1024;
/// When this much of the buffer is sent, and that is most of it, the rest moves to the front.
const COMPACT_BYTES: usize = 64 * 1024;
/// Room that an emptied buffer keeps.
const KEEP_BYTES: usize = 64 * 1024;

/// A large piece of output.
#[derive(Debug)]
struct Large {
    /// The piece stands before the byte of the small buffer with this number, counted from the
    /// beginning of the connection.
    at: u64,
    bytes: Bytes,
}

/// A point in a connection's output; see [`ReplyBuffer::truncate_to`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    small: u64,
    large: u64,
}

/// What a connection is still to send, in order.
#[derive(Debug, Default)]
pub struct ReplyBuffer {
    small: Vec<u8>,
    /// The number of `small`'s first byte.
    small_base: u64,
    /// How many bytes at the front of `small` are sent.
    sent: usize,
    large: VecDeque<Large>,
    /// How many large pieces are sent.
    large_base: u64,
    len: usize,
}

impl ReplyBuffer {
    /// An empty buffer.
    pub fn new() -> ReplyBuffer {
        ReplyBuffer::default()
    }

    /// Bytes that wait to be sent.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits to be sent.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory for small replies.
    pub fn buffer_bytes(&self) -> usize {
        self.small.capacity()
    }

    /// Large values that wait to be sent: how many, and how long in all, shared though they are.
    pub fn pieces(&self) -> (usize, usize) {
        (self.large.len(), self.len - (self.small.len() - self.sent))
    }

    /// Appends a reply. [`Reply::Silence`] appends nothing.
    pub fn write(&mut self, reply: &Reply, dialect: Dialect) {
        match dialect {
            Dialect::Resp2 => self.resp(reply, false),
            Dialect::Resp3 => self.resp(reply, true),
            Dialect::Text => text::write(self, reply),
        }
    }

    /// Appends a message, a large one without copying it.
    pub fn write_message(&mut self, message: &Message, dialect: Dialect) {
        self.put_shared(message.encoded(dialect));
    }

    /// Appends the reply to bytes that are no request.
    pub fn write_protocol_error(&mut self, error: ProtocolError, dialect: Dialect) {
        self.write(&Reply::Error(error.to_string().into()), dialect);
    }

    /// Where the output ends now.
    pub fn mark(&self) -> Mark {
        Mark {
            small: self.small_base + self.small.len() as u64,
            large: self.large_base + self.large.len() as u64,
        }
    }

    /// Takes back everything appended since `mark`, apart from what is sent already.
    pub fn truncate_to(&mut self, mark: Mark) {
        let small = (mark.small.saturating_sub(self.small_base) as usize).clamp(self.sent, self.small.len());
        self.len -= self.small.len() - small;
        self.small.truncate(small);
        let large = (mark.large.saturating_sub(self.large_base) as usize).min(self.large.len());
        self.len -= self.large.drain(large..).map(|large| large.bytes.len()).sum::<usize>();
    }

    /// Drops everything that waits to be sent.
    pub fn clear(&mut self) {
        self.advance(self.len);
    }

    /// Fills `slices` with what waits to be sent, in order; returns how many were filled. For
    /// `writev`.
    pub fn io_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        let mut push = |bytes: &'a [u8]| {
            let room = filled < slices.len();
            if room && !bytes.is_empty() {
                slices[filled] = IoSlice::new(bytes);
                filled += 1;
            }
            room
        };
        let mut from = self.sent;
        for large in &self.large {
            let at = (large.at - self.small_base) as usize;
            if !push(&self.small[from..at]) || !push(&large.bytes) {
                return filled;
            }
            from = at;
        }
        push(&self.small[from..]);
        filled
    }

    /// The first bytes that wait to be sent; empty when none do. For writers that take one slice.
    pub fn chunk(&self) -> &[u8] {
        match self.large.front() {
            Some(large) if large.at == self.small_base + self.sent as u64 => &large.bytes,
            Some(large) => &self.small[self.sent..(large.at - self.small_base) as usize],
            None => &self.small[self.sent..],
        }
    }

    /// Notes that the first `bytes` are sent (at most [`ReplyBuffer::len`]).
    pub fn advance(&mut self, bytes: usize) {
        let mut left = bytes.min(self.len);
        self.len -= left;
        while left > 0 {
            let ready = self.chunk().len();
            let taken = left.min(ready);
            left -= taken;
            match self.large.front_mut() {
                Some(large) if large.at == self.small_base + self.sent as u64 => {
                    if taken < ready {
                        bytes::Buf::advance(&mut large.bytes, taken);
                    } else {
                        self.large.pop_front();
                        self.large_base += 1;
                    }
                }
                _ => self.sent += taken,
            }
        }
        self.reclaim();
    }

    fn reclaim(&mut self) {
        if self.sent == self.small.len() {
            self.small_base += self.sent as u64;
            self.sent = 0;
            self.small.clear();
            if self.small.capacity() > KEEP_BYTES {
                self.small.shrink_to(KEEP_BYTES);
            }
        } else if self.sent > COMPACT_BYTES && self.sent > self.small.len() / 2 {
            self.small_base += self.sent as u64;
            self.small.drain(..self.sent);
            self.sent = 0;
        }
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.small.extend_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Appends a piece of a bulk string, without copying it if it is large.
    pub(super) fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < LARGE_BYTES {
            return self.put(bytes);
        }
        let at = self.small_base + self.small.len() as u64;
        self.large.push_back(Large { at, bytes: bytes.clone() });
        self.len += bytes.len();
    }

    pub(super) fn put_double(&mut self, double: f64) {
        let before = self.small.len();
        number::put_double(&mut self.small, double);
        self.len += self.small.len() - before;
    }

    /// Text that must stay on one line.
    pub(super) fn put_line(&mut self, line: &str) {
        let before = self.small.len();
        self.put(line.as_bytes());
        for byte in &mut self.small[before..] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
    }

    /// `<type><number>\r\n`.
    fn header(&mut self, kind: u8, number: impl itoa::Integer) {
        self.put(&[kind]);
        self.put(itoa::Buffer::new().format(number).as_bytes());
        self.put(b"\r\n");
    }

    fn bulk(&mut self, bytes: &Bytes) {
        self.header(b'$', bytes.len());
        self.put_shared(bytes);
        self.put(b"\r\n");
    }

    fn small_bulk(&mut self, bytes: &[u8]) {
        self.header(b'$', bytes.len());
        self.put(bytes);
        self.put(b"\r\n");
    }

    fn resp(&mut self, reply: &Reply, resp3: bool) {
        let aggregate = |kind: u8| if resp3 { kind } else { b'*' };
        match reply {
            Reply::Ok => self.put(b"+OK\r\n"),
            Reply::Simple(line) => self.line(b'+', line),
            Reply::Error(line) => self.line(b'-', line),
            Reply::Integer(number) => self.header(b':', *number),
            Reply::Bulk(bytes) => self.bulk(bytes),
            Reply::Chunks(chunks) => self.chunks(chunks),
            Reply::Null | Reply::NullArray if resp3 => self.put(b"_\r\n"),
            Reply::Null => self.put(b"$-1\r\n"),
            Reply::NullArray => self.put(b"*-1\r\n"),
            Reply::Array(items) => self.items(b'*', items, resp3),
            Reply::Strings(strings) => self.strings(strings, resp3),
            Reply::Set(items) => self.items(aggregate(b'~'), items, resp3),
            Reply::Push(items) => self.items(aggregate(b'>'), items, resp3),
            Reply::Map(pairs) => {
                self.header(aggregate(b'%'), if resp3 { pairs.len() } else { pairs.len() * 2 });
                for (key, value) in pairs {
                    self.resp(key, resp3);
                    self.resp(value, resp3);
                }
            }
            Reply::Pairs(pairs) => {
                self.header(b'*', if resp3 { pairs.len() } else { pairs.len() * 2 });
                for (first, second) in pairs {
                    if resp3 {
                        self.header(b'*', 2);
                    }
                    self.resp(first, resp3);
                    self.resp(second, resp3);
                }
            }
            Reply::Table(pairs) => {
                self.header(aggregate(b'%'), pairs.len());
                for (key, value) in pairs {
                    if !resp3 {
                        self.header(b'*', 2);
                    }
                    self.resp(key, resp3);
                    self.resp(value, resp3);
                }
            }
            Reply::Double(double) => self.double(*double, resp3),
            Reply::Decimal(text) if resp3 => self.line(b',', text),
            Reply::Decimal(text) => self.small_bulk(text.as_bytes()),
            Reply::Boolean(yes) if resp3 => self.put(if *yes { b"#t\r\n" } else { b"#f\r\n" }),
            Reply::Boolean(yes) => self.header(b':', u8::from(*yes)),
            Reply::BigNumber(digits) if resp3 => self.line(b'(', digits),
            Reply::BigNumber(digits) => self.small_bulk(digits.as_bytes()),
            Reply::Verbatim(format, bytes) if resp3 => {
                self.header(b'=', format.len() + 1 + bytes.len());
                self.put(format.as_bytes());
                self.put(b":");
                self.put_shared(bytes);
                self.put(b"\r\n");
            }
            Reply::Verbatim(_, bytes) => self.bulk(bytes),
            Reply::Attributes(pairs) if resp3 => {
                self.header(b'|', pairs.len());
                for (key, value) in pairs {
                    self.resp(key, resp3);
                    self.resp(value, resp3);
                }
            }
            Reply::Attributes(_) => {}
            Reply::Sequence(replies) => replies.iter().for_each(|reply| self.resp(reply, resp3)),
            Reply::Silence => {}
        }
    }

    fn line(&mut self, kind: u8, line: &str) {
        self.put(&[kind]);
        self.put_line(line);
        self.put(b"\r\n");
    }

    fn chunks(&mut self, chunks: &[Bytes]) {
        self.header(b'$', chunks.iter().map(Bytes::len).sum::<usize>());
        chunks.iter().for_each(|chunk| self.put_shared(chunk));
        self.put(b"\r\n");
    }

    fn items(&mut self, kind: u8, items: &[Reply], resp3: bool) {
        self.header(kind, items.len());
        items.iter().for_each(|item| self.resp(item, resp3));
    }

    fn strings(&mut self, strings: &Strings, resp3: bool) {
        let (kind, count) = match strings.shape() {
            Shape::Map if resp3 => (b'%', strings.len() / 2),
            Shape::Set if resp3 => (b'~', strings.len()),
            _ => (b'*', strings.len()),
        };
        self.header(kind, count);
        self.put_shared(strings.encoded());
    }

    fn double(&mut self, double: f64, resp3: bool) {
        if resp3 {
            self.put(b",");
            self.put_double(double);
            self.put(b"\r\n");
        } else {
            let mut text = Vec::with_capacity(32);
            number::put_double(&mut text, double);
            self.small_bulk(&text);
        }
    }
}

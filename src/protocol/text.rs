//! The dialect of the text port: plain lines, for people with telnet and for shell scripts.
//!
//! | reply | looks like |
//! |---|---|
//! | status, bulk string, number | itself, bare, and a newline; a bulk string is not quoted |
//! | error | `ERROR: ` and the text, without the code if that is the generic `ERR` |
//! | nothing there | `(nil)` |
//! | array, set, push message | an element per line, those inside each other too; `(empty)` if there are none |
//! | map, pairs | `key: value` per line; a value of several lines stands below its key |
//! | boolean | `true` or `false` |
//!
//! Lines end with `\n` alone, which telnet shows well and which leaves nothing behind in a script's
//! variables.

use super::reply::Reply;
use super::write::ReplyBuffer;

/// Appends a reply.
pub fn write(out: &mut ReplyBuffer, reply: &Reply) {
    match reply {
        Reply::Strings(strings) => return write(out, &strings.unpacked()),
        Reply::Silence | Reply::Attributes(_) => return,
        Reply::Sequence(replies) => return replies.iter().for_each(|reply| write(out, reply)),
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) if !items.is_empty() => {
            return items.iter().for_each(|item| write(out, item));
        }
        Reply::Map(pairs) | Reply::Pairs(pairs) | Reply::Table(pairs) if !pairs.is_empty() => {
            return pairs.iter().for_each(|(key, value)| pair(out, key, value));
        }
        scalar => put_scalar(out, scalar),
    }
    out.put(b"\n");
}

fn pair(out: &mut ReplyBuffer, key: &Reply, value: &Reply) {
    put_scalar(out, key);
    let is_long = match value {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => !items.is_empty(),
        Reply::Map(pairs) | Reply::Pairs(pairs) | Reply::Table(pairs) => !pairs.is_empty(),
        _ => false,
    };
    out.put(if is_long { b":\n" } else { b": " });
    write(out, value);
}

fn put_scalar(out: &mut ReplyBuffer, reply: &Reply) {
    match reply {
        Reply::Ok => out.put(b"OK"),
        Reply::Simple(line) => out.put_line(line),
        Reply::Error(line) => {
            out.put(b"ERROR: ");
            out.put_line(line.strip_prefix("ERR ").unwrap_or(line));
        }
        Reply::Integer(number) => out.put(itoa::Buffer::new().format(*number).as_bytes()),
        Reply::Bulk(bytes) | Reply::Verbatim(_, bytes) => out.put_shared(bytes),
        Reply::Chunks(chunks) => chunks.iter().for_each(|chunk| out.put_shared(chunk)),
        Reply::Null | Reply::NullArray => out.put(b"(nil)"),
        Reply::Decimal(text) => out.put(text.as_bytes()),
        Reply::Double(double) => out.put_double(*double),
        Reply::Boolean(yes) => out.put(if *yes { b"true" } else { b"false" }),
        Reply::BigNumber(digits) => out.put_line(digits),
        // Only empty ones come here, and keys of maps, which no command makes an aggregate.
        Reply::Array(_)
        | Reply::Set(_)
        | Reply::Push(_)
        | Reply::Map(_)
        | Reply::Pairs(_)
        | Reply::Table(_) => {
            out.put(b"(empty)");
        }
        // They never come here either: strings are unpacked before.
        Reply::Attributes(_) | Reply::Sequence(_) | Reply::Strings(_) | Reply::Silence => {}
    }
}

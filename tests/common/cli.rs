//! Replies as redis-cli prints them on a terminal.

use super::resp::read_reply;
use diskdb::protocol::Reply;
use diskdb::protocol::write::ReplyBuffer;
use diskdb::session::Dialect;

/// A reply of ours as redis-cli prints it, after it went over the wire in a dialect.
///
/// # Panics
/// When what was written is not one reply.
pub fn print(reply: &Reply, dialect: Dialect) -> String {
    let wire = written(reply, dialect);
    if wire.is_empty() {
        return String::new();
    }
    let mut rest = wire.as_slice();
    let delivered = read_reply(&mut rest).expect("a reply on the wire");
    assert!(rest.is_empty(), "more than a reply on the wire: {rest:?}");
    print_delivered(&delivered)
}

/// What goes over the wire.
pub fn written(reply: &Reply, dialect: Dialect) -> Vec<u8> {
    let mut buffer = ReplyBuffer::new();
    buffer.write(reply, dialect);
    let mut wire = Vec::with_capacity(buffer.len());
    while !buffer.is_empty() {
        let chunk = buffer.chunk();
        wire.extend_from_slice(chunk);
        let written = chunk.len();
        buffer.advance(written);
    }
    wire
}

/// A reply that came over the wire, as redis-cli prints it.
pub fn print_delivered(reply: &Reply) -> String {
    let mut out = String::new();
    format(reply, "", &mut out);
    out.truncate(out.trim_end_matches('\n').len());
    out
}

fn format(reply: &Reply, prefix: &str, out: &mut String) {
    match reply {
        Reply::Ok => out.push_str("OK"),
        Reply::Simple(text) => out.push_str(text),
        Reply::Error(text) => *out += &format!("(error) {text}"),
        Reply::Integer(number) => *out += &format!("(integer) {number}"),
        Reply::Double(number) => *out += &format!("(double) {number}"),
        Reply::Decimal(text) => *out += &format!("(double) {text}"),
        Reply::Boolean(yes) => *out += &format!("({yes})"),
        Reply::BigNumber(digits) => *out += &format!("(big number) {digits}"),
        Reply::Bulk(bytes) => quote(bytes, out),
        Reply::Chunks(pieces) => quote(&pieces.concat(), out),
        Reply::Verbatim(_, text) => out.push_str(&String::from_utf8_lossy(text)),
        Reply::Null | Reply::NullArray => out.push_str("(nil)"),
        Reply::Array(items) => return format_items(items, ("array", ')'), prefix, out),
        Reply::Set(items) => return format_items(items, ("set", '~'), prefix, out),
        Reply::Push(items) => return format_items(items, ("push", '>'), prefix, out),
        Reply::Strings(strings) => return format(&strings.unpacked(), prefix, out),
        Reply::Map(pairs) => return format_map(pairs, prefix, out),
        // Over the wire they are arrays.
        Reply::Pairs(_) | Reply::Table(_) => return,
        // redis-cli shows attributes of no reply, and pushed messages apart from it.
        Reply::Attributes(_) => return,
        Reply::Sequence(replies) => return replies.iter().for_each(|reply| format(reply, prefix, out)),
        Reply::Silence => return,
    }
    out.push('\n');
}

fn format_items(items: &[Reply], (name, separator): (&str, char), prefix: &str, out: &mut String) {
    if items.is_empty() {
        *out += &format!("(empty {name})\n");
    }
    let width = items.len().to_string().len();
    let deeper = format!("{prefix}{}", " ".repeat(width + 2));
    for (index, item) in items.iter().enumerate() {
        *out += &format!("{}{:>width$}{separator} ", if index == 0 { "" } else { prefix }, index + 1);
        format(item, &deeper, out);
    }
}

fn format_map(pairs: &[(Reply, Reply)], prefix: &str, out: &mut String) {
    if pairs.is_empty() {
        out.push_str("(empty hash)\n");
    }
    let width = pairs.len().to_string().len();
    let deeper = format!("{prefix}{}", " ".repeat(width + 2));
    for (index, (key, value)) in pairs.iter().enumerate() {
        *out += &format!("{}{:>width$}# ", if index == 0 { "" } else { prefix }, index + 1);
        format(key, &deeper, out);
        if out.ends_with('\n') {
            out.pop();
        }
        out.push_str(" => ");
        if is_nested(value) {
            *out += &format!("\n{deeper}");
        }
        format(value, &deeper, out);
    }
}

/// Whether a value in a map begins on a line of its own.
fn is_nested(value: &Reply) -> bool {
    match value {
        Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => !items.is_empty(),
        Reply::Map(pairs) => !pairs.is_empty(),
        _ => false,
    }
}

fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    for byte in bytes {
        match byte {
            b'\\' | b'"' => *out += &format!("\\{}", *byte as char),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            7 => out.push_str("\\a"),
            8 => out.push_str("\\b"),
            b' '..=b'~' => out.push(*byte as char),
            byte => *out += &format!("\\x{byte:02x}"),
        }
    }
    out.push('"');
}

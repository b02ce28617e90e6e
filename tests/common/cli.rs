//! The words of a line as redis-cli reads them, and replies as it prints them on a terminal.

use bytes::Bytes;
use diskdb::protocol::Reply;
use diskdb::session::Dialect;

/// The words of a line: `plain`, `"with \x00 \n escapes"`, `'as it stands, but for \''`.
pub fn split(line: &str) -> Result<Vec<Bytes>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii().as_bytes();
    while !rest.is_empty() {
        let mut word = Vec::new();
        while let Some((&byte, tail)) = rest.split_first() {
            match byte {
                b' ' | b'\t' => break,
                b'"' => rest = double_quoted(tail, &mut word)?,
                b'\'' => rest = single_quoted(tail, &mut word)?,
                byte => {
                    word.push(byte);
                    rest = tail;
                }
            }
        }
        words.push(Bytes::from(word));
        rest = rest.trim_ascii_start();
    }
    Ok(words)
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    loop {
        match rest {
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).map_err(|error| error.to_string())?;
                word.push(u8::from_str_radix(digits, 16).map_err(|error| error.to_string())?);
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = tail;
            }
            [b'"', tail @ ..] => return Ok(tail),
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
            [] => return Err("unbalanced quotes".into()),
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], String> {
    loop {
        match rest {
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                rest = tail;
            }
            [b'\'', tail @ ..] => return Ok(tail),
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
            [] => return Err("unbalanced quotes".into()),
        }
    }
}

/// A reply as redis-cli prints it, after it went through the dialect.
pub fn print(reply: &Reply, dialect: Dialect) -> String {
    let mut out = String::new();
    format(&delivered(reply, dialect), "", &mut out);
    out.truncate(out.trim_end_matches('\n').len());
    out
}

/// What is left of a reply in a dialect: RESP2 has neither maps nor doubles.
pub fn delivered(reply: &Reply, dialect: Dialect) -> Reply {
    let resp3 = dialect == Dialect::Resp3;
    let all =
        |replies: &[Reply]| replies.iter().map(|reply| delivered(reply, dialect)).collect::<Vec<Reply>>();
    match reply {
        Reply::Ok => Reply::Simple("OK".into()),
        Reply::Chunks(pieces) => Reply::Bulk(pieces.concat().into()),
        Reply::NullArray => Reply::Null,
        Reply::Array(items) => Reply::Array(all(items)),
        Reply::Set(items) if resp3 => Reply::Set(all(items)),
        Reply::Push(items) if resp3 => Reply::Push(all(items)),
        Reply::Set(items) | Reply::Push(items) => Reply::Array(all(items)),
        Reply::Map(pairs) if resp3 => Reply::Map(
            pairs.iter().map(|(key, value)| (delivered(key, dialect), delivered(value, dialect))).collect(),
        ),
        Reply::Map(pairs) => {
            let flat = pairs.iter().flat_map(|(key, value)| [key, value]);
            Reply::Array(flat.map(|reply| delivered(reply, dialect)).collect())
        }
        Reply::Double(number) if !resp3 => Reply::Bulk(double(*number).into()),
        Reply::Boolean(yes) if !resp3 => Reply::Integer((*yes).into()),
        Reply::BigNumber(digits) if !resp3 => Reply::Bulk(digits.clone().into()),
        Reply::Verbatim(_, text) if !resp3 => Reply::Bulk(text.clone()),
        reply => reply.clone(),
    }
}

/// A double as the protocol writes it: the shortest text that reads back as the same number.
pub fn double(number: f64) -> String {
    if number.is_nan() {
        "nan".into()
    } else if number.is_infinite() {
        if number > 0.0 { "inf".into() } else { "-inf".into() }
    } else {
        number.to_string()
    }
}

fn format(reply: &Reply, prefix: &str, out: &mut String) {
    match reply {
        Reply::Ok => out.push_str("OK"),
        Reply::Simple(text) => out.push_str(text),
        Reply::Error(text) => *out += &format!("(error) {text}"),
        Reply::Integer(number) => *out += &format!("(integer) {number}"),
        Reply::Double(number) => *out += &format!("(double) {}", double(*number)),
        Reply::Boolean(yes) => *out += &format!("({yes})"),
        Reply::BigNumber(digits) => *out += &format!("(big number) {digits}"),
        Reply::Bulk(bytes) => quote(bytes, out),
        Reply::Chunks(pieces) => quote(&pieces.concat(), out),
        Reply::Verbatim(_, text) => out.push_str(&String::from_utf8_lossy(text)),
        Reply::Null | Reply::NullArray => out.push_str("(nil)"),
        Reply::Array(items) => return format_items(items, ("array", ')'), prefix, out),
        Reply::Set(items) => return format_items(items, ("set", '~'), prefix, out),
        Reply::Push(items) => return format_items(items, ("push", '>'), prefix, out),
        Reply::Map(pairs) => return format_map(pairs, prefix, out),
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

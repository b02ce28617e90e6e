//! Words on a line, with quotes: inline requests, `diskdb.conf`, and what `redis-cli` reads.
//!
//! Blanks part words. `"..."` takes `\n \r \t \b \a`, `\xHH`, and `\` before any other byte for that
//! byte; `'...'` takes `\'` only. A closing quote ends the word: a blank or the end of the line must
//! follow. A quote may open in the middle of a word.

use bytes::Bytes;
use smallvec::SmallVec;

/// What C calls white space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Parts a line into words; none if a quote is not closed or something sticks to its end. Words
/// without quotes are slices of `line`.
pub fn split(line: &Bytes) -> Option<SmallVec<[Bytes; 4]>> {
    let mut words = SmallVec::new();
    let mut at = 0;
    loop {
        at += line[at..].iter().take_while(|byte| is_space(**byte)).count();
        if at == line.len() {
            return Some(words);
        }
        let plain =
            line[at..].iter().position(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b'"' | b'\''));
        let end = plain.map_or(line.len(), |offset| at + offset);
        if matches!(line.get(end), Some(b'"' | b'\'')) {
            let mut word = line[at..end].to_vec();
            at = quoted(line, end, &mut word)?;
            words.push(word.into());
        } else {
            words.push(line.slice(at..end));
            at = end;
        }
    }
}

/// Reads the rest of a word from the quote at `at` on; returns where the word ends.
fn quoted(line: &[u8], at: usize, word: &mut Vec<u8>) -> Option<usize> {
    let quote = line[at];
    let mut at = at + 1;
    loop {
        let byte = *line.get(at)?;
        let rest = &line[at + 1..];
        at += 1;
        if byte == quote {
            return rest.first().is_none_or(|next| is_space(*next)).then_some(at);
        }
        if byte != b'\\' {
            word.push(byte);
        } else if quote == b'"' {
            let (unescaped, taken) = escape(rest)?;
            word.push(unescaped);
            at += taken;
        } else if rest.first() == Some(&b'\'') {
            word.push(b'\'');
            at += 1;
        } else {
            word.push(b'\\');
        }
    }
}

/// The byte that the escape after a `\` stands for, and how long the escape is.
fn escape(rest: &[u8]) -> Option<(u8, usize)> {
    if let [b'x', high, low, ..] = rest
        && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
    {
        return Some(((high << 4 | low) as u8, 3));
    }
    let byte = match *rest.first()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    };
    Some((byte, 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(line: &'static str) -> Option<Vec<Bytes>> {
        split(&Bytes::from_static(line.as_bytes())).map(SmallVec::into_vec)
    }

    #[test]
    fn quotes() {
        for (line, expected) in [
            ("", vec![]),
            (" \t ", vec![]),
            ("PING", vec!["PING"]),
            (" a  b\t", vec!["a", "b"]),
            (r#"a"b c""#, vec!["ab c"]),
            (r#""" ''"#, vec!["", ""]),
            (r#""a\x41\n\q\"" x"#, vec!["aA\nq\"", "x"]),
            (r#""\xg1\x4""#, vec!["xg1x4"]),
            (r#"'a\'b\n'"#, vec![r"a'b\n"]),
            ("\x0bfoo\x0cbar", vec!["foo\x0cbar"]),
        ] {
            let expected: Vec<Bytes> = expected.into_iter().map(Bytes::from).collect();
            assert_eq!(words(line), Some(expected), "{line:?}");
        }
        for line in [r#"""#, r#""abc"#, r#""a"b"#, r#"'a"#, r#"'a'b'"#, r#""abc\"#, r#"a'"#] {
            assert_eq!(words(line), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(line: Vec<u8>) {
            let _ = split(&line.into());
        }

        #[test]
        fn quoting_round_trips(expected: Vec<Vec<u8>>) {
            let mut line = String::new();
            for word in &expected {
                line += " \"";
                word.iter().for_each(|byte| line += &format!("\\x{byte:02x}"));
                line += "\"";
            }
            let words = split(&line.into()).unwrap();
            prop_assert_eq!(words.iter().map(|word| word.to_vec()).collect::<Vec<_>>(), expected);
        }
    }
}

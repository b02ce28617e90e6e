//! The words of a line of a conf file: blanks between them, quotes around those that have blanks.

use bytes::Bytes;
use std::fmt::Write as _;

/// Splits a line into words, see [`crate::words::split`]. None also when the words are not UTF-8.
pub fn split(line: &str) -> Option<Vec<String>> {
    let words = crate::words::split(&Bytes::copy_from_slice(line.as_bytes()))?;
    words.into_iter().map(|word| String::from_utf8(word.into()).ok()).collect()
}

/// The word in double quotes, with escapes where needed.
pub fn quote(word: &str) -> String {
    let mut quoted = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            control if control.is_ascii_control() => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\x{:02x}", control as u32);
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

/// The word as it can stand in a conf file: in quotes when it would be read differently without.
pub fn quote_if_needed(word: &str) -> String {
    let plain =
        |character: char| character.is_ascii_graphic() && !matches!(character, '"' | '\'' | '\\' | '#');
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { quote(word) }
}

/// The words as one line that [`split`] reads back; `""` for none.
pub fn join(words: &[String]) -> String {
    if words.is_empty() {
        return "\"\"".into();
    }
    words.iter().map(|word| quote_if_needed(word)).collect::<Vec<_>>().join(" ")
}

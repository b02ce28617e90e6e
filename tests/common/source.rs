//! The program's own source, for the tests that hold it to the rules of the house.

#![allow(dead_code)] // each test uses a part of it

use std::path::{Path, PathBuf};

/// A file of `src/`.
pub struct SourceFile {
    /// Relative to `src/`, with `/`.
    pub path: String,
    /// The text with comments, strings, characters and test modules blanked out; line for line as
    /// in the file.
    pub code: String,
}

impl SourceFile {
    /// The path of modules from the root of the crate: `commands`, `server`, `info`.
    pub fn modules(&self) -> Vec<&str> {
        let path = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let mut modules: Vec<&str> = path.split('/').collect();
        if matches!(modules.last(), Some(&("mod" | "lib" | "main"))) {
            modules.pop();
        }
        modules
    }

    /// The number, from 1, of the line that the byte is on.
    pub fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

/// Every file of `src/` but those that are compiled for tests alone.
pub fn files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut for_tests = Vec::new();
    for path in paths(&root) {
        let text = std::fs::read_to_string(&path).unwrap();
        let relative = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let code = without_tests(&blanked(&text));
        for_tests.extend(test_files(&path, &blanked(&text)));
        files.push((path, SourceFile { path: relative, code }));
    }
    files.retain(|(path, _)| !for_tests.contains(path));
    assert!(files.len() > 50, "the source has moved");
    files.into_iter().map(|(_, file)| file).collect()
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            paths.extend(self::paths(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
    paths.sort();
    paths
}

/// The files of the modules that a file declares for tests alone.
fn test_files(path: &Path, code: &str) -> Vec<PathBuf> {
    let folder = match path.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    let declared = code.split("#[cfg(test)]").skip(1).filter_map(|after| {
        let after = after.trim_start().trim_start_matches("pub ").strip_prefix("mod ")?;
        let name: String = after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        after[name.len()..].starts_with(';').then_some(name)
    });
    declared.map(|name| folder.join(format!("{name}.rs"))).collect()
}

/// The text with comments, strings and characters turned to blanks.
pub fn blanked(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code: Vec<u8> = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = literal_length(&bytes[at..], code.last().copied());
        if length == 0 {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.extend(bytes[at..at + length].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            at += length;
        }
    }
    String::from_utf8(code).unwrap()
}

/// How long the comment, string or character is that begins here; 0 if none does.
fn literal_length(rest: &[u8], before: Option<u8>) -> usize {
    let in_name = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match rest {
        [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment_length(rest),
        [b'"', ..] => quoted_length(rest),
        [b'r', b'"' | b'#', ..] if !in_name => raw_length(rest),
        [b'b', b'r', b'"' | b'#', ..] if !in_name => 1 + raw_length(&rest[1..]),
        [b'\'', b'\\', _, more @ ..] => {
            3 + more.iter().position(|byte| *byte == b'\'').map_or(0, |at| at + 1)
        }
        [b'\'', ..] => {
            // A character, unless it is a lifetime: then no quote follows the one character.
            let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
            let valid = text.map_or_else(|error| error.valid_up_to(), str::len);
            let text = std::str::from_utf8(&rest[1..1 + valid]).unwrap();
            let character = text.chars().next().map_or(0, char::len_utf8);
            if rest.get(1 + character) == Some(&b'\'') { 2 + character } else { 0 }
        }
        _ => 0,
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted_length(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    rest.len()
}

fn raw_length(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0; // r#name
    }
    let end = format!("\"{}", "#".repeat(hashes)).into_bytes();
    let from = 2 + hashes;
    rest[from..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(rest.len(), |at| from + at + end.len())
}

/// The code with `#[cfg(test)] mod ... { ... }` turned to blank lines.
fn without_tests(code: &str) -> String {
    let mut kept = String::new();
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept += &rest[..at];
        rest = &rest[at..];
        let (Some(open), semicolon) = (rest.find('{'), rest.find(';').unwrap_or(usize::MAX)) else { break };
        let end = if open < semicolon { block_end(rest, open) } else { semicolon + 1 };
        kept.extend(rest[..end].chars().filter(|character| *character == '\n'));
        rest = &rest[end..];
    }
    kept + rest
}

/// Where the block that opens at `open` has ended.
pub fn block_end(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

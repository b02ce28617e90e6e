//! The rules of the house that a machine can check: how long functions and files are, and where
//! threads are started.

#[path = "common/source.rs"]
mod source;

use source::{SourceFile, block_end, files};

const MAX_FUNCTION_LINES: usize = 70;
const MAX_FILE_LINES: usize = 800;

/// Who may start threads; everybody else hands work to them.
const THREAD_PLACES: &[&str] = &["server/", "cli/signals.rs", "instance/background.rs", "instance/saves.rs"];

/// The functions of a file: name, line, and how many lines they are.
fn functions(file: &SourceFile) -> Vec<(String, usize, usize)> {
    let code = &file.code;
    let mut functions = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|character| character.is_alphanumeric() || character == '_') {
            continue;
        }
        let name: String = code[at + 3..]
            .chars()
            .take_while(|character| character.is_alphanumeric() || *character == '_')
            .collect();
        if name.is_empty() {
            continue;
        }
        // A declaration ends at a semicolon; the one in `[u8; 4]` is inside brackets.
        let mut brackets = 0i32;
        let end = code[at..].char_indices().find_map(|(index, character)| {
            match character {
                '[' | '(' => brackets += 1,
                ']' | ')' => brackets -= 1,
                '{' if brackets == 0 => return Some(Some(at + index)),
                ';' if brackets == 0 => return Some(None),
                _ => {}
            }
            None
        });
        if let Some(Some(open)) = end {
            let lines = code[at..block_end(code, open)].lines().count();
            functions.push((name, file.line_of(at), lines));
        }
    }
    functions
}

#[test]
fn functions_and_files_can_be_read_at_a_sitting() {
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files() {
        let lines = file.code.trim_end().lines().count();
        // Test modules stand at the end, and were blanked.
        if lines > MAX_FILE_LINES {
            wrong.push(format!("src/{}: {lines} lines, {MAX_FILE_LINES} are allowed", file.path));
        }
        for (name, line, lines) in functions(&file) {
            seen += 1;
            if lines > MAX_FUNCTION_LINES {
                wrong.push(format!(
                    "src/{}:{line}: fn {name} has {lines} lines, {MAX_FUNCTION_LINES} are allowed",
                    file.path
                ));
            }
        }
    }
    assert!(seen > 500, "only {seen} functions were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn threads_are_started_where_they_are_looked_after() {
    let mut wrong = Vec::new();
    for file in files() {
        if !THREAD_PLACES.iter().any(|place| file.path.starts_with(place))
            && let Some(at) = file.code.find("thread::Builder")
        {
            wrong.push(format!("src/{}:{}", file.path, file.line_of(at)));
        }
    }
    assert!(wrong.is_empty(), "threads are started where nobody expects them:\n{}", wrong.join("\n"));
}

#[test]
fn the_reader_counts_the_lines_of_functions() {
    let code = "trait T { fn declared(&self) -> [u8; 4]; }\nfn one() {}\nfn three(x: [u8; 2]) {\n{}\n}\n\
                type F = fn (u8); const x_fn: u8;";
    let file = SourceFile { path: "x.rs".into(), code: code.into() };
    assert_eq!(functions(&file), [("one".to_owned(), 2, 1), ("three".to_owned(), 3, 3)]);
}

/// A directive that nothing reads says so; the user would wait for its effect in vain.
#[test]
fn directives_without_effect_are_marked() {
    use diskdb::config::{DIRECTIVES, Flag};
    let outside: Vec<SourceFile> =
        files().into_iter().filter(|file| !file.path.starts_with("config/table/")).collect();
    let is_read = |field: &str| {
        outside.iter().any(|file| {
            let path = format!(".{field}");
            file.code.match_indices(&path).any(|(at, _)| {
                let next = file.code[at + path.len()..].chars().next();
                !next.is_some_and(|character| character.is_alphanumeric() || character == '_')
            })
        })
    };
    let unread: Vec<&str> = DIRECTIVES
        .iter()
        .filter(|directive| !directive.is(Flag::NoEffect) && !is_read(&directive.name.replace('-', "_")))
        .map(|directive| directive.name)
        .collect();
    assert!(unread.is_empty(), "nothing reads {unread:?}: mark them NoEffect until something does");
}

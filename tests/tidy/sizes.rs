//! Sizes: files, functions, lines; tabs and trailing blanks.

use crate::tree::{self, File};

const FILE_MAX_LINES: usize = 500;
const FUNCTION_MAX_LINES: usize = 70;
const LINE_MAX_CHARS: usize = 100;

/// Hand-written code of every language here.
const CODE: &[&str] = &[".rs", ".py", ".ts", ".svelte", ".mjs", ".js", ".css"];

fn all_code() -> Vec<File> {
    tree::files(&["src", "crates", "xtask", "tests", "web", "build.rs"], CODE)
}

#[test]
fn files_are_short() {
    let mut broken = Vec::new();
    for file in all_code().iter().filter(|file| !is_generated(file)) {
        let lines = file.text.lines().count();
        if lines > FILE_MAX_LINES {
            broken.push(format!("{}: {lines} lines", file.path));
        }
    }
    tree::nothing("a file has at most 500 lines", &broken);
}

/// The types of the API are made from the OpenAPI document by `npm run types`.
fn is_generated(file: &File) -> bool {
    file.path.starts_with("web/") && file.text.starts_with("// Written by `npm run types`")
}

#[test]
fn rust_lines_are_short() {
    let mut broken = Vec::new();
    for file in tree::rust() {
        for (number, line) in file.text.lines().enumerate() {
            let chars = line.chars().count();
            if chars > LINE_MAX_CHARS && !is_unbreakable(line) {
                broken.push(format!("{}:{}: {chars} columns", file.path, number + 1));
            }
        }
    }
    tree::nothing("a line has at most 100 columns", &broken);
}

/// One string literal or one address alone on its line cannot be shortened without changing it.
fn is_unbreakable(line: &str) -> bool {
    let line = line.trim();
    let is_literal = line.contains('"') && !line.contains(' ');
    let is_address = line.starts_with("//") && line.contains("https://");
    let is_message = line.starts_with("#[error(\"") || line.starts_with('"');
    is_literal || is_address || is_message
}

#[test]
fn functions_are_short() {
    let mut broken = Vec::new();
    for file in tree::rust() {
        for (line, name, length) in functions(&tree::code(&file.text)) {
            if length > FUNCTION_MAX_LINES {
                broken.push(format!("{}:{line}: `{name}` has {length} lines", file.path));
            }
        }
    }
    tree::nothing("a function has at most 70 lines of code in its body", &broken);
}

/// Line, name and length of the body (without blank lines) of every function.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let name: String =
            code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(body) = body(&code[at..]).filter(|_| !name.is_empty()) else { continue };
        let length = body.lines().filter(|line| !line.trim().is_empty()).count();
        found.push((code[..at].matches('\n').count() + 1, name, length));
    }
    found
}

/// The text between the braces of the function that begins here; `None` if it has no body.
fn body(code: &str) -> Option<&str> {
    let mut brackets = 0_i32;
    let open = code.char_indices().find(|(_, c)| {
        brackets += i32::from(matches!(c, '(' | '[')) - i32::from(matches!(c, ')' | ']'));
        brackets == 0 && matches!(c, '{' | ';')
    });
    let (open, _) = open.filter(|(_, c)| *c == '{')?;
    let mut depth = 0_i32;
    let close = code[open..].char_indices().find(|(_, c)| {
        depth += i32::from(*c == '{') - i32::from(*c == '}');
        depth == 0
    });
    close.map(|(length, _)| &code[open + 1..open + length])
}

#[test]
fn the_scanner_of_functions_sees_bodies() {
    let code = "trait A { fn none(&self) -> [u8; 3]; }\nimpl A {\n  fn one(x: [u8; 2]) -> u8 {\n\
        \n    if x { 1 } else { 2 }\n  }\n}\nconst fn two() {}\nlet f: fn(u8) = g;\n";
    let found = functions(code);
    assert_eq!(found, [(3, "one".to_owned(), 1), (8, "two".to_owned(), 0)]);
}

#[test]
fn no_tabs_no_trailing_blanks_one_newline_at_the_end() {
    let text = &[".toml", ".md", ".html", ".yml", ".yaml", "LICENSE-MIT", "LICENSE-APACHE"];
    let below = &["src", "crates", "xtask", "tests", "web", "docs", "jobs"];
    let mut broken = Vec::new();
    let mut files = tree::files(below, &[CODE, text].concat());
    files.extend(tree::files(&["build.rs", "Cargo.toml", "README.md", "ARCHITECTURE.md"], &[""]));
    for file in files.iter().filter(|file| !file.path.starts_with("tests/fixtures/")) {
        for (number, line) in file.text.lines().enumerate() {
            if line.contains('\t') || line.ends_with(' ') {
                broken.push(format!("{}:{}: tab or trailing blank", file.path, number + 1));
            }
        }
        if !file.text.is_empty() && (!file.text.ends_with('\n') || file.text.ends_with("\n\n")) {
            broken.push(format!("{}: does not end with one newline", file.path));
        }
    }
    tree::nothing("no tabs, no trailing blanks", &broken);
}

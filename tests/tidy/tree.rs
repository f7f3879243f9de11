//! The repository's own files, and Rust code without its comments and strings.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nothing written by hand.
const MADE: &[&str] = &["target", "node_modules", "dist", ".git", "__pycache__"];

/// One text file of the repository.
pub(crate) struct File {
    /// Path from the root, with `/`.
    pub(crate) path: String,
    /// What is in it.
    pub(crate) text: String,
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file by its path; missing is a failure.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("`{path}`: {error}"))
}

/// Every text file below these folders (or the root itself, `""`) whose name ends so.
pub(crate) fn files(below: &[&str], endings: &[&str]) -> Vec<File> {
    let mut paths = Vec::new();
    for dir in below {
        walk(&root().join(dir), &mut paths);
    }
    let mut found: Vec<File> = paths
        .into_iter()
        .filter(|path| endings.iter().any(|end| path.to_string_lossy().ends_with(end)))
        .filter_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            let path = path.strip_prefix(root()).ok()?.to_string_lossy().replace('\\', "/");
            Some(File { path, text })
        })
        .collect();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// All Rust code.
pub(crate) fn rust() -> Vec<File> {
    let mut found = files(&["src", "crates", "xtask/src", "tests"], &[".rs"]);
    found.extend(files(&["build.rs"], &[".rs"]));
    assert!(found.len() > 20, "only {} Rust files were found", found.len());
    found
}

fn walk(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_file() {
        found.push(path.to_path_buf());
    }
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten() {
        let is_made = MADE.iter().any(|made| entry.file_name() == *made);
        let kind = entry.file_type().expect("a listed entry has a type");
        if kind.is_dir() && !is_made {
            walk(&entry.path(), found);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
}

/// Fails with the list, unless it is empty.
pub(crate) fn nothing(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n{}\n", broken.join("\n"));
}

/// Rust code with comments, strings and character literals blanked out, line for line.
pub(crate) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = at + blank_len(&bytes[at..], at.checked_sub(1).map(|before| bytes[before]));
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            out.extend(bytes[at..end].iter().map(|&b| if b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Length of the comment or literal that begins here; 0 if none does.
fn blank_len(rest: &[u8], before: Option<u8>) -> usize {
    let in_word = before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_');
    match rest {
        [b'/', b'/', ..] => until(rest, b"\n"),
        [b'/', b'*', ..] => block_comment_len(rest),
        [b'b' | b'c', b'"', ..] if !in_word => 1 + string_len(&rest[1..]),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !in_word => 1 + raw_len(&rest[1..]),
        [b'r', b'"' | b'#', ..] if !in_word => raw_len(rest),
        [b'"', ..] => string_len(rest),
        [b'\'', ..] => char_len(rest),
        _ => 0,
    }
}

fn until(rest: &[u8], end: &[u8]) -> usize {
    rest.windows(end.len()).position(|window| window == end).unwrap_or(rest.len())
}

fn block_comment_len(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_len(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// `r"..."`, `r#"..."#`; `r#word` is an identifier.
fn raw_len(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let end = [b"\"", "#".repeat(hashes).as_bytes()].concat();
    let open = hashes + 2;
    (open + until(&rest[open..], &end) + end.len()).min(rest.len())
}

/// A character literal; a lifetime is none.
fn char_len(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        let close = rest.iter().skip(3).position(|&b| b == b'\'');
        return close.map_or(0, |close| close + 4);
    }
    let text = String::from_utf8_lossy(&rest[1..rest.len().min(6)]);
    let Some(first) = text.chars().next() else { return 0 };
    let close = 1 + first.len_utf8();
    if rest.get(close) == Some(&b'\'') { close + 1 } else { 0 }
}

#[test]
fn comments_and_literals_are_blanked() {
    let text = "let a = \"x { \\\" y\"; // fn {\nlet b = '{'; /* { /* } */ { */ fn c<'a>(d: \
        &'a u8) { r#\"}\"#; b'\\''; '\\u{1F600}'; }";
    let code = code(text);
    assert_eq!(code.len(), text.len());
    assert_eq!(code.matches('\n').count(), 1);
    let left: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(left, "let a = ; let b = ; fn c<'a>(d: &'a u8) { ; b ; ; }");
}

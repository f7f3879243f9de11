//! Names in docs: every path and every item path between backticks exists in the tree.
//!
//! Looked at are docs/*.md, the pages at the root except the changelog, and `//!` headers. Code
//! blocks and decision notes are not: notes describe what was.

use std::collections::BTreeSet;
use std::fs;

use crate::tree::{self, File};

/// Pages at the root.
const PAGES: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"];

/// First parts of paths that are checked.
const TOP: &[&str] = &["src", "crates", "tests", "web", "jobs", "docs", "xtask", "examples", ".ci"];

/// Endings of file names that are checked without a folder.
const ENDINGS: &[&str] = &[".rs", ".md", ".toml", ".svelte", ".mjs"];

/// Names that stand for any file, are made at run time, or belong to a user.
const OTHERS: &[&str] =
    &["foo/tests.rs", "foo.rs", "job.toml", "JOB.toml", "web/dist", "web/node_modules"];

/// First parts of item paths that are not ours.
const FOREIGN: &[&str] = &["std", "core", "alloc", "tokio", "serde", "axum"];

/// The text between backticks, line by line, outside of code blocks.
fn spans(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().trim_start_matches("//!").trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (number + 1, span)));
        }
    }
    found
}

/// Texts that name things: pages whole, Rust files by their header.
fn texts() -> Vec<File> {
    let mut found: Vec<File> = tree::files(&["docs"], &[".md"])
        .into_iter()
        .filter(|file| !file.path.starts_with("docs/decisions/"))
        .collect();
    found
        .extend(PAGES.iter().map(|path| File { path: (*path).to_owned(), text: tree::read(path) }));
    found.extend(tree::rust().into_iter().map(|file| {
        let is_header = |line: &&str| line.starts_with("//!") || line.starts_with("#!");
        let text = file.text.lines().take_while(is_header).collect::<Vec<_>>().join("\n");
        File { text, ..file }
    }));
    found
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expanded(path: &str) -> Vec<String> {
    match path.split_once('{').and_then(|(start, rest)| Some((start, rest.split_once('}')?))) {
        Some((start, (choices, end))) => {
            choices.split(',').map(|choice| format!("{start}{}{end}", choice.trim())).collect()
        }
        None => vec![path.to_owned()],
    }
}

/// Everything that a name can mean.
struct Names {
    /// Names of files.
    files: BTreeSet<String>,
    /// Words of code by file, with the modules and types that the file is part of or defines.
    code: Vec<(BTreeSet<String>, BTreeSet<String>)>,
}

impl Names {
    fn new() -> Self {
        let name = |file: File| file.path.rsplit('/').next().unwrap_or_default().to_owned();
        let files = tree::files(&[""], ENDINGS).into_iter().map(name).collect();
        Self { files, code: tree::rust().iter().map(words_and_owners).collect() }
    }

    /// A path from the root or from `folder`, or the name of a file in any folder. A `*` at the end
    /// of a folder means that something in it fits.
    fn has_path(&self, path: &str, folder: &str) -> bool {
        if let Some((start, end)) = path.split_once('*') {
            let (within, start) = start.rsplit_once('/').unwrap_or(("", start));
            let fits = |name: &str| name.starts_with(start) && name.ends_with(end);
            let entries = fs::read_dir(tree::root().join(within)).into_iter().flatten().flatten();
            return entries.into_iter().any(|e| fits(&e.file_name().to_string_lossy()));
        }
        let root = tree::root();
        root.join(path).exists()
            || root.join(folder).join(path).exists()
            || self.files.contains(path)
    }

    /// Each part of `a::b::c` is a word of a file that is part of, or defines, the part before it.
    fn has_item(&self, item: &str) -> bool {
        let parts: Vec<&str> = item.split("::").collect();
        parts.windows(2).all(|pair| {
            let is_it = |(words, owners): &(BTreeSet<String>, BTreeSet<String>)| {
                let child = words.contains(pair[1]) || owners.contains(pair[1]);
                child && owners.contains(pair[0])
            };
            self.code.iter().any(is_it)
        })
    }
}

/// The words of a file, and what contains them: crate, modules, types.
fn words_and_owners(file: &File) -> (BTreeSet<String>, BTreeSet<String>) {
    let code = tree::code(&file.text);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: Vec<&str> = code.split(|c| !is_word(c)).filter(|word| !word.is_empty()).collect();
    let mut owners: BTreeSet<String> = BTreeSet::new();
    for part in file.path.trim_end_matches(".rs").split('/') {
        owners.insert(part.to_owned());
        owners.insert(format!("tagtide_{part}"));
    }
    owners.extend(["crate".to_owned(), "super".to_owned()]);
    if file.path.starts_with("src/") {
        owners.insert("tagtide".to_owned());
    }
    for pair in words.windows(2) {
        if matches!(pair[0], "struct" | "enum" | "trait" | "type" | "mod" | "impl" | "for" | "as") {
            owners.insert(pair[1].to_owned());
        }
    }
    (words.into_iter().map(str::to_owned).collect(), owners)
}

fn is_item(span: &str) -> bool {
    let is_part = |part: &str| {
        part.chars().all(|c| c.is_alphanumeric() || c == '_')
            && part.starts_with(char::is_alphabetic)
    };
    span.contains("::") && span.split("::").all(is_part)
}

#[test]
fn names_in_docs_exist() {
    let names = Names::new();
    let mut broken = Vec::new();
    let mut checked = 0;
    for file in texts() {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, span) in spans(&file.text) {
            let span = span.trim_end_matches("()").trim_start_matches("./");
            let in_top =
                TOP.iter().any(|top| span.split('/').next() == Some(*top)) && span.contains('/');
            let is_name = ENDINGS.iter().any(|end| span.ends_with(end));
            let exists = if OTHERS.iter().any(|other| span.starts_with(other)) {
                continue;
            } else if (in_top || is_name) && !span.contains([' ', '$', '<']) {
                expanded(span).iter().all(|path| names.has_path(path, folder))
            } else if is_item(span) && !FOREIGN.iter().any(|f| span.split("::").next() == Some(*f))
            {
                names.has_item(span)
            } else {
                continue;
            };
            checked += 1;
            if !exists {
                broken.push(format!("{}:{line}: `{span}`", file.path));
            }
        }
    }
    assert!(checked > 100, "only {checked} names were found");
    tree::nothing("a path or an item that docs name exists", &broken);
}

#[test]
fn spans_are_found_outside_of_blocks_and_braces_are_expanded() {
    let text = "see `a/b.rs` and `c`\n```sh\n`no`\n```\n//! `d::e`\n";
    assert_eq!(spans(text), [(1, "a/b.rs"), (1, "c"), (5, "d::e")]);
    assert_eq!(expanded("a/{b,c}.rs"), ["a/b.rs", "a/c.rs"]);
    let names = Names::new();
    assert!(names.has_path("tests/tidy/names.rs", "") && names.has_path("names.rs", "tests/tidy"));
    assert!(names.has_path("jobs/*.toml", "") && !names.has_path("jobs/none.toml", ""));
    assert!(names.has_item("names::Names") && names.has_item("Names::has_item"));
    assert!(!names.has_item("names::Missing_of_all") && !names.has_item("no_module::Names"));
}

//! Words: empty names, notes of unfinished work, foreign addresses, `unsafe` outside its crate,
//! tests that are switched off.

use crate::tree;

/// Files outside crates/simd/ that may contain `unsafe`, each with its reason.
const UNSAFE: &[(&str, &str)] = &[];

/// Parts of type and module names that mean nothing.
const EMPTY_NAMES: &[&str] = &["Manager", "Handler", "Helper", "Util", "Processor"];

/// Names that are too general on their own.
const BARE_NAMES: &[&str] = &["Data", "Info", "Event"];

/// Words that are in no file; split in two, so that this list does not match itself.
const FORBIDDEN: &[(&str, &str)] = &[
    ("TO", "DO"),
    ("FIX", "ME"),
    ("pypi", ".org"),
    ("files.python", "hosted.org"),
    ("registry.npm", "js.org"),
    ("index.crates", ".io"),
    ("static.crates", ".io"),
    ("repo.maven.", "apache.org"),
    ("proxy.go", "lang.org"),
];

/// Files with tests that plain `cargo test` leaves out, and what runs them instead.
const RUN_BY_OTHERS: &[(&str, &str)] = &[
    ("tests/live/x_process.rs", "the step `interop` of `cargo xtask test`"),
    ("tests/twitter_text.rs", "the step `grammar` of `cargo xtask test`"),
    ("tests/live/mastodon_py.rs", "the step `interop` of `cargo xtask test`"),
    ("tests/live/jetstream_real.rs", "the step `interop` of `cargo xtask test`"),
    ("crates/checkpoint/src/tests/process.rs", "other tests of the file, as child processes"),
    ("tests/alerts/crash.rs", "other tests of the file, as child processes"),
    ("crates/checkpoint/src/tests/golden.rs", "a developer who adds a format version"),
];

/// The words of code: letters, digits and `_`.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

#[test]
fn unsafe_is_in_its_crate() {
    let mut broken = Vec::new();
    for file in tree::rust() {
        let is_listed = UNSAFE.iter().any(|(path, _)| *path == file.path);
        if file.path.starts_with("crates/simd/src/") || is_listed {
            continue;
        }
        for (number, line) in tree::code(&file.text).lines().enumerate() {
            if words(line).any(|word| word == "unsafe") {
                broken.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    tree::nothing("`unsafe` is in crates/simd/ and in the listed files only", &broken);
}

#[test]
fn names_mean_something() {
    let mut broken = Vec::new();
    for file in tree::rust() {
        let code = tree::code(&file.text);
        let words: Vec<&str> = words(&code).collect();
        for pair in words.windows(2) {
            let [keyword, name] = [pair[0], pair[1]];
            let is_name = matches!(keyword, "struct" | "enum" | "trait" | "type" | "mod");
            let is_empty = EMPTY_NAMES.iter().any(|part| {
                name.contains(part) || (keyword == "mod" && name == part.to_lowercase())
            });
            if is_name && (is_empty || BARE_NAMES.contains(&name)) {
                broken.push(format!("{}: `{keyword} {name}`", file.path));
            }
        }
    }
    tree::nothing("names are the terms of docs/glossary.md", &broken);
}

#[test]
fn no_forbidden_words() {
    let below = &["src", "crates", "xtask", "tests", "web", "docs", "jobs", ".ci"];
    let endings = &[
        ".rs", ".py", ".ts", ".svelte", ".mjs", ".js", ".css", ".html", ".toml", ".md", ".json",
        ".npmrc", ".txt", "run",
    ];
    let mut files = tree::files(below, endings);
    let top = ["build.rs", "Cargo.toml", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];
    files.extend(tree::files(&top, &[""]));
    files.extend(tree::files(&["CHANGELOG.md", "SECURITY.md", "deny.toml"], &[""]));
    let mut broken = Vec::new();
    for file in files.iter().filter(|file| !file.path.starts_with("tests/fixtures/")) {
        for (number, line) in file.text.lines().enumerate() {
            // The platform's name in capitals contains one of them.
            let line = line.replace("MASTODON", "");
            let found = FORBIDDEN.iter().map(|(head, tail)| format!("{head}{tail}"));
            for word in found.filter(|word| line.contains(word.as_str())) {
                broken.push(format!("{}:{}: `{word}`", file.path, number + 1));
            }
        }
    }
    tree::nothing("words that are in no file", &broken);
}

#[test]
fn no_test_is_switched_off() {
    let mut broken = Vec::new();
    let is_run = |path: &str| RUN_BY_OTHERS.iter().any(|(listed, _)| *listed == path);
    for file in tree::rust().into_iter().filter(|file| !is_run(&file.path)) {
        for (number, line) in tree::code(&file.text).lines().enumerate() {
            if line.trim_start().starts_with("#[ignore") {
                broken.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    tree::nothing("no test is ignored, except those that something else runs", &broken);
}

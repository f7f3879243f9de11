//! Words: names that say nothing, notes of unfinished work, addresses that do not belong here,
//! `unsafe` outside its place, tests that are switched off.

use crate::tree;

/// Files beside crates/simd/src/ that may say `unsafe`, each with its reason.
const UNSAFE: &[(&str, &str)] = &[];

/// Parts of type and module names that say nothing.
const EMPTY_NAMES: &[&str] = &["Manager", "Handler", "Helper", "Util", "Processor"];

/// Names that mean too much to stand alone.
const BARE_NAMES: &[&str] = &["Data", "Info", "Event"];

/// Words that stand in no file; in two halves, so that this list does not find itself.
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
    ("crates/checkpoint/src/tests/process.rs", "the tests beside them, as processes of their own"),
    ("tests/alerts/crash.rs", "the tests beside them, as processes of their own"),
    (
        "crates/checkpoint/src/tests/golden.rs",
        "nobody: it writes the fixture of a new format version",
    ),
];

/// The words of code: letters, digits and `_`.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

#[test]
fn unsafe_stands_in_its_place() {
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
    tree::nothing("`unsafe` stands in crates/simd/src/ and in the listed files alone", &broken);
}

#[test]
fn names_say_something() {
    let mut broken = Vec::new();
    for file in tree::rust() {
        let code = tree::code(&file.text);
        let words: Vec<&str> = words(&code).collect();
        for pair in words.windows(2) {
            let [keyword, name] = [pair[0], pair[1]];
            let is_name = matches!(keyword, "struct" | "enum" | "trait" | "type" | "mod");
            let says_nothing = EMPTY_NAMES.iter().any(|part| {
                name.contains(part) || (keyword == "mod" && name == part.to_lowercase())
            });
            if is_name && (says_nothing || BARE_NAMES.contains(&name)) {
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
            // The platform's name in capitals holds one of them.
            let line = line.replace("MASTODON", "");
            let found = FORBIDDEN.iter().map(|(head, tail)| format!("{head}{tail}"));
            for word in found.filter(|word| line.contains(word.as_str())) {
                broken.push(format!("{}:{}: `{word}`", file.path, number + 1));
            }
        }
    }
    tree::nothing("words that stand nowhere", &broken);
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
    tree::nothing("no test is ignored, but those that something else runs", &broken);
}

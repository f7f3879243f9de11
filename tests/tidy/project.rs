//! The project around the code: dependencies say why, formats have fixtures, lock files name no
//! address.

use std::fs;

use crate::tree::{self, File};

#[test]
fn every_dependency_says_why() {
    let mut broken = Vec::new();
    let mut manifests = tree::files(&["crates", "xtask"], &["Cargo.toml"]);
    manifests.extend(tree::files(&["Cargo.toml"], &[""]));
    assert!(manifests.len() > 4, "only {} manifests were found", manifests.len());
    for File { path: manifest, text } in &manifests {
        let mut inside = false;
        for (number, line) in text.lines().enumerate() {
            if line.starts_with('[') {
                // Versions only: each crate says why it needs what is listed there.
                let is_versions = line == "[workspace.dependencies]";
                inside = !is_versions && line.trim_end_matches(']').ends_with("dependencies");
            } else if inside && line.contains('=') {
                let reason = line.split_once(" # ").map_or("", |(_, reason)| reason.trim());
                if reason.len() < 8 {
                    broken.push(format!("{manifest}:{}: {line}", number + 1));
                }
            }
        }
    }
    tree::nothing("every dependency says on its line why it is there", &broken);
}

/// Variants of `decode::Format` as folder names: `TextPlus` -> `text_plus`, `X1` -> `x_v1`.
fn formats() -> Vec<String> {
    let code = tree::code(&tree::read("crates/posts/src/decode/mod.rs"));
    let (_, rest) =
        code.split_once("enum Format {").expect("crates/posts/src/decode/mod.rs lists the formats");
    let body = rest.split('}').next().unwrap_or_default();
    let variants = body.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    variants.filter_map(|line| line.strip_suffix(',')).map(folder).collect()
}

fn folder(name: &str) -> String {
    if let Some(version) = name.strip_prefix('X') {
        return format!("x_v{version}");
    }
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

#[test]
fn every_format_has_fixtures() {
    let formats = formats();
    assert!(
        formats.contains(&"text_plus".to_owned()) && formats.contains(&"x_v2".to_owned()),
        "{formats:?}"
    );
    let missing: Vec<String> = formats.into_iter().filter(|format| !has_fixtures(format)).collect();
    tree::nothing("tests/fixtures/ has a folder for every format", &missing);
}

/// Name of each kind of source, and the folder of the format that its records have by default.
fn source_kinds() -> Vec<(String, String)> {
    let mut kinds = Vec::new();
    for file in tree::files(&["crates/sources/src"], &[".rs"]) {
        for block in file.text.split(": SourceKind = SourceKind {").skip(1) {
            let block = block.split("\n};").next().unwrap_or_default();
            let after = |start: &str, end| block.split_once(start)?.1.split(end).next();
            let name = after("name: \"", '"').expect("a kind has a name");
            let format = after("Some(Format::", ')').unwrap_or("Text");
            kinds.push((name.to_owned(), folder(format)));
        }
    }
    kinds
}

#[test]
fn every_source_has_fixtures_and_docs() {
    let kinds = source_kinds();
    assert!(kinds.len() > 8, "only {kinds:?}");
    let (options, sources) = (tree::read("docs/job.md"), tree::read("docs/sources.md"));
    let row = options.lines().find(|line| line.starts_with("| `source.kind`")).unwrap_or_default();
    let mut missing = Vec::new();
    for (kind, format) in kinds {
        if !row.contains(&format!("`{kind}`")) {
            missing.push(format!("docs/job.md: the row of `source.kind` lacks `{kind}`"));
        }
        if !sources.lines().any(|line| line == format!("## {kind}")) {
            missing.push(format!("docs/sources.md: no section `{kind}`"));
        }
        if !has_fixtures(&format) {
            missing.push(format!("tests/fixtures/{format}: none for the source `{kind}`"));
        }
    }
    tree::nothing("every kind of source has fixtures, a row and a section", &missing);
}

fn has_fixtures(folder: &str) -> bool {
    let dir = tree::root().join("tests/fixtures").join(folder);
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

#[test]
fn lock_files_name_no_download_address() {
    let lock = tree::read("web/package-lock.json");
    assert!(!lock.contains("\"resolved\""), "web/package-lock.json has `resolved` addresses");
    assert!(lock.contains("\"integrity\""), "web/package-lock.json has no checksums");
}

#[test]
fn what_a_newcomer_looks_for_is_there() {
    let wanted = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "Cargo.lock",
        "deny.toml",
        "docs/glossary.md",
        "docs/gotchas.md",
        "docs/performance.md",
        "docs/decisions",
        "jobs/tutorial.toml",
        "jobs/demo.toml",
    ];
    let missing = wanted.iter().filter(|path| !tree::root().join(path).exists());
    let missing: Vec<String> = missing.map(|path| (*path).to_owned()).collect();
    tree::nothing("project files", &missing);
}

//! Floors: a module imports lower floors only; the list is the one in src/lib.rs.

use std::collections::BTreeMap;

use crate::tree;

/// Floors whose members never import each other.
const APART: &[u32] = &[4];

/// Module -> floor, from the words after `Floors` in src/lib.rs: ``F0 [`post`] [`clock`]; F1 ...``.
fn floors() -> BTreeMap<String, u32> {
    let text = tree::read("src/lib.rs");
    let docs: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let docs = docs.join(" ");
    let (_, list) = docs.split_once("Floors").expect("src/lib.rs says the floors");
    let mut found = BTreeMap::new();
    let mut floor = None;
    for word in list.split([' ', ';', '.', ',', ':']) {
        if let Some(number) = word.strip_prefix('F').and_then(|number| number.parse().ok()) {
            floor = Some(number);
        } else if let Some(name) = word.strip_prefix("[`").and_then(|name| name.strip_suffix("`]"))
        {
            found.insert(name.to_owned(), floor.expect("a floor stands before its modules"));
        }
    }
    found
}

/// The top module that a file under src/ belongs to; none for lib.rs and main.rs.
fn module(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    (name != "lib" && name != "main").then_some(name)
}

/// Top modules named after `crate::` in code, with their lines; `crate::{a, b::c}` too.
fn imports(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + path.len()..];
        let names = match rest.strip_prefix('{') {
            Some(group) => top_names(group),
            None => vec![word(rest)],
        };
        found.extend(names.into_iter().map(|name| (line, name)));
    }
    found
}

/// First words of the members of a `{...}` group whose opening brace is gone.
fn top_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut member = String::new();
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(std::mem::take(&mut member).trim())),
            c => member.push(c),
        }
    }
    names.push(word(member.trim()));
    names.retain(|name| !name.is_empty());
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Code without the inline tests at the end of a file.
fn without_tests(code: &str) -> &str {
    code.find("#[cfg(test)]\nmod tests {").map_or(code, |at| &code[..at])
}

#[test]
fn every_module_has_a_floor() {
    let floors = floors();
    let code = tree::code(&tree::read("src/lib.rs"));
    let declared: Vec<String> = code.split("mod ").skip(1).map(word).collect();
    assert!(declared.len() > 10, "only {} modules are declared", declared.len());
    let missing: Vec<String> =
        declared.into_iter().filter(|name| !floors.contains_key(name)).collect();
    tree::nothing("src/lib.rs says the floor of every module", &missing);
}

#[test]
fn modules_import_lower_floors_only() {
    let floors = floors();
    let mut broken = Vec::new();
    let is_test = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    for file in tree::files(&["src"], &[".rs"]).iter().filter(|file| !is_test(&file.path)) {
        let Some(from) = module(&file.path) else { continue };
        let Some(own) = floors.get(from) else { continue };
        for (line, to) in imports(without_tests(&tree::code(&file.text))) {
            let Some(other) = floors.get(&to).filter(|_| to != from) else { continue };
            if other > own || (other == own && APART.contains(own)) {
                broken.push(format!(
                    "{}:{line}: `{from}` (F{own}) imports `{to}` (F{other})",
                    file.path
                ));
            }
        }
    }
    tree::nothing("a module imports lower floors only", &broken);
}

#[test]
fn engines_never_import_each_other() {
    let mut broken = Vec::new();
    for file in tree::files(&["src/engine/embedded", "src/engine/spark"], &[".rs"]) {
        let other = if file.path.contains("/spark/") { "embedded" } else { "spark" };
        if tree::code(&file.text).contains(&format!("engine::{other}")) {
            broken.push(format!("{} names `engine::{other}`", file.path));
        }
    }
    tree::nothing("engines never import each other", &broken);
}

#[test]
fn imports_are_read_in_every_form() {
    let code = "use crate::sqlite::{A, B};\nuse crate::{\n  rank::Mode, job::{Plan, x}, spool,\n};\n\
        fn f() -> crate::sink::SinkError;";
    let found: Vec<(usize, String)> = imports(code);
    let names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["sqlite", "rank", "job", "spool", "sink"]);
    assert_eq!(found[4].0, 5);
    assert_eq!(floors()["engine"], 7);
    assert_eq!(module("src/sink/table.rs"), Some("sink"));
    assert_eq!(module("src/main.rs"), None);
}

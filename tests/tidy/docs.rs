//! Docs: every module says what it is, every job option has its row, nothing grows too long.

use crate::tree;

const ARCHITECTURE_MAX_WORDS: usize = 1_500;
const INVARIANTS_MAX: usize = 10;

#[test]
fn every_module_says_what_it_is() {
    let mut broken = Vec::new();
    let is_test = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    for file in tree::rust().into_iter().filter(|file| !is_test(&file.path)) {
        let first = file.text.lines().find(|line| !line.starts_with("#!["));
        if !first.is_some_and(|line| line.starts_with("//! ")) {
            broken.push(file.path);
        }
    }
    tree::nothing("a module begins with `//!` docs", &broken);
}

#[test]
fn every_job_option_has_its_row() {
    let text = tree::read("jobs/everything.toml");
    let table: toml::Table = toml::from_str(&text).expect("jobs/everything.toml is TOML");
    let mut keys = Vec::new();
    collect_keys(&toml::Value::Table(table), &mut keys);
    assert!(keys.len() > 20, "only {} keys in jobs/everything.toml", keys.len());
    let docs = tree::read("docs/job.md");
    let is_row = |key: &str| {
        let rows = docs.lines().filter(|line| line.starts_with('|'));
        let named = format!("`{key}`");
        rows.into_iter().any(|row| row.contains(&named) || row.contains(&format!(".{key}`")))
    };
    let missing: Vec<String> = keys.into_iter().filter(|key| !is_row(key)).collect();
    tree::nothing("docs/job.md has a row for every key of jobs/everything.toml", &missing);
}

/// Keys at every depth; tables themselves are headings, not options.
fn collect_keys(value: &toml::Value, keys: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, inner) in table {
                let is_table = matches!(inner, toml::Value::Table(_))
                    || inner.as_array().is_some_and(|a| a.iter().any(toml::Value::is_table));
                if !is_table && !keys.contains(key) {
                    keys.push(key.clone());
                }
                collect_keys(inner, keys);
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| collect_keys(item, keys)),
        _ => {}
    }
}

#[test]
fn long_texts_stay_short() {
    let words = tree::read("ARCHITECTURE.md").split_whitespace().count();
    assert!(words <= ARCHITECTURE_MAX_WORDS, "ARCHITECTURE.md has {words} words");
    let invariants = tree::read("docs/invariants.md");
    let count = invariants.lines().filter(|line| line.starts_with("## ")).count();
    assert!((1..=INVARIANTS_MAX).contains(&count), "docs/invariants.md has {count} invariants");
}

#[test]
fn links_between_our_own_files_lead_somewhere() {
    let mut broken = Vec::new();
    let mut files = tree::files(&["docs"], &[".md"]);
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    files.extend(tree::files(&top, &[""]));
    for file in files {
        let dir = file.path.rsplit_once('/').map_or("", |(dir, _)| dir);
        for target in file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            let is_ours = !path.is_empty() && !path.contains(':') && !path.contains(' ');
            if is_ours && !tree::root().join(dir).join(path).exists() {
                broken.push(format!("{}: `{target}`", file.path));
            }
        }
    }
    tree::nothing("links between our own files lead somewhere", &broken);
}

//! Commit subjects: a scope, and at most 72 characters.
//!
//! The rule holds for commits after the one that added this file. Merges are not checked, and
//! nothing is where there is no history, as in a source archive.

use std::process::Command;

use crate::tree;

const SUBJECT_MAX_CHARS: usize = 72;

/// What `git` prints; `None` if it fails or there is no repository.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(tree::root()).args(words).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What is wrong with a subject.
fn problem(subject: &str) -> Option<String> {
    let is_scope = |c: char| c.is_alphanumeric() || "_-./, ".contains(c);
    let length = subject.chars().count();
    if length > SUBJECT_MAX_CHARS {
        return Some(format!("{length} characters"));
    }
    match subject.split_once(": ") {
        Some((scope, what)) if scope.chars().all(is_scope) && !what.is_empty() => None,
        _ => Some("no scope, as in `serve: ...`".to_owned()),
    }
}

#[test]
fn commit_subjects_are_short_and_have_a_scope() {
    // In a shallow clone the oldest commit seems to add everything; those after it are checked.
    let added = git(&["log", "--diff-filter=A", "--format=%H", "--", "tests/tidy/commits.rs"]);
    let Some(since) = added.as_deref().and_then(|commits| commits.lines().last()) else { return };
    let range = format!("{since}..HEAD");
    let subjects = git(&["log", "--no-merges", "--format=%h %s", &range]).unwrap_or_default();
    let broken = subjects.lines().filter_map(|line| {
        let (commit, subject) = line.split_once(' ')?;
        problem(subject).map(|why| format!("{commit} `{subject}`: {why}"))
    });
    tree::nothing(
        "a commit subject has a scope and at most 72 characters",
        &broken.collect::<Vec<_>>(),
    );
}

#[test]
fn subjects_are_judged_by_length_and_scope() {
    for good in ["serve: one route more", "sources/x, xtask: plain words", "README.md: figures"] {
        assert_eq!(problem(good), None, "{good}");
    }
    let long = format!("serve: {}", "a".repeat(66));
    for bad in ["one route more", "serve:no blank", "serve: ", "(serve): x", &long] {
        assert!(problem(bad).is_some(), "{bad}");
    }
}

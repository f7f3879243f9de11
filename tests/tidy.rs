//! House rules that no compiler holds: sizes, floors, docs, fixtures, wording.
//!
//! Each rule is a test of its own and lists everything that breaks it, with file and line.
//! CONTRIBUTING.md says the rules in words.

#[path = "tidy/commits.rs"]
mod commits;
#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/project.rs"]
mod project;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/words.rs"]
mod words;

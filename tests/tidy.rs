//! House rules that the compiler cannot check: sizes, floors, docs, fixtures, wording.
//!
//! Each rule is a test of its own and lists all violations with file and line. CONTRIBUTING.md
//! explains the rules.

#[path = "tidy/commits.rs"]
mod commits;
#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/project.rs"]
mod project;
#[path = "tidy/sizes.rs"]
mod sizes;
#[path = "tidy/tree.rs"]
mod tree;
#[path = "tidy/words.rs"]
mod words;

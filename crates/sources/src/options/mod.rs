//! Options: the keys of a job file, from the text that a user wrote to checked values.
//!
//! | module | what it does |
//! |---|---|
//! | [`toml_table`] | a TOML table, key by key, with the place of each value |
//! | [`written`] | the keys of one source or sink as they were written, and their schema |
//! | [`checker`] | values resolved; every problem is collected, none stops the check |
//! | [`section`] | one source or sink while it is checked |
//! | [`units`] | `2s`, `1MiB`, `20k` |
//! | [`address`] | servers, URLs, environment variables, secrets |
//! | [`diagnostic`] | where, what is wrong, the way out |
//!
//! A kind of source or sink declares its keys as a list of [`Key`]s beside its options, and reads
//! them from a [`Section`]. Nothing here opens, connects or looks anything up.

pub mod address;
pub mod checker;
pub mod diagnostic;
pub mod section;
pub mod toml_table;
pub mod units;
pub mod written;

pub use address::SecretFrom;
pub use checker::Checker;
pub use diagnostic::{Diagnostic, Field, Place, nearest};
pub use section::Section;
pub use units::{OptionError, Scalar};
pub use written::{Key, Takes, Value, Written};

//! Posts of public platforms: types, decoding, and the hashtags of a post.
//!
//! | module | content |
//! |---|---|
//! | [`post`] | [`post::Post`], [`post::Batch`], [`post::Position`], [`post::EventTime`] |
//! | [`decode`] | one record of a wire format -> a [`post::Post`] that borrows from it |
//! | [`tags`] | the hashtags of a post |
//! | [`recording`] | files with the raw records of a source |
//! | [`clock`] | the only code that reads the time of day |
//!
//! ```
//! use tagtide_posts::decode::{Format, decode};
//!
//! let record = br##"{"id_str":"7","user":{"id_str":"1"},"text":"I like #rust"}"##;
//! let post = decode(Format::X1, record).unwrap().expect("a post");
//! assert_eq!(post.text.to_str(), "I like #rust");
//! ```
//!
//! Decoding is pure: it does no I/O, never panics on any bytes, and allocates nothing for a common
//! record.

#![forbid(unsafe_code)]

pub mod clock;
pub mod decode;
pub mod post;
pub mod recording;
pub mod tags;

//! Posts of public platforms, before anything is counted.
//!
//! | module | what it holds |
//! |---|---|
//! | [`post`] | the nouns: `Post`, `Batch`, `Position`, `EventTime` |
//! | [`decode`] | one record of a wire format -> a [`post::Post`] that borrows from it |
//! | [`tags`] | the hashtags of a post |
//! | [`recording`] | files that hold a source's raw wire |
//! | [`clock`] | the only place that reads the time of day |
//!
//! Decoding is pure: it does no I/O, never panics on any bytes, and allocates nothing for a common
//! record.

#![forbid(unsafe_code)]

pub mod clock;
pub mod decode;
pub mod post;
pub mod recording;
pub mod tags;

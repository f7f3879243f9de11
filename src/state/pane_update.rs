//! Counts of one pane that were made elsewhere: what an engine sends that counts by itself.

use crate::window::sketch::REGISTERS;

/// Authors of a tag that are listed one by one; beyond this many they are sketched.
pub const LISTED_MAX: usize = 512;

/// Counts of one pane of one view.
///
/// Updates are applied in their order. One for a pane that the watermark has closed holds late
/// posts, which count all-time only, or takes posts back that this pane once counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PaneUpdate {
    /// 0 = all posts; then the views of the job, from 1.
    pub view: u16,
    /// Start of the pane / its length; [`PaneUpdate::LATE`] for posts that were late when they
    /// came, also where they are taken back.
    pub pane: i64,
    /// How it is combined with what is there.
    pub how: How,
    /// Posts; below 0 = taken back.
    pub posts: i64,
    /// Posts with a tag.
    pub tagged: i64,
    /// Tags, in the order in which they came first; a tag with several spellings stands here once
    /// for each.
    pub tags: Vec<PaneTag>,
}

impl PaneUpdate {
    /// The pane of posts that count all-time only.
    pub const LATE: i64 = i64::MIN;
}

/// How an update is combined with what a pane holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// It comes on top.
    #[default]
    Add,
    /// It is the whole so far of one part of the pane; of each part the largest version counts,
    /// and parts add up.
    Replace {
        /// Name of the part.
        part: Box<str>,
        /// Its version.
        version: u64,
    },
}

/// A tag with one spelling in a pane.
#[derive(Clone, Debug, PartialEq)]
pub struct PaneTag {
    /// Its key.
    pub key: Box<str>,
    /// As typed, without `#`.
    pub display: Box<str>,
    /// Occurrences; below 0 = taken back.
    pub posts: i32,
    /// Who they are of.
    pub authors: Authors,
}

/// Authors of a tag in a pane.
#[derive(Clone, Debug, PartialEq)]
pub enum Authors {
    /// No post has an author.
    Unknown,
    /// Each of them, at most [`LISTED_MAX`]; posts beyond the sum of theirs have no author.
    Listed(Vec<Member>),
    /// More than that.
    Sketched {
        /// The largest rank of each register of a HyperLogLog sketch.
        registers: Box<[u8; REGISTERS]>,
        /// The members with the smallest hashes.
        sample: Vec<Member>,
    },
}

/// One author of a tag in a pane; one who posts several texts stands there once for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Keyed hash of the author, never 0.
    pub author: u64,
    /// Fingerprint of the text; 0 = none.
    pub text: u32,
    /// Minute of the first post, since the Unix epoch.
    pub minute: i64,
    /// Occurrences.
    pub posts: u32,
}

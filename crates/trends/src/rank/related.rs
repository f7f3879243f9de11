//! Posts with a tag and the tags beside it, from the ring of recent posts.
//!
//! A sample: from a fast stream the ring takes a few posts of each second, so shares are meaningful
//! and counts are not.

use serde::{Deserialize, Serialize};

use crate::state::State;

/// Most related tags.
const RELATED_MAX: usize = 10;
/// Most sample posts.
const SAMPLES_MAX: usize = 5;

/// Recent posts with a tag, as far as they are in memory. Fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RecentPosts {
    /// Recent posts stored, with any tag; a sample if the stream is fast.
    pub kept: u64,
    /// Those with this tag.
    pub posts: u64,
    /// Tags that occur with it in these posts, most frequent first, at most ten; hidden ones are
    /// left out.
    pub related: Vec<RelatedTag>,
    /// The newest of these posts, newest first, each text once, at most five.
    pub samples: Vec<SamplePost>,
}

/// A tag that occurs with another in recent posts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RelatedTag {
    /// The key.
    pub tag: String,
    /// Commonest spelling, without `#`.
    pub display: String,
    /// Recent posts with both.
    pub posts: u64,
    /// Their share of the recent posts with the other tag.
    pub share: f64,
}

/// A post to display: text from strangers, never markup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SamplePost {
    /// Event time, milliseconds since the Unix epoch.
    pub at: i64,
    /// The text without its markup, cut after 1,000 bytes.
    pub text: String,
    /// The account, if its platform names it in public (Mastodon); else null.
    pub author: Option<String>,
    /// Its `https` address, if it can be derived; else null.
    pub url: Option<String>,
    /// Language according to its platform; else null.
    pub lang: Option<String>,
}

/// Recent posts with the tag `id`; `None` if none are stored.
#[must_use]
pub fn recent(state: &State, id: u32) -> Option<RecentPosts> {
    if !state.recent().is_on() {
        return None;
    }
    let posts = state.recent_with(id);
    let related = state.related(id, RELATED_MAX).into_iter().map(|(other, both)| RelatedTag {
        display: state.tags.display(other, state.ring.total().count(other)),
        tag: state.tags.key_string(other),
        posts: u64::from(both),
        share: f64::from(both) / posts as f64,
    });
    let there = |part: &str| (!part.is_empty()).then(|| part.to_owned());
    let samples = state.recent_posts(id, SAMPLES_MAX).into_iter().map(|post| SamplePost {
        at: post.at,
        text: post.shown.text.to_owned(),
        author: there(post.shown.author),
        url: there(post.shown.url),
        lang: there(post.shown.lang),
    });
    Some(RecentPosts {
        kept: state.recent().held() as u64,
        posts: posts as u64,
        related: related.collect(),
        samples: samples.collect(),
    })
}

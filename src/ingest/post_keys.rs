//! Author and identity of a record, as the keyed hashes that the state remembers.

use super::extract_config::ExtractConfig;
use tagtide_posts::decode::{self, Format};
use tagtide_posts::post::{Post, Raw};
use tagtide_trends::state::extracted_batch::{ExtractedBatch, PostKey, UNORDERED};

impl ExtractConfig {
    /// The names of a post; the earlier ones that it replaces go to `out`.
    pub(crate) fn key(
        &self,
        format: Format,
        post: &Post<'_>,
        source: u16,
        out: &mut ExtractedBatch,
    ) -> PostKey {
        let platform = platform(format);
        let hash = |raw: &Raw<'_>| match raw.is_empty() {
            true => 0,
            // 0 means unknown.
            false => (self.people.bytes(&raw.to_bytes()) ^ platform).max(1),
        };
        for old in &post.replaces {
            out.replaces.push(hash(old));
        }
        let revision = match post.rev.is_empty() {
            true => 0,
            false => decode::revision(format, &post.rev).unwrap_or(hash(&post.rev) | UNORDERED),
        };
        // The second name is only valid within its source.
        let source = (u64::from(source) + 1) << 48;
        PostKey {
            op: post.op,
            id: hash(&post.id),
            alias: if post.alias.is_empty() { 0 } else { hash(&post.alias) ^ source },
            revision,
            author: hash(&post.author),
            print: 0,
            replaces_end: out.replaces.len() as u32,
        }
    }
}

/// Mixed into hashes of identities and authors, which are of one platform. Never changed: the
/// hashes are in checkpoints.
fn platform(format: Format) -> u64 {
    let number: u64 = match format {
        Format::Text | Format::TextPlus => 1,
        Format::X1 | Format::X2 => 2,
        Format::Jetstream => 3,
        Format::Mastodon => 4,
    };
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

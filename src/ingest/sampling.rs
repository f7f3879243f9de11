//! Copies a few posts of each batch, so that the state can keep them to be read.
//!
//! A batch is cut into stretches of equal length, and the first post with a tag in each is taken.
//! So what is copied is spread over the batch, costs nothing where it is off, and next to nothing
//! where millions of posts come each second: a batch is then a megabyte.

use tagtide_extract::markup;
use tagtide_posts::decode::{self, Format};
use tagtide_posts::post::{Batch, Markup, Op, Post};
use tagtide_trends::state::extracted_batch::ExtractedBatch;
use tagtide_trends::state::sample::PostText;

/// Posts copied of one batch at the most.
const PER_BATCH: usize = 32;
/// Bytes of a text that are looked at; markup may make it longer than what is shown.
const LOOK_BYTES: usize = 16 << 10;

/// Which posts of a batch are taken, by the places of their records.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picks {
    next: usize,
    stretch: usize,
}

impl Picks {
    /// None where it is not `on`.
    pub(crate) fn new(on: bool, batch: &Batch) -> Self {
        let stretch = batch.records().len().div_ceil(PER_BATCH).max(1);
        Self { next: if on { 0 } else { usize::MAX }, stretch }
    }

    /// True where the record at `at` may be taken.
    #[inline(always)]
    pub(crate) fn may_take(&self, at: usize) -> bool {
        at >= self.next
    }

    /// The record at `at` was taken.
    pub(crate) fn taken(&mut self, at: usize) {
        self.next = (at / self.stretch + 1) * self.stretch;
    }

    /// The next one begins here or behind it.
    pub(crate) fn next(&self) -> usize {
        self.next
    }
}

/// Copies a post that was written down last, if it is to be read; false where it is not.
///
/// A repost has the text of somebody else, whose delete may not reach us. Unlisted posts are not
/// meant to be found this way.
#[cold]
pub(crate) fn record(format: Format, post: &Post<'_>, out: &mut ExtractedBatch) -> bool {
    let gone = matches!(post.op, Op::Delete | Op::DropAuthor);
    let Some(row) = out.rows.last().copied().filter(|row| row.tagged > 0) else { return false };
    if gone || post.repost || post.unlisted {
        return false;
    }
    let start = out.rows.iter().rev().nth(1).map_or(0, |before| before.entries_end);
    let text = post.text.to_str();
    let plain = markup::undo(head(&text), post.markup).text;
    let url = decode::link(format, &post.id.to_str()).unwrap_or_default();
    // Other platforms name accounts by numbers; authors of files stay private.
    let author = if format == Format::Mastodon { post.author.to_str() } else { "".into() };
    let shown =
        PostText { text: plain.trim(), author: &author, url: &url, lang: &post.lang.to_str() };
    out.samples.push(row.at, start..row.entries_end, &shown);
    true
}

/// Copies a line of text whose tags are about to follow.
pub(crate) fn line(line: &[u8], at: i64, out: &mut ExtractedBatch) {
    let line = &line[..line.len().min(LOOK_BYTES)];
    let text = String::from_utf8_lossy(line);
    let plain = markup::undo(&text, Markup::Entities).text;
    let start = out.entries.len() as u32;
    out.samples.push(at, start..start, &PostText { text: plain.trim(), ..PostText::default() });
}

/// The line that `at` lies in.
pub(crate) fn line_around(records: &[u8], at: usize) -> &[u8] {
    let at = at.min(records.len());
    let start = memchr::memrchr(b'\n', &records[..at]).map_or(0, |before| before + 1);
    let end = memchr::memchr(b'\n', &records[at..]).map_or(records.len(), |end| at + end);
    &records[start..end]
}

fn head(text: &str) -> &str {
    &text[..text.floor_char_boundary(LOOK_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: usize) -> Batch {
        let mut batch = Batch::default();
        for _ in 0..lines {
            batch.buffer().extend_from_slice(b"12345678\n");
        }
        batch.seal(lines * 9);
        batch
    }

    fn taken(lines: usize, on: bool) -> Vec<usize> {
        let mut picks = Picks::new(on, &batch(lines));
        let take = |at: &usize| {
            let takes = picks.may_take(*at);
            if takes {
                picks.taken(*at);
            }
            takes
        };
        (0..lines).map(|line| line * 9).filter(take).collect()
    }

    #[test]
    fn a_large_batch_is_thinned_evenly_and_a_small_one_is_not() {
        assert_eq!(taken(10, true).len(), 10);
        let many = taken(100_000, true);
        assert_eq!(many.len(), PER_BATCH);
        let gaps = many.windows(2).map(|pair| pair[1] - pair[0]);
        let (least, most) = (gaps.clone().min(), gaps.max());
        assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 9), "{many:?}");
        assert!(taken(10, false).is_empty());
    }

    #[test]
    fn the_line_around_a_place() {
        let records = b"one\ntwo #a\n\nlast";
        for (at, line) in [(0, "one"), (8, "two #a"), (11, ""), (12, "last"), (99, "last")] {
            assert_eq!(line_around(records, at), line.as_bytes(), "{at}");
        }
    }
}

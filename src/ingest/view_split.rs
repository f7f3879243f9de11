//! The split of each batch for the views of a job: the part that fits a view, row by row beside the
//! rows of all posts, so that event time advances alike in every view.

use super::extract_config::ExtractConfig;
use super::worker::Lines;
use tagtide_posts::post::{Op, Post};
use tagtide_trends::state::extracted_batch::{ExtractedBatch, Row};
use tagtide_trends::view::{self, Filter};

/// True where a tag of the current post of `out` is one that `filter` asks for.
fn has_tag(filter: &Filter, out: &ExtractedBatch) -> bool {
    let Some(wanted) = &filter.tags else { return true };
    let fits = |key: &[u8]| wanted.fit(&String::from_utf8_lossy(key));
    out.post_entries().iter().any(|entry| entry.with_key(&out.arena, fits))
}

impl ExtractConfig {
    /// Gives the post that `out` has made last to the views that it fits. What takes posts back
    /// goes to all of them: who it was fitted is remembered there.
    pub(crate) fn split_post(&self, post: &Post<'_>, out: &mut ExtractedBatch) {
        let mut views = std::mem::take(&mut out.views);
        let takes_back = matches!(post.op, Op::Delete | Op::DropAuthor);
        for (filter, part) in self.views.iter().zip(&mut views) {
            let fits = takes_back || filter.fits(part.batch.source, post) && has_tag(filter, out);
            part.take_post(out, fits);
        }
        out.views = views;
    }

    /// Gives lines of text to the views that take all of them, or none.
    pub(crate) fn split_rows(&self, out: &mut ExtractedBatch) {
        let mut views = std::mem::take(&mut out.views);
        for (filter, part) in self.views.iter().zip(&mut views) {
            match filter.lines(part.batch.source) {
                view::Lines::All => part.take_rows(out, true),
                view::Lines::None => part.take_rows(out, false),
                view::Lines::Tagged => {}
            }
        }
        out.views = views;
    }
}

impl<const VIEWS: bool> Lines<'_, VIEWS> {
    /// Gives the line whose tags have all come to the views that ask for one of them.
    pub(crate) fn split_line(&mut self) {
        let mut views = std::mem::take(&mut self.out.views);
        for (number, (filter, part)) in self.config.views.iter().zip(&mut views).enumerate() {
            let asks = filter.lines(part.batch.source) == view::Lines::Tagged;
            if asks && has_tag(filter, self.out) {
                part.take_entries(self.out);
                self.tagged_of[number] += 1;
            }
        }
        self.out.views = views;
    }

    /// Ends the row of each of these views where that of all posts has ended.
    pub(crate) fn split_row(&mut self) {
        let Some(&row) = self.out.rows.last() else { return };
        for (number, (filter, part)) in
            self.config.views.iter().zip(&mut self.out.views).enumerate()
        {
            if filter.lines(part.batch.source) == view::Lines::Tagged {
                let posts = std::mem::take(&mut self.tagged_of[number]);
                let entries_end = part.entries.len() as u32;
                part.rows.push(Row { posts, tagged: posts, entries_end, ..row });
            }
        }
    }
}

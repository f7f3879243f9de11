//! Questions to the live counts, for what the published rankings do not hold.

use std::sync::Arc;

use tagtide_trends::rank::{Explanation, Query, Ranking, TagDetail};
use tagtide_trends::state::columns::ColumnSnapshot;

/// Answers questions from the live counts. One method, so that a new question is one variant here
/// and one arm where it is answered.
pub trait LiveQuery: Send + Sync {
    /// Waits for the answer; [`Answer::Nothing`] where there is none, or the run has ended.
    fn ask(&self, question: Question) -> Answer;
}

/// A question to the live counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A ranking of any configured mode, window and view. One with more rows than are published is
    /// made from [`Question::Columns`] on the asking thread, where its mode allows it.
    Ranking(Query),
    /// One tag by its key.
    Tag {
        /// View of the job; `None` = all posts.
        view: Option<String>,
        /// Its key.
        key: String,
    },
    /// Why a tag is listed under `trending` over a window, or is not.
    Explain {
        /// View of the job; `None` = all posts.
        view: Option<String>,
        /// Its key.
        key: String,
        /// Window, seconds.
        window_s: u64,
    },
    /// All counts as they are now, to be read on the asking thread: for rankings of many rows,
    /// tables of all tags, searches.
    Columns {
        /// View of the job; `None` = all posts.
        view: Option<String>,
    },
}

/// The answer to a [`Question`].
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Question::Ranking`].
    Ranking(Ranking),
    /// To [`Question::Tag`].
    Tag(TagDetail),
    /// To [`Question::Explain`].
    Explanation(Box<Explanation>),
    /// To [`Question::Columns`]. Drop it when the query is done: counting copies what it changes
    /// while this is held.
    Columns(Arc<ColumnSnapshot>),
    /// The ranking is not configured, the tag not live, the view unknown.
    Nothing,
}

impl Answer {
    /// The ranking that was asked for.
    #[must_use]
    pub fn ranking(self) -> Option<Ranking> {
        if let Self::Ranking(ranking) = self { Some(ranking) } else { None }
    }

    /// The tag that was asked for.
    #[must_use]
    pub fn tag(self) -> Option<TagDetail> {
        if let Self::Tag(tag) = self { Some(tag) } else { None }
    }

    /// The explanation that was asked for.
    #[must_use]
    pub fn explanation(self) -> Option<Explanation> {
        if let Self::Explanation(explanation) = self { Some(*explanation) } else { None }
    }

    /// The columns that were asked for.
    #[must_use]
    pub fn columns(self) -> Option<Arc<ColumnSnapshot>> {
        if let Self::Columns(columns) = self { Some(columns) } else { None }
    }
}

impl From<Option<Arc<ColumnSnapshot>>> for Answer {
    fn from(columns: Option<Arc<ColumnSnapshot>>) -> Self {
        columns.map_or(Self::Nothing, Self::Columns)
    }
}

impl From<Option<Ranking>> for Answer {
    fn from(ranking: Option<Ranking>) -> Self {
        ranking.map_or(Self::Nothing, Self::Ranking)
    }
}

impl From<Option<TagDetail>> for Answer {
    fn from(tag: Option<TagDetail>) -> Self {
        tag.map_or(Self::Nothing, Self::Tag)
    }
}

impl From<Option<Explanation>> for Answer {
    fn from(explanation: Option<Explanation>) -> Self {
        explanation.map_or(Self::Nothing, |of| Self::Explanation(Box::new(of)))
    }
}

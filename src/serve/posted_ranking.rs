//! Rankings counted by another program, from `POST /updateData` to `tagtide dashboard`.
//!
//! Stores the lists that were posted last, unchanged, and publishes a ranking made from them.
//! Labels are shown without one leading `#` and are never folded; a label that occurs twice in a
//! list gets one row.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::{Feed, Tutorial};
use crate::run::{Answer, LiveQuery, Question};
use tagtide_posts::clock::Clock;
use tagtide_posts::decode::python::Literal;
use tagtide_trends::rank::{Mode, Query, Ranking, TagDetail, TickSnapshot, Trend};
use tagtide_trends::status::{RunState, SourceStatus, Status};

/// Name of the only source.
const SOURCE: &str = "POST /updateData";

/// Accepts posted rankings and publishes them.
pub struct PostedRanking {
    clock: Clock,
    published: watch::Sender<Arc<TickSnapshot>>,
    posted: Mutex<PostedLists>,
}

/// The lists that were posted last.
#[derive(Clone, Default)]
pub(super) struct PostedLists {
    pub(super) labels: Vec<String>,
    pub(super) values: Vec<Literal>,
}

impl PostedRanking {
    /// Nothing posted yet.
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        let now = clock.now().0;
        let status = Status {
            job: "dashboard".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: now,
            sources: vec![SourceStatus {
                name: SOURCE.to_owned(),
                state: "connecting".to_owned(),
                detail: "waiting for the first ranking".to_owned(),
                ..SourceStatus::default()
            }],
            modes: vec!["total".to_owned()],
            ..Status::default()
        };
        let published = TickSnapshot {
            batch: 0,
            published_at: now,
            default: 0,
            rankings: vec![Arc::new(ranking(now, Vec::new()))],
            status: Arc::new(status),
        };
        let (published, _) = watch::channel(Arc::new(published));
        Arc::new(Self { clock, published, posted: Mutex::default() })
    }

    /// The data for a server.
    #[must_use]
    pub fn feed(self: &Arc<Self>) -> Feed {
        Feed {
            published: self.published.subscribe(),
            live: Arc::<Self>::clone(self),
            tutorial: Tutorial::Posted(Arc::clone(self)),
        }
    }

    /// The lists that were posted last.
    pub(super) fn posted(&self) -> PostedLists {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stores new lists and publishes their ranking.
    pub(super) fn post(&self, new: PostedLists) {
        // Held to the end, so that the lists posted last are also published last.
        let mut posted = self.posted.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().0;
        let before = Arc::clone(&self.published.borrow());
        let mut ranking = ranking(now, rows(&new));
        ranking.set_changes(&before.rankings);
        let mut status = Status::clone(&before.status);
        status.state = RunState::Live;
        status.event_time = Some(now);
        status.watermark = Some(now);
        status.tags = ranking.distinct_tags;
        if let Some(source) = status.sources.first_mut() {
            source.state = "live".to_owned();
            source.detail.clear();
        }
        *posted = new;
        self.published.send_replace(Arc::new(TickSnapshot {
            batch: before.batch + 1,
            published_at: now,
            default: 0,
            rankings: vec![Arc::new(ranking)],
            status: Arc::new(status),
        }));
    }
}

impl LiveQuery for PostedRanking {
    fn ask(&self, question: Question) -> Answer {
        match question {
            Question::Ranking(query) => self.ranking(&query).into(),
            Question::Tag { key, .. } => self.tag(&key).into(),
            // A posted ranking has no past.
            Question::Explain { .. } | Question::Columns { .. } => Answer::Nothing,
        }
    }
}

impl PostedRanking {
    fn ranking(&self, query: &Query) -> Option<Ranking> {
        let published = Arc::clone(&self.published.borrow());
        let ranking = published.default_ranking()?;
        if query.mode.is_some_and(|mode| mode != Mode::Total) {
            return None;
        }
        let mut ranking = Ranking::clone(ranking);
        ranking.trends.truncate(query.top);
        Some(ranking)
    }

    fn tag(&self, key: &str) -> Option<TagDetail> {
        let published = Arc::clone(&self.published.borrow());
        let row = published.default_ranking()?.trends.iter().find(|row| row.tag == key)?;
        Some(TagDetail {
            tag: row.tag.clone(),
            display: row.display.clone(),
            total: row.count,
            ..TagDetail::default()
        })
    }
}

/// Rows from labels and values, in the usual order of a ranking.
fn rows(posted: &PostedLists) -> Vec<Trend> {
    let (mut labels, mut tags) = (HashSet::new(), HashSet::new());
    let mut rows = Vec::new();
    for (label, value) in posted.labels.iter().zip(&posted.values) {
        let bare = label.strip_prefix(['#', '＃']).filter(|bare| !bare.is_empty());
        // `#a` and `a` in one list are two labels.
        let tag = bare.filter(|bare| !tags.contains(*bare)).unwrap_or(label);
        if tag.is_empty() || !labels.insert(label) || !tags.insert(tag) {
            continue;
        }
        let count = match value {
            Literal::Int(int) => u64::try_from(*int).unwrap_or_default(),
            // Saturates; negative values become 0.
            Literal::Float(float) => float.round() as u64,
            Literal::Text(_) => 0,
        };
        rows.push(Trend {
            tag: tag.to_owned(),
            display: tag.to_owned(),
            count,
            ..Trend::default()
        });
    }
    rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.tag.as_bytes().cmp(b.tag.as_bytes())));
    for (rank, row) in (1..).zip(&mut rows) {
        row.rank = rank;
    }
    rows
}

/// The posted lists as a ranking. The number of posts is unknown: the sum of the rows would be
/// neither the number of all tags nor, since a post can have two of them, the number of posts.
fn ranking(at: i64, trends: Vec<Trend>) -> Ranking {
    Ranking {
        mode: "total".to_owned(),
        window_s: None,
        view: "all".to_owned(),
        at,
        watermark: at,
        provisional: false,
        approximate: false,
        error_bound: 0,
        other: 0,
        posts: 0,
        tagged_posts: 0,
        distinct_tags: trends.len() as u64,
        learning: None,
        trends,
    }
}

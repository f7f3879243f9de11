//! Queries on a separate connection: one statement at a time, each with a time limit.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::{HistoryError, SCHEMA, minute_of, window_column};
use crate::sqlite::{self, SqliteError};
use tagtide_posts::clock::monotonic;
use tagtide_trends::rank::Trend;
use tagtide_trends::rank::columns::{COLUMNS, Field};

/// Time limit of one query.
const QUERY_MAX: Duration = Duration::from_secs(5);
/// Virtual machine steps of SQLite between two checks of the time limit.
const STEPS: i32 = 10_000;
/// How far before a time its ranking is searched.
const BACK_MINUTES: i64 = 24 * 60;

/// View, mode and window (seconds) of a ranking.
pub type Kind = (String, String, Option<u64>);

/// Which rankings, and how many rows of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankingSelector {
    /// Name of the view.
    pub view: String,
    /// What it ranks by.
    pub mode: String,
    /// Length of its window, seconds; `None` for `total`.
    pub window_s: Option<u64>,
    /// Most rows of a ranking.
    pub top: u32,
}

/// Past rankings.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct StoredRankings {
    /// Name of the view.
    pub view: String,
    /// What it ranks by.
    pub mode: String,
    /// Length of the window, seconds; null for `total`.
    pub window_s: Option<u64>,
    /// Oldest first.
    pub rankings: Vec<StoredRanking>,
    /// Where the next request has to start, milliseconds since the Unix epoch; null if this was
    /// everything.
    pub next: Option<i64>,
}

/// One past ranking; if a tag was requested, only the row of that tag.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct StoredRanking {
    /// End of the window, whole minutes, milliseconds since the Unix epoch (event time).
    pub at: i64,
    /// Rows, best first; `change` and `series` are not stored.
    pub trends: Vec<Trend>,
}

/// A time or an inclusive range, milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The ranking at that time.
    At(i64),
    /// All rankings of a range.
    Between(i64, i64),
}

impl When {
    /// Completes a partial request. Without any time it means the newest ranking, or for a tag the
    /// day before it. A missing `to` is the newest ranking, a missing `from` a day before `to`.
    ///
    /// # Errors
    /// [`WhenError`] if the times contradict each other.
    pub fn of(
        at: Option<i64>,
        from: Option<i64>,
        to: Option<i64>,
        newest: i64,
        tag: bool,
    ) -> Result<Self, WhenError> {
        match (at, from, to) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => Err(WhenError::Both),
            (Some(at), None, None) => Ok(Self::At(at)),
            (None, None, None) if !tag => Ok(Self::At(newest)),
            (None, from, to) => {
                let to = to.unwrap_or(newest);
                let from = from.unwrap_or(to.saturating_sub(BACK_MINUTES * 60_000));
                if from > to {
                    return Err(WhenError::Reversed { from, to });
                }
                Ok(Self::Between(from, to))
            }
        }
    }
}

/// Times that contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// A time and a range.
    #[error("`at` is a time, `from` and `to` are a range: give one of the two")]
    Both,
    /// The range ends before it starts.
    #[error("`from` ({from}) is later than `to` ({to})")]
    Reversed {
        /// Start, milliseconds since the Unix epoch.
        from: i64,
        /// End, milliseconds since the Unix epoch.
        to: i64,
    },
}

/// Reads the history of one state directory, also while it is being written.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
    /// Time limit of the current query.
    deadline: Arc<Mutex<Instant>>,
}

impl Reader {
    /// Opens it.
    ///
    /// # Errors
    /// [`SqliteError::Missing`] if nothing was stored yet.
    pub fn open(dir: &Path) -> Result<Self, HistoryError> {
        let mut db = sqlite::read(dir, &SCHEMA)?;
        let path = dir.join(SCHEMA.file);
        let deadline = Arc::new(Mutex::new(monotonic() + QUERY_MAX));
        let theirs = Arc::clone(&deadline);
        let is_over = move || monotonic() > *theirs.lock().unwrap_or_else(PoisonError::into_inner);
        db.progress_handler(STEPS, Some(is_over))
            .map_err(|error| SqliteError::new("read", &path, error))?;
        Ok(Self { db, path, deadline })
    }

    /// Starts the time limit of the next query.
    fn begin(&self) {
        let deadline = monotonic() + QUERY_MAX;
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> HistoryError {
        |error| SqliteError::new("read", &self.path, error)
    }

    /// Mode and window of the ranking that is stored every minute for `view`; `None` if nothing was
    /// stored on the last day.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn usual(&self, view: &str) -> Result<Option<(String, Option<u64>)>, HistoryError> {
        let Some(newest) = self.newest()? else { return Ok(None) };
        let since = minute_of(newest) - BACK_MINUTES;
        // Other rankings are stored at full hours only.
        for off_hours in ["and minute % 60 <> 0", ""] {
            let query = format!(
                "select mode, window_s from ranking where view = ?1 and minute >= ?2 {off_hours} \
                 order by minute desc, mode desc, window_s desc, rank desc limit 1"
            );
            let found = self
                .db
                .query_row(&query, params![view, since], |row| {
                    Ok((row.get(0)?, window(row.get(1)?)))
                })
                .optional();
            if let Some(found) = found.map_err(self.failed())? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// View, mode and window of all rankings that were stored on the last day, in order.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn kinds(&self) -> Result<Vec<Kind>, HistoryError> {
        let Some(newest) = self.newest()? else { return Ok(Vec::new()) };
        let query = "select distinct view, mode, window_s from ranking where minute >= ?1 \
                     order by 1, 2, 3";
        let mut statement = self.db.prepare(query).map_err(self.failed())?;
        let since = minute_of(newest) - BACK_MINUTES;
        let rows = statement
            .query_map([since], |row| Ok((row.get(0)?, row.get(1)?, window(row.get(2)?))))
            .map_err(self.failed())?;
        rows.collect::<Result<_, _>>().map_err(self.failed())
    }

    /// The newest stored time, milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn newest(&self) -> Result<Option<i64>, HistoryError> {
        self.begin();
        let query = "select minute from ranking order by minute desc limit 1";
        let found = self.db.query_row(query, [], |row| row.get::<_, i64>(0)).optional();
        Ok(found.map_err(self.failed())?.map(|minute| minute * 60_000))
    }

    /// The rankings of `when`; at most `rows_max` rows.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn when(
        &self,
        when: When,
        tag: Option<&str>,
        rows_max: usize,
        selector: &RankingSelector,
    ) -> Result<StoredRankings, HistoryError> {
        match when {
            When::At(at) => self.at(at, tag, selector),
            When::Between(from, to) => self.range(from, to, tag, 1, rows_max, selector),
        }
    }

    /// The ranking at `at_ms`: the newest one stored until then, at most a day old. With `tag`,
    /// only its row.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn at(
        &self,
        at_ms: i64,
        tag: Option<&str>,
        selector: &RankingSelector,
    ) -> Result<StoredRankings, HistoryError> {
        self.begin();
        let minute = minute_of(at_ms);
        let window_s = window_column(selector.window_s);
        let found: Option<i64> = self
            .db
            .query_row(
                "select minute from ranking where minute between ?1 and ?2 and view = ?3 \
                 and mode = ?4 and window_s = ?5 order by minute desc limit 1",
                params![minute - BACK_MINUTES, minute, selector.view, selector.mode, window_s],
                |row| row.get(0),
            )
            .optional()
            .map_err(self.failed())?;
        let Some(found) = found else { return Ok(selector.no_rankings()) };
        self.range(found * 60_000, found * 60_000, tag, 1, usize::MAX, selector)
    }

    /// Rankings from `from_ms` to `to_ms`, both included, at minutes divisible by `every_min`; of
    /// each the first `selector.top` rows, or the row of `tag` at any rank. At most `rows_max`
    /// rows, and never part of a ranking.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn range(
        &self,
        from_ms: i64,
        to_ms: i64,
        tag: Option<&str>,
        every_min: u32,
        rows_max: usize,
        selector: &RankingSelector,
    ) -> Result<StoredRankings, HistoryError> {
        self.begin();
        let top = if tag.is_some() { u32::MAX } else { selector.top };
        let limit = i64::try_from(rows_max).unwrap_or(i64::MAX).saturating_add(1);
        // The first whole minute that is not before it.
        let from = minute_of(from_ms.saturating_add(59_999));
        let optional = COLUMNS.each_ref().map(|column| column.name).join(", ");
        let mut statement = self
            .db
            .prepare(&format!(
                "select minute, rank, tag, display, count, {optional} \
                 from ranking where minute between ?1 and ?2 and view = ?3 and mode = ?4 \
                 and window_s = ?5 and rank <= ?6 and (?7 is null or tag = ?7) \
                 and minute % ?8 = 0 order by minute, rank limit ?9",
            ))
            .map_err(self.failed())?;
        let rows = statement
            .query_map(
                params![
                    from,
                    minute_of(to_ms),
                    selector.view,
                    selector.mode,
                    window_column(selector.window_s),
                    top,
                    tag,
                    every_min.max(1),
                    limit,
                ],
                |row| Ok((row.get::<_, i64>(0)?, trend(row)?)),
            )
            .map_err(self.failed())?;
        let mut stored = selector.no_rankings();
        let mut count = 0;
        for row in rows {
            let (minute, trend) = row.map_err(self.failed())?;
            count += 1;
            let at = minute * 60_000;
            match stored.rankings.last_mut().filter(|ranking| ranking.at == at) {
                Some(ranking) => ranking.trends.push(trend),
                None => stored.rankings.push(StoredRanking { at, trends: vec![trend] }),
            }
        }
        if count > rows_max {
            stored.next = stored.rankings.pop().map(|cut| cut.at);
        }
        Ok(stored)
    }

    /// Rankings of full hours: all that is stored of modes and windows other than the default.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn hours(
        &self,
        from_ms: i64,
        to_ms: i64,
        tag: Option<&str>,
        rows_max: usize,
        selector: &RankingSelector,
    ) -> Result<StoredRankings, HistoryError> {
        self.range(from_ms, to_ms, tag, 60, rows_max, selector)
    }
}

impl RankingSelector {
    /// A result without rankings.
    fn no_rankings(&self) -> StoredRankings {
        StoredRankings {
            view: self.view.clone(),
            mode: self.mode.clone(),
            window_s: self.window_s,
            rankings: Vec::new(),
            next: None,
        }
    }
}

fn window(column: i64) -> Option<u64> {
    u64::try_from(column).ok().filter(|window_s| *window_s > 0)
}

fn trend(row: &Row<'_>) -> rusqlite::Result<Trend> {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    let mut trend = Trend {
        rank: row.get(1)?,
        tag: row.get(2)?,
        display: row.get(3)?,
        count: unsigned(row.get(4)?),
        ..Trend::default()
    };
    for (index, column) in (5..).zip(&COLUMNS) {
        match &column.field {
            Field::Count(of) => {
                *(of.slot)(&mut trend) = row.get::<_, Option<i64>>(index)?.map(unsigned);
            }
            Field::Number(of) => *(of.slot)(&mut trend) = row.get(index)?,
            Field::Text(of) => *(of.slot)(&mut trend) = row.get(index)?,
        }
    }
    Ok(trend)
}

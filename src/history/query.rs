//! Reading, on a connection of its own: one statement at a time, each with an end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;

use super::{HistoryError, SCHEMA, minute_of, window_column};
use crate::sqlite::{self, SqliteError};
use tagtide_posts::clock::monotonic;
use tagtide_trends::rank::Trend;

/// Longest that one question may take.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Steps of SQLite between two looks at the clock.
const STEPS: i32 = 10_000;
/// How far before a moment its ranking is looked for.
const BACK_MINUTES: i64 = 24 * 60;

/// View, mode and window (seconds) of a ranking.
pub type Kind = (String, String, Option<u64>);

/// Which rankings, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Name of the view.
    pub view: String,
    /// What it ranks by.
    pub mode: String,
    /// Length of its window, seconds; none for `total`.
    pub window_s: Option<u64>,
    /// Most rows of a ranking.
    pub top: u32,
}

/// Rankings as they were.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Kept {
    /// Name of the view.
    pub view: String,
    /// What it ranks by.
    pub mode: String,
    /// Length of the window, seconds; null for `total`.
    pub window_s: Option<u64>,
    /// Oldest first.
    pub rankings: Vec<KeptRanking>,
    /// Where to go on, milliseconds since the Unix epoch: there was more than fits one answer.
    pub next: Option<i64>,
}

/// One ranking as it was; or, where a tag was asked for, that tag's row of it.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct KeptRanking {
    /// End of the window, whole minutes, milliseconds since the Unix epoch (event time).
    pub at: i64,
    /// Rows, best first; `change` and `series` are not kept.
    pub trends: Vec<Trend>,
}

/// When it was: a moment, or a stretch with both its ends; milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The ranking as it was then.
    At(i64),
    /// All rankings of a stretch.
    Between(i64, i64),
}

impl When {
    /// What somebody means who names some of these. Nothing means the newest ranking, or for a tag
    /// the day before it; an end that is missing is the newest ranking, a begin a day before the
    /// end.
    ///
    /// # Errors
    /// What contradicts itself.
    pub fn of(
        at: Option<i64>,
        from: Option<i64>,
        to: Option<i64>,
        newest: i64,
        tag: bool,
    ) -> Result<Self, String> {
        match (at, from, to) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                Err("`at` is a moment, `from` and `to` are a stretch: give one of the two".into())
            }
            (Some(at), None, None) => Ok(Self::At(at)),
            (None, None, None) if !tag => Ok(Self::At(newest)),
            (None, from, to) => {
                let to = to.unwrap_or(newest);
                let from = from.unwrap_or(to.saturating_sub(BACK_MINUTES * 60_000));
                if from > to {
                    return Err(format!("`from` ({from}) lies behind `to` ({to})"));
                }
                Ok(Self::Between(from, to))
            }
        }
    }
}

/// The history of one state directory, to read; also while it is written.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
    /// End of the question that is asked.
    deadline: Arc<Mutex<Instant>>,
}

impl Reader {
    /// Opens it.
    ///
    /// # Errors
    /// [`SqliteError::Missing`] where nothing was kept yet.
    pub fn open(dir: &Path) -> Result<Self, HistoryError> {
        let mut db = sqlite::read(dir, &SCHEMA)?;
        let path = dir.join(SCHEMA.file);
        let deadline = Arc::new(Mutex::new(monotonic() + ANSWER_MAX));
        let theirs = Arc::clone(&deadline);
        let is_over = move || monotonic() > *theirs.lock().unwrap_or_else(PoisonError::into_inner);
        db.progress_handler(STEPS, Some(is_over))
            .map_err(|error| SqliteError::of("read", &path, &error))?;
        Ok(Self { db, path, deadline })
    }

    /// Gives the next question its time.
    fn begin(&self) {
        let deadline = monotonic() + ANSWER_MAX;
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    fn failed(&self) -> impl Fn(rusqlite::Error) -> HistoryError {
        |error| SqliteError::of("read", &self.path, &error)
    }

    /// Mode and window of the ranking that is kept every minute for `view`; `None` where nothing
    /// was kept on the last day.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn usual(&self, view: &str) -> Result<Option<(String, Option<u64>)>, HistoryError> {
        let Some(newest) = self.newest()? else { return Ok(None) };
        let since = minute_of(newest) - BACK_MINUTES;
        // Others are kept at full hours alone.
        for apart in ["and minute % 60 <> 0", ""] {
            let query = format!(
                "select mode, window_s from ranking where view = ?1 and minute >= ?2 {apart} \
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

    /// View, mode and window of all rankings that were kept on the last day, in order.
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

    /// The newest moment that is kept, milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn newest(&self) -> Result<Option<i64>, HistoryError> {
        self.begin();
        let query = "select minute from ranking order by minute desc limit 1";
        let found = self.db.query_row(query, [], |row| row.get::<_, i64>(0)).optional();
        Ok(found.map_err(self.failed())?.map(|minute| minute * 60_000))
    }

    /// What somebody asks for; at most `rows_max` rows.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn when(
        &self,
        when: When,
        tag: Option<&str>,
        rows_max: usize,
        asked: &Asked,
    ) -> Result<Kept, HistoryError> {
        match when {
            When::At(at) => self.at(at, tag, asked),
            When::Between(from, to) => self.range(from, to, tag, 1, rows_max, asked),
        }
    }

    /// The ranking as it was at `at_ms`: the newest one kept until then, of the day before at the
    /// most. With `tag`, its row alone.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn at(&self, at_ms: i64, tag: Option<&str>, asked: &Asked) -> Result<Kept, HistoryError> {
        self.begin();
        let minute = minute_of(at_ms);
        let window_s = window_column(asked.window_s);
        let found: Option<i64> = self
            .db
            .query_row(
                "select minute from ranking where minute between ?1 and ?2 and view = ?3 \
                 and mode = ?4 and window_s = ?5 order by minute desc limit 1",
                params![minute - BACK_MINUTES, minute, asked.view, asked.mode, window_s],
                |row| row.get(0),
            )
            .optional()
            .map_err(self.failed())?;
        let Some(found) = found else { return Ok(asked.none()) };
        self.range(found * 60_000, found * 60_000, tag, 1, usize::MAX, asked)
    }

    /// Rankings from `from_ms` to `to_ms`, both included, at minutes that `every_min` divides; of
    /// each the first `asked.top` rows, or the row of `tag` wherever it stood. At most `rows_max`
    /// rows, and never a part of a ranking.
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
        asked: &Asked,
    ) -> Result<Kept, HistoryError> {
        self.begin();
        let top = if tag.is_some() { u32::MAX } else { asked.top };
        let limit = i64::try_from(rows_max).unwrap_or(i64::MAX).saturating_add(1);
        // The first whole minute from there on.
        let from = minute_of(from_ms.saturating_add(59_999));
        let mut statement = self
            .db
            .prepare(
                "select minute, rank, tag, display, count, authors, score, lift, expected, status \
                 from ranking where minute between ?1 and ?2 and view = ?3 and mode = ?4 \
                 and window_s = ?5 and rank <= ?6 and (?7 is null or tag = ?7) \
                 and minute % ?8 = 0 order by minute, rank limit ?9",
            )
            .map_err(self.failed())?;
        let rows = statement
            .query_map(
                params![
                    from,
                    minute_of(to_ms),
                    asked.view,
                    asked.mode,
                    window_column(asked.window_s),
                    top,
                    tag,
                    every_min.max(1),
                    limit,
                ],
                |row| Ok((row.get::<_, i64>(0)?, trend(row)?)),
            )
            .map_err(self.failed())?;
        let mut kept = asked.none();
        let mut count = 0;
        for row in rows {
            let (minute, trend) = row.map_err(self.failed())?;
            count += 1;
            let at = minute * 60_000;
            match kept.rankings.last_mut().filter(|ranking| ranking.at == at) {
                Some(ranking) => ranking.trends.push(trend),
                None => kept.rankings.push(KeptRanking { at, trends: vec![trend] }),
            }
        }
        if count > rows_max {
            kept.next = kept.rankings.pop().map(|cut| cut.at);
        }
        Ok(kept)
    }

    /// Rankings of full hours: all that is kept of modes and windows other than the usual ones.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn hours(
        &self,
        from_ms: i64,
        to_ms: i64,
        tag: Option<&str>,
        rows_max: usize,
        asked: &Asked,
    ) -> Result<Kept, HistoryError> {
        self.range(from_ms, to_ms, tag, 60, rows_max, asked)
    }
}

impl Asked {
    /// An answer without rankings.
    fn none(&self) -> Kept {
        Kept {
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
    let whole = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(Trend {
        rank: row.get(1)?,
        tag: row.get(2)?,
        display: row.get(3)?,
        count: whole(row.get(4)?),
        authors: row.get::<_, Option<i64>>(5)?.map(whole),
        score: row.get(6)?,
        lift: row.get(7)?,
        expected: row.get(8)?,
        status: row.get(9)?,
        change: None,
        series: None,
    })
}

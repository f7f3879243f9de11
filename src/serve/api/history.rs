//! Past rankings.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::tags::key_of;
use super::{Problem, json, stored};
use crate::history::{RankingSelector, Reader, StoredRankings, When};
use crate::job::units::moment_or_ms;
use crate::serve::ranking_query;
use crate::serve::router::App;
use crate::serve::strict_query::StrictQuery;
use tagtide_trends::rank::Mode;
use tagtide_trends::view::ALL;

/// Most rows of one answer.
const ROWS_MAX: usize = 10_000;

/// Parameters of a request, unchecked.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::serve) struct Params {
    /// A time, RFC 3339 or milliseconds since the Unix epoch: the ranking at that time.
    at: Option<String>,
    /// Start of a range, likewise; a day before its end if missing.
    from: Option<String>,
    /// End of a range, likewise; the newest stored ranking if missing.
    to: Option<String>,
    /// `1h`: only the rankings of full hours; modes and windows other than the default have no
    /// others. `1m`, every ranking, if missing.
    every: Option<String>,
    /// Only the row of this tag in each ranking. Without a time, those of the newest day.
    tag: Option<String>,
    /// Name of a view; `all` if missing.
    view: Option<String>,
    /// What it ranks by; the job's default if missing.
    mode: Option<String>,
    /// Window such as `5m`, `24h` or seconds; the default if missing, none for `total`.
    window: Option<String>,
    /// Most rows of each ranking, from 1 to 1000; 10 if missing.
    #[param(value_type = Option<u32>)]
    top: Option<String>,
}

/// A checked request; missing parts are completed from the history.
struct Request {
    at: Option<i64>,
    from: Option<i64>,
    to: Option<i64>,
    every_min: u32,
    tag: Option<String>,
    view: String,
    mode: Option<String>,
    window_s: Option<u64>,
    top: u32,
    /// The error if nothing is stored: the job has no such mode, window or view.
    unknown: Option<Problem>,
}

/// Past rankings, oldest first; at most 10000 rows. `next` is the `from` of the next request.
#[utoipa::path(get, path = "/api/v1/history", params(Params), responses(
    (status = 200, body = StoredRankings),
    (status = 400, body = Problem),
    (status = 404, body = Problem),
    (status = 503, body = Problem),
))]
pub(in crate::serve) async fn history(
    State(app): State<Arc<App>>,
    StrictQuery(params): StrictQuery<Params>,
) -> Response {
    let request = match read(params, &app) {
        Ok(question) => question,
        Err(problem) => return problem.into_response(),
    };
    match stored::ask(&app, "history", move |dir| request.answer(&Reader::open(dir)?)).await {
        Ok(Ok(kept)) => json(&kept),
        Ok(Err(problem)) | Err(problem) => problem.into_response(),
    }
}

fn read(params: Params, app: &App) -> Result<Request, Problem> {
    let time = |name: &str, text: &Option<String>| {
        let read = text.as_deref().map(moment_or_ms).transpose();
        read.map(|at| at.map(|at| at.0)).map_err(|error| {
            Problem::bad(format!("`{name}`: {error}")).help("a `+` in a URL is written `%2B`")
        })
    };
    let published = Arc::clone(&app.feed.published.borrow());
    let default = published.default_ranking();
    let default = default.map(|ranking| (ranking.mode.clone(), ranking.window_s));
    let window_s = params.window.as_deref();
    let window_s = window_s.map(|text| ranking_query::parse_window("window", text)).transpose()?;
    let unknown =
        ranking_query::known_mode_and_window(params.mode.as_deref(), window_s, &published).err();
    let unknown =
        unknown.or_else(|| ranking_query::known_view(params.view.clone(), &published).err());
    let (mode, window_s) = match (params.mode, window_s) {
        (None, None) => default.map_or((None, None), |(mode, window_s)| (Some(mode), window_s)),
        (None, window_s) => (default.map(|(mode, _)| mode), window_s),
        (Some(mode), _) if Mode::named(&mode).is_some_and(|mode| !mode.has_window()) => {
            (Some(mode), None)
        }
        (Some(mode), None) => (Some(mode), default.and_then(|(_, window_s)| window_s)),
        given => given,
    };
    let top = params.top.as_deref().map_or(Ok(10), ranking_query::parse_top)?;
    Ok(Request {
        at: time("at", &params.at)?,
        from: time("from", &params.from)?,
        to: time("to", &params.to)?,
        every_min: params.every.as_deref().map_or(Ok(1), every)?,
        tag: params.tag.map(|tag| key_of(&tag, app)),
        view: params.view.unwrap_or_else(|| ALL.to_owned()),
        mode,
        window_s,
        top: u32::try_from(top).unwrap_or(u32::MAX),
        unknown,
    })
}

/// Whole minutes between two rankings.
fn every(text: &str) -> Result<u32, Problem> {
    let seconds = ranking_query::parse_window("every", text)?;
    u32::try_from(seconds / 60).ok().filter(|minutes| *minutes > 0 && seconds % 60 == 0).ok_or_else(
        || {
            Problem::bad(format!("`every` is `{text}`, which is not a number of whole minutes"))
                .help("write `1h`")
        },
    )
}

impl Request {
    fn answer(
        self,
        reader: &Reader,
    ) -> Result<Result<StoredRankings, Problem>, crate::history::HistoryError> {
        let newest = reader.newest()?.unwrap_or_default();
        let when = match When::of(self.at, self.from, self.to, newest, self.tag.is_some()) {
            Ok(when) => when,
            Err(error) => {
                return Ok(Err(Problem::bad(error.to_string()).help("times are event time")));
            }
        };
        let (mode, window_s) = match self.mode {
            Some(mode) => (mode, self.window_s),
            None => reader.usual(&self.view)?.unwrap_or_default(),
        };
        let asked = RankingSelector { view: self.view, mode, window_s, top: self.top };
        let tag = self.tag.as_deref();
        let kept = match when {
            When::At(at) => reader.at(at, tag, &asked),
            When::Between(from, to) => {
                reader.range(from, to, tag, self.every_min, ROWS_MAX, &asked)
            }
        }?;
        // Rankings of views, modes and windows that the job no longer has are still returned.
        match self.unknown {
            Some(problem) if kept.rankings.is_empty() => Ok(Err(problem)),
            _ => Ok(Ok(kept)),
        }
    }
}

//! Selects the ranking of a request, and the source of its rows: the published ranking if it has
//! enough rows, otherwise the live state.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::http::StatusCode;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use tokio::time::timeout;

use super::api::Problem;
use super::router::App;
use crate::run::{Answer, Question};
use tagtide_trends::rank::{Mode, PUBLISHED_ROWS_MIN, Query, Ranking, TickSnapshot};
use tagtide_trends::view::ALL;

/// Most rows of one answer.
const TOP_MAX: usize = 1_000;
/// Default number of rows.
const TOP_DEFAULT: usize = 10;
/// Parameters of a ranking, unchecked.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Params {
    /// What to rank by, one of the status's `modes`; the job's default if missing.
    mode: Option<String>,
    /// Window such as `5m`, `24h` or seconds, one of the status's `windows_s`, or of its
    /// `scored_windows_s` for a mode with scores; ignored by a mode without windows.
    window: Option<String>,
    /// Most rows, from 1 to 1000; 10 if missing.
    #[param(value_type = Option<u32>)]
    top: Option<String>,
    /// Name of one of the status's `views`; `all` if missing.
    view: Option<String>,
}

/// A ranking that a server can return.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Selection {
    /// `None` only until something was published.
    mode: Option<Mode>,
    window_s: Option<u64>,
    view: String,
    top: usize,
}

/// Checks parameters and adds the job's defaults.
pub(super) fn resolve(params: Params, published: &TickSnapshot) -> Result<Selection, Problem> {
    let window_s = params.window.as_deref().map(|text| parse_window("window", text)).transpose()?;
    let mode = known_mode_and_window(params.mode.as_deref(), window_s, published)?;
    let top = params.top.as_deref().map_or(Ok(TOP_DEFAULT), parse_top)?;
    let view = known_view(params.view, published)?.unwrap_or_else(|| ALL.to_owned());
    let (mode, window_s) = with_defaults(mode, window_s, published);
    Ok(Selection {
        mode,
        window_s: window_s.filter(|_| mode.is_none_or(Mode::has_window)),
        view,
        top,
    })
}

/// The rows of a selection.
pub(super) async fn ranking(
    app: &Arc<App>,
    published: &TickSnapshot,
    selection: &Selection,
) -> Result<Arc<Ranking>, Problem> {
    let found = selection.find(published);
    if let Some(ranking) = found
        && holds(ranking, selection.top)
    {
        return Ok(cut(ranking, selection.top));
    }
    let Selection { mode, window_s, top, .. } = *selection;
    let view = (selection.view != ALL).then(|| selection.view.clone());
    let query = Query { mode, window_s, view, top };
    if let Some(ranking) = ask(app, Question::Ranking(query)).await?.ranking() {
        return Ok(cut(&Arc::new(ranking), selection.top));
    }
    // The run has ended, or has not started.
    Ok(found.map_or_else(
        || Arc::new(selection.empty(published)),
        |ranking| cut(ranking, selection.top),
    ))
}

/// Asks the live state, on a thread that can block.
pub(super) async fn ask(app: &App, question: Question) -> Result<Answer, Problem> {
    let live = Arc::clone(&app.feed.live);
    let answer = tokio::task::spawn_blocking(move || live.ask(question));
    let unavailable = |error: &str| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error).help("try again in a few seconds")
    };
    match timeout(app.options.timeouts.ask, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err(unavailable("the live state did not answer")),
        Err(_) => Err(unavailable("the live state did not answer in time")),
    }
}

impl Selection {
    fn find<'a>(&self, published: &'a TickSnapshot) -> Option<&'a Arc<Ranking>> {
        let Some(mode) = self.mode else { return published.default_ranking() };
        let mode = mode_name(mode);
        published.rankings.iter().find(|ranking| {
            ranking.mode == mode && ranking.window_s == self.window_s && ranking.view == self.view
        })
    }

    /// Replaces the first ranking until there is one.
    fn empty(&self, published: &TickSnapshot) -> Ranking {
        Ranking {
            mode: self.mode.map_or_else(|| "total".to_owned(), mode_name),
            window_s: self.window_s,
            view: self.view.clone(),
            at: published.status.event_time.unwrap_or(published.published_at),
            watermark: published.status.watermark.unwrap_or_default(),
            provisional: false,
            approximate: published.status.approximate,
            error_bound: 0,
            other: 0,
            posts: 0,
            tagged_posts: 0,
            distinct_tags: 0,
            learning: None,
            trends: Vec::new(),
        }
    }
}

/// True if a published ranking has `top` rows, or all rows that exist.
fn holds(ranking: &Ranking, top: usize) -> bool {
    let rows = ranking.trends.len();
    // Few tags pass the gates; the other modes list every tag with a count.
    let gated = Mode::named(&ranking.mode).is_some_and(Mode::is_scored);
    rows >= top || rows as u64 >= ranking.distinct_tags || (gated && rows < PUBLISHED_ROWS_MIN)
}

fn cut(ranking: &Arc<Ranking>, top: usize) -> Arc<Ranking> {
    if ranking.trends.len() <= top {
        return Arc::clone(ranking);
    }
    let trends = ranking.trends[..top].to_vec();
    let head = Ranking {
        trends: Vec::new(),
        mode: ranking.mode.clone(),
        view: ranking.view.clone(),
        ..**ranking
    };
    Arc::new(Ranking { trends, ..head })
}

fn with_defaults(
    mode: Option<Mode>,
    window_s: Option<u64>,
    published: &TickSnapshot,
) -> (Option<Mode>, Option<u64>) {
    let default = published.default_ranking();
    let default_mode = default.and_then(|ranking| parse_mode(&ranking.mode));
    let of_mode = |mode| {
        let name = mode_name(mode);
        published.rankings.iter().find(|ranking| ranking.mode == name)
    };
    match (mode, window_s) {
        (None, None) => (default_mode, default.and_then(|ranking| ranking.window_s)),
        (None, Some(window_s)) => {
            // A window without a mode selects a mode with windows.
            let fits = |ranking: &&Arc<Ranking>| ranking.window_s == Some(window_s);
            let ranked = default.filter(fits).or_else(|| published.rankings.iter().find(fits));
            (ranked.map_or(default_mode, |ranking| parse_mode(&ranking.mode)), Some(window_s))
        }
        (Some(mode), None) if default_mode == Some(mode) => {
            (Some(mode), default.and_then(|ranking| ranking.window_s))
        }
        (Some(mode), None) => {
            let window_s = of_mode(mode).map(|ranking| ranking.window_s);
            let status = &published.status;
            let known = if mode.is_scored() { &status.scored_windows_s } else { &status.windows_s };
            (Some(mode), window_s.unwrap_or(known.first().copied()))
        }
        given => given,
    }
}

/// The requested mode. It and the window must be among the job's. For a mode without windows the
/// window is ignored; without a mode it selects one with windows.
pub(super) fn known_mode_and_window(
    mode: Option<&str>,
    window_s: Option<u64>,
    published: &TickSnapshot,
) -> Result<Option<Mode>, Problem> {
    let mode = mode.map(|mode| known_mode(mode, published)).transpose()?;
    if let Some(window_s) = window_s.filter(|_| mode.is_none_or(Mode::has_window)) {
        let scored = mode.is_some_and(Mode::is_scored);
        let status = &published.status;
        known_window(window_s, if scored { &status.scored_windows_s } else { &status.windows_s })?;
    }
    Ok(mode)
}

fn known_mode(name: &str, published: &TickSnapshot) -> Result<Mode, Problem> {
    let known = &published.status.modes;
    let configured = known.is_empty() || known.iter().any(|mode| mode == name);
    parse_mode(name).filter(|_| configured).ok_or_else(|| {
        let help = match known.as_slice() {
            [] => "`total` and `count` are modes".to_owned(),
            known => format!("this job ranks by {}", listed(known)),
        };
        Problem::bad(format!("cannot rank by `{name}`")).help(help)
    })
}

/// The requested view; `None` = all posts.
pub(super) fn known_view(
    asked: Option<String>,
    published: &TickSnapshot,
) -> Result<Option<String>, Problem> {
    let Some(view) = asked.filter(|view| view != ALL) else { return Ok(None) };
    let known = || published.status.views.iter().map(|view| view.name.as_str());
    if known().any(|known| known == view) {
        return Ok(Some(view));
    }
    let names: Vec<&str> = std::iter::once(ALL).chain(known()).collect();
    Err(Problem::bad(format!("there is no view `{view}`"))
        .help(format!("this job has {}", listed(&names))))
}

pub(super) fn known_window(window_s: u64, known: &[u64]) -> Result<(), Problem> {
    if known.is_empty() || known.contains(&window_s) {
        return Ok(());
    }
    Err(Problem::bad(format!("there is no window of {window_s} s"))
        .help(format!("there are windows of {} seconds", listed(known))))
}

fn listed(items: &[impl std::fmt::Display]) -> String {
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{}`{item}`", if index > 0 { ", " } else { "" });
    }
    out
}

fn parse_mode(name: &str) -> Option<Mode> {
    let name: StrDeserializer<'_, ValueError> = name.into_deserializer();
    Mode::deserialize(name).ok()
}

fn mode_name(mode: Mode) -> String {
    let name = serde_json::to_value(mode).ok();
    name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

pub(super) fn parse_top(text: &str) -> Result<usize, Problem> {
    match text.parse() {
        Ok(top @ 1..=TOP_MAX) => Ok(top),
        _ => Err(Problem::bad(format!(
            "`top` is `{text}`, which is not a number from 1 to {TOP_MAX}"
        ))
        .help("leave it out for 10 rows")),
    }
}

/// A duration in seconds; `name` is the name of the parameter.
pub(super) fn parse_window(name: &str, text: &str) -> Result<u64, Problem> {
    let (digits, unit_s) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 3_600),
        Some(b'd') => (&text[..text.len() - 1], 86_400),
        _ => (text, 1),
    };
    let count =
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok());
    match count.flatten().and_then(|count| count.checked_mul(unit_s)) {
        Some(window_s @ 1..) => Ok(window_s),
        _ => Err(Problem::bad(format!("`{name}` is `{text}`, which is not a duration"))
            .help("write it as `5m`, `24h`, or in seconds")),
    }
}

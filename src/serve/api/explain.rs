//! Why a tag is listed, or not.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Problem, json, tags};
use crate::run::Question;
use crate::serve::ranking_query::{self, ask};
use crate::serve::router::App;
use crate::serve::strict_query::StrictQuery;
use tagtide_trends::rank::{Explanation, TickSnapshot};

/// Parameters of a request, unchecked.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::serve) struct Params {
    /// Window such as `1h` or seconds, one of the status's `scored_windows_s`; the job's default
    /// if missing.
    window: Option<String>,
    /// Name of one of the status's `views`; `all` if missing.
    view: Option<String>,
}

/// Every number that determines the place of a tag under `trending`.
#[utoipa::path(get, path = "/api/v1/tags/{tag}/explain",
    params(
        ("tag" = String, Path, description = "the tag, with or without its leading `#`"),
        Params,
    ),
    responses(
        (status = 200, body = Explanation),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(in crate::serve) async fn explain(
    State(app): State<Arc<App>>,
    tag: Result<Path<String>, PathRejection>,
    StrictQuery(params): StrictQuery<Params>,
) -> Response {
    match answer(&app, tag, params).await {
        Ok(explanation) => json(&explanation),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(
    app: &Arc<App>,
    tag: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<Explanation, Problem> {
    let key = tags::wanted(tag, app)?;
    let published = Arc::clone(&app.feed.published.borrow());
    let window_s = params.window.as_deref();
    let window_s = window_s.map(|text| ranking_query::parse_window("window", text)).transpose()?;
    let window_s = window(window_s, &published)?;
    let view = ranking_query::known_view(params.view, &published)?;
    let question = Question::Explain { view, key: key.clone(), window_s };
    ask(app, question).await?.explanation().ok_or_else(|| tags::not_live(&key))
}

/// The window of the request, else that of the default ranking, else the longest.
fn window(asked: Option<u64>, published: &TickSnapshot) -> Result<u64, Problem> {
    let known = &published.status.scored_windows_s;
    let Some(&longest) = known.last() else {
        return Err(Problem::new(
            StatusCode::NOT_FOUND,
            "no mode of this job compares tags with their past",
        )
        .help("add `trending` to `count.modes` of the job"));
    };
    let Some(asked) = asked else {
        let default = published.default_ranking().and_then(|ranking| ranking.window_s);
        return Ok(default.filter(|window_s| known.contains(window_s)).unwrap_or(longest));
    };
    ranking_query::known_window(asked, known)?;
    Ok(asked)
}

//! One tag in detail.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Problem, json};
use crate::run::Question;
use crate::serve::Tutorial;
use crate::serve::ranking_query;
use crate::serve::router::App;
use crate::serve::strict_query::StrictQuery;
use tagtide_extract::{Rule, key};
use tagtide_trends::rank::TagDetail;

/// Parameters of a request, unchecked.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::serve) struct Params {
    /// Name of one of the status's `views`; `all` if missing.
    view: Option<String>,
}

/// One tag: totals, windows, spellings, series.
#[utoipa::path(get, path = "/api/v1/tags/{tag}",
    params(
        ("tag" = String, Path, description = "the tag, with or without its leading `#`"),
        Params,
    ),
    responses(
        (status = 200, body = TagDetail),
        (status = 400, body = Problem),
        (status = 404, body = Problem),
        (status = 503, body = Problem),
    )
)]
pub(in crate::serve) async fn tag(
    State(app): State<Arc<App>>,
    tag: Result<Path<String>, PathRejection>,
    StrictQuery(params): StrictQuery<Params>,
) -> Response {
    match answer(&app, tag, params).await {
        Ok(detail) => json(&detail),
        Err(problem) => problem.into_response(),
    }
}

async fn answer(
    app: &App,
    tag: Result<Path<String>, PathRejection>,
    params: Params,
) -> Result<TagDetail, Problem> {
    let key = wanted(tag, app)?;
    let view = ranking_query::known_view(params.view, &app.feed.published.borrow())?;
    let question = Question::Tag { view, key: key.clone() };
    ranking_query::ask(app, question).await?.tag().ok_or_else(|| not_live(&key))
}

/// The key of the tag in the path of a request.
pub(super) fn wanted(
    tag: Result<Path<String>, PathRejection>,
    app: &App,
) -> Result<String, Problem> {
    let Path(tag) = tag.map_err(|_| {
        Problem::bad("the tag in the path is not UTF-8").help("percent-encode its UTF-8 bytes")
    })?;
    let key = key_of(&tag, app);
    if key.is_empty() {
        return Err(Problem::bad("the path contains no tag")
            .help("write a `#` in a URL as `%23`, or leave it out"));
    }
    Ok(key)
}

pub(super) fn not_live(key: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("`{key}` is not a live tag"))
        .help("`/api/v1/trends?top=1000` lists live tags")
}

/// The key of a tag in a URL.
pub(super) fn key_of(tag: &str, app: &App) -> String {
    let bare = tag.strip_prefix(['#', '＃']).unwrap_or(tag);
    match (app.options.rule, &app.feed.tutorial) {
        // Under `words` the key is the unchanged word.
        (Rule::Words, Tutorial::Own) => tag.to_owned(),
        // Labels posted to a dashboard are not folded.
        (_, Tutorial::Posted(_)) => bare.to_owned(),
        // Too long for a key: no such tag exists.
        (Rule::Tags, Tutorial::Own) => key::fold(bare).unwrap_or(bare.into()).into_owned(),
    }
}

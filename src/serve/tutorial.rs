//! The routes of the original dashboard: `POST /updateData`, `GET /refreshData`.
//!
//! Answers are byte for byte those of the original, with two exceptions: unreadable lists get the
//! 400 `error` of a form without `data` instead of a 500, and `GET /` changes nothing.
//!
//! The names that forks use for fields and routes are accepted too.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::api::{BODY_MAX_BYTES, Problem, read_body};
use super::guard::{FORM, JSON, content_type};
use super::posted_ranking::PostedLists;
use super::router::App;
use super::{PostedRanking, Tutorial};
use tagtide_extract::Rule;
use tagtide_posts::decode::python::{self, Literal};

/// The answer to a form with `data` and no `label`.
const BAD_REQUEST: &str = "<!doctype html>\n<html lang=en>\n<title>400 Bad Request</title>\n\
    <h1>Bad Request</h1>\n<p>The browser (or proxy) sent a request that this server could not \
    understand.</p>\n";

/// Names of the two lists in a form, in the original and in forks.
const FIELDS: [(&str, &str); 3] = [("label", "data"), ("words", "counts"), ("tag", "tag_count")];

/// The lists as a JSON body.
#[derive(Deserialize, utoipa::ToSchema)]
pub(super) struct Lists {
    /// Hashtags.
    label: Vec<String>,
    /// Their counts.
    #[schema(value_type = Vec<f64>)]
    data: Vec<serde_json::Number>,
}

/// Accepts a ranking, as the original dashboard does (only under `tagtide dashboard`).
///
/// A form whose fields `label` and `data` are Python lists (`['#a', '#b']`, `[12, 3]`), or JSON.
/// They can also be named `words` and `counts`, or `tag` and `tag_count`.
#[utoipa::path(post, path = "/updateData", request_body = Lists, responses(
    (status = 201, content_type = "text/html", body = String),
    (status = 400, content_type = "text/html", body = String),
    (status = 409, body = Problem, description = "this program counts by itself"),
))]
pub(super) async fn update_data(State(app): State<Arc<App>>, request: Request) -> Response {
    let Tutorial::Posted(fed) = &app.feed.tutorial else {
        return Problem::new(StatusCode::CONFLICT, "this program counts by itself")
            .help("to show what another program posts, start `tagtide dashboard`")
            .into_response();
    };
    let kind = content_type(request.headers());
    let body = match read_body(&app, request, BODY_MAX_BYTES).await {
        Ok(body) => body,
        Err(problem) => return problem.into_response(),
    };
    match kind.as_deref() {
        Some(FORM) => take_form(fed, &body),
        Some(JSON) => take_json(fed, &body),
        _ => html(StatusCode::BAD_REQUEST, "error"),
    }
}

/// The same under the name that a fork uses.
#[utoipa::path(post, path = "/update_data", request_body = Lists, responses(
    (status = 201, content_type = "text/html", body = String),
    (status = 400, content_type = "text/html", body = String),
    (status = 409, body = Problem, description = "this program counts by itself"),
))]
pub(super) async fn update_data_of_fork(app: State<Arc<App>>, request: Request) -> Response {
    update_data(app, request).await
}

fn html(status: StatusCode, text: &'static str) -> Response {
    (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
}

fn take_form(fed: &PostedRanking, body: &[u8]) -> Response {
    let field = |name: &str| {
        form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value)
    };
    let found = FIELDS.iter().find_map(|(label, data)| Some((field(label)?, field(data)?)));
    let Some((label, data)) = found else {
        let message = if field("data").is_some() { BAD_REQUEST } else { "error" };
        return html(StatusCode::BAD_REQUEST, message);
    };
    let lists =
        python::parse_list(&label).and_then(|label| Ok((label, python::parse_list(&data)?)));
    let (labels, values) = match lists {
        Ok(lists) => lists,
        Err(error) => {
            tracing::warn!("cannot read a posted ranking: {error}");
            return html(StatusCode::BAD_REQUEST, "error");
        }
    };
    let labels: Option<Vec<String>> = labels
        .into_iter()
        .map(|label| match label {
            Literal::Text(text) => Some(text),
            Literal::Int(_) | Literal::Float(_) => None,
        })
        .collect();
    // A fork posts its counts as strings.
    let number = |value| match value {
        Literal::Text(text) => text.parse().ok().map(Literal::Int),
        number => Some(number),
    };
    let values: Option<Vec<Literal>> = values.into_iter().map(number).collect();
    match (labels, values) {
        (Some(labels), Some(values)) => {
            fed.post(PostedLists { labels, values });
            html(StatusCode::CREATED, "success")
        }
        _ => {
            tracing::warn!(
                "cannot read a posted ranking: labels must be strings, data must be numbers"
            );
            html(StatusCode::BAD_REQUEST, "error")
        }
    }
}

fn take_json(fed: &PostedRanking, body: &[u8]) -> Response {
    let lists: Lists = match serde_json::from_slice(body) {
        Ok(lists) => lists,
        Err(error) => {
            tracing::warn!("cannot read a posted ranking: {error}");
            return html(StatusCode::BAD_REQUEST, "error");
        }
    };
    let value = |number: &serde_json::Number| match number.as_i64() {
        Some(int) => Some(Literal::Int(int)),
        // An integer beyond 64 bits is refused, as in a form.
        None if number.is_u64() => None,
        None => number.as_f64().filter(|float| float.is_finite()).map(Literal::Float),
    };
    match lists.data.iter().map(value).collect() {
        Some(values) => {
            fed.post(PostedLists { labels: lists.label, values });
            html(StatusCode::CREATED, "success")
        }
        None => html(StatusCode::BAD_REQUEST, "error"),
    }
}

/// The ranking for the original page: `{"sData":[..],"sLabel":[..]}`.
#[utoipa::path(get, path = "/refreshData", responses((status = 200, body = Object)))]
pub(super) async fn refresh_data(State(app): State<Arc<App>>) -> Response {
    lists(&app, "sData", "sLabel")
}

/// The same for the page of a fork: `{"sCounts":[..],"sWords":[..]}`.
#[utoipa::path(get, path = "/updateChart", responses((status = 200, body = Object)))]
pub(super) async fn update_chart(State(app): State<Arc<App>>) -> Response {
    lists(&app, "sCounts", "sWords")
}

fn lists(app: &App, values: &str, labels: &str) -> Response {
    let posted = match &app.feed.tutorial {
        Tutorial::Posted(fed) => fed.posted(),
        Tutorial::Own => own(app),
    };
    let mut out = format!("{{\"{values}\":[");
    for (index, value) in posted.values.iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        match value {
            Literal::Int(int) => out.push_str(&int.to_string()),
            Literal::Float(float) => python::repr_float(&mut out, *float),
            Literal::Text(text) => write_ascii_json(&mut out, text),
        }
    }
    out.push_str("],\"");
    out.push_str(labels);
    out.push_str("\":[");
    for (index, label) in posted.labels.iter().enumerate() {
        out.push_str(if index > 0 { "," } else { "" });
        write_ascii_json(&mut out, label);
    }
    out.push_str("]}\n");
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")], out).into_response()
}

/// Our own default ranking in the form of the original.
fn own(app: &App) -> PostedLists {
    let published = Arc::clone(&app.feed.published.borrow());
    let mut posted = PostedLists::default();
    let rows = published.default_ranking().map_or(&[][..], |ranking| &ranking.trends);
    for row in rows.iter().take(app.options.top) {
        posted.labels.push(match app.options.rule {
            Rule::Tags => format!("#{}", row.display),
            Rule::Words => row.display.clone(),
        });
        posted.values.push(Literal::Int(i64::try_from(row.count).unwrap_or(i64::MAX)));
    }
    posted
}

/// A JSON string in printable ASCII, as Python's `json` writes it.
fn write_ascii_json(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(char),
            _ => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

//! Raised alerts, as JSON and as a feed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::tags::key_of;
use super::{Problem, json, stored};
use crate::alert::feed::{ENTRIES_MAX, atom};
use crate::alert::{AlertRecord, Reader};
use crate::serve::ranking_query;
use crate::serve::router::App;
use crate::serve::strict_query::{NoParams, StrictQuery};

/// Parameters of the list, unchecked.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in crate::serve) struct Params {
    /// Most alerts, from 1 to 1000; 10 if missing.
    #[param(value_type = Option<u32>)]
    top: Option<String>,
    /// Only alerts of this rule.
    rule: Option<String>,
    /// Only alerts about this tag.
    tag: Option<String>,
}

/// Alerts and their delivery.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(in crate::serve) struct Alerts {
    /// Newest first.
    alerts: Vec<AlertRecord>,
}

/// The newest alerts, newest first.
#[utoipa::path(get, path = "/api/v1/alerts", params(Params), responses(
    (status = 200, body = Alerts),
    (status = 400, body = Problem),
    (status = 404, body = Problem),
    (status = 503, body = Problem),
))]
pub(in crate::serve) async fn alerts(
    State(app): State<Arc<App>>,
    StrictQuery(params): StrictQuery<Params>,
) -> Response {
    let top = match params.top.as_deref().map_or(Ok(10), ranking_query::parse_top) {
        Ok(top) => top,
        Err(problem) => return problem.into_response(),
    };
    let (rule, tag) = (params.rule, params.tag.map(|tag| key_of(&tag, &app)));
    let newest = stored::ask(&app, "list of alerts", move |dir| {
        Reader::open(dir)?.newest(top, rule.as_deref(), tag.as_deref())
    });
    match newest.await {
        Ok(alerts) => json(&Alerts { alerts }),
        Err(problem) => problem.into_response(),
    }
}

/// The last hundred alerts as an Atom feed.
#[utoipa::path(get, path = "/feed.xml", responses(
    (status = 200, content_type = "application/atom+xml", body = String),
    (status = 400, body = Problem),
    (status = 404, body = Problem),
    (status = 503, body = Problem),
))]
pub(in crate::serve) async fn feed(
    State(app): State<Arc<App>>,
    _: StrictQuery<NoParams>,
) -> Response {
    let status = Arc::clone(&app.feed.published.borrow().status);
    let newest = stored::ask(&app, "list of alerts", |dir| {
        Reader::open(dir)?.newest(ENTRIES_MAX, None, None)
    });
    match newest.await {
        Ok(alerts) => {
            let kind = (CONTENT_TYPE, "application/atom+xml; charset=utf-8");
            let body = atom(&status.job, &alerts, status.started_at);
            ([kind, (CACHE_CONTROL, "no-cache")], body).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

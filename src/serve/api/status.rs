//! The state of the run.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::{Problem, json};
use crate::serve::router::App;
use crate::serve::strict_query::{NoParams, StrictQuery};
use tagtide_trends::status::{RunState, Status};

/// The run's state and counters.
#[utoipa::path(get, path = "/api/v1/status", responses(
    (status = 200, body = Status),
    (status = 400, body = Problem),
))]
pub(in crate::serve) async fn status(
    State(app): State<Arc<App>>,
    _: StrictQuery<NoParams>,
) -> Response {
    let status = Arc::clone(&app.feed.published.borrow().status);
    json(&*status)
}

/// The process is running. Needs no token.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = String)))]
pub(in crate::serve) async fn healthz() -> &'static str {
    "ok\n"
}

/// At least one source has connected.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, body = String),
    (status = 503, body = Problem),
))]
pub(in crate::serve) async fn readyz(State(app): State<Arc<App>>) -> Response {
    let state = app.feed.published.borrow().status.state;
    if state == RunState::Connecting {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no source is connected yet")
            .help("`/api/v1/status` shows what each source waits for")
            .into_response();
    }
    "ready\n".into_response()
}

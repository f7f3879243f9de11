//! JSON routes. Shapes are those of `tagtide_trends::rank`; an error is a [`Problem`].

pub(super) mod alerts;
pub(super) mod explain;
pub(super) mod history;
pub(super) mod openapi;
pub(super) mod session;
pub(super) mod status;
mod stored;
pub(super) mod tags;
pub(super) mod trends;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONNECTION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use tokio::time::timeout;

use super::router::App;

/// Most bytes of a request body.
pub(super) const BODY_MAX_BYTES: usize = 1024 * 1024;

/// Why a request failed, and what to do.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Problem {
    #[serde(skip)]
    status: StatusCode,
    /// What was attempted and why it failed.
    error: String,
    /// What to do.
    help: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), help: String::new() }
    }

    pub(super) fn bad(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = (status, json(&self)).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if status == StatusCode::REQUEST_TIMEOUT {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// An answer that is not cached.
pub(super) fn json(value: &impl Serialize) -> Response {
    let mut response = axum::Json(value).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Reads a whole body within the limits of size and time.
pub(super) async fn read_body(
    app: &App,
    request: Request,
    max_bytes: usize,
) -> Result<Bytes, Problem> {
    let body: Limited<Body> = Limited::new(request.into_body(), max_bytes);
    match timeout(app.options.timeouts.body, body.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let error = format!("the body is longer than {} KiB", max_bytes / 1024);
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error).help("send less"))
        }
        Ok(Err(error)) => Err(Problem::bad(format!("cannot read the body: {error}"))),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")
            .help("send the whole body at once")),
    }
}

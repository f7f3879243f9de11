//! The OpenAPI document, made from the routes' own types.

use axum::response::Response;
use utoipa::OpenApi;

use super::{Problem, json};
use crate::serve::strict_query::{NoParams, StrictQuery};
use crate::serve::{live, metrics, page, tutorial};
use tagtide_trends::rank::{Ranking, TagDetail};
use tagtide_trends::status::Status;

/// Every route and shape.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "tagtide",
        description = "What is trending right now, and why. Times are milliseconds since the Unix \
            epoch."
    ),
    paths(
        super::trends::trends,
        super::tags::tag,
        super::explain::explain,
        super::history::history,
        super::alerts::alerts,
        super::alerts::feed,
        super::status::status,
        super::status::healthz,
        super::status::readyz,
        super::session::session,
        openapi,
        live::live,
        metrics::metrics,
        page::index,
        tutorial::update_data,
        tutorial::refresh_data,
        tutorial::update_data_of_fork,
        tutorial::update_chart,
    ),
    components(schemas(Ranking, Status, TagDetail, live::Snapshot, live::Diff))
)]
struct Document;

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses(
    (status = 200, body = Object),
    (status = 400, body = Problem),
))]
pub(in crate::serve) async fn openapi(_: StrictQuery<NoParams>) -> Response {
    json(&Document::openapi())
}

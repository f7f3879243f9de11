//! The ranking of one mode and window.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::{Problem, json};
use crate::serve::ranking_query::{self, Params};
use crate::serve::router::App;
use crate::serve::strict_query::StrictQuery;
use tagtide_trends::rank::Ranking;

/// The ranking of one mode and window, best first.
#[utoipa::path(get, path = "/api/v1/trends", params(Params), responses(
    (status = 200, body = Ranking),
    (status = 400, body = Problem),
    (status = 503, body = Problem),
))]
pub(in crate::serve) async fn trends(
    State(app): State<Arc<App>>,
    StrictQuery(params): StrictQuery<Params>,
) -> Response {
    let published = Arc::clone(&app.feed.published.borrow());
    let selection = match ranking_query::resolve(params, &published) {
        Ok(selection) => selection,
        Err(problem) => return problem.into_response(),
    };
    match ranking_query::ranking(&app, &published, &selection).await {
        Ok(ranking) => json(&*ranking),
        Err(problem) => problem.into_response(),
    }
}

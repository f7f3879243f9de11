//! The parameters of a request: unknown and repeated ones are refused with 400.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::api::Problem;
use tagtide_sources::options::nearest;

/// The query of a request. `T` denies unknown fields.
pub(super) struct StrictQuery<T>(pub(super) T);

/// For routes that take no parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoParams {}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(given) =
            Query::<T>::from_request_parts(parts, state).await.map_err(|error| problem(&error))?;
        Ok(Self(given))
    }
}

fn problem(error: &QueryRejection) -> Problem {
    let text = error.body_text();
    let Some((_, names)) = text.split_once("unknown field `") else {
        return Problem::bad(format!("cannot read the query: {text}"))
            .help("give each parameter at most once");
    };
    // The name, then the expected ones, all in backticks.
    let mut names = names.split('`').step_by(2);
    let name = names.next().unwrap_or_default();
    let known: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "this route takes none".to_owned(),
        None => format!("this route takes `{}`", known.join("`, `")),
    };
    Problem::bad(format!("unknown parameter `{name}`")).help(help)
}

//! Queries of files in the state directory: a few at the same time, each on a thread that can
//! block.

use std::path::Path;

use axum::http::StatusCode;

use super::Problem;
use crate::serve::router::App;
use crate::sqlite::SqliteError;

/// Queries a file of the state directory. `what` names it in errors, as in "there is no history
/// here".
pub(super) async fn ask<T: Send + 'static>(
    app: &App,
    what: &'static str,
    query: impl FnOnce(&Path) -> Result<T, SqliteError> + Send + 'static,
) -> Result<T, Problem> {
    let busy = |error: String| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error).help("try again in a few seconds")
    };
    let none = || {
        Problem::new(StatusCode::NOT_FOUND, format!("there is no {what} here")).help(
            "it is kept where the run has a state directory (`--state-dir`) and the job asks \
             for it",
        )
    };
    let Some(dir) = app.options.state_dir.clone() else { return Err(none()) };
    let Ok(permit) = std::sync::Arc::clone(&app.readers).try_acquire_owned() else {
        return Err(busy(format!("too many requests for {what} at once")));
    };
    let answer = tokio::task::spawn_blocking(move || {
        let answer = query(&dir);
        drop(permit);
        answer
    });
    match answer.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(SqliteError::Missing { .. })) => Err(none()),
        Ok(Err(SqliteError::TooLong { .. })) => {
            Err(busy(format!("reading the {what} took too long")).help("request a shorter range"))
        }
        Ok(Err(error)) => {
            // File names belong in the log only.
            tracing::warn!("{error}");
            let problem = format!("cannot read the {what}: {}", error.word());
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, problem)
                .help("the log of the program has the details"))
        }
        Err(_) => Err(busy(format!("reading the {what} failed"))),
    }
}

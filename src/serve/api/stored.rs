//! Questions to the files of the state directory: a few at once, each on a thread that may wait.

use std::path::Path;

use axum::http::StatusCode;

use super::Problem;
use crate::serve::router::App;
use crate::sqlite::SqliteError;

/// Asks a file of the state directory. `what` names it in a refusal, as in "there is no history
/// here".
pub(super) async fn ask<T: Send + 'static>(
    app: &App,
    what: &'static str,
    question: impl FnOnce(&Path) -> Result<T, SqliteError> + Send + 'static,
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
        return Err(busy(format!("too many ask for {what} at once")));
    };
    let answer = tokio::task::spawn_blocking(move || {
        let answer = question(&dir);
        drop(permit);
        answer
    });
    match answer.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(SqliteError::Missing { .. })) => Err(none()),
        Ok(Err(SqliteError::TooLong { .. })) => {
            Err(busy(format!("reading the {what} took too long")).help("ask for a shorter stretch"))
        }
        Ok(Err(error)) => {
            // Names of files are for those who see the log.
            tracing::warn!("{error}");
            let problem = format!("cannot read the {what}: {}", error.word());
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, problem)
                .help("the log of the program says more"))
        }
        Err(_) => Err(busy(format!("the {what} gave no answer"))),
    }
}

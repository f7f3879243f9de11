//! Warnings about a valid job on this machine: missing files, missing secrets of webhooks. They may
//! appear after the run has started, so these are not problems of the job.

use std::path::Path;

use crate::job::Plan;

/// What is missing, and what to do about it.
pub(super) struct Warning {
    pub what: String,
    pub help: String,
}

fn warning(what: impl Into<String>, help: impl Into<String>) -> Warning {
    Warning { what: what.into(), help: help.into() }
}

/// Missing files of sources and views.
pub(super) fn files(plan: &Plan) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for source in &plan.sources {
        let of = |warning: Warning| Warning {
            what: format!("source {}: {}", source.name, warning.what),
            ..warning
        };
        let missing = source.options.files().iter().filter_map(|path| missing_file(path));
        warnings.extend(missing.map(of));
    }
    for view in &plan.views {
        if let Some(path) = view.authors_file.as_ref().filter(|path| !path.is_file()) {
            let what = format!("view {}: there is no file `{}`", view.name, path.display());
            let help = "create it, one account per line, before the run starts";
            warnings.push(warning(what, help));
        }
    }
    warnings
}

/// Why a path or glob would read nothing, if so.
fn missing_file(path: &str) -> Option<Warning> {
    let there = Path::new(path);
    if there.is_dir() {
        let help = format!("name its files, as in `{}/*`", path.trim_end_matches('/'));
        return Some(warning(format!("`{path}` is a directory"), help));
    }
    let help = "check the name and the working directory";
    if there.exists() {
        return None;
    }
    if !path.contains(['*', '?', '[']) {
        return Some(warning(format!("there is no file `{path}`"), help));
    }
    // An invalid glob is a problem of the job and reported there.
    let mut found = glob::glob(path).ok()?.filter_map(Result::ok);
    let none = !found.any(|path| !path.is_dir());
    none.then(|| warning(format!("no file matches `{path}`"), help))
}

/// Unset variables that should hold the secrets of webhooks.
pub(super) fn secrets(plan: &Plan) -> Vec<Warning> {
    let alerts = plan
        .alerts
        .iter()
        .map(|alert| (format!("alert {}", alert.name), alert.secret_env.as_deref()));
    let sinks = plan
        .sinks
        .iter()
        .map(|sink| (format!("sink {}", sink.options.kind().name), sink.options.secret_env()));
    let missing = alerts.chain(sinks).filter_map(|(of, name)| {
        let name = name?;
        let set = std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let help = format!("set it, as in `{name}=... tagtide run job.toml`");
        (!set).then(|| warning(format!("{of}: its secret is not in `{name}`"), help))
    });
    missing.collect()
}

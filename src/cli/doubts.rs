//! What a sound job may miss where it runs: files, and secrets of webhooks. A run may begin before
//! they are there, so these are doubts and no problems of the job.

use std::path::Path;

use crate::job::Plan;

/// What is missing, and what to do about it.
pub(super) struct Doubt {
    pub what: String,
    pub help: String,
}

fn doubt(what: impl Into<String>, help: impl Into<String>) -> Doubt {
    Doubt { what: what.into(), help: help.into() }
}

/// Files that sources and views read.
pub(super) fn files(plan: &Plan) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    for source in &plan.sources {
        let of = |doubt: Doubt| Doubt {
            what: format!("source {}: {}", source.name, doubt.what),
            ..doubt
        };
        doubts.extend(source.options.files().iter().filter_map(|path| unread(path)).map(of));
    }
    for view in &plan.views {
        if let Some(path) = view.authors_file.as_ref().filter(|path| !path.is_file()) {
            let what = format!("view {}: there is no file `{}`", view.name, path.display());
            doubts.push(doubt(what, "make it, one account a line, before the run starts"));
        }
    }
    doubts
}

/// Why nothing would be read of a name or pattern, if so.
fn unread(path: &str) -> Option<Doubt> {
    let there = Path::new(path);
    if there.is_dir() {
        let help = format!("name its files, as in `{}/*`", path.trim_end_matches('/'));
        return Some(doubt(format!("`{path}` is a directory"), help));
    }
    let help = "check the name and the working directory";
    if there.exists() {
        return None;
    }
    if !path.contains(['*', '?', '[']) {
        return Some(doubt(format!("there is no file `{path}`"), help));
    }
    // A pattern that is none is a problem of the job, and said there.
    let mut found = glob::glob(path).ok()?.filter_map(Result::ok);
    let none = !found.any(|path| !path.is_dir());
    none.then(|| doubt(format!("no file matches `{path}`"), help))
}

/// Variables that webhooks take their secrets from.
pub(super) fn secrets(plan: &Plan) -> Vec<Doubt> {
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
        (!set).then(|| doubt(format!("{of}: its secret is not in `{name}`"), help))
    });
    missing.collect()
}

//! `[[sink]]`: where rankings go.

use super::Checker;
use crate::http::is_loopback;
use crate::job::SinkPlan;
use crate::job::file::SinkJob;
use crate::job::kinds::{self, SINK_KEYS, SINKS};
use crate::job::problem::{Field, nearest};
use crate::job::units;

/// Where the original dashboard listens.
const DASHBOARD_URL: &str = "http://localhost:5001/updateData";
/// Most sinks of a job; each has a thread of its own.
const SINKS_MAX: usize = 64;

pub(super) fn check(checker: &mut Checker, jobs: &[SinkJob]) -> Vec<SinkPlan> {
    if let Some(job) = jobs.get(SINKS_MAX) {
        checker.problem(&job.place, format!("more than {SINKS_MAX} sinks"), "");
    }
    let mut plans: Vec<SinkPlan> = Vec::new();
    for job in jobs {
        let Some(plan) = sink(checker, job) else { continue };
        if plans.iter().any(|other| same_target(other, &plan)) {
            let what = "another sink already writes there";
            checker.problem(&job.place, what, "take one of the two out");
        }
        plans.push(plan);
    }
    plans
}

fn same_target(a: &SinkPlan, b: &SinkPlan) -> bool {
    match (a, b) {
        (SinkPlan::Stdout { .. }, SinkPlan::Stdout { .. }) => true,
        (SinkPlan::Jsonl { path: a, .. }, SinkPlan::Jsonl { path: b, .. }) => a == b,
        (SinkPlan::Dashboard { url: a }, SinkPlan::Dashboard { url: b })
        | (SinkPlan::Webhook { url: a, .. }, SinkPlan::Webhook { url: b, .. }) => a == b,
        _ => false,
    }
}

fn sink(checker: &mut Checker, job: &SinkJob) -> Option<SinkPlan> {
    let Some(field) = &job.kind else {
        let help = format!("one of {}", kinds::names(SINKS));
        checker.problem(&job.place, "the sink has no `kind`", help);
        return None;
    };
    let Some(kind) = kinds::find(SINKS, &field.value) else {
        let near = nearest(&field.value, SINKS.iter().map(|kind| kind.name));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}known kinds: {}", kinds::names(SINKS));
        checker.problem(&field.place, format!("`{}` is no kind of sink", field.value), help);
        return None;
    };
    foreign_keys(checker, job, kind);
    Some(match kind.name {
        "stdout" => SinkPlan::Stdout { json: job.json.as_ref().is_some_and(|json| json.value) },
        "jsonl" => jsonl(checker, job),
        "dashboard" => {
            let default = Field { value: DASHBOARD_URL.to_owned(), place: job.place.clone() };
            SinkPlan::Dashboard { url: url(checker, job.url.as_ref().unwrap_or(&default), None) }
        }
        _ => webhook(checker, job),
    })
}

/// Keys that this kind does not take.
fn foreign_keys(checker: &mut Checker, job: &SinkJob, kind: &kinds::Kind) {
    let written = [
        ("json", job.json.as_ref().map(|f| &f.place)),
        ("path", job.path.as_ref().map(|f| &f.place)),
        ("rotate", job.rotate.as_ref().map(|f| &f.place)),
        ("keep", job.keep.as_ref().map(|f| &f.place)),
        ("url", job.url.as_ref().map(|f| &f.place)),
        ("token_env", job.token_env.as_ref().map(|f| &f.place)),
    ];
    for (key, place) in written {
        if let Some(place) = place
            && !kind.keys.contains(&key)
        {
            let what = format!("a sink of kind `{}` takes no `{key}`", kind.name);
            let help = format!("it takes {}, {}", SINK_KEYS.join(", "), kind.keys.join(", "));
            checker.problem(place, what, help);
        }
    }
}

fn jsonl(checker: &mut Checker, job: &SinkJob) -> SinkPlan {
    let path = job.path.as_ref().map(|path| path.value.as_str()).unwrap_or_default();
    if path.is_empty() || path.ends_with('/') {
        let place = job.path.as_ref().map_or(&job.place, |path| &path.place);
        let help = "add `path = \"rankings.jsonl\"`";
        checker.problem(place, "the sink has no file to write to", help);
    }
    let rotate = job.rotate.as_ref().map(|field| {
        let (default, high) = (1 << 20, u64::MAX);
        checker.bounded(Some(field), units::size, default, (1024, high), "at least `1KiB`")
    });
    let keep =
        checker.bounded(job.keep.as_ref(), units::count, 5, (0, 1_000), "from 0 to 1000 old files");
    SinkPlan::Jsonl {
        path: path.into(),
        rotate_bytes: rotate,
        keep: u32::try_from(keep).unwrap_or(u32::MAX),
    }
}

fn webhook(checker: &mut Checker, job: &SinkJob) -> SinkPlan {
    let token = job.token_env.as_ref();
    if let Some(field) = token {
        env_name(
            checker,
            field,
            "put the token in a variable and its name here, like `HOOK_TOKEN`",
        );
    }
    let target = match &job.url {
        Some(field) => url(checker, field, token.map(|_| "a token")),
        None => {
            let help = "add `url = \"https://...\"`";
            checker.problem(&job.place, "the webhook has no `url`", help);
            String::new()
        }
    };
    SinkPlan::Webhook { url: target, token_env: token.map(|field| field.value.clone()) }
}

/// The name of an environment variable.
pub(super) fn env_name(checker: &mut Checker, field: &Field<String>, help: &str) {
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let digit = field.value.starts_with(|c: char| c.is_ascii_digit());
    if field.value.is_empty() || digit || !field.value.chars().all(letters) {
        // The value is not repeated: it may be the secret itself.
        let what = "this is no name of an environment variable";
        checker.problem(&field.place, what, help);
    }
}

/// An http or https URL without credentials in it; where something must not go in the clear, only
/// https or loopback.
pub(super) fn url(
    checker: &mut Checker,
    field: &Field<String>,
    hidden: Option<&'static str>,
) -> String {
    let place = &field.place;
    match url::Url::parse(&field.value) {
        Err(error) => {
            let help = "write the whole URL, like `http://localhost:5001/updateData`";
            checker.problem(place, format!("`{}` is no URL: {error}", field.value), help);
        }
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            let what = format!("`{}` is neither http nor https", url.scheme());
            checker.problem(place, what, "");
        }
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            // The URL is not repeated: it holds a secret.
            let what = "a URL in a job file holds no user or password";
            checker.problem(
                place,
                what,
                "a webhook takes its secret by `token_env` or `secret_env`",
            );
        }
        Ok(url) if url.scheme() == "http" && !is_loopback(&url) => {
            if let Some(hidden) = hidden {
                let what = format!("{hidden} would go over plain http to another machine");
                checker.problem(place, what, "use https");
            }
        }
        Ok(_) => {}
    }
    field.value.clone()
}

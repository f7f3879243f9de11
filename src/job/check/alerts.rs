//! `[[alert]]`: rules that raise alerts.

use std::time::Duration;

use super::filters::Folding;
use crate::job::schema::AlertJob;
use crate::job::units::{self, Scalar};
use crate::job::{AlertOn, AlertPlan};
use tagtide_sources::options::{Checker, address};
use tagtide_sources::options::{Field, nearest};

/// Most rules of a job; each looks at every row of its view.
const ALERTS_MAX: usize = 64;
/// Most patterns of one rule.
const TAGS_MAX: usize = 1_000;
/// Most places of one rule.
const PLACES_MAX: u64 = 1_000;

/// What a rule can watch for, and the key of its threshold.
const KINDS: [(&str, &str); 5] =
    [("peak", ""), ("top", "n"), ("score", "above"), ("lift", "above"), ("watch", "tags")];

pub(super) fn check(
    checker: &mut Checker,
    jobs: &[AlertJob],
    folding: Folding,
    views: &[&str],
) -> Vec<AlertPlan> {
    if let Some(job) = jobs.get(ALERTS_MAX) {
        checker.problem(&job.place, format!("more than {ALERTS_MAX} alerts"), "");
    }
    let mut plans: Vec<AlertPlan> = Vec::new();
    for job in jobs {
        let Some(plan) = alert(checker, job, folding, views) else { continue };
        if plans.iter().any(|other| other.name == plan.name) {
            let place = job.name.as_ref().map_or(&job.place, |name| &name.place);
            let what = format!("two alerts are named `{}`", plan.name);
            checker.problem(place, what, "give each its own `name`");
        }
        plans.push(plan);
    }
    plans
}

fn alert(
    checker: &mut Checker,
    job: &AlertJob,
    folding: Folding,
    views: &[&str],
) -> Option<AlertPlan> {
    let names = || KINDS.map(|(name, _)| format!("`{name}`")).join(", ");
    let Some(field) = &job.on else {
        let help = format!("one of {}", names());
        checker.problem(&job.place, "the alert has no `on`", help);
        return None;
    };
    let Some((kind, bound)) = KINDS.iter().find(|(name, _)| *name == field.value) else {
        let near = nearest(&field.value, KINDS.iter().map(|(name, _)| *name));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let what = format!("`{}` is not a kind of alert", field.value);
        checker.problem(&field.place, what, format!("{near}one of {}", names()));
        return None;
    };
    foreign_keys(checker, job, kind, bound);
    let on = match *kind {
        "peak" => AlertOn::Peak,
        "top" => AlertOn::Top(places(checker, job)),
        "score" => AlertOn::Score(above(checker, job, kind)),
        "lift" => AlertOn::Lift(above(checker, job, kind)),
        _ => AlertOn::Watch(tags(checker, job, folding)),
    };
    let quiet = checker.bounded(
        job.quiet.as_ref(),
        units::duration,
        Duration::from_hours(1),
        (Duration::ZERO, Duration::from_hours(30 * 24)),
        "at most `30d`",
    );
    let view = view(checker, job, views);
    let (webhook, secret_env) = target(checker, job);
    Some(AlertPlan { name: name(checker, job, kind), on, view, quiet, webhook, secret_env })
}

fn name(checker: &mut Checker, job: &AlertJob, kind: &str) -> String {
    let Some(field) = &job.name else { return kind.to_owned() };
    let letters = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if field.value.is_empty() || field.value.len() > 64 || !field.value.chars().all(letters) {
        let what = format!("`{}` is not a name for an alert", field.value);
        checker.problem(&field.place, what, "use up to 64 of `a-z A-Z 0-9 . _ -`");
    }
    field.value.clone()
}

/// Reports thresholds of other kinds.
fn foreign_keys(checker: &mut Checker, job: &AlertJob, kind: &str, bound: &str) {
    let tags = job.tags.as_ref().map(|tags| tags.first().map_or(&job.place, |tag| &tag.place));
    let written = [
        ("n", job.n.as_ref().map(|field| &field.place)),
        ("above", job.above.as_ref().map(|field| &field.place)),
        ("tags", tags),
    ];
    for (key, place) in written {
        if let Some(place) = place
            && key != bound
        {
            let help = if bound.is_empty() { String::new() } else { format!("it has `{bound}`") };
            checker.problem(place, format!("an alert on `{kind}` has no `{key}`"), help);
        }
    }
}

fn places(checker: &mut Checker, job: &AlertJob) -> u32 {
    let bounds = (1, PLACES_MAX);
    let n = checker.bounded(job.n.as_ref(), units::count, 10, bounds, "from 1 to 1000 places");
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn above(checker: &mut Checker, job: &AlertJob, kind: &str) -> f64 {
    if job.above.is_none() {
        let help = "add `above = 5.0`";
        checker.problem(&job.place, format!("the alert on `{kind}` has no threshold"), help);
    }
    checker.optional(job.above.as_ref(), units::rate).unwrap_or(1.0)
}

fn tags(checker: &mut Checker, job: &AlertJob, folding: Folding) -> Vec<String> {
    let fields = job.tags.as_deref().unwrap_or_default();
    if fields.is_empty() {
        let help = "add `tags = [\"rust*\", \"tea\"]`";
        checker.problem(&job.place, "the alert watches no tags", help);
    }
    if let Some(field) = fields.get(TAGS_MAX) {
        checker.problem(&field.place, format!("more than {TAGS_MAX} tags in one alert"), "");
    }
    fields.iter().map(|field| pattern(checker, field, folding)).collect()
}

/// A pattern of tags, folded.
pub(super) fn pattern(checker: &mut Checker, field: &Field<Scalar>, folding: Folding) -> String {
    let written = field.value.to_string();
    let folded = folding.pattern(&written);
    if folded.is_empty() {
        let what = format!("`{written}` cannot be a tag");
        checker.problem(&field.place, what, "write it with or without `#`; `*` matches anything");
    }
    folded
}

fn view(checker: &mut Checker, job: &AlertJob, views: &[&str]) -> String {
    let Some(field) = &job.view else { return "all".to_owned() };
    if !views.contains(&field.value.as_str()) {
        let near = nearest(&field.value, views.iter().copied());
        let names = || views.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let help = near.map_or_else(
            || format!("one of {}", names()),
            |near| format!("did you mean `{near}`?"),
        );
        checker.problem(&field.place, format!("there is no view `{}`", field.value), help);
    }
    field.value.clone()
}

fn target(checker: &mut Checker, job: &AlertJob) -> (Option<String>, Option<String>) {
    if let Some(field) = &job.secret_env {
        let help = "put the secret in a variable and its name here, like `ALERT_SECRET`";
        address::env_name(checker, field, help);
        if job.webhook.is_none() {
            let what = "a secret without a webhook signs nothing";
            checker.problem(&field.place, what, "add `webhook = \"https://...\"`");
        }
    }
    let webhook = job.webhook.as_ref();
    let url = webhook.map(|field| address::url(checker, field, Some("an alert")));
    (url, job.secret_env.as_ref().map(|field| field.value.clone()))
}

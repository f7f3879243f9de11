//! Sources that are X: what they ask for, what they may cost.

use super::sinks::env_name;
use super::{Checker, platforms};
use crate::job::file::SourceJob;
use crate::job::problem::Field;
use crate::job::units::{self, Scalar};
use crate::job::x::SecretJob;
use crate::job::{SecretFrom, XPlan, XV1Plan};

/// The live service of v2.
const BASE_URL: &str = "https://api.x.com/";
/// US dollars that X takes for a post read (2026-02).
const PRICE: f64 = 0.005;
/// Posts a second that the filtered stream brings at the most.
const POSTS_PER_S: f64 = 250.0;
/// Rules that X keeps, and the longest of them.
const RULES_MAX: usize = 1_000;
const RULE_MAX_CHARS: usize = 1_024;
/// What v1.1 took at the most.
const TRACK_MAX: usize = 400;
const BOXES_MAX: usize = 25;

pub(super) fn v2(checker: &mut Checker, job: &SourceJob) -> XPlan {
    let x = &job.x;
    let price = checker.optional(x.price_per_read.as_ref(), price).unwrap_or(PRICE);
    let (hour, day) = (POSTS_PER_S * price * 3600.0, 20_000.0 * price);
    let cost = format!(
        "at full rate, {POSTS_PER_S} posts a second at ${price}, an hour of it costs ${hour:.2}"
    );
    let rules = rules(checker, job, &cost);
    let reads_max = match &x.reads_max_per_day {
        Some(field) => {
            let said = "at least 1; it bounds what a day costs";
            let range = (1, 1_000_000_000_000);
            checker.bounded(Some(field), units::count, 1, range, said)
        }
        None => {
            let what = format!("the source has no `reads_max_per_day`: {cost}");
            let help =
                format!("add `reads_max_per_day = 20_000`, which costs ${day:.2} a day at most");
            checker.problem(&job.place, what, help);
            1
        }
    };
    let said = "from 0 to 5; plans without it refuse it";
    let backfill = checker.bounded(x.backfill_minutes.as_ref(), units::count, 0, (0, 5), said);
    XPlan {
        base_url: base_url(checker, job).unwrap_or_else(|| BASE_URL.to_owned()),
        token: secret(checker, job, &x.token, "token"),
        rules,
        tag: format!("tagtide:{}", checker.name),
        reads_max,
        price,
        backfill_minutes: u32::try_from(backfill).unwrap_or(0),
        connects_max: connects_max(checker, job),
    }
}

pub(super) fn v1(checker: &mut Checker, job: &SourceJob) -> XV1Plan {
    let x = &job.x;
    let base = base_url(checker, job);
    if x.base_url.is_none() {
        let what = "X has retired API v1.1, and the source has no `base_url`";
        let help = "name a server that still speaks it; for X itself use `kind = \"x\"`";
        checker.problem(&job.place, what, help);
    }
    let delimited = [("length", true), ("none", false)];
    let delimited = checker.word(x.delimited.as_ref(), &delimited, true);
    let mut params = Vec::new();
    let mut add = |name: &str, values: Vec<String>| {
        if !values.is_empty() {
            params.push((name.to_owned(), values.join(",")));
        }
    };
    if delimited {
        add("delimited", vec!["length".to_owned()]);
    }
    add("language", texts(x.language.as_deref()));
    add("locations", locations(checker, job));
    add("stall_warnings", vec!["true".to_owned()]);
    add("track", track(checker, job));
    if x.track.is_none() && x.locations.is_none() {
        let help = "add `track = [\"#\"]`, or `locations` with the corners of a box";
        checker.problem(&job.place, "the source has neither `track` nor `locations`", help);
    }
    let keys = [
        secret(checker, job, &x.consumer_key, "consumer_key"),
        secret(checker, job, &x.consumer_secret, "consumer_secret"),
        secret(checker, job, &x.token, "token"),
        secret(checker, job, &x.token_secret, "token_secret"),
    ];
    let connects_max = connects_max(checker, job);
    XV1Plan { base_url: base.unwrap_or_default(), keys, params, delimited, connects_max }
}

fn rules(checker: &mut Checker, job: &SourceJob, cost: &str) -> Vec<String> {
    let fields = job.x.rules.as_deref().unwrap_or_default();
    if fields.is_empty() {
        let what = format!("the source has no `rules`: {cost}");
        let help = "add `rules = [\"#rust lang:en\"]`; the stream brings what one of them matches";
        checker.problem(&job.place, what, help);
    }
    if let Some(field) = fields.get(RULES_MAX) {
        checker.problem(&field.place, format!("more than {RULES_MAX} rules"), "");
    }
    let mut rules: Vec<String> = Vec::new();
    for field in fields {
        let rule = field.value.to_string().trim().to_owned();
        if rule.is_empty() || rule.chars().count() > RULE_MAX_CHARS {
            let help = format!("a rule has 1 to {RULE_MAX_CHARS} characters");
            checker.problem(&field.place, format!("`{rule}` is no rule"), help);
        } else if rule == "#" || rule == "has:hashtags" {
            let help = "name words or tags; `has:hashtags` needs another operand beside it";
            checker.problem(&field.place, format!("X takes no rule `{rule}`"), help);
        } else if rules.contains(&rule) {
            checker.problem(&field.place, format!("the rule `{rule}` stands there twice"), "");
        }
        rules.push(rule);
    }
    rules
}

fn price(value: &Scalar) -> Result<f64, String> {
    let price: Option<f64> = value.to_string().trim().parse().ok();
    let is_price = |price: &f64| price.is_finite() && (0.0..=1_000.0).contains(price);
    price
        .filter(is_price)
        .ok_or_else(|| format!("`{value}` is no price; write US dollars a post, like `0.005`"))
}

fn base_url(checker: &mut Checker, job: &SourceJob) -> Option<String> {
    let field = job.x.base_url.as_ref()?;
    let help = "write a server such as `https://api.x.com`; `http://` is for this machine";
    platforms::host(checker, &field.value, &field.place, help)
}

fn connects_max(checker: &mut Checker, job: &SourceJob) -> u32 {
    let said = "from 1 to 1M connections in 15 minutes; X allows 50";
    let field = job.x.connects_max.as_ref();
    let max = checker.bounded(field, units::count, 50, (1, 1_000_000), said);
    u32::try_from(max).unwrap_or(50)
}

/// Where a secret is: one of two keys.
pub(super) fn secret(
    checker: &mut Checker,
    job: &SourceJob,
    of: &SecretJob,
    key: &str,
) -> SecretFrom {
    let help =
        format!("name an environment variable with `{key}_env`, or a file with `{key}_file`");
    match (&of.env, &of.file) {
        (Some(env), None) => {
            let help =
                format!("put it in a variable and its name here, like `{}`", key.to_uppercase());
            env_name(checker, env, &help);
            SecretFrom::Env(env.value.clone())
        }
        (None, Some(file)) => {
            if file.value.is_empty() {
                checker.problem(&file.place, "that names no place for a secret", help);
            }
            SecretFrom::File(file.value.clone().into())
        }
        (env, _) => {
            let (place, what) = match env {
                Some(env) => (&env.place, format!("`{key}` is named twice")),
                None => (&job.place, format!("the source has no `{key}_env`")),
            };
            checker.problem(place, what, help);
            SecretFrom::Env(String::new())
        }
    }
}

fn texts(fields: Option<&[Field<Scalar>]>) -> Vec<String> {
    fields.unwrap_or_default().iter().map(|field| field.value.to_string()).collect()
}

fn track(checker: &mut Checker, job: &SourceJob) -> Vec<String> {
    let fields = job.x.track.as_deref().unwrap_or_default();
    if let Some(field) = fields.get(TRACK_MAX) {
        checker.problem(&field.place, format!("more than {TRACK_MAX} phrases"), "");
    }
    for field in fields {
        let phrase = field.value.to_string();
        if phrase.is_empty() || phrase.len() > 60 || phrase.contains(',') {
            let help = "a phrase has 1 to 60 bytes and no comma";
            checker.problem(&field.place, format!("`{phrase}` is no phrase to track"), help);
        }
    }
    texts(Some(fields))
}

/// Longitude and latitude of the south-west and the north-east corner of each box.
fn locations(checker: &mut Checker, job: &SourceJob) -> Vec<String> {
    let fields = job.x.locations.as_deref().unwrap_or_default();
    if !fields.len().is_multiple_of(4) || fields.len() > 4 * BOXES_MAX {
        let what = format!("`locations` holds {} numbers", fields.len());
        let help = format!(
            "each box, up to {BOXES_MAX}, is longitude and latitude of its south-west corner, then \
             of its north-east one"
        );
        checker.problem(&job.place, what, help);
    }
    for (n, field) in fields.iter().enumerate() {
        let bound = if n % 2 == 0 { 180.0 } else { 90.0 };
        let degrees: Option<f64> = field.value.to_string().parse().ok();
        if !degrees.is_some_and(|degrees| (-bound..=bound).contains(&degrees)) {
            checker.problem(&field.place, format!("`{}` is no degree", field.value), "");
        }
    }
    texts(Some(fields))
}

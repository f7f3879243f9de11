//! `[[sink]]`: where rankings go. The keys of a sink are checked by its kind.

use crate::job::SinkPlan;
use crate::job::schema::{Job, SinkJob};
use crate::sink::{SinkKind, find};
use tagtide_sources::options::{Checker, Section, nearest};

/// Most sinks of a job; each has a thread of its own.
const SINKS_MAX: usize = 64;

pub(super) fn check(checker: &mut Checker, job: &Job) -> Vec<SinkPlan> {
    let (jobs, kinds) = (&job.sinks, job.kinds.sinks);
    if let Some(job) = jobs.get(SINKS_MAX) {
        checker.problem(&job.place, format!("more than {SINKS_MAX} sinks"), "");
    }
    let mut plans: Vec<SinkPlan> = Vec::new();
    for job in jobs {
        let Some(plan) = sink(checker, job, kinds) else { continue };
        let target = |plan: &SinkPlan| (plan.options.kind().name, plan.options.target());
        if plans.iter().any(|other| target(other) == target(&plan)) {
            let what = "another sink already writes there";
            checker.problem(&job.place, what, "take one of the two out");
        }
        plans.push(plan);
    }
    plans
}

fn sink(
    checker: &mut Checker,
    job: &SinkJob,
    kinds: &'static [&'static SinkKind],
) -> Option<SinkPlan> {
    let all = || kinds.iter().map(|kind| format!("`{}`", kind.name)).collect::<Vec<_>>().join(", ");
    let Some(field) = &job.kind else {
        checker.problem(&job.place, "the sink has no `kind`", format!("one of {}", all()));
        return None;
    };
    let Some(kind) = find(kinds, &field.value) else {
        let near = nearest(&field.value, kinds.iter().map(|kind| kind.name));
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let help = format!("{near}known kinds: {}", all());
        checker.problem(&field.place, format!("`{}` is not a sink kind", field.value), help);
        return None;
    };
    let own: Vec<&str> = kind.keys.iter().map(|key| key.name).collect();
    for (key, place) in job.keys.keys().filter(|(key, _)| !own.contains(key)) {
        let what = format!("a sink of kind `{}` takes no `{key}`", kind.name);
        checker.problem(place, what, format!("it takes kind, {}", own.join(", ")));
    }
    let mut section = Section::new(checker, &job.place, &job.keys, kind.keys, true);
    Some(SinkPlan { options: (kind.check)(&mut section) })
}

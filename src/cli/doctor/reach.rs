//! Whether the sources of a job can be reached from here, and what a crash loses of them.

use super::Finding;
use crate::cli::exit::Failure;
use crate::job::{Plan, SourcePlan};
use tagtide_posts::clock::Clock;

/// What each source finds on the way to it, then what a crash loses.
pub(super) fn sources(plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for source in &plan.sources {
        findings.extend(source.options.reach(plan.limits.line_max_bytes, &Clock::System)?);
    }
    let loss = |source: &SourcePlan| {
        let loss = source.options.loss(plan.epoch());
        Finding::pass("loses", format!("{}: {loss}", source.name))
    };
    findings.extend(plan.sources.iter().map(loss));
    Ok(findings)
}

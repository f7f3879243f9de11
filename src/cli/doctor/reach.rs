//! Whether the sources of a job can be reached from here, and what a crash would lose.

use super::Finding;
use crate::cli::exit::Failure;
use crate::job::{Plan, SourcePlan};
use tagtide_posts::clock::Clock;

/// What each source finds on the way to it, then the losses of each.
pub(super) fn sources(plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for source in &plan.sources {
        findings.extend(source.options.reach(plan.limits.line_max_bytes, &Clock::System)?);
    }
    let loss = |source: &SourcePlan| {
        let loss = source.options.loss(plan.epoch());
        Finding::pass("loss", format!("{}: {loss}", source.name))
    };
    findings.extend(plan.sources.iter().map(loss));
    Ok(findings)
}

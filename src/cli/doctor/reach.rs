//! Whether the platforms of a job can be reached from here.

use std::path::Path;

use super::Finding;
use crate::cli::exit::Failure;
use crate::cli::run::BLUESKY;
use crate::clock::Clock;
use crate::job::{Job, Purpose, SourceKind, check};
use crate::source::jetstream::JetstreamSource;
use crate::source::mastodon::MastodonSource;

/// One row for each server of the job's platforms; without a job those of `tagtide run`.
pub(super) fn platforms(job: Option<&Path>) -> Result<Vec<Finding>, Failure> {
    let job = match job {
        Some(path) => Job::read(path)?,
        None => Job::parse(BLUESKY, "jobs/bluesky.toml")?,
    };
    let plan = check(&job, Purpose::Run)?;
    let mut findings = Vec::new();
    for source in &plan.sources {
        let line_max = plan.limits.line_max_bytes;
        let of = match &source.kind {
            SourceKind::Jetstream(of) => of,
            SourceKind::Mastodon(of) => {
                findings.extend(mastodon(MastodonSource::new(of, line_max, &Clock::System)?));
                continue;
            }
            _ => continue,
        };
        let mut source = JetstreamSource::new(of, line_max, &Clock::System)?;
        findings.extend(source.reach().into_iter().map(|(host, reached)| match reached {
            Ok(()) => {
                Finding::pass("Bluesky", format!("{host} opens a stream; it needs no account"))
            }
            Err(why) => {
                let help = "look at the network and at `HTTPS_PROXY`; `tagtide demo` needs neither";
                Finding::warn("Bluesky", why, help)
            }
        }));
    }
    Ok(findings)
}

/// One row for each thing that has to be right.
fn mastodon(mut source: MastodonSource) -> Vec<Finding> {
    let help = "a token is that of a user of the instance, with the scope `read:statuses`; without \
                one the public timeline is polled, where the instance shows it";
    let rows = source.reach().into_iter().map(|(what, reached)| match reached {
        Ok(found) => Finding::pass("Mastodon", format!("{what}: {found}")),
        Err(why) => Finding::warn("Mastodon", format!("{what}: {why}"), help),
    });
    rows.collect()
}

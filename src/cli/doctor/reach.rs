//! Whether the platforms of a job can be reached from here.

use super::Finding;
use crate::cli::check::losses;
use crate::cli::exit::Failure;
use crate::job::{Plan, SourceKind, SourcePlan, XPlan, XV1Plan};
use crate::source::SourceError;
use crate::source::jetstream::JetstreamSource;
use crate::source::mastodon::MastodonSource;
use crate::source::x::XSource;
use crate::source::x::rules::Rules;
use tagtide_posts::clock::Clock;

/// One row for each server of the job's platforms, and the losses of each source.
pub(super) fn platforms(plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for source in &plan.sources {
        let line_max = plan.limits.line_max_bytes;
        let of = match &source.kind {
            SourceKind::Jetstream(of) => of,
            SourceKind::X(of) => {
                findings.push(x(of));
                continue;
            }
            SourceKind::Mastodon(of) => {
                findings.extend(mastodon(MastodonSource::new(of, line_max, &Clock::System)?));
                continue;
            }
            SourceKind::XV1(of) => {
                findings.push(x_v1(of, line_max));
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
                let help = "check the network and `HTTPS_PROXY`; `tagtide demo` needs neither";
                Finding::warn("Bluesky", why, help)
            }
        }));
    }
    let loss = |source: &SourcePlan| {
        Finding::pass("loss", format!("{}: {}", source.name, losses(source, plan)))
    };
    findings.extend(plan.sources.iter().map(loss));
    Ok(findings)
}

/// Lists the rules, which is free; opening the stream would be paid for.
fn x(plan: &XPlan) -> Finding {
    const CHECK: &str = "X API v2";
    match Rules::new(plan, &Clock::System).and_then(|mut rules| rules.list()) {
        Ok(there) => {
            let day = plan.reads_max as f64 * plan.price;
            Finding::pass(
                CHECK,
                format!(
                    "the token is accepted (HTTP 200); {} rules on the server, {} in the job; \
                     reads at most {} posts per day for up to ${day:.2}, one connection at a time, \
                     {} in 15 minutes",
                    there.len(),
                    plan.rules.len(),
                    plan.reads_max,
                    plan.connects_max
                ),
            )
        }
        Err(error) => refused(CHECK, &error),
    }
}

fn x_v1(plan: &XV1Plan, line_max: usize) -> Finding {
    const CHECK: &str = "X API v1.1";
    let opened = XSource::v1(plan, line_max, &Clock::System).and_then(|mut source| source.reach());
    match opened {
        Ok(()) => {
            let server = plan.base_url.trim_end_matches('/');
            let help = "X itself retired it in 2023; use `kind = \"x\"` there";
            Finding::warn(CHECK, format!("{server} opens a stream and accepts the keys"), help)
        }
        Err(error) => refused(CHECK, &error),
    }
}

fn refused(check: &'static str, error: &SourceError) -> Finding {
    let message = error.to_string();
    let (why, help) = message
        .split_once("\nhelp: ")
        .unwrap_or((&message, "check the network, `HTTPS_PROXY`, and `base_url` in the job"));
    match error {
        SourceError::Retry(..) => Finding::warn(check, why, help),
        _ => Finding::fail(check, why, help),
    }
}

/// One row for each requirement.
fn mastodon(mut source: MastodonSource) -> Vec<Finding> {
    let help = "use the token of a user of the instance, with the scope `read:statuses`; without \
                one the public timeline is polled, if the instance shows it";
    let rows = source.reach().into_iter().map(|(what, reached)| match reached {
        Ok(found) => Finding::pass("Mastodon", format!("{what}: {found}")),
        Err(why) => Finding::warn("Mastodon", format!("{what}: {why}"), help),
    });
    rows.collect()
}

//! `x rules`: what the filtered stream of X is filtered by, seen and changed.
//!
//! Every change is shown first and done with `--yes` alone. Rules cost money by what they match.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};

use super::exit::{AUTH, FAILED, Failure, Outcome, USAGE};
use crate::job::{Job, Purpose, check};
use tagtide_posts::clock::Clock;
use tagtide_sources::SourceError;
use tagtide_sources::x::Options;
use tagtide_sources::x::rules::{Changes, Rule, Rules};

/// What stands in for a job where none is named: X itself, and a rule that is on no server.
const NO_JOB: &str = "name = \"cli\"\n[[source]]\nkind = \"x\"\ntoken_env = \"X_BEARER_TOKEN\"\n\
                      rules = [\"(none)\"]\nreads_max_per_day = 1\n";

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Rules of the filtered stream, as they are on the server
    #[command(subcommand)]
    Rules(Do),
}

#[derive(Debug, Subcommand)]
enum Do {
    /// Print the rules that are on the server
    List(Of),
    /// Add rules: those that are named, or those of the job that are not there
    Add(Add),
    /// Delete rules: those that are named, or all that carry the job's tag
    Delete(Delete),
    /// Make the server hold what the job says, and nothing else
    Sync(Sync),
}

#[derive(ClapArgs, Debug)]
struct Of {
    /// Job file with a source of kind `x`; without one the token is that of `X_BEARER_TOKEN`
    #[arg(value_name = "JOB.toml")]
    job: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
struct Add {
    #[command(flatten)]
    of: Of,
    /// This rule; may be repeated
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,
    /// Do it; otherwise it is only shown
    #[arg(long)]
    yes: bool,
}

#[derive(ClapArgs, Debug)]
struct Delete {
    #[command(flatten)]
    of: Of,
    /// The rule of this id; may be repeated
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// Do it; otherwise it is only shown
    #[arg(long)]
    yes: bool,
}

#[derive(ClapArgs, Debug)]
struct Sync {
    /// Job file with a source of kind `x`
    #[arg(value_name = "JOB.toml")]
    job: PathBuf,
    /// Do it, rules of others included; otherwise it is only shown
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let What::Rules(what) = &args.what;
    let job = match what {
        Do::List(of) | Do::Add(Add { of, .. }) | Do::Delete(Delete { of, .. }) => of.job.as_deref(),
        Do::Sync(of) => Some(of.job.as_path()),
    };
    for plan in plans(job)? {
        let mut rules = Rules::new(&plan, &Clock::System).map_err(failure)?;
        let there = rules.list().map_err(failure)?;
        match what {
            Do::List(_) => say(&listed(&there, &plan.tag))?,
            Do::Add(of) => {
                if of.rules.is_empty() && job.is_none() {
                    let said = "no rule to add\nhelp: name it with `--rule`, or name a job";
                    return Err(Failure::new(USAGE, said));
                }
                let wanted = if of.rules.is_empty() { &plan.rules } else { &of.rules };
                let Changes { add, .. } = Changes::between(wanted, &plan.tag, &there);
                apply(&mut rules, &plan.tag, &add, &[], of.yes)?;
            }
            Do::Delete(of) => {
                let delete = chosen(&there, &plan.tag, &of.ids)?;
                apply(&mut rules, &plan.tag, &[], &delete, of.yes)?;
            }
            Do::Sync(of) => {
                let Changes { add, mut old, others } =
                    Changes::between(&plan.rules, &plan.tag, &there);
                old.extend(others);
                apply(&mut rules, &plan.tag, &add, &old, of.yes)?;
            }
        }
    }
    Ok(())
}

/// Sources of the job that have rules.
fn plans(job: Option<&Path>) -> Result<Vec<Options>, Failure> {
    let job = match job {
        Some(path) => Job::read(path)?,
        None => Job::parse(NO_JOB, "x")?,
    };
    let plan = check(&job, Purpose::Run)?;
    let plans = plan.sources.iter().filter_map(|source| source.options_as::<Options>().cloned());
    let plans: Vec<_> = plans.collect();
    if plans.is_empty() {
        let said = "the job has no source of kind `x`\nhelp: rules belong to X API v2; see \
                    `jobs/x.toml`";
        return Err(Failure::new(USAGE, said));
    }
    Ok(plans)
}

/// The rules of these ids, or all with the tag.
fn chosen(there: &[Rule], tag: &str, ids: &[String]) -> Result<Vec<Rule>, Failure> {
    let missing = ids.iter().find(|id| !there.iter().any(|rule| rule.id == **id));
    if let Some(id) = missing {
        let said = format!("the server has no rule `{id}`\nhelp: `tagtide x rules list` shows ids");
        return Err(Failure::new(FAILED, said));
    }
    let is_meant =
        |rule: &&Rule| if ids.is_empty() { rule.tag == tag } else { ids.contains(&rule.id) };
    Ok(there.iter().filter(is_meant).cloned().collect())
}

/// Shows what would change, and does it where that was asked for.
fn apply(rules: &mut Rules, tag: &str, add: &[String], delete: &[Rule], yes: bool) -> Outcome {
    let mut said = String::new();
    for rule in delete {
        let whose = if rule.tag == tag { String::new() } else { whose(rule) };
        said.push_str(&format!("- {}  {}{whose}\n", rule.id, plain(&rule.value)));
    }
    for value in add {
        said.push_str(&format!("+ {}\n", plain(value)));
    }
    if said.is_empty() {
        return say("nothing to change\n");
    }
    say(&said)?;
    if !yes {
        return say("nothing was changed; add `--yes` to do it\n");
    }
    // Deleted first: the server holds so many and no more.
    if !delete.is_empty() {
        let ids: Vec<_> = delete.iter().map(|rule| rule.id.clone()).collect();
        rules.delete(&ids).map_err(failure)?;
    }
    if !add.is_empty() {
        rules.add(add, tag).map_err(failure)?;
    }
    say(&format!("deleted {}, added {}; new rules act in 20 s\n", delete.len(), add.len()))
}

fn listed(there: &[Rule], tag: &str) -> String {
    let mut out = String::new();
    for rule in there {
        let whose = if rule.tag == tag { format!("  [{tag}]") } else { whose(rule) };
        out.push_str(&format!("{}  {}{whose}\n", rule.id, plain(&rule.value)));
    }
    out.push_str(&format!("{} rules\n", there.len()));
    out
}

fn whose(rule: &Rule) -> String {
    match rule.tag.as_str() {
        "" => "  [of others, no tag]".to_owned(),
        tag => format!("  [of others, {}]", plain(tag)),
    }
}

/// A rule is anybody's text.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn failure(error: SourceError) -> Failure {
    let code = if matches!(error, SourceError::AuthFailed(_)) { AUTH } else { FAILED };
    Failure::new(code, error)
}

fn say(text: &str) -> Outcome {
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
        .map_err(|error| Failure::stdout(&error))
}

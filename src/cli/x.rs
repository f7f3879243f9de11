//! `x rules`: shows and changes the rules of X's filtered stream.
//!
//! Every change is printed first and made only with `--yes`. Rules cost money by what they match.

use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, Subcommand};

use super::exit::{AUTH, FAILED, Failure, Outcome, USAGE};
use crate::engine;
use crate::job::{Job, Purpose};
use tagtide_posts::clock::Clock;
use tagtide_sources::SourceError;
use tagtide_sources::x::Options;
use tagtide_sources::x::rules::{Changes, Rule, Rules};

/// The job if none is named: X itself, and a rule that no server has.
const NO_JOB: &str = "name = \"cli\"\n[[source]]\nkind = \"x\"\ntoken_env = \"X_BEARER_TOKEN\"\n\
                      rules = [\"(none)\"]\nreads_max_per_day = 1\n";

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show and change the rules on the server
    #[command(subcommand)]
    Rules(Do),
}

#[derive(Debug, Subcommand)]
enum Do {
    /// Print the rules on the server
    List(Of),
    /// Add the named rules, or those of the job that are missing
    Add(Add),
    /// Delete the named rules, or all with the job's tag
    Delete(Delete),
    /// Make the rules on the server equal to those of the job
    Sync(Sync),
}

#[derive(ClapArgs, Debug)]
struct Of {
    /// Job file with a source of kind `x` [default: none, with the token in `X_BEARER_TOKEN`]
    #[arg(value_name = "JOB.toml")]
    job: Option<PathBuf>,
}

#[derive(ClapArgs, Debug)]
struct Add {
    #[command(flatten)]
    of: Of,
    /// Add this rule; may be repeated
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,
    /// Make the changes; otherwise only print them
    #[arg(long)]
    yes: bool,
}

#[derive(ClapArgs, Debug)]
struct Delete {
    #[command(flatten)]
    of: Of,
    /// Delete the rule with this id; may be repeated
    #[arg(long = "id", value_name = "ID")]
    ids: Vec<String>,
    /// Make the changes; otherwise only print them
    #[arg(long)]
    yes: bool,
}

#[derive(ClapArgs, Debug)]
struct Sync {
    /// Job file with a source of kind `x`
    #[arg(value_name = "JOB.toml")]
    job: PathBuf,
    /// Make the changes, also to rules of others; otherwise only print them
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
            Do::List(_) => print(&listed(&there, &plan.tag))?,
            Do::Add(of) => {
                if of.rules.is_empty() && job.is_none() {
                    let message = "no rule to add\nhelp: name one with `--rule`, or name a job";
                    return Err(Failure::new(USAGE, message));
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
    let plan = engine::check(&job, Purpose::Run)?;
    let plans = plan.sources.iter().filter_map(|source| source.options_as::<Options>().cloned());
    let plans: Vec<_> = plans.collect();
    if plans.is_empty() {
        let message = "the job has no source of kind `x`\nhelp: rules belong to X API v2; see \
                       `jobs/x.toml`";
        return Err(Failure::new(USAGE, message));
    }
    Ok(plans)
}

/// The rules with these ids, or all with the tag.
fn chosen(there: &[Rule], tag: &str, ids: &[String]) -> Result<Vec<Rule>, Failure> {
    let missing = ids.iter().find(|id| !there.iter().any(|rule| rule.id == **id));
    if let Some(id) = missing {
        let help = "`tagtide x rules list` prints ids";
        let message = format_args!("the server has no rule `{id}`\nhelp: {help}");
        return Err(Failure::new(FAILED, message));
    }
    let is_meant =
        |rule: &&Rule| if ids.is_empty() { rule.tag == tag } else { ids.contains(&rule.id) };
    Ok(there.iter().filter(is_meant).cloned().collect())
}

/// Prints the changes, and makes them with `--yes`.
fn apply(rules: &mut Rules, tag: &str, add: &[String], delete: &[Rule], yes: bool) -> Outcome {
    let mut changes = String::new();
    for rule in delete {
        let whose = if rule.tag == tag { String::new() } else { whose(rule) };
        changes.push_str(&format!("- {}  {}{whose}\n", rule.id, plain(&rule.value)));
    }
    for value in add {
        changes.push_str(&format!("+ {}\n", plain(value)));
    }
    if changes.is_empty() {
        return print("nothing to change\n");
    }
    print(&changes)?;
    if !yes {
        return print("nothing was changed; add `--yes` to make these changes\n");
    }
    // Delete first, because the server limits the number of rules.
    if !delete.is_empty() {
        let ids: Vec<_> = delete.iter().map(|rule| rule.id.clone()).collect();
        rules.delete(&ids).map_err(failure)?;
    }
    if !add.is_empty() {
        rules.add(add, tag).map_err(failure)?;
    }
    let (deleted, added) = (delete.len(), add.len());
    print(&format!("deleted {deleted}, added {added}; new rules take effect within 20 s\n"))
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

/// The text of a rule without control characters: others may have written it.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn failure(error: SourceError) -> Failure {
    let code = if matches!(error, SourceError::AuthFailed(_)) { AUTH } else { FAILED };
    Failure::new(code, error)
}

fn print(text: &str) -> Outcome {
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes())
        .map_err(|error| Failure::stdout(&error))
}

//! `history`: prints past rankings from the state directory, also while the job runs.

use std::borrow::Cow;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::exit::{FAILED, Failure, Outcome, USAGE};
use super::flags::default_state_dir;
use crate::engine;
use crate::history::{Kind, RankingSelector, Reader, StoredRanking, StoredRankings, When};
use crate::job::units::{OptionError, Scalar, duration, moment_or_ms, show_duration};
use crate::job::{Job, Purpose};
use crate::sink::{hashtag, table};
use crate::sqlite::SqliteError;
use tagtide_extract::{Rule, key};
use tagtide_trends::rank::columns::COLUMNS;
use tagtide_trends::rank::{Mode, Trend};

/// Rows read at once.
const ROWS: usize = 10_000;

/// Show past rankings: the newest, the one at a time, or those of an interval
#[derive(ClapArgs, Debug)]
#[command(after_help = "Examples:\n  \
    tagtide history jobs/demo.toml                          the newest stored ranking\n  \
    tagtide history jobs/demo.toml --at 2026-11-23T10:00:00Z\n  \
    tagtide history --state-dir DIR --tag rust --from 2026-11-22T00:00:00Z --json")]
pub(super) struct Args {
    /// Job file, for its state directory
    #[arg(value_name = "JOB.toml", required_unless_present = "state_dir")]
    job: Option<PathBuf>,
    /// The state directory itself
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Show the ranking at this time; RFC 3339, or milliseconds since the Unix epoch
    #[arg(long, value_name = "TIME", value_parser = parse_moment, allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["from", "to"])]
    at: Option<i64>,
    /// Begin of an interval [default: a day before its end]
    #[arg(long, value_name = "TIME", value_parser = parse_moment, allow_hyphen_values = true)]
    from: Option<i64>,
    /// End of an interval [default: the newest ranking]
    #[arg(long, value_name = "TIME", value_parser = parse_moment, allow_hyphen_values = true)]
    to: Option<i64>,
    /// Show one tag: its row of each ranking, by default over the newest day
    #[arg(long, value_name = "TAG")]
    tag: Option<String>,
    /// Name of a view
    #[arg(long, value_name = "VIEW", default_value = "all")]
    view: String,
    /// Mode of the ranking [default: the one stored every minute]
    #[arg(long, value_name = "MODE", value_parser = parse_mode)]
    mode: Option<Mode>,
    /// Window such as 1h [default: the one stored every minute; none for total]
    #[arg(long, value_name = "WINDOW", value_parser = parse_window)]
    window: Option<u64>,
    /// Rows of each ranking
    #[arg(long, value_name = "N", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// Print one JSON object per ranking instead of a table
    #[arg(long)]
    json: bool,
}

fn parse_moment(text: &str) -> Result<i64, OptionError> {
    moment_or_ms(text).map(|at| at.0)
}

fn parse_mode(text: &str) -> Result<Mode, String> {
    Mode::named(text).ok_or_else(|| format!("modes are {}", Mode::ALL.map(Mode::name).join(", ")))
}

fn parse_window(text: &str) -> Result<u64, OptionError> {
    duration(&Scalar::Text(text.to_owned())).map(|window| window.as_secs())
}

pub(super) fn run(args: &Args) -> Outcome {
    let (dir, rule) = directory(args)?;
    let reader = Reader::open(&dir).map_err(|error| match error {
        SqliteError::Missing { .. } => Failure::new(
            FAILED,
            format_args!(
                "no history in `{}`\nhelp: `tagtide run` stores it unless the job sets \
                 `history = false`; name the state directory with `--state-dir`",
                dir.display()
            ),
        ),
        error => error.into(),
    })?;
    let Some(newest) = reader.newest()? else {
        let help = "the first is stored at the end of the first minute with posts, in event time";
        let dir = dir.display();
        let message = format_args!("no ranking is stored yet in `{dir}`\nhelp: {help}");
        return Err(Failure::new(FAILED, message));
    };
    let tag = args.tag.as_deref().map(|tag| key_of(tag, rule));
    let when = When::of(args.at, args.from, args.to, newest, tag.is_some()).map_err(|error| {
        let help = "times are event time; an interval goes from the earlier to the later one";
        Failure::new(
            USAGE,
            format_args!("{error}\nhelp: {help}; the newest ranking is from {}", at(newest)),
        )
    })?;
    let asked = asked(args, &reader)?;
    let mut out = std::io::stdout().lock();
    let mut show = |kept: &StoredRankings| {
        let text = if args.json { json(kept)? } else { rows(&kept.rankings) };
        out.write_all(text.as_bytes()).map_err(|error| Failure::stdout(&error))
    };
    let mut kept = reader.when(when, tag.as_deref(), ROWS, &asked)?;
    if kept.rankings.is_empty() {
        is_kept(&asked, &reader.kinds()?)?;
        tracing::warn!(
            "no stored ranking by `{}` in view `{}` at that time\n\
             help: times are event time; the newest ranking is from {}",
            asked.mode,
            asked.view,
            at(newest)
        );
    }
    show(&kept)?;
    while let (Some(next), When::Between(_, to)) = (kept.next, when) {
        kept = reader.range(next, to, tag.as_deref(), 1, ROWS, &asked)?;
        show(&kept)?;
    }
    Ok(())
}

/// Refuses a view, mode or window for which nothing was stored on the last day.
fn is_kept(asked: &RankingSelector, kinds: &[Kind]) -> Outcome {
    let none = |what: &str, mut known: Vec<String>| {
        known.dedup();
        let known = known.join(", ");
        let help = format!("stored: {known}; all but the default is stored at full hours only");
        Err(Failure::new(FAILED, format_args!("nothing is stored for {what}\nhelp: {help}")))
    };
    let RankingSelector { view, mode, window_s, .. } = asked;
    if !kinds.iter().any(|kind| kind.0 == *view) {
        let known = kinds.iter().map(|kind| format!("`{}`", kind.0)).collect();
        return none(&format!("view `{view}`"), known);
    }
    let of_view = || kinds.iter().filter(|kind| kind.0 == *view);
    if !of_view().any(|kind| kind.1 == *mode) {
        let known = of_view().map(|kind| format!("`{}`", kind.1)).collect();
        return none(&format!("mode `{mode}` in view `{view}`"), known);
    }
    let shown = |window_s: u64| format!("`{}`", show_duration(Duration::from_secs(window_s)));
    let of_mode = || of_view().filter(|kind| kind.1 == *mode);
    match window_s {
        Some(length) if !of_mode().any(|kind| kind.2 == *window_s) => {
            let known = of_mode().filter_map(|kind| kind.2).map(shown).collect();
            none(&format!("a window of {} with mode `{mode}`", shown(*length)), known)
        }
        _ => Ok(()),
    }
}

/// The state directory, and the rule by which its tags become keys.
fn directory(args: &Args) -> Result<(PathBuf, Rule), Failure> {
    let Some(job) = &args.job else {
        return Ok((args.state_dir.clone().unwrap_or_default(), Rule::default()));
    };
    let plan = engine::check(&Job::read(job)?, Purpose::Run)?;
    let dir = match &args.state_dir {
        Some(dir) => Some(dir.clone()),
        None => default_state_dir(&plan.name)?,
    };
    Ok((dir.unwrap_or_default(), plan.rule))
}

fn asked(args: &Args, reader: &Reader) -> Result<RankingSelector, Failure> {
    let name = |mode: Mode| mode.name().to_owned();
    let (mode, window_s) = match (args.mode, args.window) {
        (Some(mode), _) if !mode.has_window() => (name(mode), None),
        (Some(mode), Some(window)) => (name(mode), Some(window)),
        (mode, window) => {
            let (usual, usual_window) = reader.usual(&args.view)?.unwrap_or_default();
            (mode.map_or(usual, name), window.or(usual_window))
        }
    };
    Ok(RankingSelector { view: args.view.clone(), mode, window_s, top: args.top })
}

/// A tag as it is stored.
fn key_of(tag: &str, rule: Rule) -> String {
    match rule {
        Rule::Words => tag.to_owned(),
        // Too long for a key, so stored nowhere.
        Rule::Tags => key::fold(tag).map_or_else(|| tag.to_owned(), Cow::into_owned),
    }
}

fn json(kept: &StoredRankings) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Line<'a> {
        view: &'a str,
        mode: &'a str,
        window_s: Option<u64>,
        #[serde(flatten)]
        ranking: &'a StoredRanking,
    }
    let StoredRankings { view, mode, window_s, rankings, .. } = kept;
    let mut out = String::new();
    for ranking in rankings {
        let line = Line { view, mode, window_s: *window_s, ranking };
        let line = serde_json::to_string(&line).map_err(|error| {
            Failure::new(FAILED, format_args!("cannot write a ranking as JSON: {error}"))
        })?;
        out.push_str(&line);
        out.push('\n');
    }
    Ok(out)
}

fn rows(rankings: &[StoredRanking]) -> String {
    let columns: Vec<_> = COLUMNS.iter().filter(|column| !column.modes.is_empty()).collect();
    let mut header = vec!["at", "rank", "hashtag", "count"];
    header.extend(columns.iter().map(|column| column.name));
    let row = |at: &str, trend: &Trend| {
        let tag = table::shown(&hashtag(trend)).into_owned();
        let mut row = vec![at.to_owned(), trend.rank.to_string(), tag, trend.count.to_string()];
        row.extend(columns.iter().map(|column| table::cell(column, trend)));
        row
    };
    let all = rankings.iter().flat_map(|ranking| {
        let (at, row) = (at(ranking.at), &row);
        ranking.trends.iter().map(move |trend| row(&at, trend))
    });
    table::grid(&header, all)
}

/// A time in UTC, to the minute.
fn at(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

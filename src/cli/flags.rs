//! Flags that several commands share, and how they change a job.
//!
//! A flag that describes the pipeline sets the same field as the key of the job file, so that both
//! are checked by the same rules and have the same error messages.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::exit::{FAILED, Failure, USAGE};
use crate::job::check::WINDOWS;
use crate::job::schema::{Job, SourceJob};
use crate::job::units::duration;
use crate::job::{Field, Place, Plan, Scalar, SinkPlan};
use crate::serve::{Listen, ServeOptions};
use crate::sink::stdout;
use tagtide_extract::Rule;

/// Formats of records; the same list as in a job file.
pub(super) const FORMATS: [&str; 7] =
    ["auto", "text", "text+", "x1", "x2", "jetstream", "mastodon"];

/// Modes to choose from.
const MODES: [&str; 5] = ["total", "count", "authors", "trending", "decay"];

/// What is counted and shown.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Counting {
    /// How tags are found: the hashtag grammar, or the original's words with a `#`
    #[arg(long, value_name = "RULE", value_parser = ["tags", "words"])]
    pub rule: Option<String>,
    /// Count a tag once per post or every time it occurs [default: per_post; with words: all]
    #[arg(long, value_name = "HOW", value_parser = ["per_post", "all"])]
    pub occurrences: Option<String>,
    /// What to rank by: all-time count, count or authors in a window, or what is unusual in it
    #[arg(long, value_name = "MODE", value_parser = MODES)]
    pub mode: Option<String>,
    /// Window such as 10m; several with commas are all counted, the first one is shown
    #[arg(long, value_name = "WINDOW", value_delimiter = ',')]
    pub window: Vec<String>,
    /// Rows shown
    #[arg(long, value_name = "N")]
    pub top: Option<String>,
}

/// A string of the command line as a field of a job.
pub(super) fn text(flag: &str, value: &str) -> Field<String> {
    Field { value: value.to_owned(), place: Place::flag(flag) }
}

/// A value of the command line as a field of a job.
pub(super) fn scalar(flag: &str, value: &str) -> Field<Scalar> {
    Field { value: Scalar::Text(value.to_owned()), place: Place::flag(flag) }
}

impl Counting {
    /// Applies the flags to `job`.
    pub(super) fn apply(&self, job: &mut Job) {
        if let Some(rule) = &self.rule {
            job.rule = Some(text("--rule", rule));
        }
        if let Some(occurrences) = &self.occurrences {
            job.occurrences = Some(text("--occurrences", occurrences));
        }
        if let Some(mode) = &self.mode {
            job.count.mode = Some(text("--mode", mode));
            if let Some(modes) = &mut job.count.modes
                && !modes.iter().any(|field| field.value.to_string() == *mode)
            {
                modes.push(scalar("--mode", mode));
            }
        }
        if let Some(top) = &self.top {
            job.count.top = Some(scalar("--top", top));
        }
        let Some(first) = self.window.first() else { return };
        job.count.window = Some(scalar("--window", first));
        let mut windows =
            job.count.windows.take().unwrap_or_else(|| {
                WINDOWS.iter().map(|window| scalar("--window", window)).collect()
            });
        for window in &self.window {
            let length = |field: &Field<Scalar>| duration(&field.value).ok();
            let field = scalar("--window", window);
            if length(&field).is_none() || !windows.iter().any(|w| length(w) == length(&field)) {
                windows.push(field);
            }
        }
        job.count.windows = Some(ascending(windows));
    }

    /// Restricts `job` to the mode and the windows of the flags.
    pub(super) fn restrict(&self, job: &mut Job, mode: &str) {
        let mode = self.mode.as_deref().unwrap_or(mode);
        job.count.modes = Some(vec![scalar("--mode", mode)]);
        let windows = if self.window.is_empty() { &["1h".to_owned()] } else { &self.window[..] };
        let fields = windows.iter().map(|window| scalar("--window", window)).collect();
        job.count.windows = Some(ascending(fields));
    }
}

/// Shortest first. An invalid duration stays in the list, to be reported.
fn ascending(mut windows: Vec<Field<Scalar>>) -> Vec<Field<Scalar>> {
    windows.sort_by_key(|field| duration(&field.value).unwrap_or_default());
    windows
}

/// How this process runs.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Process {
    /// Directory for checkpoint, history and alerts; `none` for none
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Discard the checkpoint and start from zero
    #[arg(long)]
    pub fresh: bool,
    /// Continue with this program's grammar N although it changed the keys of some tags
    #[arg(long, value_name = "N")]
    pub accept_grammar: Option<u32>,
    /// Worker threads, at most 256 [default: one per core]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub workers: Option<usize>,
}

impl Process {
    /// The state directory; `default` where no flag names one.
    pub(super) fn state_dir(&self, default: Option<PathBuf>) -> Result<Option<PathBuf>, Failure> {
        match &self.state_dir {
            Some(dir) if dir == Path::new("none") => Ok(None),
            Some(dir) if dir.is_file() => {
                let help = "name a directory; it is created if it does not exist";
                let dir = dir.display();
                let message = format_args!("`--state-dir {dir}` is a file\nhelp: {help}");
                Err(Failure::new(USAGE, message))
            }
            Some(dir) => Ok(Some(dir.clone())),
            None => Ok(default),
        }
    }

    /// Worker threads; 0 = one per core.
    pub(super) fn workers(&self) -> usize {
        self.workers.unwrap_or_default()
    }
}

/// `$XDG_STATE_HOME/tagtide`, which has one directory per job.
pub(super) fn state_home() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = set("XDG_STATE_HOME").filter(|dir| dir.is_absolute());
    home.or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .map(|dir| dir.join("tagtide"))
}

/// The default state directory of a job.
pub(super) fn default_state_dir(job: &str) -> Result<Option<PathBuf>, Failure> {
    let help = "set `HOME` or `XDG_STATE_HOME`, or name one with `--state-dir`";
    let none =
        || Failure::new(USAGE, format_args!("cannot locate the state directory\nhelp: {help}"));
    state_home().map(|home| Some(home.join(job))).ok_or_else(none)
}

/// Where and how the page is served.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Serving {
    /// Serve the page on this address; `none` for none [default: 127.0.0.1:5001 and [::1]:5001]. An
    /// address that other machines can reach needs a token: TAGTIDE_TOKEN or TAGTIDE_TOKEN_FILE
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// Serve the page from this directory, for editing it
    #[arg(long, value_name = "DIR")]
    pub web_dir: Option<PathBuf>,
    /// Accept requests with this host name too; may be repeated
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Maximum number of live streams
    #[arg(long, value_name = "N", default_value_t = 8_192)]
    pub live_max: usize,
}

impl Serving {
    /// Where to listen; `None` = nowhere.
    pub(super) fn listen(&self) -> Result<Option<Listen>, Failure> {
        match self.listen.as_deref() {
            None => Ok(Some(Listen::default())),
            Some("none") => Ok(None),
            Some(text) => Ok(Some(text.parse()?)),
        }
    }

    /// Options of the server.
    pub(super) fn options(&self, top: usize, rule: Rule) -> Result<ServeOptions, Failure> {
        Ok(ServeOptions {
            token: token()?,
            hosts: self.host.clone(),
            web_dir: self.web_dir.clone(),
            live_max: self.live_max,
            top,
            rule,
            ..ServeOptions::default()
        })
    }
}

/// The server's token: `TAGTIDE_TOKEN`, or the file that `TAGTIDE_TOKEN_FILE` names.
pub(super) fn token() -> Result<Option<String>, Failure> {
    if let Ok(token) = std::env::var("TAGTIDE_TOKEN") {
        return Ok(Some(token));
    }
    let Some(file) = std::env::var_os("TAGTIDE_TOKEN_FILE").map(PathBuf::from) else {
        return Ok(None);
    };
    let failed = |error| {
        let file = file.display();
        Failure::new(FAILED, format_args!("cannot read the token from `{file}`: {error}"))
    };
    std::fs::read_to_string(&file).map(|token| Some(token.trim().to_owned())).map_err(failed)
}

/// A source in its short form.
pub(super) fn source(flag: &str, short: &str) -> SourceJob {
    SourceJob { place: Place::flag(flag), short: Some(text(flag, short)), ..SourceJob::default() }
}

/// Applies the flags to the sinks on stdout: `json` selects the JSON form, `quiet` removes the
/// table. A plan without sinks gets the table.
pub(super) fn stdout_sink(plan: &mut Plan, json: bool, quiet: bool) {
    let is_stdout = |sink: &SinkPlan| sink.options_as::<stdout::Options>().is_some();
    let wanted = SinkPlan { options: Arc::new(stdout::Options { json }) };
    if plan.sinks.is_empty() || (json && !plan.sinks.iter().any(is_stdout)) {
        plan.sinks.push(wanted.clone());
    }
    if json {
        for sink in plan.sinks.iter_mut().filter(|sink| is_stdout(sink)) {
            *sink = wanted.clone();
        }
    } else if quiet {
        plan.sinks.retain(|sink| !is_stdout(sink));
    }
}

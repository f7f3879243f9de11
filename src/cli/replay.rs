//! `replay`: counts files (or standard input) by event time and prints the ranking at the end.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args as ClapArgs;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

use super::exit::{FAILED, Failure, Outcome};
use super::extract::path_as_source;
use super::flags::{Counting, FORMATS, Process, scalar, source, text};
use super::logging::LogArgs;
use super::signals;
use super::summary::{counted, grouped, json};
use crate::engine::{self, RunOptions};
use crate::job::Place;
use crate::job::schema::SourceJob;
use crate::job::{Job, Purpose};
use crate::sink::table;
use tagtide_posts::recording::Header;
use tagtide_sources::options::{Value, Written};
use tagtide_trends::rank::TickSnapshot;

#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Files of posts, also .gz and .zst; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Format of the records
    #[arg(long, value_name = "FORMAT", default_value = "auto", value_parser = FORMATS)]
    format: String,
    #[command(flatten)]
    counting: Counting,
    /// Print one JSON object instead of the table
    #[arg(long)]
    json: bool,
    /// Event time of the first record, if records carry none [default: the file's modification
    /// time]
    #[arg(long, value_name = "RFC3339")]
    start: Option<String>,
    /// Records per second of event time, if they carry none
    #[arg(long, value_name = "N", default_value = "1000")]
    rate: String,
    /// Multiple of the original speed, such as 10, or max
    #[arg(long, value_name = "SPEED", default_value = "max")]
    speed: String,
    #[command(flatten)]
    process: Process,
}

pub(super) fn run(args: &Args, log: &LogArgs) -> Outcome {
    for file in &args.files {
        missing(file)?;
    }
    let plan = engine::check(&job(args), Purpose::Replay)?;
    let top = plan.count.top;
    let options = RunOptions {
        workers: args.process.workers(),
        state_dir: args.process.state_dir(None)?,
        fresh: args.process.fresh,
        accept_grammar: args.process.accept_grammar,
        ..RunOptions::default()
    };
    let signals = signals::install()?;
    let run = engine::start(plan, options)?;
    let stopping = run.clone();
    signals.on_stop(move || stopping.stop(false), None)?;
    let progress = if !log.quiet && std::io::stderr().is_terminal() {
        Some(Progress::start(run.watch(), size(&args.files))?)
    } else {
        None
    };
    let ended = run.join(top);
    if let Some(progress) = progress {
        progress.end();
    }
    let summary = ended?;
    tracing::info!("{}", counted(&summary));
    let counters = &summary.status.counters;
    if counters.posts == 0 && counters.malformed > 0 {
        let help = match args.format.as_str() {
            "auto" => format!("name the format with `--format`: {}", FORMATS[1..].join(", ")),
            _ => "try `--format auto`".to_owned(),
        };
        let records = grouped(counters.malformed);
        tracing::warn!("no post was counted; malformed records: {records}\nhelp: {help}");
    }
    let text = if args.json { json(&summary, None)? } else { table::render(&summary.ranking) };
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| Failure::stdout(&error))
}

/// Fails for a missing file at once, before anything is counted.
pub(super) fn missing(file: &std::path::Path) -> Result<(), Failure> {
    let pattern = file.to_string_lossy().contains(['*', '?', '[']);
    if file == std::path::Path::new("-") || pattern {
        return Ok(());
    }
    let opened = std::fs::metadata(file).and_then(|meta| match meta.is_file() {
        true => File::open(file).map(drop),
        // A pipe would wait for its writer.
        false => Ok(()),
    });
    opened.map_err(|error| {
        let help = match error.kind() {
            ErrorKind::PermissionDenied => "make it readable for this user",
            _ => "check the name and the working directory",
        };
        let file = file.display();
        Failure::new(FAILED, format_args!("cannot read `{file}`: {error}\nhelp: {help}"))
    })
}

/// A source that was recorded, and the directory of its files.
type Recorded = (PathBuf, Header);

/// Groups files into sources: one for each recorded source of a directory, because its format and
/// its post ids are its own, and one for all other files.
fn by_source(files: Vec<PathBuf>) -> Vec<(Option<Recorded>, Vec<String>)> {
    let mut sources: Vec<(_, Vec<_>)> = Vec::new();
    for file in files {
        let header = File::open(&file).ok().and_then(|mut file| Header::read(&mut file));
        let dir = file.parent().map(Path::to_owned).unwrap_or_default();
        let of = header.map(|header| (dir, header));
        let path = path_as_source(&file);
        match sources.iter_mut().find(|(known, _)| *known == of) {
            Some((_, paths)) => paths.push(path),
            None => sources.push((of, vec![path])),
        }
    }
    sources
}

/// The job: one source for plain files, one for each recorded source, one for standard input.
fn job(args: &Args) -> Job {
    let mut sources = Vec::new();
    let (stdin, files): (Vec<PathBuf>, Vec<_>) =
        args.files.iter().cloned().partition(|path| path == Path::new("-"));
    for (recorded, paths) in by_source(files) {
        let format = recorded.filter(|_| args.format == "auto").map(|(_, header)| header.format);
        let mut keys = Written::default();
        let paths = paths.iter().map(|path| scalar("FILE", path)).collect();
        keys.set("paths", text("FILE", "").map(|_| Value::List(paths)));
        sources.push(SourceJob {
            place: Place::flag("FILE"),
            kind: Some(text("FILE", "file")),
            format: format.map(|format| text("FILE", &format)),
            keys,
            ..SourceJob::default()
        });
    }
    sources.extend(stdin.iter().map(|_| source("FILE", "-")));
    for source in &mut sources {
        source.format.get_or_insert_with(|| text("--format", &args.format));
        source.keys.set("rate", scalar("--rate", &args.rate).map(Value::Scalar));
        if let Some(start) = &args.start {
            source.keys.set("start", scalar("--start", start).map(Value::Scalar));
        }
    }
    let speed = Some(scalar("--speed", &args.speed));
    let name = Some(text("replay", "replay"));
    let mut job = Job { name, sources, speed, ..Job::default() };
    args.counting.apply(&mut job);
    args.counting.restrict(&mut job, "total");
    job
}

/// Bytes to read, if every file exists and is uncompressed: only then is the remaining time known.
fn size(files: &[PathBuf]) -> Option<u64> {
    files
        .iter()
        .map(|file| {
            let packed = file.extension().is_some_and(|end| end == "gz" || end == "zst");
            let length = std::fs::metadata(file).ok().filter(|m| m.is_file()).map(|m| m.len());
            length.filter(|_| !packed)
        })
        .sum()
}

/// The progress bar on stderr, on a thread of its own.
struct Progress {
    stop: crossbeam_channel::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Progress {
    fn start(
        published: watch::Receiver<Arc<TickSnapshot>>,
        bytes: Option<u64>,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = bounded(1);
        let thread = std::thread::Builder::new()
            .name("tagtide-progress".into())
            .spawn(move || draw(&published, bytes, &stopped))
            .map_err(|error| {
                Failure::new(FAILED, format_args!("cannot start a thread: {error}"))
            })?;
        Ok(Self { stop, thread })
    }

    fn end(self) {
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn draw(published: &watch::Receiver<Arc<TickSnapshot>>, bytes: Option<u64>, stop: &Receiver<()>) {
    let (bar, template) = match bytes {
        Some(bytes) => (
            ProgressBar::new(bytes),
            "{bar:30} {percent:>3}%  {msg}  {decimal_bytes_per_sec}  {eta} left",
        ),
        None => {
            (ProgressBar::new_spinner(), "{spinner}  {msg}  {decimal_bytes_per_sec}  {elapsed}")
        }
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    while stop.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
        let status = published.borrow().status.clone();
        bar.set_position(status.sources.iter().map(|source| source.bytes).sum());
        bar.set_message(format!("{} posts", grouped(status.counters.posts)));
    }
    bar.finish_and_clear();
}

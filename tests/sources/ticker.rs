//! A toy source, added as any new source is: this file, one entry beside the list, fixtures, rows
//! of docs. It goes through the job file, the engine, a resume and the contract suite.
//!
//! `ticker` makes `ticks` lines, numbered from 0: `tick 0 says #tick`.

use std::sync::Arc;
use std::time::Duration;

use tagtide::engine::{self, RunOptions};
use tagtide::job::{Job, Kinds, Purpose, check};
use tagtide::sink::SINKS;
use tagtide_posts::clock::Clock;
use tagtide_posts::decode::Format;
use tagtide_posts::post::{Batch, Position};
use tagtide_sources::loss_bounds::LossBounds;
use tagtide_sources::options::toml_table::{Document, Table};
use tagtide_sources::options::{Checker, Key, Place, Section, Written, units};
use tagtide_sources::{
    Guarantee, Poll, Reason, Replays, SOURCES, Source, SourceError, SourceKind, SourceOptions,
};

use crate::peers::Peer;

/// Lines that count.
pub(crate) static KIND: SourceKind = SourceKind {
    name: "ticker",
    about: "numbered lines, as many as asked for",
    keys: &[Key::scalar("ticks"), Key::text("tag")],
    formats: &[("auto", Some(Format::Text)), ("text", Some(Format::Text))],
    short_key: Some("tag"),
    aliases: &["clockwork"],
    is_platform: false,
    check: |section, _| Arc::new(Options::check(section)),
};

/// How many, and with which tag.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Options {
    ticks: u64,
    tag: String,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        let ticks = section.bounded("ticks", units::count, 10, (1, 1_000_000), "from 1 to 1M");
        let tag = section.text("tag").map_or_else(|| "tick".to_owned(), |field| field.value);
        if tag.contains('#') {
            section.problem("tag", format!("`{tag}` has a `#`"), "leave the `#` out");
        }
        Self { ticks, tag }
    }
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        format!("{} ticks", self.ticks)
    }

    fn loss(&self, _epoch: Duration) -> LossBounds {
        LossBounds::NONE
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn replays(&self) -> Replays {
        Replays::Everything
    }

    fn build(&self, _line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(Ticker { options: self.clone(), clock: clock.clone(), next: 0 }))
    }

    fn can_wait(&self) -> bool {
        true
    }
}

/// The source itself.
struct Ticker {
    options: Options,
    clock: Clock,
    /// The next tick.
    next: u64,
}

/// Ticks of one batch.
const BATCH_TICKS: u64 = 100;

impl Source for Ticker {
    fn open(&mut self, after: &[Position]) -> Result<(), SourceError> {
        self.next = after.first().map_or(Ok(0), |position| position.at.parse()).map_err(
            |error: std::num::ParseIntError| {
                let text = format!("cannot resume the ticker: {error}");
                SourceError::fatal(Reason::because(text, error))
            },
        )?;
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, _wait: Duration) -> Result<Poll, SourceError> {
        let first = self.next;
        let end = self.options.ticks.min(first + BATCH_TICKS);
        if first == end {
            return Ok(Poll::End);
        }
        let tag = &self.options.tag;
        for tick in first..end {
            batch.buffer().extend_from_slice(format!("tick {tick} says #{tag}\n").as_bytes());
        }
        let records = batch.buffer().len();
        batch.seal(records);
        (batch.first, batch.lines, batch.arrived) = (first, end - first, self.clock.now());
        batch.positions.push(Position { partition: String::new(), at: end.to_string() });
        self.next = end;
        Ok(Poll::Ready)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn name(&self) -> String {
        "ticker".to_owned()
    }
}

/// The list with the ticker in it.
static WITH_TICKER: [&SourceKind; SOURCES.len() + 1] = {
    let mut kinds = [&KIND; SOURCES.len() + 1];
    let mut at = 0;
    while at < SOURCES.len() {
        kinds[at] = SOURCES[at];
        at += 1;
    }
    kinds
};

/// A job that may name it.
fn job(text: &str) -> Job {
    let kinds = Kinds { sources: &WITH_TICKER, sinks: SINKS };
    Job::parse_with(text, "job.toml", kinds).unwrap()
}

/// The options that `keys` of a kind come to; panics where they have a problem.
pub(crate) fn checked(kind: &'static SourceKind, keys: &str) -> Arc<dyn SourceOptions> {
    let root = toml::de::DeTable::parse(keys).unwrap();
    let mut doc = Document::new("job.toml", keys);
    let mut table = Table::new(&mut doc, "source", root.get_ref());
    let written = Written::read(&mut table, kind.keys.iter().copied());
    table.finish();
    assert!(doc.problems.is_empty(), "{:?}", doc.problems);
    let (mut checker, place) = (Checker::default(), Place::default());
    let mut section = Section::new(&mut checker, &place, &written, kind.keys, false);
    let options = (kind.check)(&mut section, kind.formats[0].1);
    assert!(checker.problems.is_empty(), "{}: {:?}", kind.name, checker.problems);
    options
}

/// Its other end in the contract suite: there is none.
pub(crate) struct Ticks(usize);

impl Ticks {
    pub(crate) fn new(records: usize) -> Self {
        Self(records)
    }
}

impl Peer for Ticks {
    fn keys(&self) -> String {
        format!("ticks = {}", self.0)
    }

    fn release(&mut self, _records: usize) {}

    fn number(&self, line: &[u8]) -> Option<usize> {
        let line = std::str::from_utf8(line).ok()?.strip_prefix("tick ")?;
        line.split(' ').next()?.parse().ok()
    }
}

#[test]
fn a_job_checks_its_keys_with_every_others_words() {
    let plan = check(&job("source = \"ticker\""), Purpose::Run).unwrap();
    let options = plan.sources[0].options_as::<Options>().unwrap();
    assert_eq!(*options, Options { ticks: 10, tag: "tick".to_owned() });
    let short = check(&job("source = \"ticker://tea\""), Purpose::Run).unwrap();
    assert_eq!(short.sources[0].options_as::<Options>().unwrap().tag, "tea");
    let problems = |text: &str| -> String {
        let found = check(&job(text), Purpose::Run).unwrap_err();
        found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let of = |keys: &str| format!("[[source]]\nkind = \"ticker\"\n{keys}");
    for (text, wanted) in [
        (of("ticks = 0"), "job.toml:3: `source.ticks`: `0` is out of bounds\n  help: from 1 to 1M"),
        (of("ticks = \"many\""), "`many` is not a number"),
        (of("tag = \"#a\""), "leave the `#` out"),
        (of("addr = \"a:1\""), "takes no `addr`\n  help: it takes name, kind, format, pace, ticks"),
        (of("format = \"x1\""), "`x1` is not known here"),
        ("source = \"tickr\"".to_owned(), "did you mean `ticker`?"),
        ("source = \"clockwrk\"".to_owned(), "did you mean `ticker`?"),
        ("[[source]]\nkind = \"tocker\"".to_owned(), "did you mean `ticker`?"),
    ] {
        let found = problems(&text);
        assert!(found.contains(wanted), "{text}: {found}");
    }
    let kinds = Kinds { sources: &WITH_TICKER, sinks: SINKS };
    let unknown = Job::parse_with(&of("tiks = 3"), "job.toml", kinds).unwrap_err();
    assert!(unknown[0].to_string().contains("did you mean `ticks`?"), "{unknown:?}");
    let elsewhere = Job::parse("source = \"ticker\"", "job.toml").unwrap();
    let plan = check(&elsewhere, Purpose::Run).unwrap();
    assert_eq!(plan.sources[0].options.kind().name, "file", "without it the word is a file");
}

#[test]
fn the_engine_counts_it_and_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let posts = |ticks: u64| {
        let text = format!(
            "name = \"t\"\ntime = \"event\"\n[count]\nmode = \"total\"\n[[source]]\n\
             kind = \"ticker\"\nticks = {ticks}"
        );
        let plan = engine::check(&job(&text), Purpose::Run).unwrap();
        let state_dir = Some(dir.path().to_owned());
        let run = engine::start(plan, RunOptions { state_dir, ..RunOptions::default() }).unwrap();
        let summary = run.join(1).unwrap();
        (summary.status.counters.posts, summary.ranking.trends[0].count)
    };
    assert_eq!(posts(250), (250, 250));
    // The next run goes on after tick 250.
    assert_eq!(posts(900), (900, 900));
}

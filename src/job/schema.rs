//! The job file: TOML text -> [`Job`].
//!
//! A [`Job`] is data only, as written: no unit resolved, no default filled in, nothing looked up.
//! Parsing reports every problem of syntax at once (unknown keys, wrong types), each with its line.
//! Flags of the command line set the same fields. `check` decides what it means.
//!
//! The keys of a source or sink are those that its kind declares; [`Kinds`] are the kinds that a
//! job may name.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::filters::{PeopleJob, TagsJob, ViewJob, read_people, read_tags, read_views};
use super::{Diagnostic, Field, Place, Scalar};
use crate::sink::{self, SINKS, SinkKind};
use tagtide_sources::options::toml_table::{Document, Table, scalar};
use tagtide_sources::options::{Key, Written};
use tagtide_sources::{SOURCES, SourceKind, kind};

/// A string, a flag or a number that may be missing.
pub(super) type Text = Option<Field<String>>;
pub(super) type Flag = Option<Field<bool>>;
pub(super) type Value = Option<Field<Scalar>>;
pub(super) type List = Option<Vec<Field<Scalar>>>;

/// The kinds that a job may name.
#[derive(Clone, Copy, Debug)]
pub struct Kinds {
    /// Kinds of sources.
    pub sources: &'static [&'static SourceKind],
    /// Kinds of sinks.
    pub sinks: &'static [&'static SinkKind],
}

impl Default for Kinds {
    fn default() -> Self {
        Self { sources: SOURCES, sinks: SINKS }
    }
}

/// One pipeline, as a user wrote it.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// What `kind` may name.
    pub kinds: Kinds,
    /// Where the job as a whole was written; problems about missing keys point there.
    pub place: Place,
    /// Name; also names the state directory.
    pub name: Text,
    /// `tags` or `words`.
    pub rule: Text,
    /// `per_post` or `all`.
    pub occurrences: Text,
    /// Publishing interval.
    pub batch: Value,
    /// `clock` or `event`.
    pub time: Text,
    /// `max`, or a multiple of the original speed; with `time = "event"`.
    pub speed: Value,
    /// `[count]`.
    pub count: CountJob,
    /// `[limits]`.
    pub limits: LimitsJob,
    /// `[engine]`.
    pub engine: EngineJob,
    /// `[people]`.
    pub people: PeopleJob,
    /// `[tags]`.
    pub tags: TagsJob,
    /// `source = ...` or `[[source]]`, in order.
    pub sources: Vec<SourceJob>,
    /// `[[sink]]`, in order.
    pub sinks: Vec<SinkJob>,
    /// Store past rankings.
    pub history: Flag,
    /// Most bytes of the history.
    pub history_max: Value,
    /// `[[alert]]`, in order.
    pub alerts: Vec<AlertJob>,
    /// `[view.NAME]`, in order.
    pub views: Vec<ViewJob>,
}

/// `[count]`: windows, panes, modes.
#[derive(Clone, Debug, Default)]
pub struct CountJob {
    /// Smallest slice of event time.
    pub pane: Value,
    /// Window lengths.
    pub windows: List,
    /// How late a post can arrive.
    pub lateness: Value,
    /// Modes to rank by.
    pub modes: List,
    /// The mode shown by default.
    pub mode: Text,
    /// The window shown by default.
    pub window: Value,
    /// Rows shown.
    pub top: Value,
}

/// `[limits]`: bounds.
#[derive(Clone, Debug, Default)]
pub struct LimitsJob {
    /// Live tags counted exactly.
    pub tags_max: Value,
    /// Longest record.
    pub line_max: Value,
    /// Posts remembered for deletes, edits and duplicates.
    pub remembered_max: Value,
    /// How long they are remembered.
    pub remembered_for: Value,
    /// Recent posts held in memory.
    pub recent_posts: Value,
}

/// One source.
#[derive(Clone, Debug, Default)]
pub struct SourceJob {
    /// Where it was written.
    pub place: Place,
    /// The short form: `tcp://host:port`, `tcp-listen://addr`, `stdin`, `generator`, a path.
    pub short: Text,
    /// Unique name within the job.
    pub name: Text,
    /// One of [`Kinds::sources`].
    pub kind: Text,
    /// Format of its records, or `auto`.
    pub format: Text,
    /// Most records per second.
    pub pace: Value,
    /// Keys of its kind.
    pub keys: Written,
}

/// `[engine]`: what reads and extracts.
#[derive(Clone, Debug, Default)]
pub struct EngineJob {
    /// One of `engine::ENGINES`.
    pub kind: Text,
}

/// One sink.
#[derive(Clone, Debug, Default)]
pub struct SinkJob {
    /// Where it was written.
    pub place: Place,
    /// One of [`Kinds::sinks`].
    pub kind: Text,
    /// Keys of its kind.
    pub keys: Written,
}

/// One alert rule.
#[derive(Clone, Debug, Default)]
pub struct AlertJob {
    /// Where it was written.
    pub place: Place,
    /// Unique name within the job.
    pub name: Text,
    /// `peak`, `top`, `score`, `lift` or `watch`.
    pub on: Text,
    /// Places, for `top`.
    pub n: Value,
    /// Threshold, for `score` and `lift`.
    pub above: Value,
    /// Tags with wildcards, for `watch`.
    pub tags: List,
    /// The view whose ranking is watched.
    pub view: Text,
    /// Time between two alerts about one tag.
    pub quiet: Value,
    /// Whole URL.
    pub webhook: Text,
    /// Environment variable that holds the secret of the signature.
    pub secret_env: Text,
}

impl Job {
    /// Reads a job file.
    ///
    /// # Errors
    /// Every problem of syntax; an unreadable file is one problem.
    pub fn read(path: &Path) -> Result<Self, Vec<Diagnostic>> {
        let name = path.display().to_string();
        let place = || Place { file: Some(Arc::from(name.as_str())), line: 0, key: String::new() };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &name),
            Err(error) => Err(vec![Diagnostic {
                place: place(),
                what: format!("cannot read the job file: {error}"),
                help: Some("job files to start from are in `jobs/`".into()),
            }]),
        }
    }

    /// Parses the text of a job file; `file` names it in messages, and its stem is the default of
    /// `name`.
    ///
    /// # Errors
    /// Every problem of syntax.
    pub fn parse(text: &str, file: &str) -> Result<Self, Vec<Diagnostic>> {
        Self::parse_with(text, file, Kinds::default())
    }

    /// The same, with other kinds of sources and sinks.
    ///
    /// # Errors
    /// Every problem of syntax.
    pub fn parse_with(text: &str, file: &str, kinds: Kinds) -> Result<Self, Vec<Diagnostic>> {
        let mut doc = Document::new(file, text);
        let job = parse(&mut doc, kinds);
        if doc.problems.is_empty() {
            return Ok(job);
        }
        doc.problems.sort_by_key(|problem| problem.place.line);
        Err(doc.problems)
    }

    /// Full names of all keys of a job file: `batch`, `count.pane`, `source.addr`...
    #[must_use]
    pub fn keys() -> Vec<String> {
        let text = "[count]\n[limits]\n[engine]\n[people]\n[tags]\n[view.x]\n[[source]]\n\
                    [[sink]]\n[[alert]]\n";
        let mut doc = Document::new("", text);
        parse(&mut doc, Kinds::default());
        doc.asked.into_iter().collect()
    }
}

fn parse(doc: &mut Document<'_>, kinds: Kinds) -> Job {
    let (root, errors) = DeTable::parse_recoverable(doc.text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let place = doc.place(at, "");
        doc.problems.push(Diagnostic { place, what: error.message().to_owned(), help: None });
    }
    let mut top = Table::new(doc, "", root.get_ref());
    let mut job = Job {
        kinds,
        name: top.text("name"),
        rule: top.text("rule"),
        occurrences: top.text("occurrences"),
        batch: top.scalar("batch"),
        time: top.text("time"),
        speed: top.scalar("speed"),
        history: top.flag("history"),
        history_max: top.scalar("history_max"),
        ..Job::default()
    };
    let count = top.take("count");
    let limits = top.take("limits");
    let engine = top.take("engine");
    let people = top.take("people");
    let tags = top.take("tags");
    let view = top.take("view");
    let source = top.take("source");
    let sink = top.take("sink");
    let alert = top.take("alert");
    let doc = top.doc();
    job.place = Place { file: Some(doc.file.clone()), line: 0, key: String::new() };
    if let Some(table) = table(doc, count) {
        job.count = read_count(doc, table);
    }
    if let Some(table) = table(doc, limits) {
        job.limits = read_limits(doc, table);
    }
    if let Some(table) = table(doc, engine) {
        job.engine = read_engine(doc, table);
    }
    if let Some(table) = table(doc, people) {
        job.people = read_people(doc, table);
    }
    if let Some(table) = table(doc, tags) {
        job.tags = read_tags(doc, table);
    }
    if let Some(table) = table(doc, view) {
        job.views = read_views(doc, table);
    }
    job.sources = many(doc, source, "source", read_source(kinds.sources), |short, place| {
        SourceJob { place, short: Some(short), ..SourceJob::default() }
    });
    job.sinks = many(doc, sink, "sink", read_sink(kinds.sinks), |short, place| SinkJob {
        place,
        kind: Some(short),
        ..SinkJob::default()
    });
    job.alerts = many(doc, alert, "alert", read_alert, |short, place| AlertJob {
        place,
        on: Some(short),
        ..AlertJob::default()
    });
    top.finish();
    job
}

/// The table of a key; anything else is a problem.
fn table<'t>(
    doc: &mut Document<'_>,
    found: Option<(&'t Spanned<DeValue<'t>>, Place)>,
) -> Option<&'t DeTable<'t>> {
    let (value, place) = found?;
    let table = value.get_ref().as_table();
    if table.is_none() {
        let name = if place.key == "view" { "view.NAME" } else { &place.key };
        let help = Some(format!("begin it with `[{name}]`"));
        doc.problems.push(Diagnostic { place, what: "expected a table".into(), help });
    }
    table
}

/// One or several of a kind: a string, a table, or a list of both.
fn many<'t, T>(
    doc: &mut Document<'_>,
    found: Option<(&'t Spanned<DeValue<'t>>, Place)>,
    name: &'static str,
    read: impl Fn(&mut Document<'_>, &'t DeTable<'t>, Place) -> T,
    short: fn(Field<String>, Place) -> T,
) -> Vec<T> {
    let Some((value, place)) = found else { return Vec::new() };
    let single = std::slice::from_ref(value);
    let items = value.get_ref().as_array().map_or(single, |array| array.as_ref());
    let mut all = Vec::new();
    for item in items {
        let at = doc.place(item.span().start, name);
        match (item.get_ref(), scalar(item.get_ref())) {
            (DeValue::Table(table), _) => all.push(read(doc, table, at)),
            (_, Some(Scalar::Text(text))) => {
                all.push(short(Field { value: text, place: at.clone() }, at));
            }
            _ => doc.problems.push(Diagnostic {
                place: place.clone(),
                what: "expected a string or a table".into(),
                help: Some(format!("begin each with `[[{name}]]`")),
            }),
        }
    }
    all
}

fn read_count<'t>(doc: &mut Document<'_>, table: &'t DeTable<'t>) -> CountJob {
    let mut table = Table::new(doc, "count", table);
    let count = CountJob {
        pane: table.scalar("pane"),
        windows: table.list("windows"),
        lateness: table.scalar("lateness"),
        modes: table.list("modes"),
        mode: table.text("mode"),
        window: table.scalar("window"),
        top: table.scalar("top"),
    };
    table.finish();
    count
}

fn read_engine<'t>(doc: &mut Document<'_>, table: &'t DeTable<'t>) -> EngineJob {
    let mut table = Table::new(doc, "engine", table);
    let engine = EngineJob { kind: table.text("kind") };
    table.finish();
    engine
}

fn read_limits<'t>(doc: &mut Document<'_>, table: &'t DeTable<'t>) -> LimitsJob {
    let mut table = Table::new(doc, "limits", table);
    let limits = LimitsJob {
        tags_max: table.scalar("tags_max"),
        line_max: table.scalar("line_max"),
        remembered_max: table.scalar("remembered_max"),
        remembered_for: table.scalar("remembered_for"),
        recent_posts: table.scalar("recent_posts"),
    };
    table.finish();
    limits
}

fn read_source<'t>(
    kinds: &'static [&'static SourceKind],
) -> impl Fn(&mut Document<'_>, &'t DeTable<'t>, Place) -> SourceJob {
    move |doc, table, place| {
        let mut table = Table::new(doc, "source", table);
        let name = table.text("kind");
        let named = name.as_ref().and_then(|field| kind::find(kinds, &field.value));
        let keys = named.into_iter().chain(kinds.iter().copied()).flat_map(|kind| kind.keys);
        let source = SourceJob {
            place,
            short: None,
            name: table.text("name"),
            kind: name,
            format: table.text("format"),
            pace: table.scalar("pace"),
            keys: Written::read(&mut table, keys.copied()),
        };
        table.finish();
        source
    }
}

fn read_sink<'t>(
    kinds: &'static [&'static SinkKind],
) -> impl Fn(&mut Document<'_>, &'t DeTable<'t>, Place) -> SinkJob {
    move |doc, table, place| {
        let mut table = Table::new(doc, "sink", table);
        let kind = table.text("kind");
        let named = kind.as_ref().and_then(|field| sink::find(kinds, &field.value));
        let keys = named.into_iter().chain(kinds.iter().copied()).flat_map(|kind| kind.keys);
        let keys: Vec<Key> = keys.copied().collect();
        let sink = SinkJob { place, kind, keys: Written::read(&mut table, keys) };
        table.finish();
        sink
    }
}

fn read_alert<'t>(doc: &mut Document<'_>, table: &'t DeTable<'t>, place: Place) -> AlertJob {
    let mut table = Table::new(doc, "alert", table);
    let alert = AlertJob {
        place,
        name: table.text("name"),
        on: table.text("on"),
        n: table.scalar("n"),
        above: table.scalar("above"),
        tags: table.list("tags"),
        view: table.text("view"),
        quiet: table.scalar("quiet"),
        webhook: table.text("webhook"),
        secret_env: table.text("secret_env"),
    };
    table.finish();
    alert
}

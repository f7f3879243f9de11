//! Standard output: after every batch a header with its time and the table, or one JSON object.
//! A table without rows is followed by the states of the sources.
//!
//! The header's time is local; in a replay it is the event time of the ranking. When
//! the reader of a pipe goes away, the process is asked to end as by SIGTERM: it drains, writes its
//! checkpoint and exits without an error.

use std::io::{ErrorKind, Write};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Delivery, Line, Sink, SinkError, SinkKind, SinkOptions, table};
use tagtide_sources::Reason;
use tagtide_sources::options::Key;
use tagtide_trends::rank::TickSnapshot;
use tagtide_trends::status::{RunState, SourceStatus, Status};

/// Longest line below a table.
const LINE_MAX_CHARS: usize = 160;

/// The table in the terminal, or JSON lines.
pub static KIND: SinkKind = SinkKind {
    name: "stdout",
    about: "the table in the terminal, or JSON lines",
    keys: &[Key::flag("json")],
    check: |section| Arc::new(Options { json: section.flag("json").unwrap_or(false) }),
};

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// One JSON object per batch instead of the table.
    pub json: bool,
}

impl SinkOptions for Options {
    fn kind(&self) -> &'static SinkKind {
        &KIND
    }

    fn describe(&self) -> String {
        match self.json {
            false => "the table on standard output".to_owned(),
            true => "one JSON object per ranking on standard output".to_owned(),
        }
    }

    fn target(&self) -> String {
        String::new()
    }

    fn build(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Stdout::new(std::io::stdout(), self.json)))
    }
}

/// Writes to `out`.
pub(super) struct Stdout<W> {
    out: W,
    json: bool,
    zone: TimeZone,
    /// The reader has closed the pipe; nothing more is written.
    closed: bool,
}

impl<W: Write> Stdout<W> {
    pub(super) fn new(out: W, json: bool) -> Self {
        Self { out, json, zone: TimeZone::system(), closed: false }
    }

    /// The time zone of the header.
    #[cfg(test)]
    pub(super) fn zone(mut self, zone: TimeZone) -> Self {
        self.zone = zone;
        self
    }

    #[cfg(test)]
    pub(super) fn out(&self) -> &W {
        &self.out
    }

    fn text(&self, published: &TickSnapshot) -> Result<Vec<u8>, SinkError> {
        let Some(line) = Line::of(published) else { return Ok(Vec::new()) };
        if self.json {
            return line.json();
        }
        let at = match published.status.state {
            RunState::Replay => line.ranking.at,
            _ => published.published_at,
        };
        let at = Timestamp::from_millisecond(at).unwrap_or_default();
        let time = at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let rows = table::render(line.ranking);
        let none = line.ranking.trends.is_empty();
        let below = if none { sources(&published.status) } else { String::new() };
        Ok(format!("----------- {time} -----------\n{rows}{below}").into_bytes())
    }
}

/// The state of each source, which explains an empty table.
fn sources(status: &Status) -> String {
    let line = |SourceStatus { name, state, detail, posts, .. }: &SourceStatus| {
        let why = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        let line = format!("{name}: {state}{why}, {posts} posts counted");
        table::shown_to(&line, LINE_MAX_CHARS).into_owned() + "\n"
    };
    status.sources.iter().map(line).collect()
}

impl<W: Write + Send> Sink for Stdout<W> {
    fn publish(&mut self, published: &TickSnapshot) -> Result<(), SinkError> {
        if self.closed {
            return Ok(());
        }
        let text = self.text(published)?;
        match self.out.write_all(&text).and_then(|()| self.out.flush()) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                end_quietly();
                Ok(())
            }
            Err(error) => {
                let text = format!("cannot write to standard output: {error}");
                Err(SinkError(Reason::because(text, error)))
            }
        }
    }

    fn delivery(&self) -> Delivery {
        Delivery::Every
    }

    fn name(&self) -> String {
        "stdout".to_owned()
    }
}

/// Asks this process to end as SIGTERM does. A test keeps its process.
fn end_quietly() {
    #[cfg(not(test))]
    if let Err(error) = signal_hook::low_level::raise(signal_hook::consts::SIGTERM) {
        tracing::error!("cannot end after standard output was closed: {error}");
    }
}

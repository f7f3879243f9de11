//! The timeline of an instance after a cursor: page by page, the oldest first.

use std::time::Duration;

use reqwest::Client;
use serde_json::value::RawValue;
use url::Url;

use super::StreamName;
use super::cursor::rewound;
use super::instance::{Asking, PAGE, ask, timeline_url};
use super::lines::{Head, Lines};
use crate::secret::Secret;
use crate::web::Refusal;
use tagtide_posts::clock::Clock;

/// Most pages; what is beyond them is given up.
const PAGES_MAX: u32 = 40;
/// Posts that they hold.
pub(crate) const POSTS_MAX: u32 = PAGES_MAX * PAGE;

/// Whom to ask, and how.
pub(super) struct Timeline<'a> {
    pub(super) client: &'a Client,
    pub(super) instance: &'a Url,
    pub(super) stream: &'a StreamName,
    pub(super) token: Option<&'a Secret>,
    pub(super) clock: &'a Clock,
    /// Between two pages.
    pub(super) pause: Duration,
}

impl Timeline<'_> {
    fn ask(&self, min_id: Option<&str>, pause: Duration) -> Asking {
        let url = timeline_url(self.instance, self.stream, min_id);
        ask(self.client, url, self.token, self.clock, pause)
    }
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing arrived within the wait, or a page that is not the last.
    On,
    /// Everything is delivered.
    Done,
    /// More pages than we take.
    TooMuch,
}

/// Pages that are being read.
pub(super) struct CatchUp {
    asking: Asking,
    /// When the page that is under way was asked for, milliseconds since the Unix epoch.
    asked_at: i64,
    /// Only the newest status is looked for, to begin after it.
    is_first: bool,
    /// What was missed is no older than this.
    floor: i64,
    pages: u32,
}

impl CatchUp {
    /// Begins after the cursor of `lines`; where it has none, with what comes next.
    pub(super) fn new(timeline: &Timeline<'_>, lines: &Lines, after: Duration) -> Self {
        let now = timeline.clock.now().0;
        let id = lines.cursor.as_ref().and_then(|cursor| cursor.id.as_deref());
        let from = id.map(rewound);
        Self {
            asking: timeline.ask(from.as_deref(), after),
            asked_at: now,
            is_first: id.is_none(),
            floor: lines.cursor.as_ref().map_or(now, |cursor| cursor.at.min(now)),
            pages: 0,
        }
    }

    /// True where nothing is known that it could begin after.
    pub(super) fn is_first(&self) -> bool {
        self.is_first
    }

    /// When the last page was requested: everything up to then is delivered.
    pub(super) fn asked_at(&self) -> i64 {
        self.asked_at
    }

    /// Waits for the page that is under way, and takes it in.
    pub(super) async fn step(
        &mut self,
        timeline: &Timeline<'_>,
        lines: &mut Lines,
        wait: Duration,
    ) -> Result<Step, Refusal> {
        let Ok(answer) = tokio::time::timeout(wait, &mut self.asking).await else {
            return Ok(Step::On);
        };
        let body = answer?;
        let page: Vec<&RawValue> = serde_json::from_str(&body)
            .map_err(|error| Refusal::network(format!("its timeline cannot be read: {error}")))?;
        let newest = page.first().and_then(|status| Head::read(status.get())).map(|head| head.id);
        if self.is_first {
            // An instance that has nothing yet is asked from its beginning on.
            lines.reached(Some(newest.as_deref().unwrap_or("0")), self.asked_at);
            return Ok(Step::Done);
        }
        let now = timeline.clock.now().0;
        for status in page.iter().rev() {
            let written = Head::read(status.get()).and_then(|head| head.written());
            // No later than it came, and no earlier than what came before it was missed.
            let at = written.unwrap_or(now).clamp(self.floor.min(now), now);
            lines.event("update", status.get(), at);
        }
        let Some(newest) = newest else { return Ok(Step::Done) };
        self.pages += 1;
        if self.pages >= PAGES_MAX {
            return Ok(Step::TooMuch);
        }
        self.asking = timeline.ask(Some(&newest), timeline.pause);
        self.asked_at = now;
        Ok(Step::On)
    }
}

//! The keys of a generator.

use std::sync::Arc;
use std::time::Duration;

use super::GeneratorSource;
use crate::kind::{RATE, Replays, START, SourceKind, SourceOptions};
use crate::loss_bounds::LossBounds;
use crate::options::{Key, Section, units};
use crate::{Guarantee, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::decode::Format;
use tagtide_posts::post::EventTime;

/// Made-up posts.
pub static KIND: SourceKind = SourceKind {
    name: "generator",
    about: "made-up posts, the same for the same seed",
    keys: &[
        Key::scalar("seed"),
        Key::scalar("posts"),
        RATE,
        START,
        Key::flag("live"),
        Key::scalar("past"),
        Key::scalar("tags"),
    ],
    formats: &[
        ("auto", Some(Format::TextPlus)),
        ("text", Some(Format::Text)),
        ("text+", Some(Format::TextPlus)),
        ("x1", Some(Format::X1)),
    ],
    short_key: None,
    aliases: &[],
    is_platform: false,
    check: |section, format| Arc::new(Options::check(section, format)),
};

/// The longest past.
const PAST_MAX: Duration = Duration::from_hours(7 * 24);
/// Posts per second of event time, where the job does not say.
pub const RATE_DEFAULT: f64 = 1_000.0;

/// What is made, and when it comes.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Everything follows from it, down to the byte.
    pub seed: u64,
    /// Posts to make; `None` = endless.
    pub posts: Option<u64>,
    /// Posts per second of event time.
    pub rate: f64,
    /// Event time of the first post; `None` = our clock at the first start.
    pub start: Option<EventTime>,
    /// Wait for each post's event time; otherwise as fast as it goes.
    pub live: bool,
    /// Without `start`, how much older than our clock the first post is; what is due by then is
    /// delivered at once.
    pub past: Duration,
    /// `Text`, `TextPlus` or `X1`.
    pub format: Format,
    /// Distinct ordinary tags.
    pub tags: u32,
}

impl Options {
    fn check(section: &mut Section<'_>, format: Option<Format>) -> Self {
        let live = section.flag("live").unwrap_or(section.is_live);
        if section.flag("live") == Some(false) && section.is_live {
            let what = "a generator that does not wait runs ahead of our clock";
            section.problem("live", what, "add `time = \"event\"` to the job");
        }
        let range = (Duration::ZERO, PAST_MAX);
        let past = section.bounded("past", units::duration, Duration::ZERO, range, "at most `7d`");
        if section.scalar("past").is_some() && (!live || section.scalar(START.name).is_some()) {
            let what = "`past` is for a generator that waits for each post's time and names no \
                        `start`";
            section.problem("past", what, "leave it out");
        }
        let range = (1, 100_000_000);
        let bounds = "from 1 to 100M ordinary tags";
        let tags = section.bounded("tags", units::count, 20_000, range, bounds);
        Self {
            seed: section.optional("seed", units::count).unwrap_or(1),
            posts: section.optional("posts", units::count),
            rate: section.optional(RATE.name, units::rate).unwrap_or(RATE_DEFAULT),
            start: section.optional(START.name, units::moment),
            live,
            past,
            format: format.unwrap_or(Format::TextPlus),
            tags: u32::try_from(tags).unwrap_or(u32::MAX),
        }
    }
}

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        format!("generated posts, seed {}", self.seed)
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
        Ok(Box::new(GeneratorSource::new(self, clock)?))
    }

    fn can_wait(&self) -> bool {
        !self.live
    }
}

//! Made-up posts, the same on every machine for the same seed, down to the byte.
//!
//! Post n is a pure function of the options and n, so resuming means counting on from n: nothing is
//! lost and nothing comes twice. The world has ordinary tags whose use follows Zipf's
//! law, many languages and scripts, spelling variants, emoji, planted topics that rise and fall
//! over event time, bots, retweets, and things that look like tags and are none.
//!
//! Live, it waits for each post's event time by its clock. It never uses a float to make a byte,
//! the time of day (but for the start of a plan that names none) or another source of randomness.

mod lexicon;
mod options;
mod people;
mod prng;
mod tags;
mod text;
mod trends;
mod world;
mod x1;

use std::io::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::options::{KIND, Options, RATE_DEFAULT};
use self::world::{Laws, World};
use super::framing::most_bytes;
use super::reconnect::Cause;
use super::stream::deliver;
use super::{Guarantee, Poll, Reason, Source, SourceError};
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::decode::Format;
use tagtide_posts::post::{Batch, EventTime, Position};

/// Event time of the first post in files, where the plan names none: 2026-01-01T00:00:00Z.
pub const FILE_START: EventTime = EventTime(1_767_225_600_000);

/// Live posts that come within this time of one another are delivered together.
const LINGER: Duration = Duration::from_millis(5);

/// How a post is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Text,
    TextPlus,
    X1,
}

/// The laws of `plan`, its first post at `start`.
fn laws(plan: &Options, start: EventTime) -> Result<Laws, String> {
    let line = match plan.format {
        Format::Text => Line::Text,
        Format::TextPlus => Line::TextPlus,
        Format::X1 => Line::X1,
        other => {
            return Err(format!(
                "cannot make posts in format `{other:?}`: only text, text+ and x1 are made\n\
                 help: set `format` to one of these"
            ));
        }
    };
    let per_1000_s = (plan.rate * 1000.0).round();
    if !(1.0..=1e15).contains(&per_1000_s) {
        return Err(format!(
            "cannot make {} posts per second: the rate is from 0.001 to 10^12\nhelp: set `rate`",
            plan.rate
        ));
    }
    Ok(Laws {
        seed: plan.seed,
        tags: plan.tags.max(1),
        start_ms: start.0,
        per_1000_s: per_1000_s as u64,
        line,
    })
}

/// Writes the first `posts` posts of `plan` to `out`, on as many threads as the machine has cores.
/// A plan without a start begins at [`FILE_START`]. Returns the bytes written.
///
/// # Errors
/// `InvalidInput` for options that cannot be followed, or the error of `out`.
pub fn write_posts(plan: &Options, posts: u64, out: &mut impl Write) -> std::io::Result<u64> {
    use std::io::{Error, ErrorKind};
    let laws = laws(plan, plan.start.unwrap_or(FILE_START))
        .map_err(|why| Error::new(ErrorKind::InvalidInput, why))?;
    let chunk: u64 = if laws.line == Line::X1 { 1 << 10 } else { 1 << 14 };
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(16));
    // While one set of buffers is written, the other is filled.
    let mut full: Vec<Vec<u8>> = vec![Vec::new(); threads];
    let mut filling: Vec<Vec<u8>> = vec![Vec::new(); threads];
    let mut worlds = vec![World::new(laws); threads];
    let (mut from, mut written) = (0, 0);
    loop {
        let more = from < posts;
        std::thread::scope(|scope| -> std::io::Result<()> {
            for (world, buffer) in worlds.iter_mut().zip(&mut filling) {
                buffer.clear();
                let (begin, end) = (from, posts.min(from.saturating_add(chunk)));
                from = end;
                if begin < end {
                    scope.spawn(move || (begin..end).for_each(|n| world.write(n, buffer)));
                }
            }
            for buffer in &full {
                out.write_all(buffer)?;
                written += buffer.len() as u64;
            }
            Ok(())
        })?;
        std::mem::swap(&mut full, &mut filling);
        if !more {
            out.flush()?;
            return Ok(written);
        }
    }
}

/// The Position of the generator, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// Posts made.
    post: u64,
    /// Event time of the first, Unix ms.
    start: i64,
    /// What they were made of.
    seed: u64,
}

/// Made-up posts as a source.
#[derive(Debug)]
pub struct GeneratorSource {
    plan: Options,
    clock: Clock,
    /// Set by the first open.
    world: Option<World>,
    /// Posts made.
    post: u64,
}

impl GeneratorSource {
    /// A source that follows `plan`.
    ///
    /// # Errors
    /// [`SourceError::Fatal`] where the plan cannot be followed.
    pub fn new(plan: &Options, clock: &Clock) -> Result<Self, SourceError> {
        laws(plan, FILE_START).map_err(SourceError::fatal)?;
        Ok(Self { plan: plan.clone(), clock: clock.clone(), world: None, post: 0 })
    }

    /// Waits until a live post is due, and a little for those right behind it; returns how many
    /// posts are due by now.
    fn due(&self, laws: &Laws, wait: Duration) -> u64 {
        let end = monotonic() + wait;
        loop {
            let now = self.clock.now().0;
            let due = laws.due(now);
            let left = end.saturating_duration_since(monotonic());
            if due > self.post || left.is_zero() {
                return due;
            }
            let until = laws.time_ms(self.post).saturating_sub(now);
            let until = Duration::from_millis(u64::try_from(until).unwrap_or(0)).max(LINGER);
            std::thread::sleep(until.min(left));
        }
    }
}

impl Source for GeneratorSource {
    fn open(&mut self, after: &[Position]) -> Result<(), SourceError> {
        let mut start = self.plan.start;
        self.post = 0;
        if let Some(position) = after.first() {
            let cursor: Cursor = serde_json::from_str(&position.at).map_err(|error| {
                let text = format!("cannot resume the generator: its position: {error}");
                SourceError::fatal(Reason::because(text, error))
            })?;
            if cursor.seed != self.plan.seed || start.is_some_and(|start| start.0 != cursor.start) {
                return Err(SourceError::fatal(
                    "cannot resume the generator: its seed or start is another one\n\
                     help: set them back, or start over with `--fresh`",
                ));
            }
            self.post = cursor.post;
            start = Some(EventTime(cursor.start));
        }
        let past = i64::try_from(self.plan.past.as_millis()).unwrap_or(i64::MAX);
        let start = start.unwrap_or_else(|| EventTime(self.clock.now().0.saturating_sub(past)));
        self.world = Some(World::new(laws(&self.plan, start).map_err(SourceError::fatal)?));
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError> {
        let Some(laws) = self.world.as_ref().map(|world| world.laws) else {
            return Err(SourceError::retry(Cause::Network, "the generator is not open"));
        };
        let mut last = self.plan.posts.unwrap_or(u64::MAX);
        if self.post >= last {
            return Ok(Poll::End);
        }
        if self.plan.live {
            last = last.min(self.due(&laws, wait));
            if self.post >= last {
                return Ok(Poll::Idle);
            }
        }
        let Some(world) = self.world.as_mut() else { return Ok(Poll::Idle) };
        let mut first = self.post;
        let most = most_bytes(batch);
        let buffer = batch.buffer();
        while self.post < last && buffer.len() < most {
            world.write(self.post, buffer);
            self.post += 1;
        }
        let records = buffer.len();
        batch.lines = self.post - first;
        let at = Cursor { post: self.post, start: laws.start_ms, seed: laws.seed };
        let at =
            serde_json::to_string(&at).map_err(|error| SourceError::fatal(error.to_string()))?;
        batch.positions.push(Position { partition: String::new(), at });
        deliver(batch, records, &mut first, &self.clock);
        Ok(Poll::Ready)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    /// Posts come in the order of their time.
    fn complete_until(&self, now: EventTime) -> Option<EventTime> {
        let laws = &self.world.as_ref()?.laws;
        Some(now.min(EventTime(laws.time_ms(self.post).saturating_sub(1))))
    }

    fn name(&self) -> String {
        format!("generator {}", self.plan.seed)
    }
}

#[cfg(test)]
mod tests;

//! Standard input, one record a line.
//!
//! Cannot be read again, so a crash loses what was read since the last checkpoint. The end of the
//! input ends its last line. It reads the descriptor itself, past the standard library's buffer.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use super::framing::Framer;
use super::kind::{LINE_FORMATS, RATE, Replays, START, SourceKind, SourceOptions};
use super::loss_bounds::{Buffer, LossBounds};
use super::stream::{Filled, deliver, fill, why};
use super::{Guarantee, Poll, Reason, Source, SourceError};
use tagtide_posts::clock::Clock;
use tagtide_posts::post::{Batch, Position};

/// Standard input.
pub static KIND: SourceKind = SourceKind {
    name: "stdin",
    about: "lines of standard input",
    keys: &[START, RATE],
    formats: LINE_FORMATS,
    short_key: None,
    aliases: &[],
    is_platform: false,
    check: |_, _| Arc::new(Options),
};

/// It has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options;

impl SourceOptions for Options {
    fn kind(&self) -> &'static SourceKind {
        &KIND
    }

    fn describe(&self) -> String {
        "standard input".to_owned()
    }

    fn loss(&self, epoch: Duration) -> LossBounds {
        LossBounds { crash: epoch, buffer: Buffer::Pipe, ..LossBounds::default() }
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    fn replays(&self) -> Replays {
        Replays::Nothing
    }

    fn build(&self, line_max_bytes: usize, clock: &Clock) -> Result<Box<dyn Source>, SourceError> {
        Ok(Box::new(StdinSource::new(line_max_bytes, clock)))
    }

    fn only_one(&self) -> Option<&'static str> {
        Some("standard input can be read only once")
    }

    fn can_wait(&self) -> bool {
        true
    }
}

/// Lines of standard input.
#[derive(Debug)]
pub struct StdinSource {
    /// The descriptor; `None` before the first open.
    input: Option<File>,
    framer: Framer,
    clock: Clock,
    /// Lines delivered.
    lines: u64,
    ended: bool,
}

impl StdinSource {
    /// Standard input; opened by [`Source::open`].
    #[must_use]
    pub fn new(line_max_bytes: usize, clock: &Clock) -> Self {
        let framer = Framer::new(line_max_bytes);
        Self { input: None, framer, clock: clock.clone(), lines: 0, ended: false }
    }

    /// Another descriptor in its place, such as the reading end of a pipe.
    #[must_use]
    pub fn from_descriptor(input: OwnedFd, line_max_bytes: usize, clock: &Clock) -> Self {
        Self { input: Some(input.into()), ..Self::new(line_max_bytes, clock) }
    }
}

impl Source for StdinSource {
    fn open(&mut self, _after: &[Position]) -> Result<(), SourceError> {
        if self.input.is_none() {
            let fd = std::io::stdin().as_fd().try_clone_to_owned().map_err(|error| {
                let text = format!("cannot open standard input: {}", why(&error));
                SourceError::fatal(Reason::because(text, error))
            })?;
            self.input = Some(fd.into());
        }
        Ok(())
    }

    fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Result<Poll, SourceError> {
        let Some(input) = self.input.as_mut().filter(|_| !self.ended) else {
            return Ok(Poll::End);
        };
        self.framer.begin(0);
        let filled = fill(input, &mut self.framer, batch, wait);
        if matches!(filled, Ok(Filled::Closed)) {
            self.framer.end_of_stream(batch);
            self.ended = true;
        }
        let records = self.framer.finish(batch);
        let came = deliver(batch, records, &mut self.lines, &self.clock);
        if let Err(error) = filled {
            let text = format!("cannot read standard input: {}", why(&error));
            return Err(SourceError::fatal(Reason::because(text, error)));
        }
        Ok(match (came, self.ended) {
            (true, _) => Poll::Ready,
            (false, true) => Poll::End,
            (false, false) => Poll::Idle,
        })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtMostOnce
    }

    fn name(&self) -> String {
        "stdin".into()
    }
}

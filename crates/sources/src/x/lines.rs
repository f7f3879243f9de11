//! One open answer without end: its bytes as lines of a batch, and signs of life.
//!
//! Only a line is a sign of life: a server that sends a byte now and then is silent.

use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use reqwest::Response;

use super::delimited::Delimited;
use crate::framing::Framer;
use crate::liveness::Liveness;
use crate::web::why;
use tagtide_posts::clock::{Clock, monotonic};
use tagtide_posts::post::Batch;

/// One open connection.
pub(super) struct Lines {
    answer: Response,
    framer: Framer,
    delimited: Option<Delimited>,
    /// Bytes that had no room in the batch.
    rest: Vec<u8>,
    pub(super) life: Liveness,
    clock: Clock,
}

impl Lines {
    pub(super) fn new(
        answer: Response,
        line_max_bytes: usize,
        delimited: bool,
        life: Liveness,
        clock: &Clock,
    ) -> Self {
        Self {
            answer,
            framer: Framer::new(line_max_bytes),
            delimited: delimited.then(Delimited::default),
            rest: Vec::new(),
            life,
            clock: clock.clone(),
        }
    }

    /// Fills `batch` with whole lines that arrive within `wait` and seals it; returns how the
    /// stream ended.
    pub(super) async fn fill(&mut self, batch: &mut Batch, wait: Duration) -> Option<String> {
        self.framer.begin(0);
        let ended = tokio::time::timeout(wait, self.lines(batch)).await.unwrap_or(None);
        if ended.is_some() {
            self.framer.connection_lost();
        }
        if self.framer.has_lines() {
            self.life.frame(monotonic(), self.clock.now());
        }
        let len = self.framer.finish(batch);
        batch.seal(len);
        let silent = |silent: Duration| format!("silent for {} s", silent.as_secs());
        ended.or_else(|| self.life.silence(monotonic()).map(silent))
    }

    /// Takes what comes until the batch is full or there is nothing to take; waits for a line.
    async fn lines(&mut self, batch: &mut Batch) -> Option<String> {
        let mut looked = false;
        loop {
            self.pour(batch);
            if self.framer.is_full(batch) {
                return None;
            }
            let (answer, has_lines) = (&mut self.answer, self.framer.has_lines());
            let next = std::future::poll_fn(|cx| match pin!(answer.chunk()).poll(cx) {
                Poll::Ready(chunk) => Poll::Ready(Some(chunk)),
                Poll::Pending if has_lines => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            });
            match next.await {
                Some(Ok(Some(bytes))) => {
                    looked = false;
                    match &mut self.delimited {
                        None => self.rest.extend_from_slice(&bytes),
                        Some(delimited) => {
                            if let Err(why) = delimited.take(&bytes, &mut self.rest) {
                                self.pour(batch);
                                return Some(why);
                            }
                        }
                    }
                }
                Some(Ok(None)) => return Some("closed by the other end".to_owned()),
                Some(Err(error)) => return Some(why(&error)),
                None if looked => return None,
                None => {
                    // The connection's own task may have more at hand.
                    looked = true;
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Moves received bytes into the batch, as far as there is room.
    fn pour(&mut self, batch: &mut Batch) {
        let mut done = 0;
        while done < self.rest.len() && !self.framer.is_full(batch) {
            let space = self.framer.space(batch);
            let read = space.len().min(self.rest.len() - done);
            space[..read].copy_from_slice(&self.rest[done..done + read]);
            self.framer.accept(batch, read);
            done += read;
        }
        self.rest.drain(..done);
    }
}

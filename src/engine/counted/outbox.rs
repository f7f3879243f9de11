//! The way out: as it is, or for tests with updates sent twice and out of order.

use std::hash::{DefaultHasher, Hash, Hasher};

use crossbeam_channel::Sender;

use crate::run::{Message, PaneBatch};

/// Batches held back at the most, to be sent in another order.
const HELD: usize = 6;

/// Sends messages.
pub(super) struct Outbox {
    out: Sender<Message>,
    /// 0 = everything is sent as it comes.
    seed: u64,
    /// Numbers drawn.
    drawn: u64,
    held: Vec<PaneBatch>,
}

impl Outbox {
    /// Sends to `out`. With a `seed`, some batches are sent twice, and all out of order.
    pub(super) fn new(out: Sender<Message>, seed: u64) -> Self {
        Self { out, seed, drawn: 0, held: Vec::new() }
    }

    /// Sends a message, or holds it back for a while.
    pub(super) fn send(&mut self, message: Message) {
        match message {
            Message::Panes(batch) if self.seed != 0 => {
                if self.next().is_multiple_of(3) {
                    self.held.push(PaneBatch::clone(&batch));
                }
                self.held.push(*batch);
                while self.held.len() > HELD {
                    self.send_one();
                }
            }
            // A run that has ended wants nothing more.
            message => drop(self.out.send(message)),
        }
    }

    /// Sends what was held back.
    pub(super) fn flush(&mut self) {
        while !self.held.is_empty() {
            self.send_one();
        }
    }

    fn send_one(&mut self) {
        let at = self.next() as usize % self.held.len();
        let batch = self.held.swap_remove(at);
        let _ = self.out.send(Message::Panes(Box::new(batch)));
    }

    /// A number that follows from the seed and how many were drawn before.
    fn next(&mut self) -> u64 {
        self.drawn += 1;
        let mut hasher = DefaultHasher::new();
        (self.seed, self.drawn).hash(&mut hasher);
        hasher.finish()
    }
}

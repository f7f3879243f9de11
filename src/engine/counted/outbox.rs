//! The way out: as it is, or for tests with updates sent twice and out of order.

use crossbeam_channel::Sender;

use crate::run::{Message, PaneBatch};

/// Batches held back at the most, to be sent in another order.
const HELD: usize = 6;

/// Sends messages.
pub(super) struct Outbox {
    out: Sender<Message>,
    /// State of the random numbers; 0 = everything is sent as it comes.
    random: u64,
    /// As messages have them, so that none is moved to the heap twice.
    #[expect(clippy::vec_box, reason = "a message holds the box")]
    held: Vec<Box<PaneBatch>>,
}

impl Outbox {
    /// Sends to `out`. With a `seed`, some batches are sent twice, and all out of order.
    pub(super) fn new(out: Sender<Message>, seed: u64) -> Self {
        Self { out, random: seed, held: Vec::new() }
    }

    /// Sends a message, or holds it back for a while.
    pub(super) fn send(&mut self, message: Message) {
        match message {
            Message::Panes(batch) if self.random != 0 => {
                if self.next().is_multiple_of(3) {
                    self.held.push(batch.clone());
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

    /// A step of SplitMix64; never 0 for long.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

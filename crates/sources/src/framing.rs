//! Newline framing, shared by every source whose wire is a stream of bytes.
//!
//! A [`Framer`] lets its source read straight into the batch buffer, keeps whole lines there and
//! carries the unfinished last one over to the next batch; nothing but that tail is ever copied.
//! A line longer than the limit is discarded up to its newline and counted, so that memory stays
//! flat however long it is: a batch buffer never grows beyond the limit plus [`BATCH_BYTES`], and
//! a tail never beyond the limit.
//!
//! It never reads by itself, waits, or looks into a line.

use memchr::{memchr, memrchr};

use tagtide_posts::post::{Batch, Dropped};
use tagtide_simd::lines;

/// How many bytes a batch is filled with at the most, long lines aside. What a batch costs beside
/// its bytes, the waking of threads above all, shows below this.
pub const BATCH_BYTES: usize = 1024 * 1024;

/// Least room for one read; a batch with less of it left is full, and a small one has no more.
const READ_MIN_BYTES: usize = 64 * 1024;

/// How many bytes this batch is filled with at the most, long lines aside.
#[must_use]
pub fn most_bytes(batch: &Batch) -> usize {
    if batch.small { READ_MIN_BYTES } else { BATCH_BYTES }
}

/// The state of one byte stream between its reads and its batches.
///
/// One fill is [`begin`](Self::begin), then [`space`](Self::space) and
/// [`accept`](Self::accept) for each read, then [`finish`](Self::finish). Several framers may fill
/// one batch one after the other, each beginning where the one before ended.
#[derive(Debug)]
pub struct Framer {
    /// Longest line, its newline not counted.
    line_max_bytes: usize,
    /// The beginning of a line whose newline has not come.
    tail: Vec<u8>,
    /// Inside a line that is too long.
    skipping: bool,
    /// Where this fill began in the buffer; room for the tail is reserved here.
    base: usize,
    /// Length of the room reserved for the tail.
    lead: usize,
    /// End of the last whole line in the buffer; `base` = none yet.
    whole: usize,
    /// End of what was read into the buffer.
    end: usize,
    /// Lines dropped since the last finish.
    dropped: Dropped,
}

impl Framer {
    /// A framer at the start of a line.
    #[must_use]
    pub fn new(line_max_bytes: usize) -> Self {
        Self {
            line_max_bytes,
            tail: Vec::new(),
            skipping: false,
            base: 0,
            lead: 0,
            whole: 0,
            end: 0,
            dropped: Dropped::default(),
        }
    }

    /// A framer that resumes inside a line that was already counted as too long.
    #[must_use]
    pub fn inside_long_line(line_max_bytes: usize) -> Self {
        Self { skipping: true, ..Self::new(line_max_bytes) }
    }

    /// Begins a fill behind the first `base` bytes of the batch.
    pub fn begin(&mut self, base: usize) {
        self.base = base;
        self.lead = self.tail.len();
        self.whole = base;
        self.end = base + self.lead;
    }

    /// Where the next read goes; never empty.
    pub fn space<'b>(&self, batch: &'b mut Batch) -> &'b mut [u8] {
        let want = most_bytes(batch).max(self.end + READ_MIN_BYTES);
        &mut batch.room(want)[self.end..]
    }

    /// Takes the `read` bytes that were read into [`space`](Self::space).
    pub fn accept(&mut self, batch: &mut Batch, read: usize) {
        let mut stop = self.end + read;
        let bytes = batch.room(stop);
        if self.skipping {
            let Some(at) = memchr(b'\n', &bytes[self.end..]) else { return };
            self.skipping = false;
            let rest = self.end + at + 1;
            bytes.copy_within(rest.., self.end);
            stop -= at + 1;
        }
        if let Some(at) = memrchr(b'\n', &bytes[self.end..stop]) {
            self.whole = self.end + at + 1;
        }
        self.end = stop;
        if self.end - self.whole > self.line_max_bytes {
            self.dropped.oversize += 1;
            self.skipping = true;
            self.forget_partial();
        }
    }

    /// The stream has ended: an unfinished last line becomes a record.
    pub fn end_of_stream(&mut self, batch: &mut Batch) {
        self.skipping = false;
        if self.end > self.whole {
            self.space(batch)[0] = b'\n';
            self.accept(batch, 1);
        }
    }

    /// The connection was lost: an unfinished last line is dropped and counted.
    pub fn connection_lost(&mut self) {
        self.skipping = false;
        if self.end > self.whole {
            self.dropped.partial += 1;
            self.forget_partial();
        }
    }

    /// True once there is something to deliver: a whole line.
    #[must_use]
    pub fn has_lines(&self) -> bool {
        self.whole > self.base
    }

    /// True where the batch should be delivered before more is read.
    #[must_use]
    pub fn is_full(&self, batch: &Batch) -> bool {
        self.has_lines() && self.end + READ_MIN_BYTES > most_bytes(batch)
    }

    /// True inside a line that is too long.
    #[must_use]
    pub fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Bytes carried over to the next fill; valid between a finish and the next begin.
    #[must_use]
    pub fn carried_bytes(&self) -> usize {
        self.tail.len()
    }

    /// Ends the fill: carries the unfinished line over, adds to the batch's `lines` and `dropped`,
    /// and returns where its records end. The caller seals the batch there.
    pub fn finish(&mut self, batch: &mut Batch) -> usize {
        let bytes = batch.room(self.end);
        let mut records = self.base;
        let mut lines = 0;
        if self.has_lines() {
            bytes[self.base..self.base + self.lead].copy_from_slice(&self.tail);
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[self.whole..]);
            records = self.whole;
            if records - self.base > self.line_max_bytes {
                let long = drop_long_lines(&mut bytes[self.base..records], self.line_max_bytes);
                self.dropped.oversize += long.dropped;
                records = self.base + long.kept_bytes;
            }
            lines = if batch.wants_ends {
                batch.note_ends(self.base, records)
            } else {
                lines::count(&batch.room(records)[self.base..])
            };
        } else {
            // The lead is still in the tail; only what came in this fill is new.
            self.tail.extend_from_slice(&bytes[self.base + self.lead..]);
        }
        batch.lines += lines as u64;
        batch.dropped.oversize += self.dropped.oversize;
        batch.dropped.partial += self.dropped.partial;
        self.dropped = Dropped::default();
        records
    }

    fn forget_partial(&mut self) {
        self.end = self.whole;
        if self.whole == self.base {
            self.tail.clear();
            self.lead = 0;
        }
    }
}

/// What [`drop_long_lines`] left.
struct Kept {
    kept_bytes: usize,
    dropped: u64,
}

/// Takes lines longer than `line_max_bytes` out of `lines`, in place.
///
/// It steps by windows as long as the limit and looks for the last newline in each: all lines up
/// to there are short enough. So the usual buffer costs one look, not one per line.
fn drop_long_lines(lines: &mut [u8], line_max_bytes: usize) -> Kept {
    let (mut from, mut to, mut dropped) = (0, 0, 0);
    while from < lines.len() {
        let window = lines.len().min(from.saturating_add(line_max_bytes).saturating_add(1));
        if let Some(at) = memrchr(b'\n', &lines[from..window]) {
            if to != from {
                lines.copy_within(from..=from + at, to);
            }
            from += at + 1;
            to += at + 1;
        } else {
            dropped += 1;
            from = memchr(b'\n', &lines[window..]).map_or(lines.len(), |at| window + at + 1);
        }
    }
    Kept { kept_bytes: to, dropped }
}

#[cfg(test)]
mod tests;

//! Workers: each polls a source for a batch, extracts its tags and sends them on. They share only
//! the queues.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError};

use crossbeam_channel::{Receiver, Sender};

use super::extract_config::{ExtractConfig, Stream};
use super::sampling::{self, Picks};
use super::source_driver::SourceDriver;
use crate::job::TextTime;
use crate::run::Message;
use tagtide_extract::fingerprint::fingerprint;
use tagtide_extract::scan::scan_lines;
use tagtide_extract::wildcard::Patterns;
use tagtide_extract::{Extractor, Occurrences, Visit, accents};
use tagtide_posts::decode::{self, Format};
use tagtide_posts::post::{Batch, EventTime, Op, Post};
use tagtide_trends::state::extracted_batch::{ExtractedBatch, NO_TIME, Oddities, PostKey, Row};
use tagtide_trends::view::{self, VIEWS_MAX};

/// Takes turns at the sources until none is left. The bytes never leave the worker, so that one
/// buffer, hot in its cache, serves all its batches.
pub(crate) fn work(
    config: &Arc<ExtractConfig>,
    turns: &Receiver<Box<SourceDriver>>,
    pool: &Receiver<Box<ExtractedBatch>>,
    to: &Sender<Message>,
) {
    let mut extractor = Extractor::default();
    let mut batch = Batch::default();
    for driver in turns {
        if !driver.turn(&mut batch) {
            continue;
        }
        let mut out = pool.try_recv().unwrap_or_default();
        out.begin(batch);
        config.extract(&mut extractor, &mut out);
        batch = out.batch.take_bytes();
        if to.send(Message::Rows(out)).is_err() {
            return;
        }
    }
}

impl ExtractConfig {
    /// Decodes and extracts `out.batch` into `out`.
    pub(crate) fn extract(&self, extractor: &mut Extractor, out: &mut ExtractedBatch) {
        let stream = &self.streams[out.batch.source as usize];
        let mut batch = std::mem::take(&mut out.batch);
        out.begin_views(self.views.len(), batch.source);
        if !batch.records().is_empty() {
            match stream.format.get().copied().unwrap_or(Format::Text) {
                Format::Text => self.text_lines(extractor, stream, &batch, out),
                format => {
                    batch.find_ends();
                    self.records(extractor, stream, format, &batch, out);
                }
            }
        }
        out.batch = batch;
    }

    /// A key as the job wants it.
    fn folded<'a>(&self, key: &'a str) -> Cow<'a, str> {
        if self.fold_accents { accents::strip(key) } else { Cow::Borrowed(key) }
    }

    fn once(&self) -> bool {
        self.occurrences == Occurrences::PerPost
    }

    /// Lines of text: one pass over the block.
    fn text_lines(
        &self,
        extractor: &mut Extractor,
        stream: &Stream,
        batch: &Batch,
        out: &mut ExtractedBatch,
    ) {
        if self.views.iter().any(|view| view.lines(batch.source) == view::Lines::Tagged) {
            self.scan_text::<true>(extractor, stream, batch, out);
        } else {
            self.scan_text::<false>(extractor, stream, batch, out);
        }
        self.split_rows(out);
    }

    /// `VIEWS` = some views take lines by their tags, so they are looked at one by one.
    fn scan_text<const VIEWS: bool>(
        &self,
        extractor: &mut Extractor,
        stream: &Stream,
        batch: &Batch,
        out: &mut ExtractedBatch,
    ) {
        let times = LineTimes::new(stream, batch);
        let mut lines = Lines::<VIEWS> {
            config: self,
            once: self.once(),
            times,
            line: u32::MAX,
            row_start: 0,
            row_end: times.row_end(0, self.row_ms),
            tagged: 0,
            picks: Picks::new(self.samples, batch),
            sample_from: if self.samples { 0 } else { usize::MAX },
            records: batch.records(),
            tagged_of: [0; VIEWS_MAX],
            out,
        };
        let len = batch.records().len();
        let scanned = scan_lines(batch.padded(), len, self.rule, extractor, &mut lines);
        lines.finish(scanned.lines, scanned.empty, batch.records());
        out.odd.invalid_utf8 += u64::from(scanned.invalid_utf8);
    }

    /// Records that are decoded one by one; where they end was found.
    fn records(
        &self,
        extractor: &mut Extractor,
        stream: &Stream,
        format: Format,
        batch: &Batch,
        out: &mut ExtractedBatch,
    ) {
        let times = LineTimes::new(stream, batch);
        let records = batch.records();
        let blocked = Arc::clone(&self.blocked.read().unwrap_or_else(PoisonError::into_inner));
        let mut picks = Picks::new(self.samples, batch);
        let mut start = 0;
        for (line, &end) in (0..).zip(batch.ends()) {
            let from = std::mem::replace(&mut start, end + 1);
            match decode::decode_padded(format, batch.padded(), from, end) {
                Ok(Some(post)) if self.is_left_out(&post, &blocked, &mut out.odd) => {}
                Ok(Some(post)) => {
                    let key = self.key(format, &post, batch.source, out);
                    self.post(extractor, (batch.padded(), &post), key, (times, line), out);
                    if picks.may_take(from) && sampling::record(format, &post, out) {
                        picks.taken(from);
                    }
                    self.split_post(&post, out);
                }
                Ok(None) if records[from..end].iter().all(u8::is_ascii_whitespace) => {}
                Ok(None) => out.odd.control += 1,
                Err(_) => out.odd.malformed += 1,
            }
        }
    }

    /// True where a post does not count because of its author or kind; counted in `odd`.
    fn is_left_out(&self, post: &Post<'_>, blocked: &Patterns, odd: &mut Oddities) -> bool {
        let reason = match post.op {
            Op::Delete | Op::DropAuthor => return false,
            _ if post.repost && !self.reposts => &mut odd.skipped_reposts,
            _ if post.bot && !self.bots => &mut odd.skipped_bots,
            _ if !blocked.is_empty() && blocked.fit(&post.author.to_str()) => &mut odd.blocked,
            _ => return false,
        };
        *reason += 1;
        true
    }

    /// The fingerprint of a text; what a repost says is not its author's.
    fn print(&self, post: &Post<'_>, out: &ExtractedBatch) -> u32 {
        if !self.prints || post.repost || !out.post_has_tags() {
            return 0;
        }
        fingerprint(post.text.as_delivered())
    }

    fn post(
        &self,
        extractor: &mut Extractor,
        (padded, post): (&[u8], &Post<'_>),
        mut key: PostKey,
        (times, line): (LineTimes, u32),
        out: &mut ExtractedBatch,
    ) {
        out.begin_post();
        let is_delete = matches!(post.op, Op::Delete | Op::DropAuthor);
        if !is_delete {
            let mut tags = Tags { config: self, once: self.once(), out };
            tagtide_posts::tags::scan_post(extractor, padded, post, self.rule, &mut tags);
            key.print = if key.author == 0 { 0 } else { self.print(post, out) };
        }
        let at = match post.time {
            Some(time) => time.max(EventTime::EARLIEST).0,
            // In a replay the place of a delete in the file says nothing about its time.
            None if is_delete && matches!(times, LineTimes::Rate { .. }) => NO_TIME,
            None => times.of(line),
        };
        let (tagged, entries_end) = (u32::from(out.post_has_tags()), out.entries.len() as u32);
        let post = if key == PostKey::default() {
            0
        } else {
            out.posts.push(key);
            out.posts.len() as u32
        };
        out.rows.push(Row { at, until: at, posts: 1, tagged, entries_end, post });
    }
}

/// Event times of a batch's lines.
#[derive(Clone, Copy)]
enum LineTimes {
    All(i64),
    Rate { start: i64, ms_per_line: f64, first: u64 },
}

impl LineTimes {
    fn new(stream: &Stream, batch: &Batch) -> Self {
        match (stream.text_time, stream.start.get()) {
            (TextTime::Rate { rate, .. }, Some(start)) => {
                Self::Rate { start: start.0, ms_per_line: 1000.0 / rate, first: batch.first }
            }
            _ => Self::All(batch.arrived.0),
        }
    }

    fn of(&self, line: u32) -> i64 {
        match *self {
            Self::All(at) => at,
            Self::Rate { start, ms_per_line, first } => {
                start.saturating_add(((first + u64::from(line)) as f64 * ms_per_line) as i64)
            }
        }
    }

    /// The first line after `line` that lies in another span.
    fn row_end(&self, line: u32, row_ms: i64) -> u32 {
        let Self::Rate { ms_per_line, .. } = *self else { return u32::MAX };
        let span_end = (self.of(line).div_euclid(row_ms) + 1) * row_ms;
        let guess = (span_end - self.of(line)) as f64 / ms_per_line;
        let mut end = line.saturating_add(guess as u32).max(line + 1);
        while end > line + 1 && self.of(end - 1) >= span_end {
            end -= 1;
        }
        while end < u32::MAX && self.of(end) < span_end {
            end += 1;
        }
        end
    }
}

/// Receives the tags of a block of lines.
pub(crate) struct Lines<'a, const VIEWS: bool> {
    pub(crate) config: &'a ExtractConfig,
    once: bool,
    times: LineTimes,
    /// Line of the last tag.
    line: u32,
    /// First line of the row being made, and the first line beyond it.
    row_start: u32,
    row_end: u32,
    tagged: u32,
    /// Which lines are copied.
    picks: Picks,
    /// Lines with a tag at or behind this byte are looked at by [`Lines::sample`].
    sample_from: usize,
    records: &'a [u8],
    /// Posts of the row that fit each view which takes lines by their tags.
    pub(crate) tagged_of: [u32; VIEWS_MAX],
    pub(crate) out: &'a mut ExtractedBatch,
}

impl<const VIEWS: bool> Lines<'_, VIEWS> {
    #[inline(always)]
    fn tags(&mut self) -> Tags<'_> {
        Tags { config: self.config, once: self.once, out: self.out }
    }

    #[inline(always)]
    fn enter(&mut self, line: u32, at: usize) {
        if line == self.line {
            return;
        }
        if VIEWS {
            self.split_line();
        }
        while line >= self.row_end {
            self.end_row(self.row_end);
        }
        self.line = line;
        self.tagged += 1;
        self.out.begin_post();
        if at >= self.sample_from {
            self.sample(line, at);
        }
    }

    /// Copies the line around `at` if its turn has come. Its tags follow, so where they end is
    /// known at the next line with tags.
    #[cold]
    fn sample(&mut self, line: u32, at: usize) {
        let entries = self.out.entries.len() as u32;
        self.out.samples.end_open(entries);
        if self.picks.may_take(at) {
            let text = sampling::line_around(self.records, at);
            sampling::line(text, self.times.of(line), self.out);
            self.picks.taken(at);
            self.sample_from = 0;
        } else {
            self.sample_from = self.picks.next();
        }
    }

    #[cold]
    fn end_row(&mut self, end: u32) {
        self.out.rows.push(Row {
            at: self.times.of(self.row_start),
            until: self.times.of(end - 1),
            posts: end - self.row_start,
            tagged: self.tagged,
            entries_end: self.out.entries.len() as u32,
            post: 0,
        });
        if VIEWS {
            self.split_row();
        }
        self.tagged = 0;
        self.row_start = end;
        self.row_end = self.times.row_end(end, self.config.row_ms);
    }

    fn finish(mut self, lines: u32, empty: u32, records: &[u8]) {
        if VIEWS {
            self.split_line();
        }
        while self.row_end < lines {
            self.end_row(self.row_end);
        }
        if lines > self.row_start {
            self.end_row(lines);
        }
        if empty > 0 {
            self.take_out_empty(records);
        }
        let entries = self.out.entries.len() as u32;
        self.out.samples.end_open(entries);
    }

    /// Empty lines are no posts; they are rare, so they are looked for only where there are any.
    fn take_out_empty(&mut self, records: &[u8]) {
        // The rows' ends are fixed before any of their posts are taken out.
        let mut ends = Vec::with_capacity(self.out.rows.len());
        let mut end = 0;
        for row in &self.out.rows {
            end += row.posts;
            ends.push(end);
        }
        let (mut start, mut row) = (0, 0);
        for (line, end) in (0..).zip(memchr::memchr_iter(b'\n', records)) {
            while line >= ends[row] {
                row += 1;
            }
            if matches!(&records[start..end], b"" | b"\r") {
                self.out.rows[row].posts -= 1;
            }
            start = end + 1;
        }
    }
}

/// Receives the tags of one post.
struct Tags<'a> {
    config: &'a ExtractConfig,
    once: bool,
    out: &'a mut ExtractedBatch,
}

impl Visit for Tags<'_> {
    #[inline(always)]
    fn ascii_tag(&mut self, _line: u32, padded: &[u8], start: usize, len: usize) {
        let seed = &self.config.tags;
        if len <= 16 {
            self.out.push_short(seed, padded, start, len, self.once);
        } else {
            let typed = &padded[start..start + len];
            self.out.push_key(seed, &typed.to_ascii_lowercase(), typed, self.once);
        }
    }

    #[inline(always)]
    fn settled_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize) {
        if self.config.fold_accents {
            let tag = String::from_utf8_lossy(&padded[start..start + len]);
            return self.tag(line, start, &tag, &tag);
        }
        self.out.push_settled(&self.config.tags, padded, start, len, self.once);
    }

    fn tag(&mut self, _line: u32, _at: usize, key: &str, display: &str) {
        let key = self.config.folded(key);
        self.out.push_key(&self.config.tags, key.as_bytes(), display.as_bytes(), self.once);
    }

    fn oversize_tag(&mut self, _line: u32) {
        self.out.odd.oversize_tags += 1;
    }
}

impl<const VIEWS: bool> Visit for Lines<'_, VIEWS> {
    #[inline(always)]
    fn ascii_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize) {
        self.enter(line, start);
        self.tags().ascii_tag(line, padded, start, len);
    }

    #[inline(always)]
    fn settled_tag(&mut self, line: u32, padded: &[u8], start: usize, len: usize) {
        self.enter(line, start);
        self.tags().settled_tag(line, padded, start, len);
    }

    fn tag(&mut self, line: u32, at: usize, key: &str, display: &str) {
        self.enter(line, at);
        self.tags().tag(line, at, key, display);
    }

    fn oversize_tag(&mut self, line: u32) {
        self.tags().oversize_tag(line);
    }
}

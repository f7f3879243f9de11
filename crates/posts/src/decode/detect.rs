//! Detects the format of a stream from its first records.
//!
//! Examines the first [`RECORDS_MAX`] records that are not blank. The first JSON object that only
//! one format contains decides. Lines that are not JSON mean text, or `text+` if every line has
//! that form. Never guesses from an unknown or incomplete object.

use super::json::walker::{Stop, Walker};
use super::json::{is_space, tolerant};
use super::{Format, text};

/// Records examined.
pub const RECORDS_MAX: usize = 256;

/// What one record shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    /// Only this format contains it.
    Is(Format),
    /// An object of no known format.
    Json,
    /// The last record, which may be incomplete.
    Cut,
}

/// The format of the records at the start of `sample`; `None` if it is unknown, or the sample is
/// too small.
///
/// The last record may be incomplete. It counts if it is complete JSON or cannot become JSON.
#[must_use]
pub fn detect(sample: &[u8]) -> Option<Format> {
    let mut texts = 0;
    let mut shaped = 0;
    let mut known = true;
    let sample = sample.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(sample);
    let lines = sample.split_inclusive(|byte| *byte == b'\n');
    let blank = |line: &&[u8]| !line.iter().all(|byte| is_space(*byte));
    for line in lines.filter(blank).take(RECORDS_MAX) {
        match vote(line) {
            Vote::Is(Format::Text) => texts += 1,
            Vote::Is(Format::TextPlus) => shaped += 1,
            Vote::Is(format) => return Some(format),
            Vote::Json => known = false,
            Vote::Cut => {}
        }
    }
    match (texts, shaped) {
        (0, 0) => None,
        (0, _) if known => Some(Format::TextPlus),
        _ if known || texts > 0 => Some(Format::Text),
        _ => None,
    }
}

fn vote(line: &[u8]) -> Vote {
    let whole = line.ends_with(b"\n");
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    if line.trim_ascii_start().first() != Some(&b'{') {
        let shape = matches!(text::line_plus(line), Ok(Some(_)));
        // `name<TAB>` and `name<TAB>12` can still become `text+`.
        let tail = line.splitn(2, |byte| *byte == b'\t').nth(1);
        let may_be = tail.is_some_and(|tail| tail.is_empty() || text::integer(tail).is_some());
        return match (shape, whole || !may_be) {
            (true, _) => Vote::Is(Format::TextPlus),
            (false, true) => Vote::Is(Format::Text),
            (false, false) => Vote::Cut,
        };
    }
    let start = line.len() - line.trim_ascii_start().len();
    let mut walker = Walker::new(line, start, line.len());
    if let Ok(vote) = keys(&mut walker) {
        return vote;
    }
    match tolerant::rewrite(line).map(|clean| keys(&mut Walker::clean(&clean))) {
        Ok(Ok(vote)) => vote,
        _ if whole => Vote::Is(Format::Text),
        _ => Vote::Cut,
    }
}

/// Keys of an object.
#[derive(Default)]
struct Keys {
    /// Keys that only one format has, and which format.
    only: Option<Format>,
    text: bool,
    id: bool,
    event: bool,
    kind: bool,
    did: bool,
    schema: bool,
    content: bool,
    account: bool,
}

fn keys(walker: &mut Walker<'_>) -> Result<Vote, Stop> {
    let mut keys = Keys::default();
    walker.object(|_, key| {
        match key {
            b"data" | b"matching_rules" | b"errors" | b"connection_issue" => {
                keys.only = Some(Format::X2);
            }
            b"id_str" | b"timestamp_ms" | b"retweeted_status" | b"delete" | b"scrub_geo"
            | b"limit" | b"disconnect" | b"warning" | b"status_withheld" | b"user_withheld" => {
                keys.only = Some(Format::X1);
            }
            b"text" | b"full_text" => keys.text = true,
            b"id" | b"created_at" => keys.id = true,
            b"event" => keys.event = true,
            b"kind" => keys.kind = true,
            b"did" => keys.did = true,
            b"$type" => keys.schema = true,
            b"content" => keys.content = true,
            b"account" => keys.account = true,
            _ => {}
        }
        Ok(())
    })?;
    walker.finish()?;
    let is = |format| Ok(Vote::Is(format));
    match keys {
        Keys { kind: true, did: true, .. } | Keys { schema: true, .. } => is(Format::Jetstream),
        Keys { event: true, .. } => is(Format::Mastodon),
        Keys { content: true, account: true, id: true, .. } => is(Format::Mastodon),
        Keys { only: Some(format), .. } => is(format),
        Keys { text: true, id: true, .. } => is(Format::X1),
        _ => Ok(Vote::Json),
    }
}

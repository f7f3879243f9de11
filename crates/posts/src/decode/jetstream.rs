//! Bluesky Jetstream, both wires, distinguished by their shape: v1 has `kind` and `commit` at the
//! top, v2 has `payload`.
//!
//! Identity is `did/collection/rkey` (joined, the only string that this format allocates), revision
//! `rev`, author `did`, event time the server's `time_us` or `time`, never `createdAt`. Only
//! `app.bsky.feed.post` is a post. Tags are the tag facets with their UTF-8 byte spans, then
//! `record.tags` without span; a post with neither has no tags, and its text is not parsed. An
//! account event with status deleted, takendown or suspended drops its author. `identity`, `sync`,
//! `#info` and error frames are not posts.

use super::json::Walked;
use super::json::walker::{Mark, Stop, Walker};
use super::{DecodeError, is, time};
use crate::post::{EventTime, GivenTag, GivenTags, Markup, Op, Post, Raw, Span};

/// The collection of posts.
const POSTS: &str = "app.bsky.feed.post";

/// The parts of an event that are read, on either wire.
#[derive(Default)]
struct Frame<'a> {
    kind: Option<Raw<'a>>,
    did: Option<Raw<'a>>,
    time_us: Option<i64>,
    time: Option<Raw<'a>>,
    rev: Option<Raw<'a>>,
    operation: Option<Raw<'a>>,
    collection: Option<Raw<'a>>,
    rkey: Option<Raw<'a>>,
    record: Option<Mark>,
    account: Option<Mark>,
}

/// Decodes an event.
pub(super) fn walk<'a>(w: &mut Walker<'a>) -> Walked<'a> {
    let mut frame = Frame::default();
    let mut payload = None;
    w.object(|w, key| match key {
        b"$type" => {
            frame.kind = w.string()?;
            Ok(())
        }
        b"commit" => {
            w.object(|w, key| member(w, key, &mut frame))?;
            Ok(())
        }
        b"payload" => {
            payload = Some(w.mark());
            Ok(())
        }
        _ => member(w, key, &mut frame),
    })?;
    if let Some(mark) = payload {
        frame = Frame::default();
        w.back_to(mark).object(|w, key| member(w, key, &mut frame))?;
    }
    let kind = frame.kind.take().ok_or(Stop::Wrong(DecodeError::Missing("kind")))?;
    let kind = kind.to_str();
    match kind.rsplit('#').next() {
        Some("commit") => commit(w, frame),
        Some("account") => account(w, frame),
        _ => Ok(None),
    }
}

fn member<'a>(w: &mut Walker<'a>, key: &[u8], frame: &mut Frame<'a>) -> Result<(), Stop> {
    match key {
        b"kind" | b"$type" => frame.kind = w.string()?,
        b"did" => frame.did = w.string()?,
        b"time_us" => frame.time_us = w.integer()?,
        b"time" => frame.time = w.string()?,
        b"rev" => frame.rev = w.string()?,
        b"operation" => frame.operation = w.string()?,
        b"collection" => frame.collection = w.string()?,
        b"rkey" => frame.rkey = w.string()?,
        b"record" => frame.record = Some(w.mark()),
        b"account" => frame.account = Some(w.mark()),
        _ => {}
    }
    Ok(())
}

/// The server's time, rounded down to milliseconds.
fn server_time(frame: &Frame<'_>) -> Option<EventTime> {
    let us = frame.time_us.map(|us| EventTime(us.div_euclid(1000)));
    us.or_else(|| frame.time.as_ref().and_then(time::rfc3339))
}

fn commit<'a>(w: &Walker<'a>, frame: Frame<'a>) -> Walked<'a> {
    let missing = |name| Stop::Wrong(DecodeError::Missing(name));
    let collection = frame.collection.as_ref().ok_or(missing("collection"))?;
    if collection.to_str() != POSTS {
        return Ok(None);
    }
    let operation = frame.operation.as_ref().ok_or(missing("operation"))?.to_str();
    let op = match &*operation {
        "create" => Op::Create,
        "update" => Op::Update,
        "delete" => Op::Delete,
        _ => return Ok(None),
    };
    let rkey = frame.rkey.as_ref().ok_or(missing("rkey"))?.to_str();
    let time = server_time(&frame);
    let author = frame.did.ok_or(missing("did"))?;
    let id = Raw::Owned([&*author.to_str(), POSTS, &*rkey].join("/"));
    let rev = frame.rev.unwrap_or_default();
    let markup = Markup::Verbatim;
    let mut post = Post { op, id, rev, author, time, markup, ..Post::default() };
    if op != Op::Delete {
        let mark = frame.record.ok_or(missing("record"))?;
        record(&mut w.back_to(mark), &mut post)?;
    }
    Ok(Some(post))
}

fn record<'a>(w: &mut Walker<'a>, post: &mut Post<'a>) -> Result<(), Stop> {
    let (mut text, mut lang, mut facet_list, mut tag_list) = (None, None, None, None);
    w.object(|w, key| {
        match key {
            b"text" => text = w.string()?,
            b"langs" => lang = first(w)?,
            b"facets" => facet_list = Some(w.mark()),
            b"tags" => tag_list = Some(w.mark()),
            _ => {}
        }
        Ok(())
    })?;
    post.text = text.ok_or(Stop::Wrong(DecodeError::Missing("record.text")))?;
    post.lang = lang.unwrap_or_default();
    let mut given = GivenTags::new();
    if let Some(mark) = facet_list {
        w.back_to(mark).array(|w| facet(w, &mut given))?;
    }
    if let Some(mark) = tag_list {
        w.back_to(mark).array(|w| {
            let tag = w.string()?.filter(|tag| !tag.is_empty());
            given.extend(tag.map(|tag| GivenTag { tag, span: None }));
            Ok(())
        })?;
    }
    post.given = Some(given);
    Ok(())
}

/// The first string of an array.
fn first<'a>(w: &mut Walker<'a>) -> Result<Option<Raw<'a>>, Stop> {
    let mut first = None;
    w.array(|w| {
        let element = w.string()?;
        first = first.take().or(element);
        Ok(())
    })?;
    Ok(first)
}

/// `{"index":{"byteStart":0,"byteEnd":4},"features":[{"$type":"..#tag","tag":"tag"}]}`
fn facet<'a>(w: &mut Walker<'a>, given: &mut GivenTags<'a>) -> Result<(), Stop> {
    let (mut start, mut end) = (None, None);
    let before = given.len();
    let index = |w: &mut Walker<'a>| Ok(w.integer()?.and_then(|index| u32::try_from(index).ok()));
    w.object(|w, key| {
        match key {
            b"index" => {
                (start, end) = (None, None);
                w.object(|w, key| {
                    match key {
                        b"byteStart" => start = index(w)?,
                        b"byteEnd" => end = index(w)?,
                        _ => {}
                    }
                    Ok(())
                })?;
            }
            b"features" => {
                given.truncate(before);
                w.array(|w| {
                    given.extend(feature(w)?);
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    if let (Some(start), Some(end)) = (start, end)
        && start <= end
    {
        for tag in &mut given[before..] {
            tag.span = Some(Span::Bytes(start, end));
        }
    }
    Ok(())
}

fn feature<'a>(w: &mut Walker<'a>) -> Result<Option<GivenTag<'a>>, Stop> {
    let (mut is_tag, mut tag) = (false, None);
    w.object(|w, key| {
        match key {
            b"$type" => {
                let kind = w.string()?;
                is_tag = kind.is_some_and(|kind| kind.to_str().ends_with("richtext.facet#tag"));
            }
            b"tag" => tag = w.string()?,
            _ => {}
        }
        Ok(())
    })?;
    let tag = tag.filter(|tag| is_tag && !tag.is_empty());
    Ok(tag.map(|tag| GivenTag { tag, span: None }))
}

fn account<'a>(w: &Walker<'a>, frame: Frame<'a>) -> Walked<'a> {
    let (mut active, mut status) = (None, None);
    if let Some(mark) = frame.account {
        w.back_to(mark).object(|w, key| {
            match key {
                b"active" => active = w.boolean()?,
                b"status" => status = w.string()?,
                _ => {}
            }
            Ok(())
        })?;
    }
    let gone = ["deleted", "takendown", "suspended"].iter().any(|it| is(status.as_ref(), it));
    if active != Some(false) || !gone {
        return Ok(None);
    }
    let time = server_time(&frame);
    // An empty one would match every post without author.
    let author = frame.did.filter(|did| !did.is_empty());
    let author = author.ok_or(Stop::Wrong(DecodeError::Missing("did")))?;
    Ok(Some(Post { op: Op::DropAuthor, author, time, ..Post::default() }))
}

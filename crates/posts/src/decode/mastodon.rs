//! Mastodon: a status, or a streaming event that wraps one.
//!
//! Identity is the status's `uri` (otherwise `id`), the same on every instance, so that one post
//! seen by two instances is one post. A delete contains only the local `id` of the instance that
//! streams it: a status has it as [`Post::alias`], a delete has the alias and no id. Edits are
//! distinguished by `edited_at`, otherwise by their text.
//!
//! Author is `account.acct`, completed by the host of the `uri` if the account is local; the joined
//! name is allocated. So it is the same on every instance, unless an instance has another host for
//! posts than for names. Event time is `created_at`. A boost has the content, tags and language of
//! the original. Only public and unlisted statuses are posts, and only the events `update`,
//! `status.update` and `delete` are read.
//!
//! An event is `{"event":"..","payload":..}` with the payload as a JSON string, as in WebSockets,
//! or as the object itself, which saves a copy. Our own source adds `"at"`, the arrival time in
//! milliseconds, which is then the event time: a post from another instance may have been written
//! hours ago.

use super::json::walker::{Mark, Stop, Walker};
use super::json::{self, Walked, tolerant};
use super::{DecodeError, is, time};
use crate::post::{EventTime, GivenTag, GivenTags, Markup, Op, Post, Raw};

/// The form of a payload.
enum Payload<'a> {
    /// A string that holds JSON, or an id.
    Text(Raw<'a>),
    /// The object itself.
    Object(Mark),
}

/// The parts of a status that are read.
#[derive(Default)]
struct Status<'a> {
    id: Option<Raw<'a>>,
    uri: Option<Raw<'a>>,
    created_at: Option<Raw<'a>>,
    edited_at: Option<Raw<'a>>,
    language: Option<Raw<'a>>,
    visibility: Option<Raw<'a>>,
    content: Option<Raw<'a>>,
    tags: Option<Mark>,
    account: Option<Mark>,
    reblog: Option<Mark>,
}

/// Decodes a status or an event.
pub(super) fn walk<'a>(w: &mut Walker<'a>) -> Walked<'a> {
    let (mut event, mut payload, mut at) = (None, None, None);
    let mut status = Status::default();
    w.object(|w, key| match key {
        b"at" => {
            at = w.integer()?;
            Ok(())
        }
        b"event" => {
            event = w.string()?;
            Ok(())
        }
        b"payload" => {
            payload = match w.peek()? {
                b'{' => Some(Payload::Object(w.mark())),
                _ => w.id()?.map(Payload::Text),
            };
            Ok(())
        }
        _ => member(w, key, &mut status),
    })?;
    let Some(event) = event else { return post(w, status) };
    let op = match &*event.to_str() {
        "update" => Op::Create,
        "status.update" => Op::Update,
        "delete" => Op::Delete,
        _ => return Ok(None),
    };
    let payload = payload.ok_or(Stop::Wrong(DecodeError::Missing("payload")))?;
    let inner = match (op, payload) {
        (Op::Delete, Payload::Text(alias)) if !alias.is_empty() => {
            Some(Post { op, alias, markup: Markup::Html, ..Post::default() })
        }
        (Op::Delete, _) => {
            return Err(Stop::Wrong(DecodeError::Missing("payload")));
        }
        (_, Payload::Object(mark)) => bare(&mut w.back_to(mark))?,
        (_, Payload::Text(text)) => {
            let text = text.to_str();
            let inner = json::record(text.as_bytes(), 0, text.len(), bare);
            inner.map_err(Stop::Wrong)?.map(tolerant::into_owned)
        }
    };
    let at = at.map(EventTime);
    Ok(inner.map(|inner| {
        let is_unnamed = op == Op::Update && inner.rev.is_empty();
        let rev = if is_unnamed { inner.text.clone() } else { inner.rev };
        Post { op, rev, time: at.or(inner.time), ..inner }
    }))
}

/// A status that is not wrapped.
fn bare<'a>(w: &mut Walker<'a>) -> Walked<'a> {
    let mut status = Status::default();
    w.object(|w, key| member(w, key, &mut status))?;
    post(w, status)
}

fn member<'a>(w: &mut Walker<'a>, key: &[u8], status: &mut Status<'a>) -> Result<(), Stop> {
    match key {
        b"id" => status.id = w.id()?,
        b"uri" => status.uri = w.string()?,
        b"created_at" => status.created_at = w.string()?,
        b"edited_at" => status.edited_at = w.string()?,
        b"language" => status.language = w.string()?,
        b"visibility" => status.visibility = w.string()?,
        b"content" => status.content = w.string()?,
        b"tags" => status.tags = Some(w.mark()),
        b"account" => status.account = Some(w.mark()),
        b"reblog" => {
            let is_object = w.peek()? == b'{';
            let mark = w.mark();
            status.reblog = is_object.then_some(mark);
        }
        _ => {}
    }
    Ok(())
}

fn post<'a>(w: &Walker<'a>, outer: Status<'a>) -> Walked<'a> {
    let seen = outer.visibility.as_ref();
    if seen.is_some() && !is(seen, "public") && !is(seen, "unlisted") {
        return Ok(None);
    }
    let unlisted = is(seen, "unlisted");
    let alias = outer.id.ok_or(Stop::Wrong(DecodeError::Missing("id")))?;
    let id = outer.uri.filter(|uri| !uri.is_empty()).unwrap_or_else(|| alias.clone());
    let (author, bot) = account(w, outer.account, &id)?;
    let mut shown = Status::default();
    match outer.reblog {
        Some(mark) => {
            w.back_to(mark).object(|w, key| member(w, key, &mut shown))?;
        }
        None => {
            shown.content = outer.content;
            shown.tags = outer.tags;
            shown.language = outer.language;
        }
    }
    let given = match shown.tags {
        Some(mark) => tags(&mut w.back_to(mark))?,
        None => None,
    };
    Ok(Some(Post {
        id,
        alias,
        author,
        bot,
        rev: outer.edited_at.unwrap_or_default(),
        time: outer.created_at.as_ref().and_then(time::rfc3339),
        lang: shown.language.unwrap_or_default(),
        text: shown.content.ok_or(Stop::Wrong(DecodeError::Missing("content")))?,
        markup: Markup::Html,
        given,
        repost: outer.reblog.is_some(),
        unlisted,
        ..Post::default()
    }))
}

/// `acct` with its host, and whether the account is marked as a bot.
fn account<'a>(w: &Walker<'a>, mark: Option<Mark>, uri: &Raw<'a>) -> Result<(Raw<'a>, bool), Stop> {
    let (mut acct, mut bot) = (None, None);
    if let Some(mark) = mark {
        w.back_to(mark).object(|w, key| {
            match key {
                b"acct" => acct = w.string()?,
                b"bot" => bot = w.boolean()?,
                _ => {}
            }
            Ok(())
        })?;
    }
    let acct: Raw<'a> = acct.unwrap_or_default();
    let bot = bot.unwrap_or(false);
    let name = acct.to_str();
    if name.is_empty() || name.contains('@') {
        return Ok((acct, bot));
    }
    match host(&uri.to_str()) {
        Some(host) => Ok((Raw::Owned(format!("{name}@{host}")), bot)),
        None => Ok((acct, bot)),
    }
}

/// The host of `https://host/..` or of `tag:host,date:..`.
fn host(uri: &str) -> Option<&str> {
    let host = match uri.strip_prefix("tag:") {
        Some(rest) => rest.split_once(',')?.0,
        None => uri.split_once("://")?.1.split('/').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// `[{"name":"tag"}]`
fn tags<'a>(w: &mut Walker<'a>) -> Result<Option<GivenTags<'a>>, Stop> {
    let mut given = GivenTags::new();
    let is_there = w.array(|w| {
        let mut name = None;
        w.object(|w, key| match key {
            b"name" => {
                name = w.string()?;
                Ok(())
            }
            _ => Ok(()),
        })?;
        let name = name.filter(|name: &Raw<'a>| !name.is_empty());
        given.extend(name.map(|tag| GivenTag { tag, span: None }));
        Ok(())
    })?;
    Ok(is_there.then_some(given))
}

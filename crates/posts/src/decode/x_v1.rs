//! X API v1.1: a status, or a message about the stream.
//!
//! Identity is `id_str` (otherwise `id`), author `user.id_str` (otherwise `user.id`), event time
//! `timestamp_ms` (otherwise `created_at`), all of the outer status. Text and tags belong together:
//! those of a complete `extended_tweet`, otherwise of `full_text`, otherwise of `text`; for a
//! retweet those of `retweeted_status`, by the same rule. A quoted status is not counted. If the
//! list of tags is missing (no `entities`, or no `hashtags` in it) the text is parsed. `delete`
//! retracts a post, at its own `timestamp_ms`. Other messages are not posts.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::json::Walked;
use super::json::walker::{Keys, Mark, Stop, Walker};
use super::{DecodeError, time};
use crate::post::{EventTime, GivenTag, GivenTags, Op, Post, Raw, Span};

/// Text and tags of one status, the tags unread.
#[derive(Default)]
struct Body<'a> {
    text: Option<Raw<'a>>,
    full_text: Option<Raw<'a>>,
    entities: Option<Mark>,
    extended: Option<Mark>,
}

/// The id of an account or a status, in its two forms.
#[derive(Default)]
struct Id<'a> {
    string: Option<Raw<'a>>,
    number: Option<Raw<'a>>,
}

impl<'a> Id<'a> {
    fn take(self) -> Raw<'a> {
        self.string.or(self.number).unwrap_or_default()
    }
}

/// The top level of a record.
#[derive(Default)]
struct Record<'a> {
    id: Id<'a>,
    author: Id<'a>,
    timestamp_ms: Option<i64>,
    created_at: Option<Raw<'a>>,
    lang: Option<Raw<'a>>,
    body: Body<'a>,
    retweeted: Option<Body<'a>>,
    delete: Option<Mark>,
    control: bool,
}

/// The keys that [`top`] reads.
const TOP: Keys = Keys::of(&[
    "id_str",
    "id",
    "user",
    "timestamp_ms",
    "created_at",
    "lang",
    "retweeted_status",
    "delete",
    "scrub_geo",
    "limit",
    "disconnect",
    "warning",
    "status_withheld",
    "user_withheld",
    "text",
    "full_text",
    "entities",
    "extended_tweet",
]);

/// The keys that [`body`] reads.
const BODY: Keys = Keys::of(&["text", "full_text", "entities", "extended_tweet"]);

/// The keys that [`id`] reads.
const ID: Keys = Keys::of(&["id_str", "id"]);

/// The key that [`entities`] reads.
const ENTITIES: Keys = Keys::of(&["hashtags"]);

/// Decodes a record.
pub(super) fn walk<'a>(w: &mut Walker<'a>) -> Walked<'a> {
    let mut record = Record::default();
    w.members(&TOP, |w, key| top(w, key, &mut record).map(|()| true))?;
    if record.body.text.is_none() && record.body.full_text.is_none() {
        return match record.delete {
            Some(mark) => deleted(&mut w.back_to(mark), record.timestamp_ms),
            None if record.control => Ok(None),
            None => Err(Stop::Wrong(DecodeError::Missing("text"))),
        };
    }
    let time = record.timestamp_ms.map(EventTime);
    let mut post = Post {
        id: record.id.take(),
        author: record.author.take(),
        time: time.or_else(|| record.created_at.as_ref().and_then(time::x_v1)),
        lang: record.lang.unwrap_or_default(),
        repost: record.retweeted.is_some(),
        ..Post::default()
    };
    choose(w, record.retweeted.unwrap_or(record.body), &mut post)?;
    Ok(Some(post))
}

#[inline(always)]
fn top<'a>(w: &mut Walker<'a>, key: &[u8], record: &mut Record<'a>) -> Result<(), Stop> {
    match key {
        b"id_str" => record.id.string = w.string()?,
        b"id" => record.id.number = w.id()?,
        b"user" => {
            record.author = author(w)?;
        }
        b"timestamp_ms" => record.timestamp_ms = w.integer()?,
        b"created_at" => record.created_at = w.string()?,
        b"lang" => record.lang = w.string()?.filter(|lang| *lang.to_bytes() != *b"und"),
        b"retweeted_status" => {
            let mut inner = Body::default();
            let is_there = w.members(&BODY, |w, key| body(w, key, &mut inner).map(|()| true))?;
            record.retweeted = is_there.then_some(inner);
        }
        b"delete" => record.delete = Some(w.mark()),
        b"scrub_geo" | b"limit" | b"disconnect" | b"warning" | b"status_withheld"
        | b"user_withheld" => {
            record.control = true;
        }
        _ => body(w, key, &mut record.body)?,
    }
    Ok(())
}

#[inline(always)]
fn body<'a>(w: &mut Walker<'a>, key: &[u8], body: &mut Body<'a>) -> Result<(), Stop> {
    match key {
        b"text" => body.text = w.string()?,
        b"full_text" => body.full_text = w.string()?,
        b"entities" => body.entities = Some(w.mark()),
        b"extended_tweet" => body.extended = Some(w.mark()),
        _ => {}
    }
    Ok(())
}

/// The beginning of the keys that [`author`] reads.
static SECOND_ID: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"id"));

/// The id of a user object. Its dozens of other members follow the id, and are skipped at once
/// unless one of them could be a second id.
fn author<'a>(w: &mut Walker<'a>) -> Result<Id<'a>, Stop> {
    let mut user = Id::default();
    let begin = w.mark();
    let mut rest = begin;
    w.members(&ID, |w, key| {
        id(w, key, &mut user)?;
        rest = w.mark();
        Ok(user.string.is_none())
    })?;
    if SECOND_ID.find(w.since(rest)).is_some() {
        user = Id::default();
        w.back_to(begin).object(|w, key| id(w, key, &mut user))?;
    }
    Ok(user)
}

#[inline(always)]
fn id<'a>(w: &mut Walker<'a>, key: &[u8], id: &mut Id<'a>) -> Result<(), Stop> {
    match key {
        b"id_str" => id.string = w.string()?,
        b"id" => id.number = w.id()?,
        _ => {}
    }
    Ok(())
}

/// Sets the most complete text of the post, and the tags given for it.
fn choose<'a>(w: &Walker<'a>, mut short: Body<'a>, post: &mut Post<'a>) -> Result<(), Stop> {
    if let Some(mark) = short.extended {
        let mut long = Body::default();
        w.back_to(mark).object(|w, key| body(w, key, &mut long))?;
        if long.full_text.is_some() {
            short = long;
        }
    }
    let text = short.full_text.or(short.text);
    post.text = text.ok_or(Stop::Wrong(DecodeError::Missing("text")))?;
    match short.entities {
        Some(mark) => entities(&mut w.back_to(mark), &mut post.given),
        None => Ok(()),
    }
}

/// `{"hashtags":[{"text":"tag","indices":[from,to]}]}`, in code points.
fn entities<'a>(w: &mut Walker<'a>, given: &mut Option<GivenTags<'a>>) -> Result<(), Stop> {
    w.members(&ENTITIES, |w, key| {
        if key != b"hashtags" {
            return Ok(true);
        }
        if w.peek()? != b'[' {
            *given = None;
            return Ok(true);
        }
        let tags = given.insert(GivenTags::new());
        w.array(|w| {
            if let Some(tag) = hashtag(w)? {
                tags.push(tag);
            }
            Ok(())
        })?;
        Ok(true)
    })?;
    Ok(())
}

fn hashtag<'a>(w: &mut Walker<'a>) -> Result<Option<GivenTag<'a>>, Stop> {
    let mut tag = None;
    let mut span = [None; 2];
    w.object(|w, key| match key {
        b"text" => {
            tag = w.string()?;
            Ok(())
        }
        b"indices" => {
            span = [None; 2];
            let mut n = 0;
            w.array(|w| {
                let index = w.integer()?.and_then(|index| u32::try_from(index).ok());
                if let Some(place) = span.get_mut(n) {
                    *place = index;
                }
                n += 1;
                Ok(())
            })?;
            Ok(())
        }
        _ => Ok(()),
    })?;
    let span = match span {
        [Some(from), Some(to)] if from <= to => Some(Span::Chars(from, to)),
        _ => None,
    };
    Ok(tag.filter(|tag| !tag.is_empty()).map(|tag| GivenTag { tag, span }))
}

/// `{"status":{"id_str":"1","user_id_str":"2"}}`
fn deleted<'a>(w: &mut Walker<'a>, mut timestamp_ms: Option<i64>) -> Walked<'a> {
    let mut id = Id::default();
    let mut author = Id::default();
    w.object(|w, key| match key {
        b"status" => {
            w.object(|w, key| {
                match key {
                    b"id_str" => id.string = w.string()?,
                    b"id" => id.number = w.id()?,
                    b"user_id_str" => author.string = w.string()?,
                    b"user_id" => author.number = w.id()?,
                    _ => {}
                }
                Ok(())
            })?;
            Ok(())
        }
        b"timestamp_ms" => {
            timestamp_ms = w.integer()?;
            Ok(())
        }
        _ => Ok(()),
    })?;
    let (id, author) = (id.take(), author.take());
    if id.is_empty() {
        return Err(Stop::Wrong(DecodeError::Missing("delete.status.id_str")));
    }
    let time = timestamp_ms.map(EventTime);
    Ok(Some(Post { op: Op::Delete, id, author, time, ..Post::default() }))
}

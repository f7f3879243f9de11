//! X API v2: a line of the filtered or the sample stream.
//!
//! Identity is `data.id`, author `data.author_id`, event time `data.created_at`. A long post has
//! its complete text and tags in `note_tweet`. v2 omits null and empty values: if `entities`
//! exists, its `hashtags` are complete, and missing `hashtags` mean no tags; without `entities` the
//! text is parsed. Ids in `edit_history_tweet_ids` other than its own make the post an edit of
//! those. A retweet has the text and tags of the original in `includes.tweets`, if present, because
//! its own text is truncated. `errors` and connection refusals are not posts.

use smallvec::SmallVec;

use super::json::Walked;
use super::json::walker::{Mark, Stop, Walker};
use super::{DecodeError, is, time};
use crate::post::{GivenTag, GivenTags, Op, Post, Raw, Span};

/// A post object in `data` or `includes`.
#[derive(Default)]
struct Tweet<'a> {
    id: Option<Raw<'a>>,
    author: Option<Raw<'a>>,
    created_at: Option<Raw<'a>>,
    lang: Option<Raw<'a>>,
    text: Option<Raw<'a>>,
    entities: Option<Mark>,
    note: Option<Mark>,
    history: SmallVec<[Raw<'a>; 2]>,
    retweeted: Option<Raw<'a>>,
}

/// Decodes a line.
pub(super) fn walk<'a>(w: &mut Walker<'a>) -> Walked<'a> {
    let mut data = None;
    let mut includes = None;
    let mut problem = false;
    w.object(|w, key| {
        match key {
            b"data" => data = tweet(w)?,
            b"includes" => includes = Some(w.mark()),
            b"errors" | b"connection_issue" | b"title" => {
                problem = true;
            }
            _ => {}
        }
        Ok(())
    })?;
    let Some(data) = data else {
        let missing = Stop::Wrong(DecodeError::Missing("data"));
        return if problem { Ok(None) } else { Err(missing) };
    };
    let id = data.id.clone().ok_or(Stop::Wrong(DecodeError::Missing("data.id")))?;
    let is_earlier = |old: &&Raw<'_>| old.to_str() != id.to_str();
    let replaces: SmallVec<_> = data.history.iter().filter(is_earlier).cloned().collect();
    let repost = data.retweeted.is_some();
    let original = match (&data.retweeted, includes) {
        (Some(id), Some(mark)) => included(&mut w.back_to(mark), id)?,
        _ => None,
    };
    let (author, lang) = (data.author.clone(), data.lang.clone());
    let time = data.created_at.as_ref().and_then(time::rfc3339);
    let (text, given) = choose(w, original.unwrap_or(data))?;
    Ok(Some(Post {
        op: if replaces.is_empty() { Op::Create } else { Op::Update },
        id,
        replaces,
        author: author.unwrap_or_default(),
        time,
        lang: lang.unwrap_or_default(),
        text: text.ok_or(Stop::Wrong(DecodeError::Missing("data.text")))?,
        given,
        repost,
        ..Post::default()
    }))
}

fn tweet<'a>(w: &mut Walker<'a>) -> Result<Option<Tweet<'a>>, Stop> {
    let mut tweet = Tweet::default();
    let is_there = w.object(|w, key| {
        match key {
            b"id" => tweet.id = w.id()?,
            b"author_id" => tweet.author = w.id()?,
            b"created_at" => tweet.created_at = w.string()?,
            b"lang" => tweet.lang = w.string()?.filter(|lang| lang.to_str() != "und"),
            b"text" => tweet.text = w.string()?,
            b"entities" => tweet.entities = Some(w.mark()),
            b"note_tweet" => tweet.note = Some(w.mark()),
            b"edit_history_tweet_ids" => {
                tweet.history.clear();
                w.array(|w| {
                    tweet.history.extend(w.id()?);
                    Ok(())
                })?;
            }
            b"referenced_tweets" => tweet.retweeted = retweeted(w)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(is_there.then_some(tweet))
}

/// The id of the post that `[{"type":"retweeted","id":"1"}]` names.
fn retweeted<'a>(w: &mut Walker<'a>) -> Result<Option<Raw<'a>>, Stop> {
    let mut found = None;
    w.array(|w| {
        let (mut id, mut is_retweet) = (None, false);
        w.object(|w, key| {
            match key {
                b"type" => is_retweet = is(w.string()?.as_ref(), "retweeted"),
                b"id" => id = w.id()?,
                _ => {}
            }
            Ok(())
        })?;
        if is_retweet {
            found = Some(id.unwrap_or_default());
        }
        Ok(())
    })?;
    Ok(found)
}

/// The post of `{"tweets":[..]}` with this id, if it has a text.
fn included<'a>(w: &mut Walker<'a>, id: &Raw<'a>) -> Result<Option<Tweet<'a>>, Stop> {
    let mut found = None;
    w.object(|w, key| match key {
        b"tweets" => {
            found = None;
            w.array(|w| {
                let tweet = tweet(w)?;
                if found.is_none() {
                    let id = id.to_str();
                    found = tweet.filter(|it| is(it.id.as_ref(), &id) && it.text.is_some());
                }
                Ok(())
            })?;
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(found)
}

/// The most complete text, and the tags given for it.
fn choose<'a>(
    w: &Walker<'a>,
    mut tweet: Tweet<'a>,
) -> Result<(Option<Raw<'a>>, Option<GivenTags<'a>>), Stop> {
    if let Some(mark) = tweet.note {
        let (mut text, mut entities) = (None, None);
        w.back_to(mark).object(|w, key| {
            match key {
                b"text" => text = w.string()?,
                b"entities" => entities = Some(w.mark()),
                _ => {}
            }
            Ok(())
        })?;
        if text.is_some() {
            (tweet.text, tweet.entities) = (text, entities);
        }
    }
    let given = match tweet.entities {
        Some(mark) => entities(&mut w.back_to(mark))?,
        None => None,
    };
    Ok((tweet.text, given))
}

/// `{"hashtags":[{"start":0,"end":4,"tag":"tag"}]}`, in code points; `None` for no object.
fn entities<'a>(w: &mut Walker<'a>) -> Result<Option<GivenTags<'a>>, Stop> {
    let mut given = GivenTags::new();
    let is_there = w.object(|w, key| match key {
        b"hashtags" => {
            given.clear();
            w.array(|w| {
                given.extend(hashtag(w)?);
                Ok(())
            })?;
            Ok(())
        }
        _ => Ok(()),
    })?;
    Ok(is_there.then_some(given))
}

fn hashtag<'a>(w: &mut Walker<'a>) -> Result<Option<GivenTag<'a>>, Stop> {
    let (mut tag, mut start, mut end) = (None, None, None);
    let index = |w: &mut Walker<'a>| Ok(w.integer()?.and_then(|index| u32::try_from(index).ok()));
    w.object(|w, key| {
        match key {
            b"tag" => tag = w.string()?,
            b"start" => start = index(w)?,
            b"end" => end = index(w)?,
            _ => {}
        }
        Ok(())
    })?;
    let span = match (start, end) {
        (Some(start), Some(end)) if start <= end => Some(Span::Chars(start, end)),
        _ => None,
    };
    Ok(tag.filter(|tag| !tag.is_empty()).map(|tag| GivenTag { tag, span }))
}

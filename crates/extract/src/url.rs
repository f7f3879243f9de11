//! The URLs of a text, as far as they affect hashtags.
//!
//! A URL is an optional `http://` or `https://`, a domain that ends in a known top-level domain (or
//! a punycode one), and an optional port, path and query; a fragment is part of the path or query.
//! Without a protocol only the ASCII part of the domain counts. Time is linear in the text. Nothing
//! is fetched or resolved.

use std::ops::Range;

use smallvec::SmallVec;

use super::chars::is_space;
use super::host::{Hosts, ascii_domains, is_host_valid};
use super::url_chars as class;

/// Longest URL in UTF-16 units, with the protocol counted twice (as in twitter-text).
const URL_MAX_UNITS: usize = 4096;
/// Longest slug of a `t.co` link.
const SLUG_MAX_BYTES: usize = 40;

/// URLs of one text as byte ranges.
pub(super) type Urls = SmallVec<[Range<usize>; 4]>;

/// The URLs of `text` that begin before `last`, in order, not overlapping. Starts no later than at
/// the white space before `first`, because no URL contains white space.
#[must_use]
pub(super) fn find(text: &str, first: usize, last: usize) -> Urls {
    let mut urls = Urls::new();
    let mut hosts = Hosts::new(text);
    let mut at = text[..first].rfind(is_space).unwrap_or(0);
    while at < last
        && let Some(c) = text[at..].chars().next()
    {
        let next = at + c.len_utf8();
        let mut found =
            if class::precedes(c) { match_at(text, &mut hosts, next, Some(c)) } else { None };
        if found.is_none() && at == 0 {
            found = match_at(text, &mut hosts, 0, None);
        }
        at = match found {
            Some(found) => {
                record(text, &found, &mut urls);
                found.end
            }
            None => next,
        };
    }
    urls
}

/// A match that is not validated yet.
struct Match {
    before: Option<char>,
    start: usize,
    host: Range<usize>,
    path: bool,
    end: usize,
}

/// A URL that begins at `start`.
fn match_at(
    text: &str,
    hosts: &mut Hosts<'_>,
    start: usize,
    before: Option<char>,
) -> Option<Match> {
    let host_start = start + protocol_len(&text.as_bytes()[start..]);
    let host_end = hosts.end_from(host_start)?;
    let bytes = text.as_bytes();
    let mut end = host_end;
    if bytes.get(end) == Some(&b':') {
        let digits = bytes[end + 1..].iter().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            end += 1 + digits;
        }
    }
    let path = bytes.get(end) == Some(&b'/');
    if path {
        end = path_end(text, end + 1);
    }
    if bytes.get(end) == Some(&b'?') {
        end = query_end(bytes, end);
    }
    Some(Match { before, start, host: host_start..host_end, path, end })
}

/// Length of a leading `http://` or `https://`, otherwise 0.
fn protocol_len(bytes: &[u8]) -> usize {
    let is = |p: &[u8]| bytes.len() >= p.len() && bytes[..p.len()].eq_ignore_ascii_case(p);
    [&b"https://"[..], b"http://"].into_iter().find(|p| is(p)).map_or(0, <[u8]>::len)
}

/// Adds `found` if it is valid, as one range or as the ASCII domains in it.
fn record(text: &str, found: &Match, urls: &mut Urls) {
    let host = &text[found.host.clone()];
    let url = &text[found.start..found.end];
    let protocol = found.host.start - found.start;
    let units = url.encode_utf16().count() + if protocol == 0 { 8 } else { protocol };
    if units > URL_MAX_UNITS || !is_host_valid(host) {
        return;
    }
    if protocol > 0 {
        if let Some(end) = short_link_end(url.as_bytes()) {
            urls.extend(end.map(|end| found.start..found.start + end));
        } else {
            urls.push(found.start..found.end);
        }
        return;
    }
    if matches!(found.before, Some('-' | '_' | '.' | '/')) {
        return;
    }
    let first = urls.len();
    for domain in ascii_domains(host) {
        urls.push(found.host.start + domain.start..found.host.start + domain.end);
    }
    if found.path
        && urls.len() > first
        && let Some(last) = urls.last_mut()
    {
        last.end = found.end;
    }
}

/// For a `t.co` link: the end of its slug and query, or `Some(None)` if the slug is too long.
fn short_link_end(url: &[u8]) -> Option<Option<usize>> {
    let protocol = protocol_len(url);
    let rest = &url[protocol..];
    if rest.len() < 5 || !rest[..5].eq_ignore_ascii_case(b"t.co/") {
        return None;
    }
    let slug = rest[5..].iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    if slug == 0 {
        return None;
    }
    if slug > SLUG_MAX_BYTES {
        return Some(None);
    }
    let end = protocol + 5 + slug;
    Some(Some(if url.get(end) == Some(&b'?') { query_end(url, end) } else { end }))
}

/// End of the path whose first character after `/` is at `start`.
fn path_end(text: &str, start: usize) -> usize {
    let mut end = start;
    let mut at = start;
    while let Some(c) = text[at..].chars().next() {
        if c == '(' {
            let Some(close) = parenthesis_end(text, at) else { break };
            (at, end) = (close, close);
            continue;
        }
        if !class::path(c) {
            break;
        }
        at += c.len_utf8();
        if class::path_end(c) {
            end = at;
        }
    }
    end
}

/// End of the balanced pair at `open`, with at most one pair nested.
fn parenthesis_end(text: &str, open: usize) -> Option<usize> {
    let run = |from: usize| {
        let rest = &text[from..];
        from + rest.find(|c| !class::path(c)).unwrap_or(rest.len())
    };
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let first = run(open + 1);
    match byte(first)? {
        b')' if first > open + 1 => Some(first + 1),
        b'(' => {
            let inner = run(first + 1);
            if byte(inner) != Some(b')') || inner == first + 1 {
                return None;
            }
            let last = run(inner + 1);
            (byte(last) == Some(b')')).then_some(last + 1)
        }
        _ => None,
    }
}

/// End of the query whose `?` is at `mark`; `mark` itself if there is none.
fn query_end(bytes: &[u8], mark: usize) -> usize {
    let run = bytes[mark + 1..].iter().take_while(|&&b| class::query(b)).count();
    let last = bytes[mark + 1..mark + 1 + run].iter().rposition(|&b| class::query_end(b));
    last.map_or(mark, |i| mark + i + 2)
}

//! A made-up post as a status of the X API v1.1, with everything that such a status carries.

use super::lexicon::LANGS;
use super::people::Account;
use super::prng::mix;
use super::text::{Draft, MarkKind, push_signed};
use super::trends::push_number;
use super::world::World;

/// Longest text of a classic status, in code points.
const CLASSIC_MAX: usize = 140;
/// Length of a truncated text in front of its ellipsis and link.
const CUT_TO: usize = 115;
/// Number of post 0; then 1,000 a post, less than 1,000 of it drawn.
const FIRST_ID: u64 = 1_200_000_000_000_000_000;

/// Number of post `n` on the platform: rises with `n`, never the same twice.
fn id(n: u64) -> u64 {
    FIRST_ID.saturating_add(n.saturating_mul(1000)).saturating_add(mix(n) % 1000)
}

/// Appends post `n` as one line of JSON.
pub(super) fn write(world: &mut World, n: u64, out: &mut Vec<u8>) {
    let (account, original) = world.write_draft(n);
    let time_ms = world.laws.time_ms(n);
    out.push(b'{');
    status(out, &world.draft, n, time_ms, account, original.is_some());
    if let Some((of, author)) = original {
        // The text of the original follows "RT @name: ".
        let lead = world.draft.marks[0].end + 2;
        let draft = &mut world.draft;
        draft.text.drain(..lead);
        draft.marks.remove(0);
        for mark in &mut draft.marks {
            mark.start -= lead;
            mark.end -= lead;
        }
        out.extend_from_slice(b",\"retweeted_status\":{");
        status(out, &world.draft, of, world.laws.time_ms(of), author, false);
        out.push(b'}');
    }
    out.extend_from_slice(b",\"timestamp_ms\":\"");
    push_signed(out, time_ms);
    out.extend_from_slice(b"\"}\n");
}

/// The members of a status; `retweet` = it only repeats, so a long text is cut without more.
fn status(out: &mut Vec<u8>, draft: &Draft, n: u64, ms: i64, account: Account, retweet: bool) {
    let text = draft.text.as_slice();
    let long = chars(text) > CLASSIC_MAX;
    let kept = match (long, retweet) {
        (false, _) => text.len(),
        (true, true) => byte_of(text, CLASSIC_MAX - 1),
        (true, false) => byte_of(text, CUT_TO),
    };
    out.extend_from_slice(b"\"created_at\":\"");
    date(out, ms);
    out.extend_from_slice(b"\",\"id\":");
    push_number(out, id(n));
    out.extend_from_slice(b",\"id_str\":\"");
    push_number(out, id(n));
    out.extend_from_slice(b"\",\"text\":\"");
    escape(out, &text[..kept]);
    if long {
        out.extend_from_slice(b"\\u2026");
    }
    if long && !retweet {
        out.extend_from_slice(b" https:\\/\\/t.co\\/");
        short_code(out, n);
    }
    out.extend_from_slice(b"\",\"source\":\"");
    out.extend_from_slice(CLIENTS[(mix(n) >> 32) as usize % CLIENTS.len()]);
    out.extend_from_slice(b"\",\"truncated\":");
    out.extend_from_slice(if long && !retweet { b"true" } else { b"false" });
    out.extend_from_slice(REPLY);
    user(out, account);
    out.extend_from_slice(
        b",\"geo\":null,\"coordinates\":null,\"place\":null,\"contributors\":null",
    );
    out.extend_from_slice(b",\"is_quote_status\":false");
    if long && !retweet {
        out.extend_from_slice(b",\"extended_tweet\":{\"full_text\":\"");
        escape(out, text);
        out.extend_from_slice(b"\",\"display_text_range\":[0,");
        push_number(out, chars(text) as u64);
        out.extend_from_slice(b"],\"entities\":");
        entities(out, draft, text.len());
        out.push(b'}');
    }
    counts(out, n);
    out.extend_from_slice(b",\"entities\":");
    entities(out, draft, kept);
    out.extend_from_slice(b",\"favorited\":false,\"retweeted\":false");
    if draft.marks.iter().any(|mark| mark.kind == MarkKind::Link) {
        out.extend_from_slice(b",\"possibly_sensitive\":false");
    }
    out.extend_from_slice(b",\"filter_level\":\"low\",\"lang\":\"");
    out.extend_from_slice(LANGS[draft.lang].code.as_bytes());
    out.push(b'"');
}

const REPLY: &[u8] = b",\"in_reply_to_status_id\":null,\"in_reply_to_status_id_str\":null,\
\"in_reply_to_user_id\":null,\"in_reply_to_user_id_str\":null,\"in_reply_to_screen_name\":null,\
\"user\":";

const CLIENTS: &[&[u8]] = &[
    b"<a href=\\\"http:\\/\\/example.com\\/iphone\\\" rel=\\\"nofollow\\\">Client for iPhone<\\/a>",
    b"<a href=\\\"http:\\/\\/example.com\\/android\\\" \
rel=\\\"nofollow\\\">Client for Android<\\/a>",
    b"<a href=\\\"https:\\/\\/web.example.com\\\" rel=\\\"nofollow\\\">Web App<\\/a>",
];

fn counts(out: &mut Vec<u8>, n: u64) {
    let bits = mix(n ^ 0x636f_756e);
    let names = ["quote_count", "reply_count", "retweet_count", "favorite_count"];
    for (index, name) in names.iter().enumerate() {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        push_number(out, (bits >> (index * 8)) & 0x1f);
    }
}

/// The `entities` object, of what ends within the first `kept` bytes of the text.
fn entities(out: &mut Vec<u8>, draft: &Draft, kept: usize) {
    let marks = || draft.marks.iter().filter(move |mark| mark.end <= kept);
    let text = draft.text.as_slice();
    let mut first = true;
    let mut begin = |out: &mut Vec<u8>, again: bool| {
        if !std::mem::replace(&mut first, !again) && again {
            out.push(b',');
        }
    };
    out.extend_from_slice(b"{\"hashtags\":[");
    for mark in marks().filter(|mark| mark.kind == MarkKind::Tag) {
        begin(out, true);
        let sign = if text[mark.start] == b'#' { 1 } else { '＃'.len_utf8() };
        out.extend_from_slice(b"{\"text\":\"");
        escape(out, &text[mark.start + sign..mark.end]);
        out.extend_from_slice(b"\",\"indices\":");
        indices(out, text, mark.start, mark.end);
    }
    begin(out, false);
    out.extend_from_slice(b"],\"urls\":[");
    for mark in marks().filter(|mark| mark.kind == MarkKind::Link) {
        begin(out, true);
        out.extend_from_slice(b"{\"url\":\"");
        escape(out, &text[mark.start..mark.end]);
        out.extend_from_slice(b"\",\"expanded_url\":\"https:\\/\\/news.example.com\\/story\\/");
        out.extend_from_slice(&text[mark.end - 10..mark.end]);
        out.extend_from_slice(b"\",\"display_url\":\"news.example.com\\/story\\/");
        out.extend_from_slice(&text[mark.end - 10..mark.end]);
        out.extend_from_slice(b"\",\"indices\":");
        indices(out, text, mark.start, mark.end);
    }
    begin(out, false);
    out.extend_from_slice(b"],\"user_mentions\":[");
    for mark in marks() {
        let MarkKind::Mention(account) = mark.kind else { continue };
        begin(out, true);
        out.extend_from_slice(b"{\"screen_name\":\"");
        account.write_name(out);
        out.extend_from_slice(b"\",\"name\":\"");
        display_name(out, account);
        out.extend_from_slice(b"\",\"id\":");
        push_number(out, account.id());
        out.extend_from_slice(b",\"id_str\":\"");
        push_number(out, account.id());
        out.extend_from_slice(b"\",\"indices\":");
        indices(out, text, mark.start, mark.end);
    }
    out.extend_from_slice(b"],\"symbols\":[]}");
}

/// Ends an entity with its place in code points.
fn indices(out: &mut Vec<u8>, text: &[u8], start: usize, end: usize) {
    let from = chars(&text[..start]);
    out.push(b'[');
    push_number(out, from as u64);
    out.push(b',');
    push_number(out, (from + chars(&text[start..end])) as u64);
    out.extend_from_slice(b"]}");
}

fn display_name(out: &mut Vec<u8>, account: Account) {
    let lang = &LANGS[super::lexicon::by_share((mix(account.id()) % 1000) as u32)];
    for shift in [40, 46, 52] {
        let piece = lang.pieces[(mix(account.id()) >> shift) as usize & (lang.pieces.len() - 1)];
        escape(out, piece.as_bytes());
    }
}

fn user(out: &mut Vec<u8>, account: Account) {
    let bits = mix(account.id());
    out.extend_from_slice(b"{\"id\":");
    push_number(out, account.id());
    out.extend_from_slice(b",\"id_str\":\"");
    push_number(out, account.id());
    out.extend_from_slice(b"\",\"name\":\"");
    display_name(out, account);
    out.extend_from_slice(b"\",\"screen_name\":\"");
    account.write_name(out);
    out.extend_from_slice(b"\",\"location\":\"Somewhere\",\"url\":null,\"description\":\"");
    let lang = &LANGS[super::lexicon::by_share((bits % 1000) as u32)];
    escape(out, lang.phrases[(bits >> 8) as usize % lang.phrases.len()].as_bytes());
    out.extend_from_slice(b"\",\"translator_type\":\"none\",\"protected\":false");
    out.extend_from_slice(b",\"verified\":false");
    let names = ["followers", "friends", "listed", "favourites", "statuses"];
    for (index, name) in names.iter().enumerate() {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"_count\":");
        push_number(out, (bits >> (index * 10)) & 0x3fff);
    }
    out.extend_from_slice(b",\"created_at\":\"");
    // Some time within the twelve years from 2009 on.
    date(out, 1_230_768_000_000 + (bits % 378_000_000).cast_signed() * 1000);
    out.extend_from_slice(USER_MIDDLE);
    push_number(out, account.id());
    out.extend_from_slice(b"\\/normal.jpg\",\"profile_image_url_https\":\"");
    out.extend_from_slice(b"https:\\/\\/images.example.com\\/profile_images\\/");
    push_number(out, account.id());
    out.extend_from_slice(USER_END);
}

const USER_MIDDLE: &[u8] = b"\",\"utc_offset\":null,\"time_zone\":null,\"geo_enabled\":true,\
\"lang\":null,\"contributors_enabled\":false,\"is_translator\":false,\
\"profile_background_color\":\"F5F8FA\",\"profile_background_image_url\":\"\",\
\"profile_background_image_url_https\":\"\",\"profile_background_tile\":false,\
\"profile_link_color\":\"1DA1F2\",\"profile_sidebar_border_color\":\"C0DEED\",\
\"profile_sidebar_fill_color\":\"DDEEF6\",\"profile_text_color\":\"333333\",\
\"profile_use_background_image\":true,\
\"profile_image_url\":\"http:\\/\\/images.example.com\\/profile_images\\/";

const USER_END: &[u8] =
    b"\\/normal.jpg\",\"default_profile\":true,\"default_profile_image\":false,\
\"following\":null,\"follow_request_sent\":null,\"notifications\":null,\
\"withheld_in_countries\":[]}";

/// Ten letters that go with post `n`.
fn short_code(out: &mut Vec<u8>, n: u64) {
    let mut bits = mix(n ^ 0x6c69_6e6b);
    for _ in 0..10 {
        out.push(b'a' + (bits % 26) as u8);
        bits /= 26;
    }
}

/// Code points of valid UTF-8.
fn chars(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte.cast_signed() >= -64).count()
}

/// The byte at which code point `count` begins.
fn byte_of(text: &[u8], count: usize) -> usize {
    let starts = text.iter().enumerate().filter(|(_, byte)| byte.cast_signed() >= -64);
    starts.map(|(at, _)| at).nth(count).unwrap_or(text.len())
}

/// Writes valid UTF-8 as the inside of a JSON string of ASCII only, as the platform does.
fn escape(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    loop {
        let plain = rest.iter().position(|&byte| !is_plain(byte)).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        let Some(&byte) = rest.first() else { return };
        let (point, length) = first_char(rest, byte);
        match point {
            0x22 | 0x2f | 0x5c => out.extend_from_slice(&[b'\\', byte]),
            0x0a => out.extend_from_slice(b"\\n"),
            ..0x1_0000 => escape_unit(out, point),
            _ => {
                escape_unit(out, 0xd800 + ((point - 0x1_0000) >> 10));
                escape_unit(out, 0xdc00 + ((point - 0x1_0000) & 0x3ff));
            }
        }
        rest = &rest[length.min(rest.len())..];
    }
}

fn is_plain(byte: u8) -> bool {
    (0x20..0x80).contains(&byte) && !matches!(byte, b'"' | b'\\' | b'/')
}

/// The code point at the start of valid UTF-8, and how many bytes it takes.
fn first_char(text: &[u8], first: u8) -> (u32, usize) {
    let (bits, length) = match first {
        0..0x80 => return (u32::from(first), 1),
        0x80..0xe0 => (first & 0x1f, 2),
        0xe0..0xf0 => (first & 0x0f, 3),
        _ => (first & 0x07, 4),
    };
    let more = text.iter().take(length).skip(1);
    (more.fold(u32::from(bits), |point, byte| point << 6 | u32::from(byte & 0x3f)), length)
}

fn escape_unit(out: &mut Vec<u8>, unit: u32) {
    let hex = |shift: u32| b"0123456789abcdef"[(unit >> shift & 0xf) as usize];
    out.extend_from_slice(&[b'\\', b'u', hex(12), hex(8), hex(4), hex(0)]);
}

/// Writes `ms` as `Sun Oct 27 13:12:29 +0000 2019`.
fn date(out: &mut Vec<u8>, ms: i64) {
    const DAYS: &[u8] = b"ThuFriSatSunMonTueWed";
    const MONTHS: &[u8] = b"MarAprMayJunJulAugSepOctNovDecJanFeb";
    let seconds = ms.div_euclid(1000);
    let (day, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400).unsigned_abs());
    // Years begin in March, so that the leap day is the last; eras are 400 years.
    let since = day + 719_468;
    let (era, in_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let of_month = in_year - (153 * month + 2) / 5 + 1;
    let year = era * 400 + year + i64::from(month >= 10);
    let name = |from: &'static [u8], at: i64| {
        let at = usize::try_from(at).unwrap_or(0) * 3;
        &from[at..at + 3]
    };
    out.extend_from_slice(name(DAYS, day.rem_euclid(7)));
    out.push(b' ');
    out.extend_from_slice(name(MONTHS, month));
    out.push(b' ');
    two(out, of_month.unsigned_abs());
    for (before, part) in [(b' ', time / 3600), (b':', time / 60 % 60), (b':', time % 60)] {
        out.push(before);
        two(out, part);
    }
    out.extend_from_slice(b" +0000 ");
    push_signed(out, year);
}

fn two(out: &mut Vec<u8>, number: u64) {
    out.push(b'0' + (number / 10 % 10) as u8);
    out.push(b'0' + (number % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (ms, want) in [
            (1_572_181_949_000, "Sun Oct 27 13:12:29 +0000 2019"),
            (0, "Thu Jan 01 00:00:00 +0000 1970"),
            (951_782_399_999, "Mon Feb 28 23:59:59 +0000 2000"),
            (951_782_400_000, "Tue Feb 29 00:00:00 +0000 2000"),
            (-1, "Wed Dec 31 23:59:59 +0000 1969"),
        ] {
            let mut out = Vec::new();
            date(&mut out, ms);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn escapes_are_undone_by_any_reader() {
        let text = "a\"b\\c/d\ne\u{1}é＃日本🔥 &amp; z";
        let mut out = vec![b'"'];
        escape(&mut out, text.as_bytes());
        out.push(b'"');
        assert!(out.is_ascii());
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}

//! The newest alerts as an Atom feed (RFC 4287). Pure.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::{AlertRecord, key};

/// Alerts in the feed.
pub const ENTRIES_MAX: usize = 100;

/// The feed of a job. `began_ms` is its date as long as there is no alert.
#[must_use]
pub fn atom(job: &str, alerts: &[AlertRecord], began_ms: i64) -> String {
    let updated = alerts.iter().map(|record| record.alert.at).max().unwrap_or(began_ms);
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<feed xmlns=\"http://www.w3.org/2005/Atom\">\n\
         <id>urn:uuid:{}</id>\n<title>{} alerts</title>\n<updated>{}</updated>\n\
         <author><name>tagtide</name></author>\n\
         <link rel=\"self\" type=\"application/atom+xml\" href=\"/feed.xml\"/>\n\
         <generator version=\"{}\">tagtide</generator>\n",
        key::uuid(&format!("feed\0{job}")),
        text(job),
        date(updated),
        env!("CARGO_PKG_VERSION"),
    );
    for record in alerts.iter().take(ENTRIES_MAX) {
        let alert = &record.alert;
        let _ = write!(
            out,
            "<entry>\n<id>urn:uuid:{}</id>\n<title>{}</title>\n<updated>{}</updated>\n\
             <category term=\"{}\"/>\n<content type=\"text\">{}</content>\n</entry>\n",
            text(&alert.key),
            text(&alert.text),
            date(alert.at),
            text(&alert.rule),
            text(&format!(
                "{} (alert {}, view {}, by {})",
                alert.text, alert.rule, alert.view, alert.mode
            )),
        );
    }
    out.push_str("</feed>\n");
    out
}

/// RFC 3339 in UTC; the Unix epoch if the year does not fit.
fn date(at_ms: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Escapes the text of an element or attribute. Characters that XML forbids become U+FFFD, and so
/// do those that change the direction of the text after them.
fn text(raw: &str) -> Cow<'_, str> {
    let changes_direction =
        |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_bad = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
            || matches!(c, '\u{fffe}' | '\u{ffff}')
            || changes_direction(c)
    };
    let is_markup = |c: char| matches!(c, '<' | '>' | '&' | '"' | '\'' | '\t' | '\n' | '\r');
    if !raw.contains(|c| is_bad(c) || is_markup(c)) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len() + 16);
    for c in raw.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if is_bad(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

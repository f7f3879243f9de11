//! Recent posts, from the bytes of a file to the detail of a tag.

use tagtide::run::{LiveQuery, Question};
use tagtide_trends::rank::TagDetail;

use crate::support::{START, START_MS, ended, file_source, options, start};

/// What is known of a tag after a file of this format was read.
fn detail(format: &str, text: &str, limits: &str, tag: &str) -> TagDetail {
    let dir = tempfile::tempdir().unwrap();
    let more = format!("format = \"{format}\"\nstart = \"{START}\"\nrate = 1");
    let source = file_source(dir.path(), "posts", text.as_bytes(), &more);
    let run = start(&format!("time = \"event\"\n{limits}{source}"), options(1, None));
    ended(&run).unwrap();
    let question = Question::Tag { view: None, key: tag.to_owned() };
    run.ask(question).tag().unwrap_or_else(|| panic!("no {tag}"))
}

const ON: &str = "[limits]\nrecent_posts = 1000\n";

#[test]
fn lines_of_text_keep_their_own_tags() {
    let text = "no tag\nR&amp;D in #K\u{f6}ln #rust\n\n#rust again\r\nelse #other\n&#35;rust too";
    let detail = detail("text", text, ON, "rust");
    let recent = detail.recent.unwrap();
    assert_eq!((recent.kept, recent.posts), (4, 3));
    let related: Vec<_> = recent.related.iter().map(|one| (&*one.tag, one.posts)).collect();
    assert_eq!(related, [("k\u{f6}ln", 1)]);
    let samples: Vec<_> = recent.samples.iter().map(|one| (one.at, &*one.text)).collect();
    let at = |line: i64| START_MS + line * 1000;
    let wanted = [(at(5), "#rust too"), (at(3), "#rust again"), (at(1), "R&D in #K\u{f6}ln #rust")];
    assert_eq!(samples, wanted);
    assert_eq!(detail.first_seen, Some(START_MS));
}

#[test]
fn toots_have_an_author_and_an_address_and_boosts_and_unlisted_ones_are_not_shown() {
    let toot = |n: u32, more: &str| {
        format!(
            "{{\"id\":\"{n}\",\"uri\":\"https://a.example/{n}\",\"visibility\":\"public\",\
             \"created_at\":\"2026-01-05T00:00:0{n}Z\",\"language\":\"de\",\
             \"account\":{{\"acct\":\"ann\"}},\"tags\":[{{\"name\":\"rust\"}}],\
             \"content\":\"<p>{n} <b>#rust</b></p>\"{more}}}\n"
        )
    };
    let boost =
        toot(2, ",\"reblog\":{\"id\":\"9\",\"content\":\"x\",\"tags\":[{\"name\":\"rust\"}]}");
    let delete = "{\"event\":\"delete\",\"payload\":\"3\"}\n";
    // Counted and never shown: as itself, and in an edit of what was shown before.
    let unlisted = |n, more| toot(n, more).replace("\"public\"", "\"unlisted\"");
    let edit = unlisted(5, ",\"edited_at\":\"2026-01-05T00:00:09Z\"");
    let edit = format!("{{\"event\":\"status.update\",\"payload\":{}}}\n", edit.trim());
    // Not counted at all, whatever they come as.
    let hidden = ["private", "direct", "limited"].map(|seen| {
        let toot = toot(6, "").replace("public", seen);
        format!("{toot}{{\"event\":\"update\",\"payload\":{}}}\n", toot.trim())
    });
    let text = [toot(1, ""), boost, toot(3, ""), delete.to_owned(), unlisted(4, ""), toot(5, "")];
    let text = text.concat() + &edit + &hidden.concat();
    let detail = detail("mastodon", &text, ON, "rust");
    let recent = detail.recent.unwrap();
    assert_eq!((recent.kept, recent.posts, detail.total), (1, 1, 4), "{recent:?}");
    let sample = &recent.samples[0];
    assert_eq!(sample.text, "1 #rust");
    assert_eq!(sample.author.as_deref(), Some("ann@a.example"));
    assert_eq!(sample.url.as_deref(), Some("https://a.example/1"));
    assert_eq!(sample.lang.as_deref(), Some("de"));
}

#[test]
fn a_replay_at_full_speed_holds_no_recent_posts() {
    assert_eq!(detail("text", "#rust\n", "", "rust").recent, None);
}

#[test]
fn a_tag_has_the_windows_of_the_job_and_not_those_that_trending_needs_besides() {
    let count = "[count]\nmodes = [\"trending\"]\nwindows = [\"1m\", \"5m\"]\n";
    let windows = detail("text", "#rust\n", count, "rust").windows;
    let windows: Vec<_> = windows.iter().map(|window| (window.window_s, window.count)).collect();
    assert_eq!(windows, [(60, 1), (300, 1)]);
}

//! The ring within a state.

use super::*;
use crate::state::Settings;
use crate::state::extracted_batch::Row;
use crate::state::tag_filter::TagFilter;
use crate::store::hash::Seed;
use crate::window::Shape;
use tagtide_extract::wildcard::Patterns;
use tagtide_posts::post::Batch;

const SEED: Seed = Seed::new([9; 32]);

fn settings(recent_posts: usize) -> Settings {
    let windows_ms = vec![60_000];
    let shape = Shape { pane_ms: 10_000, windows_ms, people: None, decay_ms: None };
    let remembered_max_posts = 100;
    let remembered_max_ms = i64::MAX;
    let of = Settings::of(shape, Vec::new());
    Settings { recent_posts, remembered_max_posts, remembered_max_ms, ..of }
}

/// One post in each second, unless said otherwise.
struct Stream {
    state: State,
    at: i64,
}

impl Stream {
    fn new(settings: Settings) -> Self {
        Self { state: State::new(settings, SEED), at: 1_000_000 }
    }

    fn keeping(posts: usize) -> Self {
        Self::new(settings(posts))
    }

    /// A record with words of which those with `#` are tags.
    fn feed(&mut self, key: PostKey, replaces: &[u64], text: &str) {
        let mut batch = ExtractedBatch::default();
        batch.begin(Batch::default());
        for tag in text.split(' ').filter_map(|word| word.strip_prefix('#')) {
            batch.push_key(&SEED, tag.as_bytes(), tag.as_bytes(), true);
        }
        batch.replaces.extend_from_slice(replaces);
        batch.posts.push(PostKey { replaces_end: replaces.len() as u32, ..key });
        let end = batch.entries.len() as u32;
        if end > 0 {
            batch.samples.push(self.at, 0..end, &PostText { text, ..PostText::default() });
        }
        let tagged = u32::from(end > 0);
        let (at, until) = (self.at, self.at);
        batch.rows.push(Row { at, until, posts: 1, tagged, entries_end: end, post: 1 });
        self.state.begin_batch(&batch, &mut ());
        self.state.count_row(&batch, &batch.rows[0], i64::MAX, &mut ());
        self.at += 1000;
    }

    fn post(&mut self, id: u64, text: &str) {
        self.feed(key(Op::Create, id), &[], text);
    }

    fn texts(&self, tag: &str) -> Vec<&str> {
        let Some(id) = self.state.tags.find(tag.as_bytes()) else { return Vec::new() };
        self.state.recent_posts(id, 9).iter().map(|post| post.shown.text).collect()
    }

    fn related(&self, tag: &str) -> Vec<(String, u32)> {
        let id = self.state.tags.find(tag.as_bytes()).expect("a live tag");
        let named = |(other, posts)| (self.state.tags.key_string(other), posts);
        self.state.related(id, 3).into_iter().map(named).collect()
    }
}

fn key(op: Op, id: u64) -> PostKey {
    PostKey { op, id, author: id % 2 + 1, ..PostKey::default() }
}

#[test]
fn the_newest_stay_and_tags_that_stand_together_are_counted() {
    let mut stream = Stream::keeping(4);
    for (id, text) in
        (1..).zip(["old #a #z", "#a #c", "#a #b", "none", "#a #b #d", "#x #b", "#a #c"])
    {
        stream.post(id, text);
    }
    assert_eq!(stream.texts("a"), ["#a #c", "#a #b #d", "#a #b"], "newest first");
    let named = |tag: &str, posts| (tag.to_owned(), posts);
    assert_eq!(stream.related("a"), [named("b", 2), named("c", 1), named("d", 1)]);
    assert_eq!(stream.state.recent().held(), 4, "posts without tags are not kept");
    stream.post(9, "#a #c");
    assert_eq!(stream.texts("a"), ["#a #c", "#a #b #d"], "a text stands there once");
    assert_eq!(stream.state.recent_with(stream.state.tags.find(b"a").expect("live")), 3);
}

#[test]
fn what_is_taken_back_is_gone_at_once() {
    let mut stream = Stream::keeping(10);
    for id in 1..=6 {
        stream.post(id, &format!("{id} #a"));
    }
    stream.feed(key(Op::Delete, 3), &[], "");
    assert_eq!(stream.texts("a"), ["6 #a", "5 #a", "4 #a", "2 #a", "1 #a"]);
    // Who wrote 2, 4 and 6 is gone.
    stream.feed(PostKey { op: Op::DropAuthor, author: 1, ..PostKey::default() }, &[], "");
    assert_eq!(stream.texts("a"), ["5 #a", "1 #a"]);
    stream.feed(PostKey { revision: 77, ..key(Op::Update, 5) }, &[], "edited #b");
    assert_eq!((stream.texts("a"), stream.texts("b")), (vec!["1 #a"], vec!["edited #b"]));
    // Told again, the same revision is still the newest.
    stream.feed(PostKey { revision: 77, ..key(Op::Update, 5) }, &[], "edited #b");
    assert_eq!(stream.texts("b"), ["edited #b"]);
    stream.feed(key(Op::Update, 8), &[1], "instead of 1 #a");
    assert_eq!(stream.texts("a"), ["instead of 1 #a"]);
    assert_eq!(stream.state.recent().held(), 2);
    stream.state.forget_recent();
    assert_eq!((stream.state.recent().held(), stream.texts("a").len()), (0, 0));
}

#[test]
fn a_delete_before_its_post_and_a_second_name() {
    let mut stream = Stream::keeping(10);
    stream.feed(key(Op::Delete, 1), &[], "");
    stream.post(1, "too late #a");
    assert!(stream.texts("a").is_empty());
    stream.feed(PostKey { alias: 40, ..key(Op::Create, 2) }, &[], "named twice #a");
    assert_eq!(stream.texts("a"), ["named twice #a"]);
    let delete = PostKey { op: Op::Delete, alias: 40, ..PostKey::default() };
    stream.feed(delete, &[], "");
    assert!(stream.texts("a").is_empty());
}

#[test]
fn deletes_are_honoured_after_counts_have_forgotten_the_post() {
    let mut stream = Stream::new(Settings { remembered_max_posts: 1, ..settings(10) });
    stream.post(1, "one #a");
    stream.post(2, "two #a");
    stream.feed(key(Op::Delete, 1), &[], "");
    assert_eq!(stream.texts("a"), ["two #a"]);
}

#[test]
fn lists_and_the_option_are_obeyed() {
    let list = |tag: &str| Patterns::new([tag.to_owned()]);
    let lists = TagFilter { hide: list("hidden"), drop: list("dropped"), ..TagFilter::default() };
    let mut stream = Stream::new(Settings { lists, ..settings(10) });
    stream.post(1, "#a #hidden #dropped #b");
    assert_eq!(stream.related("a"), [("b".to_owned(), 1)]);
    stream.state.change_tag_filter(TagFilter { hide: list("b"), ..TagFilter::default() });
    assert_eq!(stream.related("a"), [("hidden".to_owned(), 1)], "as the lists are now");
    let mut off = Stream::keeping(0);
    off.post(1, "#a #b");
    assert_eq!((off.state.recent().held(), off.texts("a").len()), (0, 0));
}

#[test]
fn a_full_ring_spans_ten_minutes() {
    let mut stream = Stream::keeping(1200);
    for id in 1..=10 {
        stream.post(id, "#a");
        stream.at -= 1000;
    }
    assert_eq!(stream.state.recent().held(), 2, "of one second");
    stream.at += 1000;
    stream.post(11, "#a");
    assert_eq!(stream.state.recent().held(), 3);
}

#[test]
fn an_id_that_means_another_tag_now_is_not_the_one_posted() {
    let mut stream = Stream::new(Settings { tags_max: 16, ..settings(100) });
    stream.post(1, "#first #b");
    for id in 2..60 {
        stream.post(id, &format!("#t{id} #b"));
    }
    let live: Vec<u32> =
        (0..stream.state.tags.rows()).filter(|&id| stream.state.tags.is_live(id)).collect();
    for id in live {
        let tag = stream.state.tags.key_string(id);
        for text in stream.texts(&tag) {
            assert!(text.contains(&format!("#{tag}")), "{text} is told under {tag}");
        }
    }
    assert!(stream.state.is_approximate(), "some gave way");
}

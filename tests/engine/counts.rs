//! Counts equal an independent recount, whatever the number of workers and the speed.

use tagtide_posts::decode::Format;

use crate::support::{
    Counted, START, START_MS, count_words, file_source, finish, options, posts, start,
};

pub(crate) const WORDS: &str = "rule = \"words\"\noccurrences = \"all\"\ntime = \"event\"\n";

#[test]
fn totals_and_windows_equal_a_recount() {
    let dir = tempfile::tempdir().unwrap();
    let text = String::from_utf8(posts(1, 20_000, Format::Text)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // 25 lines a second: 800 s of event time.
    let keys = format!("format = \"text\"\nrate = 25\nstart = \"{START}\"");
    let source = file_source(dir.path(), "posts.txt", text.as_bytes(), &keys);
    let job = format!("{WORDS}[count]\nwindows = [\"1m\", \"5m\", \"1h\"]\n{source}");
    let counted = finish(&job);
    assert_eq!(counted.counters.posts, 20_000);
    assert_eq!(counted.totals(), count_words(lines.iter().copied()));
    let tagged = lines.iter().filter(|line| line.split(' ').any(|word| word.contains('#')));
    assert_eq!(counted.counters.tagged_posts, tagged.count() as u64);
    let pane = |line: usize| (START_MS + line as i64 * 40) / 10_000;
    assert_eq!(counted.newest, Some(START_MS + 19_999 * 40));
    for seconds in [60, 300, 3_600] {
        let first = pane(19_999) - seconds / 10;
        let inside = lines.iter().enumerate().filter(|(line, _)| pane(*line) > first);
        let expected = count_words(inside.map(|(_, text)| *text));
        assert_eq!(counted.window(seconds as u64), expected, "{seconds} s");
    }
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let x1 = file_source(dir.path(), "a.jsonl", &posts(2, 2_000, Format::X1), "");
    let plus = file_source(dir.path(), "b.txt", &posts(3, 6_000, Format::TextPlus), "");
    let of = |source: &str, workers| {
        let job = format!("time = \"event\"\n[count]\nwindows = [\"1m\"]\n{source}");
        Counted::of(&start(&job, options(workers, None)))
    };
    for source in [x1, plus] {
        let one = of(&source, 1);
        assert!(one.counters.tags > 500 && !one.window(60).is_empty());
        assert_eq!(one, of(&source, 2));
        assert_eq!(one, of(&source, 5));
    }
}

#[test]
fn several_files_and_sources_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (posts(4, 3_000, Format::Text), posts(5, 3_000, Format::Text));
    let keys = format!("format = \"text\"\nstart = \"{START}\"");
    let one = file_source(dir.path(), "a.txt", &a, &keys);
    let two = file_source(dir.path(), "b.txt", &b, &keys);
    let counted = finish(&format!("{WORDS}{one}{two}"));
    let text = String::from_utf8([a, b].concat()).unwrap();
    assert_eq!(counted.counters.posts, 6_000);
    assert_eq!(counted.totals(), count_words(text.lines()));
}

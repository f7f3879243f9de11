use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn plan(format: Format) -> Options {
    Options {
        seed: 7,
        posts: Some(20_000),
        rate: 100.0,
        start: None,
        live: false,
        past: Duration::ZERO,
        format,
        tags: 10_000,
    }
}

fn file(plan: &Options, posts: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let written = write_posts(plan, posts, &mut out).unwrap();
    assert_eq!(written, out.len() as u64);
    out
}

#[test]
fn bytes_are_pinned() {
    for (format, want) in [
        (Format::Text, 211_092_198),
        (Format::TextPlus, 3_728_851_088),
        (Format::X1, 2_365_283_428),
    ] {
        let bytes = file(&plan(format), 20_000);
        assert_eq!(memchr::memchr_iter(b'\n', &bytes).count(), 20_000);
        assert_eq!(crc32c::crc32c(&bytes), want, "{format:?}");
    }
    let other = Options { seed: 8, ..plan(Format::Text) };
    assert_ne!(file(&other, 100), file(&plan(Format::Text), 100));
}

#[test]
fn sizes_are_those_of_real_streams() {
    let text = file(&plan(Format::Text), 20_000).len() as f64 / 20_000.0;
    assert!((128.0..138.0).contains(&text), "a text line has {text} bytes");
    let json = file(&plan(Format::X1), 10_000).len() as f64 / 10_000.0;
    assert!((2_600.0..2_800.0).contains(&json), "a status has {json} bytes");
}

#[test]
fn statuses_are_json_whose_places_hold() {
    let bytes = file(&plan(Format::X1), 5_000);
    let (mut ids, mut tags, mut retweets, mut long) = (Vec::new(), 0, 0, 0);
    let mut langs = BTreeSet::new();
    for line in bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        assert!(line.is_ascii());
        let status: serde_json::Value = serde_json::from_slice(line).unwrap();
        ids.push(status["id_str"].as_str().unwrap().parse::<u64>().unwrap());
        assert_eq!(status["id"].as_u64(), ids.last().copied());
        assert!(status["timestamp_ms"].is_string());
        langs.insert(status["lang"].as_str().unwrap().to_owned());
        check_places(&status["text"], &status["entities"]);
        let mut whole = &status;
        if status["retweeted_status"].is_object() {
            retweets += 1;
            whole = &status["retweeted_status"];
            check_places(&whole["text"], &whole["entities"]);
            assert!(status["text"].as_str().unwrap().starts_with("RT @"));
        }
        let mut entities = &whole["entities"];
        if whole["extended_tweet"].is_object() {
            long += 1;
            assert_eq!(whole["truncated"], true);
            entities = &whole["extended_tweet"]["entities"];
            check_places(&whole["extended_tweet"]["full_text"], entities);
        }
        tags += entities["hashtags"].as_array().unwrap().len();
        assert!(status["text"].as_str().unwrap().chars().count() <= 140);
    }
    assert!(ids.is_sorted_by(|a, b| a < b));
    assert!((5_500..6_500).contains(&tags), "{tags} tags in 5,000 posts");
    assert!(retweets > 800 && long > 500, "{retweets} retweets, {long} long ones");
    assert!(langs.len() >= 14, "{langs:?}");
}

fn check_places(text: &serde_json::Value, entities: &serde_json::Value) {
    let text: Vec<char> = text.as_str().unwrap().chars().collect();
    for (list, field) in [("hashtags", "text"), ("urls", "url"), ("user_mentions", "screen_name")] {
        for entity in entities[list].as_array().unwrap() {
            let at = |i: usize| entity["indices"][i].as_u64().unwrap() as usize;
            let there: String = text[at(0)..at(1)].iter().collect();
            let want = entity[field].as_str().unwrap();
            assert_eq!(there.trim_start_matches(['#', '＃', '@']), want);
            assert_eq!(list == "urls", there == want);
        }
    }
}

#[test]
fn formats_say_the_same() {
    let text = file(&plan(Format::Text), 2_000);
    let plus = file(&plan(Format::TextPlus), 2_000);
    let json = file(&plan(Format::X1), 2_000);
    let lines = |bytes: &[u8]| -> Vec<String> {
        String::from_utf8(bytes.to_vec()).unwrap().lines().map(str::to_owned).collect()
    };
    for ((text, plus), json) in lines(&text).iter().zip(lines(&plus)).zip(lines(&json)) {
        let status: serde_json::Value = serde_json::from_str(&json).unwrap();
        let parts: Vec<&str> = plus.splitn(3, '\t').collect();
        assert_eq!(parts[0], status["user"]["id_str"]);
        assert_eq!(parts[1], status["timestamp_ms"]);
        assert_eq!(parts[2], text);
        let outer = status["text"].as_str().unwrap().replace('\n', " ");
        let shown = outer.split('…').next().unwrap();
        assert!(text.starts_with(shown), "{text}\n{outer}");
    }
}

#[test]
fn a_resumed_source_makes_the_rest_of_the_file() {
    for format in [Format::Text, Format::X1] {
        let plan = Options { start: Some(FILE_START), ..plan(format) };
        let plan = Options { posts: Some(8_000), ..plan };
        let want = file(&plan, 8_000);
        let mut source = GeneratorSource::new(&plan, &Clock::System).unwrap();
        source.open(&[]).unwrap();
        let (mut batch, mut got, mut posts) = (Batch::default(), Vec::new(), 0);
        while source.poll(&mut batch, Duration::ZERO).unwrap() == Poll::Ready {
            assert_eq!(batch.first, posts);
            posts += batch.lines;
            got.extend_from_slice(batch.records());
            // Another one goes on from here each time.
            source = GeneratorSource::new(&plan, &Clock::System).unwrap();
            source.open(&batch.positions).unwrap();
            batch.clear();
        }
        assert!(got == want && posts == 8_000);
    }
}

#[test]
fn live_posts_wait_for_their_time() {
    let clock = Clock::held(EventTime(1_000_000));
    let live = Options { live: true, posts: Some(25), rate: 10.0, ..plan(Format::TextPlus) };
    let mut source = GeneratorSource::new(&live, &clock).unwrap();
    source.open(&[]).unwrap();
    let mut batch = Batch::default();
    let poll = |source: &mut GeneratorSource, batch: &mut Batch| {
        batch.clear();
        (source.poll(batch, Duration::ZERO).unwrap(), batch.lines)
    };
    assert_eq!(poll(&mut source, &mut batch), (Poll::Ready, 1));
    assert_eq!(poll(&mut source, &mut batch), (Poll::Idle, 0));
    clock.advance(Duration::from_millis(99));
    assert_eq!(poll(&mut source, &mut batch), (Poll::Idle, 0));
    clock.advance(Duration::from_millis(1));
    assert_eq!(poll(&mut source, &mut batch), (Poll::Ready, 1));
    assert!(String::from_utf8_lossy(batch.records()).contains("\t1000100\t"));
    let after = batch.positions.clone();
    // Our own downtime: what was due meanwhile comes at once, and the start is kept.
    clock.advance(Duration::from_secs(1));
    let mut source = GeneratorSource::new(&live, &clock).unwrap();
    source.open(&after).unwrap();
    assert_eq!(poll(&mut source, &mut batch), (Poll::Ready, 10));
    clock.advance(Duration::from_secs(60));
    assert_eq!(poll(&mut source, &mut batch), (Poll::Ready, 13));
    assert_eq!(poll(&mut source, &mut batch), (Poll::End, 0));
}

#[test]
fn a_past_comes_at_once_and_holds_the_watermark_until_it_has() {
    let clock = Clock::held(EventTime(1_000_000));
    let past = Duration::from_secs(2);
    let plan = Options { live: true, past, rate: 10.0, ..plan(Format::TextPlus) };
    let mut source = GeneratorSource::new(&plan, &clock).unwrap();
    source.open(&[]).unwrap();
    let now = clock.now();
    assert_eq!(source.complete_until(now), Some(EventTime(997_999)), "nothing came yet");
    let mut batch = Batch::default();
    assert_eq!(source.poll(&mut batch, Duration::ZERO).unwrap(), Poll::Ready);
    assert_eq!(batch.lines, 21);
    assert!(String::from_utf8_lossy(batch.records()).contains("\t998000\t"));
    // The next post is of the future: until then the clock is followed.
    assert_eq!(source.complete_until(now), Some(now));
}

#[test]
fn due_is_the_inverse_of_time() {
    for rate in [0.001, 0.3, 1.0, 7.0, 333.3, 1_000.0, 250_000.0] {
        let plan = Options { rate, ..plan(Format::Text) };
        let laws = laws(&plan, EventTime(5)).unwrap();
        for n in (0..2_000).chain([1 << 40]) {
            let time = laws.time_ms(n);
            assert!(laws.due(time) > n, "{rate}: {n}");
            assert!(laws.due(time - 1) <= n, "{rate}: {n}");
        }
    }
}

#[test]
fn the_world_has_what_it_should() {
    let text = String::from_utf8(file(&plan(Format::Text), 20_000)).unwrap();
    let mut spellings: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for word in text.split_whitespace().filter(|word| word.starts_with('#')) {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '_');
        spellings.entry(word.to_lowercase()).or_default().insert(word.to_owned());
    }
    assert!(spellings["music"].len() >= 3, "{:?}", spellings["music"]);
    for sign in ["&amp;", "https://t.co/", "＃", "#️⃣", "#FreeCoins", "C#", "é"] {
        assert!(text.contains(sign), "{sign}");
    }
    let untagged = text.lines().filter(|line| !line.contains(['#', '＃'])).count();
    assert!((5_000..10_000).contains(&untagged), "{untagged} without tags");
    let distinct = spellings.len();
    assert!(distinct > 2_000, "{distinct}");
}

#[test]
fn plans_that_cannot_be_followed_are_refused() {
    for bad in [
        Options { rate: 0.0, ..plan(Format::Text) },
        Options { rate: f64::NAN, ..plan(Format::Text) },
        plan(Format::Jetstream),
    ] {
        assert!(matches!(GeneratorSource::new(&bad, &Clock::System), Err(SourceError::Fatal(_))));
        assert!(write_posts(&bad, 1, &mut Vec::new()).is_err());
    }
}

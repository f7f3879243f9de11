//! Measures decoding in memory on one core: `decode_speed FORMAT FILE [SECONDS]`.
//!
//! Repeats the records of FILE until they fill 64 MiB, decodes them repeatedly, and prints the
//! fastest 20th of rounds of about 256 kiB, which are short enough to fit between other work of the
//! machine.

use std::time::Duration;

use tagtide_posts::clock::monotonic;
use tagtide_posts::decode::{Format, decode_padded};
use tagtide_posts::post::PAD;

const ROUND_BYTES: usize = 256 << 10;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let usage = "usage: decode_speed text|text+|x1|x2|jetstream|mastodon FILE [SECONDS]";
    let format: Format = match args.get(1).map(|name| serde_json::from_str(&format!("{name:?}"))) {
        Some(Ok(format)) => format,
        _ => return eprintln!("{usage}"),
    };
    let Some(Ok(records)) = args.get(2).map(std::fs::read) else { return eprintln!("{usage}") };
    let seconds = args.get(3).and_then(|text| text.parse().ok()).unwrap_or(5);
    let mut bytes = records.repeat((64 << 20) / records.len().max(1) + 1);
    let len = bytes.len();
    bytes.resize(len + PAD, 0);
    let mut rounds: Vec<Round> = Vec::new();
    let begun = monotonic();
    let mut from = 0;
    while begun.elapsed().as_secs() < seconds {
        let round = Round::run(format, &bytes, from, len);
        from = if round.end < len { round.end } else { 0 };
        rounds.push(round);
    }
    rounds.retain(|round| round.bytes >= ROUND_BYTES);
    rounds.sort_by_key(|round| round.took.as_nanos() * 1_000_000 / round.records as u128);
    let Some(round) = rounds.get(rounds.len() / 20) else { return eprintln!("too little time") };
    let ns = round.took.as_nanos() as f64;
    println!(
        "20th quantile of {} rounds: {:.0} bytes and {:.2} tags a record, {} of {} posts: \
         {:.3} M records/s, {:.2} GB/s, {:.0} ns a record",
        rounds.len(),
        round.bytes as f64 / round.records as f64,
        round.tags as f64 / round.records as f64,
        round.posts,
        round.records,
        round.records as f64 / ns * 1e3,
        round.bytes as f64 / ns,
        ns / round.records as f64,
    );
}

#[derive(Default)]
struct Round {
    took: Duration,
    end: usize,
    bytes: usize,
    records: usize,
    posts: usize,
    tags: usize,
}

impl Round {
    fn run(format: Format, bytes: &[u8], from: usize, len: usize) -> Self {
        let mut round = Self::default();
        let mut start = from;
        // Line ends are found first, so that only decoding is measured.
        let ends = memchr::memchr_iter(b'\n', &bytes[from..len]).map(|at| from + at);
        let ends: Vec<usize> = ends.take_while(|end| end - from < ROUND_BYTES + 8192).collect();
        let begun = monotonic();
        for end in ends {
            let post = decode_padded(format, bytes, start, end);
            round.records += 1;
            if let Ok(Some(post)) = &post {
                round.posts += 1;
                round.tags += post.given.as_ref().map_or(0, |given| given.len());
            }
            std::hint::black_box(&post);
            start = end + 1;
        }
        round.took = begun.elapsed();
        (round.end, round.bytes) = (start, start - from);
        round
    }
}

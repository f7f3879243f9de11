//! Measures decoding in memory on one core: `decode_speed FORMAT FILE [SECONDS]`.
//!
//! Repeats the records of FILE until they fill 64 MiB, decodes them over and over, and prints
//! records/s and GB/s, of the best round.

use std::time::Duration;

use tagtide::clock::monotonic;
use tagtide::decode::{Format, decode_padded};
use tagtide::post::PAD;

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
    let mut best = Duration::MAX;
    let (mut count, mut posts, mut tags) = (0u64, 0u64, 0);
    let begun = monotonic();
    while begun.elapsed().as_secs() < seconds {
        let round = monotonic();
        (count, posts, tags) = (0, 0, 0);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &bytes[..len]) {
            let post = decode_padded(format, &bytes, start, end);
            count += 1;
            if let Ok(Some(post)) = &post {
                posts += 1;
                tags += post.given.as_ref().map_or(0, |given| given.len());
            }
            std::hint::black_box(&post);
            start = end + 1;
        }
        best = best.min(round.elapsed());
    }
    let per_second = count as f64 / best.as_secs_f64();
    println!(
        "{count} records ({posts} posts, {tags} tags), {:.0} bytes each: {:.3} M records/s, \
         {:.2} GB/s, {:.0} ns a record",
        len as f64 / count as f64,
        per_second / 1e6,
        len as f64 / best.as_secs_f64() / 1e9,
        1e9 / per_second,
    );
}

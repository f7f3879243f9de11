//! How fast lines are scanned for tags, in memory, on one thread: no counting behind it.
//!
//! `cargo run --release --no-default-features --example scan_speed [FILE]`; without a file it
//! makes 1,000,000 lines of about 133 bytes with 1.2 tags each.

use std::hint::black_box;

use tagtide::clock::monotonic;
use tagtide::extract::{Rule, Visit, scan_lines};
use tagtide::post::PAD;

/// Times that each piece is scanned.
const ROUNDS: u32 = 15;

/// Counts tags and mixes their first bytes, so that nothing can be left out.
#[derive(Default)]
struct Sum {
    tags: u64,
    other: u64,
    mix: u64,
}

impl Visit for Sum {
    fn ascii_tag(&mut self, _: u32, padded: &[u8], start: usize, len: usize) {
        let raw = &padded[start..start + len];
        self.tags += 1;
        let first = raw.first().copied().unwrap_or_default();
        self.mix = self.mix.wrapping_mul(31).wrapping_add(u64::from(first) + raw.len() as u64);
    }

    fn tag(&mut self, _: u32, key: &str, _: &str) {
        self.other += 1;
        self.mix = self.mix.wrapping_mul(31).wrapping_add(key.len() as u64);
    }

    fn oversize_tag(&mut self, _: u32) {}
}

/// Lines like short posts: words, a link in every third, tags, now and then other scripts.
fn generated(lines: u32) -> Vec<u8> {
    const WORDS: [&str; 8] =
        ["the", "stream", "of", "posts", "today", "people", "talking", "about"];
    let mut dice = 1_u64;
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (dice >> 33) % sides
    };
    let mut text = String::new();
    for _ in 0..lines {
        let end = text.len() + 75 + roll(90) as usize;
        let mut tags = [0, 1, 1, 1, 3][roll(5) as usize];
        while text.len() < end {
            text.push_str(WORDS[roll(8) as usize]);
            text.push(' ');
            if tags > 0 && roll(5) == 0 {
                tags -= 1;
                text.push_str(&format!("#Topic{} ", roll(94_000)));
            }
        }
        for _ in 0..tags {
            text.push_str(&format!("#Late{} ", roll(94_000)));
        }
        match roll(60) {
            0 => text.push_str("https://t.co/AbCdEf123"),
            1 => text.push_str("#日本語 です"),
            2 => text.push_str("今日は#カフェ"),
            3 => text.push_str("Q&amp;A don&#39;t"),
            _ => text.push_str(WORDS[roll(8) as usize]),
        }
        text.push('\n');
    }
    text.into_bytes()
}

fn main() -> std::io::Result<()> {
    let mut block = match std::env::args_os().nth(1) {
        Some(file) => std::fs::read(file)?,
        None => generated(1_000_000),
    };
    let len = block.len();
    block.resize(len + PAD, 0);
    for rule in [Rule::Tags, Rule::Words] {
        let mut sum = Sum::default();
        let mut best = Vec::new();
        let mut lines = 0;
        for round in 0..ROUNDS {
            lines = one_round(&block, len, rule, &mut sum, &mut best);
            if round == 0 {
                println!("{rule:?}: {} plain tags, {} other tags", sum.tags, sum.other);
            }
        }
        black_box(sum.mix);
        let seconds: f64 = best.iter().sum();
        println!(
            "{rule:?}: {lines} lines of {} bytes, {:.1} ns/line, {:.1} M lines/s, {:.2} GB/s",
            len as u64 / lines,
            seconds * 1e9 / lines as f64,
            lines as f64 / seconds / 1e6,
            len as f64 / seconds / 1e9,
        );
    }
    Ok(())
}

/// Scans all in pieces of 256 KiB, cut at line ends, as a worker gets them; keeps the best time of
/// each piece, so that other work on the machine does not count. Gives back the lines.
fn one_round(block: &[u8], len: usize, rule: Rule, sum: &mut Sum, best: &mut Vec<f64>) -> u64 {
    let (mut from, mut lines, mut piece) = (0, 0, 0);
    while from < len {
        let to = (from + 256 * 1024).min(len);
        let to = memchr::memrchr(b'\n', &block[from..to]).map_or(to, |i| from + i + 1);
        let start = monotonic();
        let scanned = scan_lines(
            &block[from..],
            to - from,
            rule,
            &mut tagtide::extract::Extractor::default(),
            sum,
        );
        let seconds = start.elapsed().as_secs_f64();
        match best.get_mut(piece) {
            Some(best) => *best = seconds.min(*best),
            None => best.push(seconds),
        }
        lines += u64::from(scanned.lines);
        (from, piece) = (to, piece + 1);
    }
    lines
}

//! Measures the checkpoint on the disk of a directory: `cargo run --release --no-default-features
//! --example checkpoint_speed [DIR]`. It makes `DIR/checkpoint-speed` and leaves it empty.
//!
//! Figures: commits of 700 kB (mean, median, p99), a 200 MB snapshot in 64 pieces between commits,
//! and recovery from it, the files being in the page cache and the state doing nothing with them.

use std::path::Path;
use std::time::Duration;

use tagtide::checkpoint::{Checkpoint, Identity, Key, Restore, Section, SectionRef};
use tagtide::clock::monotonic;

const COMMIT_BYTES: usize = 700_000;
const COMMITS: u64 = 200;
const PIECES: usize = 64;
const PIECE_BYTES: usize = 3_125_000;

/// Counts what it is told.
#[derive(Default)]
struct Bytes(usize);

impl Restore for Bytes {
    fn begin(&mut self, _: &Key) {
        self.0 = 0;
    }

    fn piece(&mut self, sections: &[SectionRef<'_>]) -> Result<(), String> {
        self.0 += sections.iter().map(|section| section.body.len()).sum::<usize>();
        Ok(())
    }

    fn record(&mut self, _: u64, sections: &[SectionRef<'_>]) -> Result<(), String> {
        self.piece(sections)
    }
}

fn noise(bytes: usize) -> Section {
    let mut seed = 1_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    let body = (0..bytes).map(|_| next()).collect();
    Section { kind: 1, version: 1, required: false, body }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = monotonic();
    let done = work();
    (begun.elapsed(), done)
}

fn say(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let mean = times.iter().sum::<Duration>() / times.len() as u32;
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!("{what}: mean {mean:.1?}, median {:.1?}, p99 {:.1?}", at(50), at(99));
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "target".into());
    let dir = Path::new(&dir).join("checkpoint-speed");
    let identity = Identity { job: "speed".into(), parts: Vec::new() };
    let record = [noise(COMMIT_BYTES)];
    let (mut checkpoint, _) = Checkpoint::open(&dir, &identity, true, &mut Bytes::default())?;

    let mut times = Vec::new();
    for epoch in 1..=COMMITS {
        let (time, done) = timed(|| checkpoint.commit(epoch, &record));
        done?;
        times.push(time);
    }
    say("commit of 700 kB", times);

    let piece = [noise(PIECE_BYTES)];
    checkpoint.begin_snapshot(COMMITS)?;
    let (mut pieces, mut commits) = (Vec::new(), Vec::new());
    for (epoch, _) in (COMMITS + 1..).zip(0..PIECES) {
        let (time, done) = timed(|| checkpoint.snapshot_piece(&piece));
        done?;
        pieces.push(time);
        let (time, done) = timed(|| checkpoint.commit(epoch, &record));
        done?;
        commits.push(time);
    }
    say("snapshot piece of 3.1 MB", pieces);
    say("commit of 700 kB between pieces", commits);
    let (time, done) = timed(|| checkpoint.finish_snapshot(COMMITS + PIECES as u64));
    done?;
    println!("finish of the snapshot: {time:.1?}");
    drop(checkpoint);

    for _ in 0..3 {
        let mut bytes = Bytes::default();
        let (time, opened) = timed(|| Checkpoint::open(&dir, &identity, false, &mut bytes));
        let (_, recovery) = opened?;
        let rate = recovery.bytes as f64 / time.as_secs_f64() / 1e9;
        println!("recovery of {} bytes: {time:.1?}, {rate:.2} GB/s", recovery.bytes);
    }
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

//! Ten days of made-up posts: an ordinary background, bursts to be found, and bots not to be.

use super::shapes::Shape;
use crate::random::Random;

pub(super) const BIN_MS: i64 = 300_000;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const DAYS: i64 = 10;
/// A Monday at midnight.
pub(super) const START_MS: i64 = 1_767_571_200_000;
const HEAD: usize = 2_000;
const RARE: usize = 15_000;
const BURSTS: usize = 60;
const BOTS_OF_A_KIND: usize = 12;
/// Posts of one person about one tag.
const POSTS_EACH: f64 = 1.3;

/// Who may come back, and how many of ten posters are one of them.
const REGULARS: u64 = 200_000;
const REGULAR_OF_TEN: u64 = 7;

/// What a tag is, for the judge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Background,
    /// From when to when it is to be listed, milliseconds.
    Burst(i64, i64),
    /// Kind of bots, and when they begin.
    Bot(usize, i64),
}

/// How often a tag is posted.
enum Rhythm {
    /// Posts per hour; phase and amplitude of the day; hourly noise.
    Daily {
        rate: f64,
        zone: f64,
        amplitude: f64,
        noisy: bool,
    },
    /// Start, posts per hour at the peak, shape.
    Burst {
        start: i64,
        peak: f64,
        shape: Shape,
    },
    Bot {
        kind: usize,
        start: i64,
    },
}

/// One post with one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Post {
    pub(super) at: i64,
    pub(super) tag: u32,
    pub(super) author: u64,
}

pub(super) struct World {
    tags: Vec<Rhythm>,
    noise: Vec<f64>,
    random: Random,
    /// Some people come back; else everybody is new in every five minutes and to every tag.
    regulars: bool,
}

impl World {
    /// Everything follows from the seed; bursts have `real` shapes where there are some, and one
    /// in three is made up all the same. What is posted when does not depend on `regulars`.
    pub(super) fn new(seed: u64, real: &[Shape], bots: bool, regulars: bool) -> Self {
        let mut random = Random::new(seed);
        let mut tags = Vec::new();
        for rank in 1..=HEAD {
            let rate = 2000.0 / (rank as f64).powf(0.9);
            tags.push(daily(&mut random, rate, true));
        }
        for _ in 0..RARE {
            let rate = 10_f64.powf(random.between(-2.5, 0.0));
            tags.push(daily(&mut random, rate, false));
        }
        let hours = (DAYS * 24) as f64;
        for number in 0..BURSTS {
            let shape = if real.is_empty() || number % 3 == 0 {
                Shape::parametric(&mut random)
            } else {
                real[(random.bits() % real.len() as u64) as usize].clone()
            };
            let peak = 10_f64.powf(random.between(1.3, 3.3));
            // The burst itself begins after hour 30 and ends before the run does.
            let first = shape.burst.0 as f64;
            let length = (shape.burst.1 - shape.burst.0) as f64 + 1.0;
            let at = random.between(30.0, (hours - length).max(31.0));
            let start = START_MS + ((at - first) * HOUR_MS as f64) as i64;
            tags.push(Rhythm::Burst { start, peak, shape });
        }
        for kind in 0..3 * usize::from(bots) {
            for _ in 0..BOTS_OF_A_KIND {
                let at = random.between(26.0, hours - 2.0);
                tags.push(Rhythm::Bot { kind, start: START_MS + (at * HOUR_MS as f64) as i64 });
            }
        }
        Self { noise: vec![1.0; tags.len()], tags, random, regulars }
    }

    /// What each tag is.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        let kind = |rhythm: &Rhythm| match rhythm {
            Rhythm::Daily { .. } => Kind::Background,
            Rhythm::Burst { start, shape, .. } => Kind::Burst(
                start + shape.burst.0 as i64 * HOUR_MS,
                start + (shape.burst.1 as i64 + 1) * HOUR_MS,
            ),
            Rhythm::Bot { kind, start } => Kind::Bot(*kind, *start),
        };
        self.tags.iter().map(kind).collect()
    }

    /// The posts of the five minutes from `from` on, in order of time.
    pub(super) fn bin(&mut self, from: i64, posts: &mut Vec<Post>) {
        posts.clear();
        let Self { tags, noise, random, regulars } = self;
        for (number, rhythm) in tags.iter().enumerate() {
            let tag = number as u32;
            let rate = match rhythm {
                Rhythm::Bot { kind, start } => {
                    bots(*kind, *start, from, tag, posts);
                    continue;
                }
                Rhythm::Daily { rate, zone, amplitude, noisy } => {
                    if *noisy && from % HOUR_MS == 0 {
                        noise[number] = random.gamma8();
                    }
                    let hour = (from - START_MS) as f64 / HOUR_MS as f64 + zone;
                    let day = 1.0 + amplitude * (hour / 24.0 * std::f64::consts::TAU).sin();
                    rate * day * noise[number]
                }
                Rhythm::Burst { start, peak, shape } => {
                    let hour = (from - start).div_euclid(HOUR_MS);
                    let inside = usize::try_from(hour).ok().and_then(|h| shape.hours.get(h));
                    peak * inside.copied().unwrap_or(0.0).max(shape.floor())
                }
            };
            let people = random.poisson(rate * BIN_MS as f64 / HOUR_MS as f64 / POSTS_EACH);
            for _ in 0..people {
                let author = poster(random.bits(), *regulars);
                for _ in 0..random.geometric(POSTS_EACH) {
                    let at = from + random.between(0.0, BIN_MS as f64) as i64;
                    posts.push(Post { at, tag, author });
                }
            }
        }
        posts.sort_unstable();
    }
}

/// The poster that a number stands for.
fn poster(number: u64, regulars: bool) -> u64 {
    if regulars && number % 10 < REGULAR_OF_TEN {
        return Random::new(number / 10 % REGULARS).bits() | 1;
    }
    number | 1
}

fn daily(random: &mut Random, rate: f64, noisy: bool) -> Rhythm {
    let place = random.between(0.0, 1.0);
    let zone = match place {
        _ if place < 0.5 => 0.0,
        _ if place < 0.8 => 8.0,
        _ => 16.0,
    };
    Rhythm::Daily { rate, zone, amplitude: random.between(0.2, 0.8), noisy }
}

/// Accounts, posts of each and minutes of each kind of bots.
const BOT_KINDS: [(u64, u32, f64); 3] = [(1, 50, 15.0), (200, 1, 1.5), (30, 5, 30.0)];

fn bots(kind: usize, start: i64, from: i64, tag: u32, posts: &mut Vec<Post>) {
    let (accounts, each, minutes) = BOT_KINDS[kind];
    let length = minutes * 60_000.0;
    if from + BIN_MS <= start || from as f64 >= start as f64 + length {
        return;
    }
    // The same numbers in every bin of the event, of which each takes its own.
    let mut own = Random::new(u64::from(tag) << 20 | start as u64 & 0xf_ffff);
    for account in 0..accounts {
        for _ in 0..each {
            let at = start + own.between(0.0, length) as i64;
            if (from..from + BIN_MS).contains(&at) {
                posts.push(Post { at, tag, author: own_author(tag, account) });
            }
        }
    }
}

fn own_author(tag: u32, account: u64) -> u64 {
    Random::new(u64::from(tag) << 32 | account).bits() | 1
}

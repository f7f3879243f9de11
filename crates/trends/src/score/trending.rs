//! The baselines, peaks and scores of `trending` for one window.
//!
//! All state changes when event time passes a boundary, and only from closed panes, so the order of
//! posts within the lateness, the number of workers and the speed of a replay change nothing. Open
//! panes may be scored, but leave no trace.

use crate::score::baselines::{Columns, TagBaselines};
use crate::score::formula::{self, Pace};
use crate::score::tag_score::{Scale, Score};
use crate::store::dirty_set::DirtySet;
use crate::window::Ring;
use crate::window::authors::Span;
use crate::window::ring::fits_minutes;
use tagtide_simd::prefetch;

/// Windows scored together: a quarter, once and four times the given one.
pub const SCALES: usize = 3;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// How many tags ahead to prefetch.
const AHEAD: usize = 8;

/// Conditions on a tag that is listed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gates {
    /// Fewest posts in the window.
    pub min_count: u32,
    /// Fewest authors in it; posts without author are authors of their own.
    pub min_authors: u32,
}

impl Default for Gates {
    fn default() -> Self {
        Self { min_count: 5, min_authors: 3 }
    }
}

/// What [`Trending`] is made for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Conditions on a tag that is listed.
    pub gates: Gates,
    /// Note what changes, for a checkpoint.
    pub keep_delta: bool,
}

/// `trending` for one window.
#[derive(Debug)]
pub struct Trending {
    /// The window, milliseconds.
    pub window_ms: i64,
    /// Interval of the recorded peaks.
    pub slide_ms: i64,
    /// Gates of a listing.
    pub gates: Gates,
    /// Lengths of the three windows, and their places in the ring.
    windows: [(i64, usize); SCALES],
    pub(super) paces: [Pace; SCALES],
    pub(super) tags: Columns,
    /// Tags that peaked at the last slide, ascending.
    pub(super) peaks: Vec<u32>,
    /// Number of the last slide.
    pub(super) slide: i64,
    /// Posts from here on are complete; windows that begin earlier are not learned from.
    pub(super) whole_from: i64,
    /// Tags that changed since the last checkpoint record, a bit each.
    pub(super) changed: Option<DirtySet>,
    /// Tags of the current boundary.
    asked: Vec<u32>,
    /// Baselines may have changed for every tag since the last slide.
    ask_all: bool,
    /// Tags that might have been listed at the last slide, ascending.
    watched: Vec<u32>,
}

/// True if `trending` can rank a window: four panes to six hours; if the longest of the three
/// slides by minutes, panes must divide a minute or be whole minutes.
#[must_use]
pub fn can_ask(window_ms: i64, pane_ms: i64) -> bool {
    let by_minutes = 4 * window_ms > HOUR_MS;
    (4 * pane_ms..=6 * HOUR_MS).contains(&window_ms) && (!by_minutes || fits_minutes(pane_ms))
}

/// Interval of the recorded peaks: a sixtieth of the window, at least a pane.
#[must_use]
pub fn slide_ms(window_ms: i64, pane_ms: i64) -> i64 {
    (window_ms / 60 / pane_ms).max(1) * pane_ms
}

/// Lengths of the three windows for one of `window_ms`, in whole panes, beyond an hour in whole
/// minutes too.
#[must_use]
pub fn windows_ms(window_ms: i64, pane_ms: i64) -> [i64; SCALES] {
    let whole = |ms: i64| {
        let step = if ms > HOUR_MS { pane_ms.max(MINUTE_MS) } else { pane_ms };
        (ms + step - 1) / step * step
    };
    [whole((window_ms + 3) / 4), window_ms, whole(4 * window_ms)]
}

impl Trending {
    /// For a window of `window_ms` of `ring`, which must have the three windows.
    #[must_use]
    pub fn new(window_ms: i64, ring: &Ring, options: Options) -> Option<Self> {
        let lengths = windows_ms(window_ms, ring.pane_ms());
        let mut windows = [(0, 0); SCALES];
        for (window, ms) in windows.iter_mut().zip(lengths) {
            *window = (ms, ring.windows().iter().position(|window| window.ms == ms)?);
        }
        let half_life = formula::half_life_ms(window_ms);
        Some(Self {
            window_ms,
            slide_ms: slide_ms(window_ms, ring.pane_ms()),
            gates: options.gates,
            windows,
            paces: lengths.map(|ms| Pace::new(ms, half_life)),
            tags: Columns::default(),
            peaks: Vec::new(),
            slide: 0,
            whole_from: i64::MAX,
            changed: options.keep_delta.then(DirtySet::default),
            asked: Vec::new(),
            ask_all: true,
            watched: Vec::new(),
        })
    }

    /// Makes room for ids below `rows`.
    pub fn grow(&mut self, rows: usize) {
        self.tags.grow(rows);
        if let Some(changed) = &mut self.changed {
            changed.grow(self.tags.rows());
        }
    }

    /// Posts from `at` on are complete; windows that overlap a gap before are not learned from.
    pub fn whole_from(&mut self, at: i64) {
        self.whole_from = if self.whole_from == i64::MAX { at } else { self.whole_from.max(at) };
    }

    /// The first boundary after `at`, at which a slide or a window ends.
    #[must_use]
    pub fn next_boundary(&self, at: i64) -> i64 {
        let next = |ms: i64| (at.div_euclid(ms) + 1).saturating_mul(ms);
        let windows = self.windows.iter().map(|window| next(window.0));
        windows.min().unwrap_or(i64::MAX).min(next(self.slide_ms))
    }

    /// Windows of the ring whose authors are read at the boundary `at`, a bit each.
    #[must_use]
    pub fn asks_at(&self, at: i64) -> u64 {
        let slides = at % self.slide_ms == 0;
        let asked = self.windows.iter().filter(|(ms, _)| slides || at % ms == 0);
        asked.fold(0, |asked, (_, window)| asked | 1_u64 << window)
    }

    /// How many tags of windows that end at the boundary `at` are learned from.
    #[must_use]
    pub fn learns_at(&self, ring: &Ring, at: i64) -> u64 {
        let ends = self.windows.iter().filter(|(ms, _)| at % ms == 0);
        ends.map(|(_, window)| ring.windows()[*window].distinct).sum()
    }

    /// Event time has reached the boundary `at`, and every pane before it is closed: if a slide
    /// ends there, its peaks are recorded. Rankings follow, then [`Trending::learn`].
    pub fn slide(&mut self, ring: &Ring, rows: u32, at: i64) {
        if at % self.slide_ms == 0 {
            self.record_peaks(ring, rows, at);
        }
    }

    /// Windows that end at the boundary `at` are learned from: after scoring, as no window is in
    /// its own past.
    pub fn learn(&mut self, ring: &Ring, rows: u32, at: i64) {
        for scale in 0..SCALES {
            let (ms, window) = self.windows[scale];
            if at % ms != 0 || at - ms < self.whole_from {
                continue;
            }
            self.paces[scale].advance(1);
            self.ask_all = true;
            let span = ring.span(window);
            let mut ids = std::mem::take(&mut self.asked);
            ids.extend(ring.windows()[window].column().at_least(1, rows));
            for (number, &id) in ids.iter().enumerate() {
                ring.prefetch_authors(&ids, number, &span);
                if let Some(&soon) = ids.get(number + AHEAD) {
                    prefetch(self.tags.baselines[scale].at(soon));
                }
                let people = ring.people_in(id, &span);
                self.tags.baselines[scale].at_mut(id).learn(&self.paces[scale], people);
                self.mark(id);
            }
            ids.clear();
            self.asked = ids;
        }
    }

    /// Event time passes from `from` to `to` and no window holds anything any more.
    pub fn pass_idle(&mut self, from: i64, to: i64) {
        for (pace, (ms, _)) in self.paces.iter_mut().zip(self.windows) {
            let from = from.max(self.whole_from.saturating_add(ms - 1));
            let windows = to.div_euclid(ms) - from.div_euclid(ms);
            pace.advance(u32::try_from(windows.max(0)).unwrap_or(u32::MAX));
        }
        self.slide = to.div_euclid(self.slide_ms);
        self.peaks.clear();
        self.ask_all = true;
    }

    /// Records the peaks of a slide.
    fn record_peaks(&mut self, ring: &Ring, rows: u32, at: i64) {
        self.slide = at.div_euclid(self.slide_ms);
        self.peaks.clear();
        let spans = self.windows.map(|(_, window)| ring.span(window));
        let mut ids = std::mem::take(&mut self.asked);
        self.candidates(ring, rows, at, &mut ids);
        self.watched.clear();
        for (number, &id) in ids.iter().enumerate() {
            if let Some(&soon) = ids.get(number + AHEAD) {
                self.tags.prefetch(soon);
            }
            // Tags below the limit of a listing have no peak, which is higher.
            if !self.may_reach(ring, id, formula::LISTED) {
                continue;
            }
            self.watched.push(id);
            let Some(score) = self.risen(ring, &spans, id) else { continue };
            if score >= formula::PEAK {
                self.peaks.push(id);
            }
            *self.tags.held.at_mut(id) = (score as f32, self.slide as u32);
            self.mark(id);
        }
        ids.clear();
        self.asked = ids;
    }

    /// Tags that may be listed at the boundary `at`: those that could be at the last one, and those
    /// with posts since; all tags if baselines have changed.
    fn candidates(&mut self, ring: &Ring, rows: u32, at: i64, ids: &mut Vec<u32>) {
        let counts = ring.windows()[self.windows[1].1].column();
        let least = self.gates.min_count;
        if std::mem::take(&mut self.ask_all) {
            ids.extend(counts.at_least(least, rows));
            return;
        }
        let passes = |id: &u32| counts.get(*id) >= least;
        for pairs in ring.closed_since(at - self.slide_ms) {
            ids.extend(pairs.iter().map(|pair| pair.0).filter(passes));
        }
        ids.extend(self.watched.iter().copied().filter(passes));
        // A few sorted runs.
        ids.sort();
        ids.dedup();
    }

    /// The score of a tag if it is higher than the last peak, and might be listed.
    fn risen(&self, ring: &Ring, spans: &[Span; SCALES], id: u32) -> Option<f64> {
        let held = self.held(id);
        let (mut z, learned) = self.distances(ring, id);
        let score = |z: [f64; SCALES]| z.iter().sum::<f64>() / learned;
        if score(z) < formula::LISTED {
            return None;
        }
        for (scale, span) in spans.iter().enumerate() {
            // Rules only reduce the score, and are expensive.
            if score(z) <= held {
                return None;
            }
            let pace = &self.paces[scale];
            if pace.has_learned() {
                let past = self.tags.baselines[scale].at(id).at(pace, pace.windows());
                z[scale] = formula::surprise(ring.people_in(id, span), past);
            }
        }
        Some(score(z)).filter(|score| *score > held)
    }

    /// False if the score of a tag is certainly lower, even without noise in its past: the cheapest
    /// check, which rejects nearly all.
    fn may_reach(&self, ring: &Ring, id: u32, least: f64) -> bool {
        let (mut sum, mut learned) = (0.0, 0.0);
        for (scale, pace) in self.paces.iter().enumerate().filter(|(_, pace)| pace.has_learned()) {
            let y = formula::transform(ring.authors(id, self.windows[scale].1));
            sum += (y - self.tags.baselines[scale].at(id).mean(pace)).max(0.0);
            learned += 1.0;
        }
        learned > 0.0 && sum / learned >= least
    }

    /// The distance of a tag in each window that has learned, 0 in others, as if all authors were
    /// people under the rules; and how many windows have learned.
    fn distances(&self, ring: &Ring, id: u32) -> ([f64; SCALES], f64) {
        let (mut z, mut learned) = ([0.0; SCALES], 0.0);
        for (scale, pace) in self.paces.iter().enumerate().filter(|(_, pace)| pace.has_learned()) {
            let past = self.tags.baselines[scale].at(id).at(pace, pace.windows());
            z[scale] = formula::surprise(ring.authors(id, self.windows[scale].1), past);
            learned += 1.0;
        }
        (z, learned)
    }

    fn mark(&mut self, id: u32) {
        if let Some(changed) = &mut self.changed {
            changed.mark(id);
        }
    }

    /// The last peak of a tag, decayed to the last slide.
    fn held(&self, id: u32) -> f64 {
        let (held, held_at) = self.tags.held.get(id);
        let slides = (self.slide as u32).wrapping_sub(held_at);
        formula::held(f64::from(held), i64::from(slides) * self.slide_ms, self.window_ms)
    }

    /// The score of a tag that peaked at the last slide, whatever its height.
    #[must_use]
    pub fn peaked(&self, id: u32) -> Option<f64> {
        if id as usize >= self.tags.rows() {
            return None;
        }
        let (held, held_at) = self.tags.held.get(id);
        let now = held > 0.0 && held_at == self.slide as u32;
        now.then(|| f64::from(held))
    }

    /// An upper bound of the score of a tag: as if all authors were people under the rules, which
    /// are not applied.
    #[must_use]
    pub fn glance(&self, ring: &Ring, id: u32) -> Option<f64> {
        let (z, learned) = self.distances(ring, id);
        (learned > 0.0).then(|| z.iter().sum::<f64>() / learned)
    }

    /// How unusual a tag is, with all that it follows from.
    #[must_use]
    pub fn score(&self, ring: &Ring, id: u32) -> Score {
        let mut scales = [Scale::default(); SCALES];
        let (mut sum, mut learned) = (0.0, 0.0);
        for (number, scale) in scales.iter_mut().enumerate() {
            let (window_ms, window) = self.windows[number];
            let pace = &self.paces[number];
            let crowd = ring.tag_authors(id, window);
            let (mu, nu) = self.tags.baselines[number].at(id).at(pace, pace.windows());
            *scale = Scale {
                window_ms,
                learned: pace.has_learned(),
                authors: crowd.authors,
                people: crowd.people,
                posts: ring.windows()[window].count(id),
                y: formula::transform(crowd.people),
                mu,
                nu,
                z: formula::surprise(crowd.people, (mu, nu)),
            };
            if scale.learned {
                sum += scale.z;
                learned += 1.0;
            }
        }
        let score = (learned > 0.0).then(|| sum / learned);
        let held = self.held(id);
        let expected = formula::expected((scales[1].mu, scales[1].nu));
        Score {
            scales,
            score,
            held,
            expected,
            lift: formula::lift(scales[1].people, expected),
            peak: self.peaks.binary_search(&id).is_ok()
                || score.is_some_and(|score| score > held && score >= formula::PEAK),
        }
    }

    /// How many of the shortest windows have been learned, if that is not enough yet.
    #[must_use]
    pub fn learning(&self) -> Option<u32> {
        let most = self.paces.iter().map(Pace::windows).max().unwrap_or(0);
        (most < formula::LEARNED).then_some(most)
    }

    /// The place in the ring of the window asked for.
    #[must_use]
    pub fn asked(&self) -> usize {
        self.windows[1].1
    }

    /// Forgets a tag.
    pub fn forget(&mut self, id: u32) {
        self.tags.set(id, TagBaselines::default());
        self.peaks.retain(|&peak| peak != id);
        self.mark(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Shape;

    /// One tag, five posts in each pane of a second, for twenty seconds.
    fn windows_learned(gap_until: Option<i64>) -> [u32; SCALES] {
        let shape = Shape {
            pane_ms: 1000,
            windows_ms: vec![1000, 4000, 16_000],
            people: None,
            decay_ms: None,
        };
        let mut ring = Ring::new(&shape, false);
        ring.grow(1);
        let options = Options::default();
        let mut trending = Trending::new(4000, &ring, options).expect("its windows are there");
        trending.grow(1);
        trending.whole_from(0);
        if let Some(at) = gap_until {
            trending.whole_from(at);
        }
        for second in 0..20 {
            ring.add(second * 1000, 5, 5, &[0; 5], None);
            ring.close_to((second + 1) * 1000);
            trending.learn(&ring, 1, (second + 1) * 1000);
        }
        trending.paces.each_ref().map(Pace::windows)
    }

    #[test]
    fn a_window_that_overlaps_a_gap_teaches_nothing() {
        assert_eq!(windows_learned(None), [20, 5, 1]);
        assert_eq!(windows_learned(Some(5000)), [15, 3, 0], "from the fifth second on");
    }
}

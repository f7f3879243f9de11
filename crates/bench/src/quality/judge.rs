//! Judges rankings against what was planted.

use std::collections::HashMap;

use super::world::{HOUR_MS, Kind, START_MS};
use super::{JUDGED_MS, TOP};

/// How well the rankings of one score are.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    precision: f64,
    bot_rows: f64,
    turnover: f64,
    delay: [f64; 2],
    never: f64,
    bot_minutes: [f64; 3],
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [a, b, c] = self.bot_minutes;
        write!(
            f,
            " {:.3}   {:5.2} %      {:4.2}   {:6.1} {:6.1}  never {:4.1}  {a:5.0} {b:5.0} {c:5.0}",
            self.precision,
            100.0 * self.bot_rows,
            self.turnover,
            self.delay[0],
            self.delay[1],
            self.never,
        )
    }
}

impl Verdict {
    /// The mean of all.
    pub(super) fn mean(all: &[Self]) -> Self {
        let n = all.len().max(1) as f64;
        let mean = |of: &dyn Fn(&Self) -> f64| all.iter().map(of).sum::<f64>() / n;
        Self {
            precision: mean(&|v| v.precision),
            bot_rows: mean(&|v| v.bot_rows),
            turnover: mean(&|v| v.turnover),
            delay: [mean(&|v| v.delay[0]), mean(&|v| v.delay[1])],
            never: mean(&|v| v.never),
            bot_minutes: [0, 1, 2].map(|kind| mean(&|v| v.bot_minutes[kind])),
        }
    }
}

/// Judges the rankings of one score.
#[derive(Default)]
pub(super) struct Judge {
    precision: Vec<f64>,
    rows: usize,
    bot_rows: usize,
    bot_minutes: [f64; 3],
    turnover: Vec<f64>,
    before: Vec<u32>,
    listed: HashMap<u32, i64>,
}

impl Judge {
    /// Judges a ranking at event time `at`: numbers of its tags, best first.
    pub(super) fn look(&mut self, kinds: &[Kind], at: i64, tags: Vec<u32>) {
        if at < START_MS + 24 * HOUR_MS {
            return;
        }
        // A burst that begins or ends at this very moment is neither.
        let burst =
            |kind: &Kind| matches!(kind, Kind::Burst(from, to) if (*from..*to).contains(&at));
        let active = kinds.iter().filter(|kind| burst(kind)).count();
        let hits = tags.iter().filter(|&&tag| burst(&kinds[tag as usize])).count();
        if active > 0 {
            self.precision.push(hits as f64 / active.min(TOP) as f64);
        }
        for &tag in &tags {
            self.listed.entry(tag).or_insert(at);
            if let Kind::Bot(kind, _) = kinds[tag as usize] {
                self.bot_rows += 1;
                self.bot_minutes[kind] += JUDGED_MS as f64 / 60_000.0;
            }
        }
        self.rows += tags.len();
        if !self.before.is_empty() {
            let new = tags.iter().filter(|tag| !self.before.contains(tag)).count();
            self.turnover.push(new as f64);
        }
        self.before = tags;
    }

    /// What it has seen.
    pub(super) fn verdict(&self, kinds: &[Kind]) -> Verdict {
        let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len().max(1) as f64;
        let (mut delays, mut never, mut events) = (Vec::new(), 0.0, [0.0; 3]);
        for (tag, kind) in (0..).zip(kinds) {
            match kind {
                Kind::Burst(from, _) => match self.listed.get(&tag) {
                    Some(at) => delays.push((at - from).max(0) as f64 / 60_000.0),
                    None => never += 1.0,
                },
                Kind::Bot(kind, _) => events[*kind] += 1.0,
                Kind::Background => {}
            }
        }
        delays.sort_by(f64::total_cmp);
        let quantile = |q: f64| delays.get((delays.len() as f64 * q) as usize).copied();
        Verdict {
            precision: mean(&self.precision),
            bot_rows: self.bot_rows as f64 / self.rows.max(1) as f64,
            turnover: mean(&self.turnover),
            delay: [0.5, 0.75].map(|q| quantile(q).unwrap_or(f64::NAN)),
            never,
            bot_minutes: [0, 1, 2].map(|kind| self.bot_minutes[kind] / f64::max(events[kind], 1.0)),
        }
    }
}

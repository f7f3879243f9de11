//! How a burst rises and falls, hour by hour.

use crate::random::Random;

/// Hours of a shape, and the hour of its peak.
const HOURS: usize = 96;
const PEAK: usize = 42;

/// Rates hour by hour; the largest is 1.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) hours: Vec<f64>,
    /// First and last hour in which it is a burst.
    pub(super) burst: (usize, usize),
}

impl Shape {
    /// From rates of any size; `None` where all are zero.
    pub(super) fn new(mut hours: Vec<f64>) -> Option<Self> {
        let top = hours.iter().copied().fold(0.0, f64::max);
        if top <= 0.0 {
            return None;
        }
        hours.iter_mut().for_each(|rate| *rate /= top);
        let peak = hours.iter().position(|rate| *rate >= 1.0)?;
        let first = hours[..peak].iter().position(|rate| *rate > 0.3).unwrap_or(peak);
        let last = hours.iter().rposition(|rate| *rate > 0.5).unwrap_or(peak).max(peak);
        Some(Self { hours, burst: (first, last) })
    }

    /// One of the four made-up kinds.
    pub(super) fn parametric(random: &mut Random) -> Self {
        let kind = (random.between(0.0, 4.0) as u32).min(3);
        let (a, b) = (random.between(2.0, 8.0), random.between(2.0, 6.0));
        let (length, gap) = (random.between(4.0, 12.0), random.between(5.0, 10.0));
        let rate = |hour: usize| {
            let h = hour as f64 - PEAK as f64;
            let fall = |h: f64, half: f64| if h < 0.0 { 0.0 } else { (-h / half).exp2() };
            match kind {
                0 => fall(h, a),
                1 if h < 0.0 => (h / b).exp(),
                1 => fall(h, 2.0),
                2 => f64::from(h >= 0.0 && h < length),
                _ => fall(h, 2.0).max(0.8 * fall(h - gap.round(), 2.0)),
            }
        };
        Self::new((0..HOURS).map(rate).collect()).expect("every kind has a peak")
    }

    /// The rate below which a tenth of the hours lies: what the tag has outside its burst.
    pub(super) fn floor(&self) -> f64 {
        let mut sorted = self.hours.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 10]
    }
}

//! What sources could not bring: held once, kept in the checkpoint, shown in the status.

use std::collections::VecDeque;

use tagtide_posts::post::Gap;
use tagtide_trends::status::SourceStatus;

/// Gaps of a source that are listed one by one; older ones are only in its sums.
const KEPT: usize = 32;

/// Gaps of one source.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct OfSource {
    gaps: u64,
    missed: u64,
    last: VecDeque<Gap>,
}

/// Gaps of all sources.
#[derive(Debug)]
pub(crate) struct Gaps {
    of: Vec<OfSource>,
    /// Since the last checkpoint record.
    changed: bool,
}

impl Gaps {
    /// None yet, of so many sources.
    pub(crate) fn new(sources: usize) -> Self {
        Self { of: vec![OfSource::default(); sources], changed: false }
    }

    /// Takes over what a checkpoint holds.
    pub(crate) fn read(&mut self, body: &[u8]) -> serde_json::Result<()> {
        let held: Vec<OfSource> = serde_json::from_slice(body)?;
        for (mine, held) in self.of.iter_mut().zip(held) {
            *mine = held;
        }
        Ok(())
    }

    /// Notes a gap of the source of that number and name, and says so.
    pub(crate) fn add(&mut self, source: usize, gap: &Gap, name: &str) {
        let Gap { from, to, reason, missed } = gap;
        let seconds = (to - from).max(0) as f64 / 1e3;
        tracing::warn!(
            "source `{name}` has a gap of {seconds:.1} s, about {missed} posts: {reason}"
        );
        let mine = &mut self.of[source];
        mine.gaps += 1;
        mine.missed = mine.missed.saturating_add(*missed);
        if mine.last.len() == KEPT {
            mine.last.pop_front();
        }
        mine.last.push_back(gap.clone());
        self.changed = true;
    }

    /// What the checkpoint keeps, where that has changed.
    pub(crate) fn take_changed(&mut self) -> Option<Vec<u8>> {
        std::mem::take(&mut self.changed).then(|| self.to_bytes())
    }

    /// What the checkpoint keeps.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.of).expect("numbers and strings are JSON")
    }

    /// Fills in what the status shows.
    pub(crate) fn show(&self, source: usize, status: &mut SourceStatus) {
        let mine = &self.of[source];
        (status.gaps, status.missed) = (mine.gaps, mine.missed);
        status.last_gap = mine.last.back().cloned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_kept_and_shown() {
        let mut gaps = Gaps::new(2);
        assert_eq!(gaps.take_changed(), None);
        for at in 0..40 {
            let gap = Gap { from: at, to: at + 5, reason: "lost".into(), missed: 3 };
            gaps.add(1, &gap, "a");
        }
        let kept = gaps.take_changed().expect("it has changed");
        assert_eq!(gaps.take_changed(), None, "only once");
        let mut again = Gaps::new(2);
        again.read(&kept).expect("it can be read");
        let mut status = SourceStatus::default();
        again.show(1, &mut status);
        let last = status.last_gap.as_ref().map(|gap| gap.from);
        assert_eq!((status.gaps, status.missed, last), (40, 120, Some(39)));
        again.show(0, &mut status);
        assert_eq!((status.gaps, status.last_gap), (0, None));
        assert!(again.read(b"{").is_err());
    }
}

//! The rules that make authors people: how many of the authors of a tag count in a window.
//!
//! Each rule takes figures of one tag in one window and returns how many people it allows; the
//! least of them counts.

/// So few people are never too many at once.
pub(super) const FEW: f64 = 3.0;

/// `s` people of whom `t` came in the three busiest minutes, as far as they are people: two hundred
/// accounts that come within three minutes count as three.
pub(super) fn spread(s: f64, t: f64) -> f64 {
    s.min(FEW + 3.0 * (s - t))
}

/// AuthorCounts, as far as they do not repeat themselves: fewer than a hundred who post more than twice
/// each count less, down to nothing at three posts each.
pub(super) fn repeat(people: f64, posts: f64) -> f64 {
    let each = if people > 0.0 { posts / people } else { 0.0 };
    if each > 2.0 && people < 100.0 { people * (3.0 - each).clamp(0.0, 1.0) } else { people }
}

/// AuthorCounts of whom `known` had posted before they came to the tag, where `share` of all who come to
/// a tag have: as many as that would be an ordinary part of.
pub(super) fn known(people: f64, known: f64, share: f64) -> f64 {
    if share > 0.0 { people.min(known / share) } else { people }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, by: f64) {
        assert!((a - b).abs() <= by, "{a} is not {b}");
    }

    #[test]
    fn a_crowd_in_three_minutes_is_no_crowd() {
        let by_minute = |minutes: &[u32]| {
            let mut sorted = minutes.to_vec();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            let s: u32 = sorted.iter().sum();
            let t: u32 = sorted.iter().take(3).sum();
            spread(f64::from(s), f64::from(t))
        };
        near(by_minute(&[134, 66]), 3.0, 0.0);
        near(by_minute(&[7, 7, 7, 7]), 24.0, 0.0);
        near(by_minute(&[1, 1, 1, 1, 1]), 5.0, 0.0);
        near(by_minute(&[2; 15]), 30.0, 0.0);
        near(by_minute(&[67, 67, 66, 1, 1, 1]), 12.0, 0.0);
    }

    #[test]
    fn those_who_repeat_themselves_count_less() {
        near(repeat(40.0, 52.0), 40.0, 0.0);
        near(repeat(30.0, 75.0), 15.0, 0.0);
        near(repeat(30.0, 90.0), 0.0, 0.0);
        near(repeat(100.0, 900.0), 100.0, 0.0);
    }

    #[test]
    fn those_whom_nobody_has_seen_before_count_as_far_as_is_usual() {
        near(known(40.0, 28.0, 0.7), 40.0, 1e-12);
        near(known(40.0, 36.0, 0.7), 40.0, 0.0);
        near(known(40.0, 14.0, 0.7), 20.0, 1e-12);
        near(known(200.0, 0.0, 0.7), 0.0, 0.0);
        near(known(200.0, 0.0, 0.0), 200.0, 0.0);
    }
}

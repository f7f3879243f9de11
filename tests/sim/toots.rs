//! What happens on a made-up Mastodon, as a list of events, and what is left of it at the end.

use std::collections::BTreeMap;

use crate::world::{Chance, tags};

/// One event.
#[derive(Clone, Debug)]
pub(crate) enum Toot {
    New(Vec<String>),
    /// Of the post that this event made.
    Edit(usize, Vec<String>),
    Gone(usize),
}

/// Tags of a post, and the event that edited it last.
pub(crate) type Version<'a> = (&'a [String], Option<usize>);

/// Everything that happens, on any instance.
pub(crate) struct Toots {
    pub(crate) events: Vec<Toot>,
    pub(crate) start_ms: u64,
    pub(crate) step_ms: u64,
}

impl Toots {
    /// `count` events `step_ms` apart, the last of them a second old: mostly new posts, where
    /// `changes` is set some edits and deletes.
    pub(crate) fn new(seed: u64, count: usize, step_ms: u64, changes: bool) -> Self {
        let now = tagtide_posts::clock::Clock::System.now().0.cast_unsigned();
        let start_ms = now - 1_000 - count as u64 * step_ms;
        let mut chance = Chance(seed);
        let (mut events, mut there) = (Vec::with_capacity(count), Vec::new());
        for n in 0..count {
            let old = there
                .len()
                .checked_sub(1)
                .map(|last: usize| last - chance.below(200.min(last as u64 + 1)) as usize);
            let event = match (chance.below(100), old) {
                (0..=4, Some(old)) if changes => Toot::Gone(there.swap_remove(old)),
                (5..=9, Some(old)) if changes => Toot::Edit(there[old], tags(&mut chance)),
                _ => {
                    there.push(n);
                    Toot::New(tags(&mut chance))
                }
            };
            events.push(event);
        }
        Self { events, start_ms, step_ms }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn time_ms(&self, n: usize) -> u64 {
        self.start_ms + n as u64 * self.step_ms
    }

    /// Tags of each post that is left of the events that `came`.
    pub(crate) fn left(&self, came: impl Fn(usize) -> bool) -> BTreeMap<usize, Version<'_>> {
        let mut there: BTreeMap<usize, Version<'_>> = BTreeMap::new();
        for (n, event) in self.events.iter().enumerate().filter(|(n, _)| came(*n)) {
            match event {
                Toot::New(tags) => drop(there.insert(n, (tags.as_slice(), None))),
                Toot::Edit(of, tags) => drop(there.insert(*of, (tags.as_slice(), Some(n)))),
                Toot::Gone(of) => drop(there.remove(of)),
            }
        }
        there
    }

    pub(crate) fn posts_left(&self, came: impl Fn(usize) -> bool) -> u64 {
        self.left(came).len() as u64
    }

    /// All-time counts of tags of the events that `came`, in the plainest way there is.
    pub(crate) fn totals_of(&self, came: impl Fn(usize) -> bool) -> BTreeMap<String, u64> {
        let mut totals = BTreeMap::new();
        for tag in self.left(came).into_values().flat_map(|(tags, _)| tags) {
            *totals.entry(tag.clone()).or_default() += 1;
        }
        totals
    }
}

//! The made-up world: post n, as a pure function of the plan.
//!
//! Nothing here depends on which posts were made before, so any post can be made at once, by any
//! thread, in any order.

use super::people::Account;
use super::prng::Rng;
use super::text::Draft;
use super::trends::Scene;
use super::{Line, x1};

/// A retweet is of one of this many posts before it.
const RETWEET_REACH: u32 = 5_000;
/// Tells the numbers of a text from those of its head.
const BODY: u64 = 0x626f_6479;

/// What the posts follow from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Laws {
    pub(super) seed: u64,
    /// Distinct ordinary tags, at least 1.
    pub(super) tags: u32,
    /// Event time of post 0, Unix ms.
    pub(super) start_ms: i64,
    /// Posts per 1,000 s of event time, at least 1.
    pub(super) per_1000_s: u64,
    pub(super) line: Line,
}

impl Laws {
    /// Milliseconds from post 0 to post `n`, rounded down.
    pub(super) fn age_ms(&self, n: u64) -> i64 {
        let scaled = match n.checked_mul(1_000_000) {
            Some(scaled) => scaled / self.per_1000_s,
            None => {
                let exact = u128::from(n) * 1_000_000 / u128::from(self.per_1000_s);
                u64::try_from(exact).unwrap_or(u64::MAX)
            }
        };
        i64::try_from(scaled).unwrap_or(i64::MAX)
    }

    /// Event time of post `n`, Unix ms.
    pub(super) fn time_ms(&self, n: u64) -> i64 {
        self.start_ms.saturating_add(self.age_ms(n))
    }

    /// How many posts have an event time of at most `now_ms`.
    pub(super) fn due(&self, now_ms: i64) -> u64 {
        let Ok(age) = u64::try_from(now_ms.saturating_sub(self.start_ms)) else { return 0 };
        // Post n is due when n * 1,000,000 < (age + 1) * rate.
        let span = (u128::from(age) + 1) * u128::from(self.per_1000_s);
        u64::try_from(span.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// The author, and of a retweet the original one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) account: Account,
    bot: Option<usize>,
    retweet: bool,
}

/// Makes posts; holds buffers and what was last worked out, and nothing that matters.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) laws: Laws,
    scene: Scene,
    /// The scene that retweeted posts were made in.
    past: Scene,
    pub(super) draft: Draft,
}

impl World {
    pub(super) fn new(laws: Laws) -> Self {
        let scene = Scene::new(laws.seed);
        Self { laws, past: scene.clone(), scene, draft: Draft::default() }
    }

    /// Appends post `n` as one line.
    pub(super) fn write(&mut self, n: u64, out: &mut Vec<u8>) {
        match self.laws.line {
            Line::Text | Line::TextPlus => {
                let author = self.write_draft(n).0;
                if self.laws.line == Line::Text {
                    self.draft.write_line(out);
                } else {
                    self.draft.write_line_plus(author, self.laws.time_ms(n), out);
                }
            }
            Line::X1 => x1::write(self, n, out),
        }
    }

    /// Makes the whole text of post `n` in `draft`; returns who posts it and, of a retweet, which
    /// post it repeats and whose.
    pub(super) fn write_draft(&mut self, n: u64) -> (Account, Option<(u64, Account)>) {
        self.scene.turn_to(self.laws.seed, self.laws.age_ms(n) / 1000);
        let head = head(&self.laws, &self.scene, n);
        self.draft.clear();
        if let Some((of, original)) = self.original(n, head) {
            self.draft.push_retweet_of(original.account);
            self.push_body(of, original, true);
            return (head.account, Some((of, original.account)));
        }
        self.push_body(n, head, false);
        (head.account, None)
    }

    /// The post that post `n` repeats, if it is a retweet: never a retweet or a bot's.
    fn original(&mut self, n: u64, head: Head) -> Option<(u64, Head)> {
        let reach = u32::try_from(n).unwrap_or(u32::MAX).min(RETWEET_REACH);
        if !head.retweet || reach == 0 {
            return None;
        }
        let back = Rng::new(self.laws.seed ^ BODY, n).below(reach);
        let mut of = n - 1 - u64::from(back);
        loop {
            self.past.turn_to(self.laws.seed, self.laws.age_ms(of) / 1000);
            let head = self::head(&self.laws, &self.past, of);
            if !head.retweet && head.bot.is_none() {
                return Some((of, head));
            }
            of = of.checked_sub(1)?;
        }
    }

    fn push_body(&mut self, n: u64, head: Head, past: bool) {
        if let Some(bot) = head.bot {
            self.draft.push_bot(bot);
            return;
        }
        let mut rng = Rng::new(self.laws.seed ^ BODY, n);
        let scene = if past { &self.past } else { &self.scene };
        self.draft.push_person(&mut rng, scene, self.laws.tags);
    }
}

fn head(laws: &Laws, scene: &Scene, n: u64) -> Head {
    let mut rng = Rng::new(laws.seed, n);
    if let Some(bot) = scene.bot(rng.below(65_536)) {
        return Head { account: Account::bot(bot), bot: Some(bot), retweet: false };
    }
    Head { retweet: rng.chance(220), account: Account::draw(&mut rng), bot: None }
}

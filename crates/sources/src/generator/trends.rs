//! What happens in the made-up world: topics that rise and fall over event time, and bots.
//!
//! A pure function of the seed and the time since the first post, in whole seconds; no floats.

use super::lexicon::{AR, DE, EN, ES, FR, HI, ID, JA, KO, PT, RU, TH, TR, ZH};
use super::prng::mix;

/// Topics, in the order in which they come; once all have been there they come again, numbered.
const TOPICS: &[(&str, usize)] = &[
    ("eclipse2026", EN),
    ("GoalOfTheCentury", EN),
    ("地震", JA),
    ("blackout", EN),
    ("ElClásico", ES),
    ("MarsLanding", EN),
    ("выборы", RU),
    ("TransferDay", EN),
    ("เลือกตั้ง", TH),
    ("AlbumDrop", EN),
    ("carnaval2027", PT),
    ("StormWatch", EN),
    ("컴백", KO),
    ("RocketLaunch", EN),
    ("القمر", AR),
    ("grève", FR),
    ("FinalEpisode", EN),
    ("दिवाली", HI),
    ("derbi", TR),
    ("bridgeclosed", EN),
    ("Hochwasser", DE),
    ("NobelPrize", EN),
    ("新年快乐", ZH),
    ("timnas", ID),
    ("PenguinEscape", EN),
    ("台風", JA),
    ("openingnight", EN),
    ("MondaySale", EN),
    ("gol", PT),
    ("whalesighting", EN),
    ("metro_delay", EN),
    ("オリンピック", JA),
];

/// A new topic comes this often, give or take as much.
const SLOT_S: i64 = 50;
/// Slots that may still be running beside the newest.
const SLOTS_BACK: i64 = 9;
/// Shortest topic; the longest is two and a half times that.
const LASTS_S: u64 = 180;

/// Accounts that repeat one post, in phases of ten minutes.
pub(super) const BOTS: &[(&str, &str)] = &[
    ("freecoins", "Get rich while you sleep with #FreeCoins now! https://t.co/aaaaaaaaaa"),
    ("winaphone", "Win a phone today #giveaway #WinAPhone https://t.co/bbbbbbbbbb"),
    ("votekevin", "#VoteKevin #VoteKevin #VoteKevin"),
    ("cryptosignal", "🚀🚀🚀 #CryptoSignal 100% sure &amp; safe https://t.co/cccccccccc"),
];
const BOT_PHASE_S: i64 = 600;
/// Of 65,536 posts, those of one bot in its phase.
const BOT_SHARE: u32 = 330;

/// True for a tag that is planted: a topic or a bot's.
#[cfg(test)]
pub(super) fn is_planted(tag: &str) -> bool {
    let tag = tag.to_lowercase();
    TOPICS.iter().any(|(topic, _)| topic.to_lowercase() == tag)
        || BOTS.iter().any(|(name, _)| *name == tag)
}

/// A topic that is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Topic {
    name: &'static str,
    /// Its language.
    pub(super) lang: usize,
    /// How often it was there before.
    cycle: i64,
    /// Of 65,536 posts, those about this topic or one before it in the scene.
    up_to: u32,
}

impl Topic {
    /// Writes its tag.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.name.as_bytes());
        if self.cycle > 0 {
            push_number(out, self.cycle.unsigned_abs() + 1);
        }
    }
}

/// What is on in one second.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    second: i64,
    topics: Vec<Topic>,
    bots: Vec<usize>,
}

impl Scene {
    /// The scene of the first second.
    pub(super) fn new(seed: u64) -> Self {
        let mut scene = Self { second: i64::MIN, topics: Vec::new(), bots: Vec::new() };
        scene.turn_to(seed, 0);
        scene
    }

    /// Makes it the scene of `second` since the first post.
    pub(super) fn turn_to(&mut self, seed: u64, second: i64) {
        if self.second == second {
            return;
        }
        self.second = second;
        self.topics.clear();
        let newest = second.div_euclid(SLOT_S);
        let mut up_to = 0;
        for slot in newest - SLOTS_BACK..=newest {
            let bits = mix(seed ^ mix(slot.cast_unsigned()));
            let begin = slot * SLOT_S + (bits % SLOT_S.unsigned_abs()).cast_signed();
            let lasts = (LASTS_S + (bits >> 8) % (LASTS_S * 3 / 2)).cast_signed();
            // 1.5 % to 14 % of all posts at its peak: most stay small, some lead for a while.
            let size = ((bits >> 24) % 256).cast_signed();
            let peak = 1_000 + 8_200 * size * size / 65_536;
            let (age, rise) = (second - begin, lasts / 5);
            if !(0..lasts).contains(&age) {
                continue;
            }
            let share =
                if age < rise { peak * age / rise } else { peak * (lasts - age) / (lasts - rise) };
            up_to += u32::try_from(share).unwrap_or(0);
            let turn = slot + SLOTS_BACK + 1 + (seed % 32).cast_signed();
            let count = TOPICS.len().cast_signed() as i64;
            let (name, lang) = TOPICS[usize::try_from(turn.rem_euclid(count)).unwrap_or(0)];
            let cycle = turn.div_euclid(count);
            self.topics.push(Topic { name, lang, cycle, up_to });
        }
        let phase = second.div_euclid(BOT_PHASE_S).cast_unsigned();
        let on = |bot: &usize| mix(seed ^ mix(phase ^ ((*bot as u64 + 1) << 48))) & 1 == 1;
        self.bots = (0..BOTS.len()).filter(on).collect();
    }

    /// The topic of a post that drew `draw` of 65,536, if it has one.
    pub(super) fn topic(&self, draw: u32) -> Option<Topic> {
        self.topics.iter().find(|topic| draw < topic.up_to).copied()
    }

    /// The bot that posts on `draw` of 65,536, if one does.
    pub(super) fn bot(&self, draw: u32) -> Option<usize> {
        self.bots.get((draw / BOT_SHARE) as usize).copied()
    }
}

/// Writes a number in decimal.
pub(super) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_rise_and_fall() {
        let mut scene = Scene::new(7);
        let share = |scene: &mut Scene, second, name: &str| {
            scene.turn_to(7, second);
            let mut before = 0;
            for topic in &scene.topics {
                if topic.name == name {
                    return topic.up_to - before;
                }
                before = topic.up_to;
            }
            0
        };
        scene.turn_to(7, 2_000);
        let name = scene.topics.last().unwrap().name;
        let shares: Vec<u32> = (1_000..3_000).map(|s| share(&mut scene, s, name)).collect();
        let peak = shares.iter().copied().max().unwrap();
        let at = shares.iter().position(|&share| share == peak).unwrap();
        assert!(peak >= 990, "{name} peaks at {peak}");
        assert!(shares[..at].is_sorted() && shares[at..].is_sorted_by(|a, b| a >= b));
        assert_eq!((shares[0], shares[1_999]), (0, 0));
    }

    #[test]
    fn shares_leave_room_for_ordinary_posts() {
        for seed in 0..20 {
            let mut scene = Scene::new(seed);
            for second in 0..10_000 {
                scene.turn_to(seed, second);
                let all = scene.topics.last().map_or(0, |topic| topic.up_to);
                assert!(all < 32_000, "{all} of 65,536 in second {second}");
            }
        }
    }
}

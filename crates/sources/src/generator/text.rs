//! The text of a made-up post, with the places of its tags, links and mentions.

use super::lexicon::{EMOJI, EN, JA, LANGS, ZH, by_share};
use super::people::Account;
use super::prng::Rng;
use super::tags::{ordinary, respell};
use super::trends::{BOTS, Scene, Topic, push_number};

/// The kind of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// A hashtag, its sign included.
    Tag,
    /// A link.
    Link,
    /// A mention, its sign included.
    Mention(Account),
}

/// A place in [`Draft::text`], in bytes, end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) kind: MarkKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A text being made; reused from post to post.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) text: Vec<u8>,
    pub(super) marks: Vec<Mark>,
    pub(super) lang: usize,
    /// Tags of the post, one behind the other, without their signs.
    tags: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
}

impl Draft {
    /// Empties it.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.marks.clear();
    }

    /// Appends the prefix of a retweet.
    pub(super) fn push_retweet_of(&mut self, author: Account) {
        self.text.extend_from_slice(b"RT ");
        self.push_mention(author);
        self.text.extend_from_slice(b": ");
    }

    /// Appends a bot's text, which is always the same.
    pub(super) fn push_bot(&mut self, bot: usize) {
        let base = self.text.len();
        let text = BOTS[bot].1;
        self.lang = EN;
        self.text.extend_from_slice(text.as_bytes());
        let mut at = 0;
        for word in text.split(' ') {
            let kind = match word.as_bytes() {
                [b'#', ..] => Some(MarkKind::Tag),
                [b'h', b't', b't', b'p', ..] => Some(MarkKind::Link),
                _ => None,
            };
            let (start, end) = (base + at, base + at + word.len());
            self.marks.extend(kind.map(|kind| Mark { kind, start, end }));
            at += word.len() + 1;
        }
    }

    /// Appends a person's text.
    pub(super) fn push_person(&mut self, rng: &mut Rng, scene: &Scene, tags: u32) {
        let topic = scene.topic(rng.below(65_536));
        self.choose_tags(rng, topic, tags);
        let lang = &LANGS[self.lang];
        let wide = matches!(self.lang, JA | ZH);
        let base = self.text.len();
        let length = match rng.below(100) {
            0..80 => 32 + rng.below(88),
            _ => 126 + rng.below(150),
        } as usize;
        if rng.chance(120) {
            self.push_mention(Account::draw(rng));
            self.text.push(b' ');
        }
        let mut next = 0;
        let mut first = true;
        while self.text.len() - base < length {
            if !first {
                self.text.extend_from_slice(rng.pick(lang.joins).as_bytes());
            }
            first = false;
            self.text.extend_from_slice(rng.pick(lang.phrases).as_bytes());
            if next < self.ends.len() && rng.chance(280) {
                self.push_tag(rng, next, b' ', wide);
                next += 1;
            }
        }
        if rng.chance(250) {
            self.text.push(b' ');
            for _ in 0..=rng.below(3) {
                self.text.extend_from_slice(rng.pick(EMOJI).as_bytes());
            }
        }
        let mut gap = if rng.chance(80) { b'\n' } else { b' ' };
        while next < self.ends.len() {
            self.push_tag(rng, next, gap, wide);
            gap = b' ';
            next += 1;
        }
        if rng.chance(110) {
            self.text.extend_from_slice(rng.pick(&["!", ".", ":", "…", "?!"]).as_bytes());
        }
        if rng.chance(180) {
            self.push_link(rng);
        }
    }

    /// Draws the tags of the post and, after them, its language.
    fn choose_tags(&mut self, rng: &mut Rng, topic: Option<Topic>, ranks: u32) {
        self.tags.clear();
        self.ends.clear();
        let mut count = match rng.below(100) {
            0..38 => 0,
            38..68 => 1,
            68..86 => 2,
            86..95 => 3,
            _ => 4,
        };
        let mut lang = None;
        if let Some(topic) = topic {
            topic.write(&mut self.tags);
            respell(rng, 0, &mut self.tags);
            self.ends.push(self.tags.len());
            lang = Some(topic.lang);
            count = count.max(1);
        }
        while self.ends.len() < count {
            let start = self.tags.len();
            let its = ordinary(rng.zipf(1, ranks), &mut self.tags);
            respell(rng, start, &mut self.tags);
            self.ends.push(self.tags.len());
            lang = lang.or(Some(its));
        }
        let drawn = by_share(rng.below(1000));
        self.lang = match lang {
            None => drawn,
            // Latin tags are used by all who write in Latin letters.
            Some(EN) if std::ptr::eq(LANGS[drawn].pieces, LANGS[EN].pieces) => drawn,
            Some(lang) => lang,
        };
    }

    fn push_tag(&mut self, rng: &mut Rng, index: usize, gap: u8, wide: bool) {
        self.text.push(gap);
        let start = self.text.len();
        let sign = if wide && rng.chance(60) { "＃" } else { "#" };
        self.text.extend_from_slice(sign.as_bytes());
        let from = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.extend_from_slice(&self.tags[from..self.ends[index]]);
        self.marks.push(Mark { kind: MarkKind::Tag, start, end: self.text.len() });
    }

    fn push_mention(&mut self, account: Account) {
        let start = self.text.len();
        self.text.push(b'@');
        account.write_name(&mut self.text);
        let kind = MarkKind::Mention(account);
        self.marks.push(Mark { kind, start, end: self.text.len() });
    }

    fn push_link(&mut self, rng: &mut Rng) {
        self.text.push(b' ');
        let start = self.text.len();
        self.text.extend_from_slice(b"https://t.co/");
        let mut bits = rng.next();
        for _ in 0..10 {
            self.text.push(
                b"abcdefghijklmnopqrstuvwxyzABCDEF0123456789GHIJKLMNOPQRSTUVWXYZabcd"
                    [(bits & 63) as usize],
            );
            bits >>= 6;
        }
        self.marks.push(Mark { kind: MarkKind::Link, start, end: self.text.len() });
    }

    /// Writes it as one line: a newline in it becomes a space.
    pub(super) fn write_line(&self, out: &mut Vec<u8>) {
        let from = out.len();
        out.extend_from_slice(&self.text);
        // At most one newline, and that in few posts.
        if let Some(at) = memchr::memchr(b'\n', &out[from..]) {
            out[from + at] = b' ';
        }
        out.push(b'\n');
    }

    /// Writes it as `author<TAB>unix ms<TAB>text`.
    pub(super) fn write_line_plus(&self, author: Account, time_ms: i64, out: &mut Vec<u8>) {
        push_number(out, author.id());
        out.push(b'\t');
        push_signed(out, time_ms);
        out.push(b'\t');
        self.write_line(out);
    }
}

/// Writes a number in decimal, with its sign where it is negative.
pub(super) fn push_signed(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    push_number(out, number.unsigned_abs());
}

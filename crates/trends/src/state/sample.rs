//! Posts that a worker copies out of its batch, so that their texts can be shown.
//!
//! They are few: workers take a limited number from each batch, however fast a stream is. Buffers
//! are recycled with the rest of the extracted batch.

use std::ops::Range;

/// Longest text stored, in bytes; longer ones are cut.
pub const TEXT_MAX_BYTES: usize = 1000;
/// Longest author or address stored, in bytes; longer ones are left out.
pub const NAME_MAX_BYTES: usize = 300;
/// Longest language tag stored, in bytes; longer ones are left out.
pub const LANG_MAX_BYTES: usize = 35;

/// The readable parts of a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PostText<'a> {
    /// The text without its markup.
    pub text: &'a str,
    /// The account, if its platform names it in public; empty = unknown.
    pub author: &'a str,
    /// Address of the post; empty = none.
    pub url: &'a str,
    /// Language tag; empty = unknown.
    pub lang: &'a str,
}

impl PostText<'_> {
    /// Appends it to `out` within the bounds; returns the ends of its parts.
    fn write(&self, out: &mut String) -> [u32; 4] {
        let held = |part: &str, max| part.len() <= max;
        let mut ends = [0; 4];
        let parts = [
            &self.text[..self.text.floor_char_boundary(TEXT_MAX_BYTES)],
            if held(self.author, NAME_MAX_BYTES) { self.author } else { "" },
            if held(self.url, NAME_MAX_BYTES) { self.url } else { "" },
            if held(self.lang, LANG_MAX_BYTES) { self.lang } else { "" },
        ];
        for (part, end) in parts.iter().zip(&mut ends) {
            out.push_str(part);
            *end = out.len() as u32;
        }
        ends
    }
}

/// One post that was copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Event time, milliseconds.
    pub at: i64,
    /// Its tags: entries of the extracted batch; at least one.
    pub entries: Range<u32>,
    start: u32,
    ends: [u32; 4],
}

/// Posts copied from one batch, in order.
#[derive(Debug, Default)]
pub struct Samples {
    list: Vec<Sample>,
    bytes: String,
}

impl Samples {
    /// Empties it; buffers keep their capacity.
    pub fn clear(&mut self) {
        self.list.clear();
        self.bytes.clear();
    }

    /// Copies a post of event time `at` with these tags; [`Samples::end_open`] follows if they are
    /// not known yet.
    pub fn push(&mut self, at: i64, entries: Range<u32>, shown: &PostText<'_>) {
        let start = self.bytes.len() as u32;
        let ends = shown.write(&mut self.bytes);
        self.list.push(Sample { at, entries, start, ends });
    }

    /// Ends the tags of the post copied last, if their end was not known then.
    pub fn end_open(&mut self, entries_end: u32) {
        if let Some(last) = self.list.last_mut().filter(|last| last.entries.is_empty()) {
            last.entries.end = entries_end;
        }
    }

    /// The post number `at`.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Sample> {
        self.list.get(at)
    }

    /// The readable parts of one of them.
    #[must_use]
    pub fn shown(&self, sample: &Sample) -> PostText<'_> {
        let [text, author, url, lang] = sample.ends;
        let part = |from: u32, to: u32| &self.bytes[from as usize..to as usize];
        PostText {
            text: part(sample.start, text),
            author: part(text, author),
            url: part(author, url),
            lang: part(url, lang),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_back_and_long_ones_are_cut_or_left_out() {
        let long = format!("{}é", "x".repeat(TEXT_MAX_BYTES - 1));
        let mut samples = Samples::default();
        let whole =
            PostText { text: "a #b", author: "ann@a.example", url: "https://a/1", lang: "en" };
        let url = "u".repeat(NAME_MAX_BYTES + 1);
        samples.push(7, 0..1, &whole);
        samples.push(8, 1..1, &PostText { text: &long, url: &url, ..PostText::default() });
        samples.end_open(3);
        samples.end_open(4);
        let first = samples.get(0).expect("the first");
        assert_eq!((first.at, first.entries.clone(), samples.shown(first)), (7, 0..1, whole));
        let second = samples.get(1).expect("the second");
        assert_eq!(second.entries, 1..3);
        let text = &long[..TEXT_MAX_BYTES - 1];
        assert_eq!(
            samples.shown(second),
            PostText { text, ..PostText::default() },
            "not half an é"
        );
        samples.clear();
        assert!(samples.get(0).is_none());
    }
}

//! The made-up world's tags: ordinary ones by rank, and how people spell them.

use super::lexicon::{AR, DE, EN, ES, FR, HE, HI, ID, JA, KO, LANGS, PT, RU, TH, TR, ZH};
use super::prng::{Rng, mix};

/// The most used ordinary tags, by rank, with the language that they are used in.
const HEAD: &[(&str, usize)] = &[
    ("music", EN),
    ("love", EN),
    ("news", EN),
    ("ニュース", JA),
    ("photography", EN),
    ("football", EN),
    ("art", EN),
    ("アニメ", JA),
    ("fútbol", ES),
    ("travel", EN),
    ("новости", RU),
    ("food", EN),
    ("노래", KO),
    ("الرياض", AR),
    ("gaming", EN),
    ("café", FR),
    ("bomdia", PT),
    ("tech", EN),
    ("sunset", EN),
    ("รักเธอ", TH),
    ("cats", EN),
    ("fitness", EN),
    ("भारत", HI),
    ("haber", TR),
    ("design", EN),
    ("caturday", EN),
    ("写真", JA),
    ("münchen", DE),
    ("viral", ID),
    ("books", EN),
    ("ישראל", HE),
    ("science", EN),
    ("film", FR),
    ("coffee", EN),
    ("são_paulo", PT),
    ("москва", RU),
    ("中国", ZH),
    ("nowplaying", EN),
    ("gündem", TR),
    ("climate", EN),
    ("مباشر", AR),
    ("猫", JA),
    ("history", EN),
    ("españa", ES),
    ("опрос", RU),
    ("jakarta", ID),
    ("서울", KO),
    ("rust_lang", EN),
    ("wordle1234", EN),
    ("straße", DE),
];

/// Writes the ordinary tag of `rank` (from 1) as most people spell it, and returns its language.
/// Different ranks have different tags.
pub(super) fn ordinary(rank: u32, out: &mut Vec<u8>) -> usize {
    if let Some((tag, lang)) = HEAD.get(rank as usize - 1) {
        out.extend_from_slice(tag.as_bytes());
        return *lang;
    }
    let lang = language(rank);
    pieces(rank, LANGS[lang].pieces, out);
    lang
}

/// The language of a made-up tag: Latin letters for seven in ten, the other scripts evenly.
fn language(rank: u32) -> usize {
    // One language only for each set of pieces: the same rank in another would be another tag,
    // but the same pieces must not mean two ranks.
    const SCRIPTS: [usize; 8] = [RU, AR, HE, HI, TH, JA, ZH, KO];
    let draw = mix(u64::from(rank)) % 1000;
    if draw < 700 { EN } else { SCRIPTS[(draw % 8) as usize] }
}

/// Writes `number` in `pieces`: a bijection between the numbers of one length and the sequences.
pub(super) fn pieces(number: u32, pieces: &[&str], out: &mut Vec<u8>) {
    let bits = pieces.len().ilog2();
    let short = number < 1 << 20;
    let count = if short { 20_u32.div_ceil(bits) } else { 32_u32.div_ceil(bits) };
    // An odd factor permutes the numbers below a power of two, so that neighbours look unlike.
    let mask = if short { (1 << 20) - 1 } else { u32::MAX };
    let mut rest = number.wrapping_mul(0x9e37_79b1) & mask;
    for _ in 0..count {
        out.extend_from_slice(pieces[rest as usize & (pieces.len() - 1)].as_bytes());
        rest = rest.checked_shr(bits).unwrap_or(0);
    }
}

/// Spells the tag that begins at `start` of `out` as people do: capital first letter, all
/// capitals, an accent as a character of its own. All are the same tag.
pub(super) fn respell(rng: &mut Rng, start: usize, out: &mut Vec<u8>) {
    let draw = rng.below(1000);
    if draw < 680 {
        return;
    }
    if out[start..].is_ascii() {
        let end = if draw < 900 { (start + 1).min(out.len()) } else { out.len() };
        out[start..end].make_ascii_uppercase();
        return;
    }
    let word = String::from_utf8_lossy(&out[start..]).into_owned();
    out.truncate(start);
    let mut buffer = [0; 4];
    for (index, letter) in word.chars().enumerate() {
        let accents = ACCENTS.iter().find(|each| each.0 == letter);
        let letter = match (draw, accents) {
            (900.., Some((_, apart))) => {
                out.extend_from_slice(apart.as_bytes());
                continue;
            }
            (900.., None) => letter,
            _ if index == 0 => capital(letter),
            _ => letter,
        };
        out.extend_from_slice(letter.encode_utf8(&mut buffer).as_bytes());
    }
}

/// Letters with an accent, and the same in two code points.
const ACCENTS: &[(char, &str)] = &[
    ('é', "e\u{301}"),
    ('ú', "u\u{301}"),
    ('ã', "a\u{303}"),
    ('ü', "u\u{308}"),
    ('ñ', "n\u{303}"),
];

fn capital(letter: char) -> char {
    match letter {
        'a'..='z' => letter.to_ascii_uppercase(),
        'а'..='я' => char::from_u32(letter as u32 - 0x20).unwrap_or(letter),
        _ => letter,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn different_ranks_have_different_tags() {
        let ranks = (1..50_000).chain((1 << 20) - 5..(1 << 20) + 10_000).chain([u32::MAX]);
        let mut seen = BTreeSet::new();
        for rank in ranks {
            let mut tag = Vec::new();
            ordinary(rank, &mut tag);
            let tag = String::from_utf8(tag).unwrap();
            assert!(tag.chars().next().unwrap().is_alphabetic(), "{tag}");
            assert!(!super::super::trends::is_planted(&tag), "{tag}");
            assert!(seen.insert(tag.clone()), "{tag} of rank {rank} was there before");
        }
    }

    #[test]
    fn pieces_are_a_power_of_two_and_equally_long() {
        for lang in &LANGS {
            assert!(lang.pieces.len().is_power_of_two(), "{}", lang.code);
            let length = lang.pieces[0].chars().count();
            assert!(lang.pieces.iter().all(|each| each.chars().count() == length));
            let distinct: BTreeSet<_> = lang.pieces.iter().collect();
            assert_eq!(distinct.len(), lang.pieces.len(), "{}", lang.code);
        }
        assert_eq!(LANGS.iter().map(|lang| lang.share).sum::<u32>(), 1000);
    }
}

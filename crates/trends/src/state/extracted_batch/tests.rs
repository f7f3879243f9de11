use super::*;
use tagtide_posts::post::PAD;

fn padded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(text.len() + PAD, 0);
    bytes
}

#[test]
fn each_of_thousands_of_tags_of_a_post_counts_once() {
    let seed = Seed::new(*b"any key but one of equal bytes..");
    let mut out = ExtractedBatch::default();
    out.begin(Batch::default());
    let long = |n: usize| format!("a long tag with the number {n}");
    for posts in 1..=2 {
        out.begin_post();
        for n in (0..3_000).chain(0..3_000) {
            for key in [n.to_string(), long(n)] {
                out.push_key(&seed, key.as_bytes(), key.as_bytes(), true);
            }
        }
        assert_eq!(out.entries.len(), posts * 6_000);
    }
}

#[test]
fn the_fast_fold_equals_the_general_one() {
    let seed = Seed::new([3; 32]);
    for tag in ["a", "Z", "Rust_2026", "ABCDEFGHIJKLMNOP", "@x[`{", "x"] {
        let mut fast = ExtractedBatch::default();
        fast.push_short(&seed, &padded(&format!("{tag}XYZ")), 0, tag.len(), true);
        let mut general = ExtractedBatch::default();
        let key = tag.to_ascii_lowercase();
        general.push_key(&seed, key.as_bytes(), tag.as_bytes(), true);
        assert_eq!(fast.entries, general.entries, "{tag}");
    }
}

#[test]
fn a_tag_counts_once_a_post_or_every_time() {
    let seed = Seed::new([3; 32]);
    let mut out = ExtractedBatch::default();
    let long = b"a_tag_that_is_longer_than_sixteen";
    for (once, want) in [(true, 2), (false, 6)] {
        out.begin(Batch::default());
        out.begin_post();
        for _ in 0..3 {
            out.push_key(&seed, b"rust", b"Rust", once);
            out.push_key(&seed, long, long, once);
        }
        assert_eq!(out.entries.len(), want);
    }
    out.begin(Batch::default());
    for _ in 0..2 {
        out.begin_post();
        out.push_key(&seed, b"rust", b"Rust", true);
    }
    assert_eq!(out.entries.len(), 2, "two posts, two entries");
}

#[test]
fn spellings_that_are_no_mask_stand_in_the_arena() {
    let seed = Seed::new([3; 32]);
    let mut out = ExtractedBatch::default();
    out.push_key(&seed, "straße".as_bytes(), "STRAẞE".as_bytes(), true);
    let entry = out.entries[0];
    assert_eq!(entry.flags, Entry::SPELL_BYTES);
    assert_eq!(entry.spelling_bytes(&out.arena), "STRAẞE".as_bytes());
    out.push_key(&seed, &[b'k'; KEY_MAX_BYTES + 1], b"k", true);
    assert_eq!((out.entries.len(), out.odd.oversize_tags), (1, 1));
}

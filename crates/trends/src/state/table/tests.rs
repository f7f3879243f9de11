//! The table against a model.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::state::extracted_batch::ExtractedBatch;
use tagtide_posts::post::Batch;

fn seed() -> Seed {
    Seed::new([9; 32])
}

fn entries(words: &[(String, String)]) -> ExtractedBatch {
    let mut out = ExtractedBatch::default();
    out.begin(Batch::default());
    for (key, typed) in words {
        out.begin_post();
        out.push_key(&seed(), key.as_bytes(), typed.as_bytes(), true);
    }
    out
}

fn word() -> impl Strategy<Value = (String, String)> {
    let key = prop_oneof!["[a-c]{1,3}", "[ab]{15,18}", "[ж]{1,2}", "[a-b]{33}"];
    (key, any::<u8>()).prop_map(|(key, how)| {
        let typed = match how % 6 {
            0 => key.to_uppercase(),
            1 => key.replacen('a', "A", 1),
            2 => key.replacen('b', "B", 1),
            3 => format!("{key}\u{200d}"),
            4 => key.replace('a', "A"),
            _ => key.clone(),
        };
        (key, typed)
    })
}

proptest! {
    #[test]
    fn ids_and_spellings_equal_a_naive_model(words in prop::collection::vec(word(), 1..400)) {
        let mut tags = Tags::new(seed());
        let out = entries(&words);
        let mut done = Interned::default();
        tags.intern(&out.entries, &out.arena, &mut done);
        let Interned { ids, born, .. } = done;
        let mut model: HashMap<&str, Vec<(&str, u64)>> = HashMap::new();
        let mut order = Vec::new();
        for (key, typed) in &words {
            let known = model.entry(key).or_insert_with(|| { order.push(key); Vec::new() });
            match known.iter_mut().find(|(t, _)| t == typed) {
                Some((_, n)) => *n += 1,
                None => known.push((typed, 1)),
            }
        }
        prop_assert_eq!(tags.len(), model.len());
        prop_assert_eq!(born.len(), model.len());
        for (id, (key, _)) in ids.iter().zip(&words) {
            prop_assert_eq!(&tags.key_string(*id), key);
            prop_assert_eq!(tags.find(key.as_bytes()), Some(*id));
        }
        for key in order {
            let known = &model[key.as_str()];
            let total = known.iter().map(|(_, n)| n).sum();
            let mut want: Vec<_> =
                known.iter().take(4).map(|(t, n)| ((*t).to_owned(), *n)).collect();
            want.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            let id = tags.find(key.as_bytes()).expect("just counted");
            prop_assert_eq!(tags.spellings(id, total), want);
        }
    }

    #[test]
    fn removed_tags_are_gone_and_the_others_stay(
        words in prop::collection::vec(word(), 1..300),
        remove in prop::collection::vec(any::<prop::sample::Index>(), 0..100),
    ) {
        let mut tags = Tags::new(seed());
        let out = entries(&words);
        let mut done = Interned::default();
        tags.intern(&out.entries, &out.arena, &mut done);
        let born = done.born;
        let mut gone: Vec<u32> = remove.iter().map(|i| *i.get(&born)).collect();
        gone.sort_unstable();
        gone.dedup();
        let names: Vec<_> = born.iter().map(|&id| (id, tags.key_string(id))).collect();
        tags.remove(&gone);
        for (id, key) in &names {
            let want = (!gone.contains(id)).then_some(*id);
            prop_assert_eq!(tags.find(key.as_bytes()), want);
        }
        let mut again = Interned::default();
        tags.intern(&out.entries, &out.arena, &mut again);
        prop_assert_eq!(again.born.len(), gone.len(), "the ones removed come back, no other");
        prop_assert_eq!(tags.len(), names.len());
    }
}

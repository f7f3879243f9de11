use proptest::prelude::*;

use super::{
    Letters, Member, StringEnd, after_plain, container_end, digits, plain, scalar, string_end,
};

mod members;

use members::members;

/// The results of all implementations that this processor supports, the safe ones first.
fn string_ends(bytes: &[u8], at: usize, end: usize) -> Vec<Option<StringEnd>> {
    let mut all = vec![scalar::string_end(bytes, at, end), string_end(bytes, at, end)];
    #[cfg(target_arch = "x86_64")]
    {
        use super::x86::{Avx2, Avx512, Lanes};
        let end = end.min(bytes.len());
        all.extend(Avx2::detect().map(|lanes| lanes.string_end(bytes, at, end)));
        all.extend(Avx512::detect().map(|lanes| lanes.string_end(bytes, at, end)));
    }
    all
}

/// See [`string_ends`].
fn container_ends(bytes: &[u8], at: usize, end: usize) -> Vec<Option<usize>> {
    let room = u32::MAX;
    let mut all =
        vec![scalar::container_end(bytes, at, end, room), container_end(bytes, at, end, room)];
    #[cfg(target_arch = "x86_64")]
    {
        use super::x86::{Avx2, Avx512, Lanes};
        let end = end.min(bytes.len());
        all.extend(Avx2::detect().map(|lanes| lanes.container_end(bytes, at, end, room)));
        all.extend(Avx512::detect().map(|lanes| lanes.container_end(bytes, at, end, room)));
    }
    all
}

/// The results of all implementations except the safe one for the members from `at`.
fn members_after(bytes: &[u8], at: usize, end: usize, room: u32, keys: &Letters) -> Vec<Member> {
    let mut all = vec![after_plain(bytes, at, end, room, keys)];
    #[cfg(target_arch = "x86_64")]
    {
        use super::x86::{Avx2, Avx512, Lanes};
        all.extend(Avx2::detect().map(|lanes| lanes.after_plain(bytes, at, end, room, keys)));
        all.extend(Avx512::detect().map(|lanes| lanes.after_plain(bytes, at, end, room, keys)));
    }
    all
}

fn are_equal<T: PartialEq>(answers: &[T]) -> bool {
    answers.iter().all(|answer| *answer == answers[0])
}

/// Bytes in which quotes, backslashes and brackets are common, in runs longer than a block.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => Just(b'"'), 3 => Just(b'\\'), 3 => Just(b'{'), 3 => Just(b'['),
        3 => Just(b'}'), 3 => Just(b']'), 6 => Just(b'a'), 1 => any::<u8>(),
    ];
    let run = (byte, 1usize..90).prop_map(|(byte, n)| vec![byte; if n > 60 { n } else { n % 4 }]);
    prop::collection::vec(run, 0..60).prop_map(|runs| runs.concat())
}

#[test]
#[cfg(target_arch = "x86_64")]
fn the_level_is_as_asked_for() {
    crate::level::tests::is_as_asked_for(super::level(), super::detect());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn after_plain_equals_its_twin(
        before in members(), members in members(), cut in 0usize..60, room in 0u32..5,
        bits in any::<[u32; 3]>(), after in soup()
    ) {
        let mut letters: Letters = [0; 32];
        letters[2..5].copy_from_slice(&bits.map(|bits| bits & bits.rotate_left(7)));
        let at = before.len();
        let end = at + members.len() - cut.min(members.len());
        // Enough zeros at the end that none of it is too near to the end.
        let bytes = [&before[..], &members[..], &after[..], &[0; 4096][..]].concat();
        let twin = plain::scalar::after_plain(&bytes, at, end, room, &letters);
        for found in members_after(&bytes, at, end, room, &letters) {
            prop_assert_eq!(found, twin);
        }
        // Without them it can only stop earlier.
        let short = &bytes[..end];
        let twin = plain::scalar::after_plain(short, at, end, room, &letters);
        for found in members_after(short, at, end, room, &letters) {
            prop_assert!(found.at <= twin.at);
            prop_assert!(found.at < twin.at || found.key.is_none() || found.key == twin.key);
        }
    }

    #[test]
    fn digits_are_counted_up_to_the_first_other_byte(bytes in any::<[u8; 8]>(), n in 0usize..9) {
        let mut bytes = bytes;
        bytes[..n].iter_mut().for_each(|byte| *byte = b'0' + *byte % 10);
        let count = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        prop_assert_eq!(digits(u64::from_le_bytes(bytes)), count);
    }

    #[test]
    fn string_end_equals_its_twin(bytes in soup(), at in 0usize..80, cut in 0usize..80) {
        let end = bytes.len().saturating_sub(cut);
        let answers = string_ends(&bytes, at, end);
        prop_assert!(are_equal(&answers), "{:?}", answers);
    }

    #[test]
    fn container_end_equals_its_twin(bytes in soup(), at in 0usize..80, cut in 0usize..80) {
        let end = bytes.len().saturating_sub(cut);
        let answers = container_ends(&bytes, at, end);
        prop_assert!(are_equal(&answers), "{:?}", answers);
    }

    #[test]
    fn depth_is_never_seen_too_late(bytes in soup(), room in 1u32..20) {
        if let Some(end) = container_end(&bytes, 0, bytes.len(), room) {
            let exact = scalar::container_end(&bytes, 0, bytes.len(), room);
            prop_assert_eq!(exact, Some(end));
        }
    }

    #[test]
    fn bytes_past_the_end_change_nothing(bytes in soup(), after in soup()) {
        let joined = [&bytes[..], &after[..]].concat();
        let end = bytes.len();
        prop_assert_eq!(string_end(&joined, 0, end), string_end(&bytes, 0, end));
        prop_assert_eq!(
            container_end(&joined, 0, end, u32::MAX),
            container_end(&bytes, 0, end, u32::MAX)
        );
    }
}

#[test]
fn an_escape_across_a_block_border_is_seen() {
    for backslash in 60..70 {
        let mut bytes = vec![b'x'; 200];
        bytes[backslash] = b'\\';
        bytes[backslash + 1] = b'"';
        bytes[150] = b'"';
        let found = string_end(&bytes, 0, 200).expect("it closes at 150");
        assert_eq!((found.quote, found.escaped), (150, true), "backslash at {backslash}");
    }
}

#[test]
fn places_outside_the_slice_are_no_end() {
    assert_eq!(string_end(b"\"", 5, 9), None);
    assert_eq!(string_end(b"\"", usize::MAX, usize::MAX), None);
    assert_eq!(container_end(b"}", 5, 9, 8), None);
}

use proptest::prelude::*;

use super::{container_end, scalar, string_end};

/// Bytes in which quotes, backslashes and brackets are common, in runs longer than a block.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => Just(b'"'), 3 => Just(b'\\'), 3 => Just(b'{'), 3 => Just(b'['),
        3 => Just(b'}'), 3 => Just(b']'), 6 => Just(b'a'), 1 => any::<u8>(),
    ];
    let run = (byte, 1usize..90).prop_map(|(byte, n)| vec![byte; if n > 60 { n } else { n % 4 }]);
    prop::collection::vec(run, 0..60).prop_map(|runs| runs.concat())
}

proptest! {
    #[test]
    fn string_end_equals_its_twin(bytes in soup(), at in 0usize..80, cut in 0usize..80) {
        let end = bytes.len().saturating_sub(cut);
        prop_assert_eq!(string_end(&bytes, at, end), scalar::string_end(&bytes, at, end));
    }

    #[test]
    fn container_end_equals_its_twin(bytes in soup(), at in 0usize..80, cut in 0usize..80) {
        let end = bytes.len().saturating_sub(cut);
        prop_assert_eq!(
            container_end(&bytes, at, end, u32::MAX),
            scalar::container_end(&bytes, at, end, u32::MAX)
        );
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

//! JSON members for property tests: ordinary ones, odd ones, and damage. The tests of the
//! JSON walker in `tagtide-posts` include this file too, as test code is not part of a crate's
//! interface.

use proptest::prelude::*;

/// Members as they are mostly written, some odd ones, and damage.
pub(crate) fn members() -> impl Strategy<Value = Vec<u8>> {
    const KEYS: [&str; 12] = [
        "id",
        "text",
        "user",
        "",
        "x",
        "ab\\u0063",
        "q\\\"",
        "truncated",
        "in_reply_to_status_id_str",
        "a_key_of_thirty-one_bytes______",
        "a_key_of_thirty-two_bytes_______",
        "a_key_that_is_even_longer_than_thirty-two_bytes",
    ];
    const VALUES: [&str; 32] = [
        "null",
        "true",
        "false",
        "nul",
        "truex",
        "falsy",
        "0",
        "12",
        "12345678",
        "1234567890123456789",
        "-3",
        "1.5e7",
        "12a",
        "\"\"",
        "\"short\"",
        "\"a string of more than thirty-two bytes in all\"",
        "\"an escape \\\" soon\"",
        "\"a lot of text before the escape comes \\\\\"",
        "\"an odd \\,\"",
        "\"a,\\\"b\"",
        "\"open",
        "{}",
        "[]",
        "{\"a\":[1,{}]}",
        "[[[[]]]]",
        "[\"]\",\"\\\"]\"]",
        "{\"open\":1",
        "]",
        "}",
        "",
        "\u{1}",
        "{\"id\":1,\"text\":\"\",\"x\":false}",
    ];
    let comma =
        prop_oneof![20 => Just(","), 1 => prop::sample::select(vec![", ", " ,", ",,", "}", ""])];
    let colon = prop_oneof![20 => Just(":"), 1 => prop::sample::select(vec![": ", " :", "", "::"])];
    let member = (0..KEYS.len(), colon, 0..VALUES.len() + 20, comma).prop_map(
        |(key, colon, value, comma)| {
            // Mostly values that are whole.
            let value = VALUES.get(value).unwrap_or(&VALUES[value % 3 * 6]);
            format!("\"{}\"{colon}{value}{comma}", KEYS[key])
        },
    );
    let damage = prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(member, 1..12), damage).prop_map(|(members, damage)| {
        let mut bytes = members.concat().into_bytes();
        if let Some((place, byte)) = damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

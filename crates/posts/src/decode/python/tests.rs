use proptest::prelude::*;

use super::*;

fn texts(source: &str) -> Vec<String> {
    parse_list(source)
        .unwrap_or_else(|error| panic!("{source}: {error}"))
        .into_iter()
        .map(|literal| match literal {
            Literal::Text(text) => text,
            other => panic!("{other:?} in {source}"),
        })
        .collect()
}

#[test]
fn reads_what_python_3_prints() {
    assert_eq!(texts("[]"), Vec::<String>::new());
    assert_eq!(texts("['#a', '#b']"), ["#a", "#b"]);
    assert_eq!(texts(r##"["#Banksy's", '"', 'it\'s "x"']"##), ["#Banksy's", "\"", "it's \"x\""]);
    assert_eq!(texts(r"['\\', '\n\r\t\x00\x7f\xa0\xad']"), ["\\", "\n\r\t\0\x7f\u{a0}\u{ad}"]);
    assert_eq!(texts(r"['#\u200d', '#\U000e0061', '#😀é']"), ["#\u{200d}", "#\u{e0061}", "#😀é"]);
    assert_eq!(texts(r"('a',)"), ["a"]);
}

#[test]
fn reads_what_python_2_prints() {
    assert_eq!(texts(r"[u'#caf\xe9', u'\u2026']"), ["#café", "…"]);
    assert_eq!(texts(r"['#caf\xc3\xa9', '\xe2\x80\xa6']"), ["#café", "…"]);
    assert_eq!(texts(r"[u'\xc3\xa9']"), ["Ã©"], "a unicode string holds code points");
    assert_eq!(texts(r"['\xe9']"), ["é"], "bytes that are not UTF-8 are Latin-1");
    assert_eq!(texts(r"[b'#caf\xc3\xa9']"), ["#café"]);
    assert_eq!(texts(r"[u'\ud83d\ude00', '\ud83d', '\ude00x']"), ["😀", "\u{fffd}", "\u{fffd}x"]);
    assert_eq!(
        parse_list("[3L, 12, -7, 0]"),
        Ok(vec![Literal::Int(3), Literal::Int(12), Literal::Int(-7), Literal::Int(0)])
    );
}

#[test]
fn reads_the_rarer_escapes() {
    assert_eq!(
        texts(r"['\7\101\0', '\a\b\f\v', '\d', '\é']"),
        ["\x07A\0", "\x07\x08\x0c\x0b", "\\d", "\\é"]
    );
    assert_eq!(texts("['a\\\nb']"), ["ab"]);
    assert_eq!(
        parse_list("[1.5, 1e3, .5]"),
        Ok(vec![Literal::Float(1.5), Literal::Float(1000.0), Literal::Float(0.5)])
    );
}

#[test]
fn refuses_everything_else() {
    let bad = [
        "",
        "5",
        "[",
        "['a'",
        "['a",
        "['a' 'b']",
        "['a']]",
        "[['a']]",
        "[None]",
        "[True]",
        "{}",
        "[1,,2]",
        "['\\N{BULLET}']",
        "['\\x1']",
        "['\\U00110000']",
        "['\\",
        "[u]",
        "['a\nb']",
        "[99999999999999999999]",
        "[1e999]",
        "[1-2]",
        "[-]",
        "[__import__('os')]",
        "[)",
        "[1)",
    ];
    for source in bad {
        assert!(parse_list(source).is_err(), "{source}");
    }
}

#[test]
fn writes_floats_as_python() {
    let cases = [
        (1.5, "1.5"),
        (3.0, "3.0"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
        (-2.5e-7, "-2.5e-07"),
        (1e100, "1e+100"),
        (0.0, "0.0"),
    ];
    for (float, expected) in cases {
        let mut out = String::new();
        repr_float(&mut out, float);
        assert_eq!(out, expected);
    }
}

proptest! {
    #[test]
    fn strings_come_back(list in proptest::collection::vec(any::<String>(), 0..6)) {
        prop_assert_eq!(&texts(&repr_texts(list.iter().map(String::as_str))), &list);
    }

    #[test]
    fn ints_come_back(list in proptest::collection::vec(0..=i64::MAX as u64, 0..6)) {
        let read = parse_list(&repr_ints(list.iter().copied())).unwrap();
        let expected: Vec<_> = list.iter().map(|int| Literal::Int(*int as i64)).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_text_gives_an_answer(text in "[\\[\\]('\",\\\\xuUL0-9a-fé -]{0,40}") {
        let _ = parse_list(&text);
    }
}

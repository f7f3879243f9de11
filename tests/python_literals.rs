//! The reader and writer of Python lists, compared with Python itself.
//!
//! Without `python3` these tests print a message and check nothing; the table in `decode::python`
//! is tested independently.

use std::io::Write;
use std::process::{Command, Stdio};

use tagtide_posts::decode::python::{Literal, parse_list, repr_float, repr_ints, repr_texts};

/// Runs `program`, giving it `input` on stdin.
fn python(program: &str, input: &str) -> Option<String> {
    let child = Command::new("python3")
        .args(["-c", program])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("no python3 here: nothing was compared");
        return None;
    };
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("python reads stdin");
    let output = child.wait_with_output().expect("python ends");
    assert!(output.status.success(), "python failed");
    Some(String::from_utf8(output.stdout).expect("python prints UTF-8"))
}

/// Strings over every kind of code point, deterministic.
fn samples() -> Vec<String> {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u32| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        u32::try_from(seed % u64::from(below)).expect("below a u32")
    };
    let mut samples = vec![String::new(), "#Banksy's".into(), "'\"".into(), "\\".into()];
    for index in 0..3_000 {
        let mut text = String::new();
        for _ in 0..next(8) {
            let code = match index % 4 {
                0 => next(0x80),
                1 => next(0x300),
                2 => next(0x1_0000),
                _ => next(0x11_0000),
            };
            text.extend(char::from_u32(code));
        }
        samples.push(text);
    }
    samples
}

#[test]
fn python_reads_what_we_write() {
    let samples = samples();
    let list = repr_texts(samples.iter().map(String::as_str));
    let program = "import ast,json,sys; \
        print(json.dumps(ast.literal_eval(sys.stdin.buffer.read().decode('utf-8'))))";
    let Some(read) = python(program, &list) else { return };
    let read: Vec<String> = serde_json::from_str(&read).expect("a JSON list");
    assert_eq!(read, samples);

    let Some(read) = python(program, &repr_ints([0, 12, u64::MAX])) else { return };
    assert_eq!(read.trim(), "[0, 12, 18446744073709551615]");
}

#[test]
fn we_read_what_python_writes() {
    let samples = samples();
    let json = serde_json::to_string(&samples).expect("strings");
    let program = "import json,sys; \
        sys.stdout.write(str(json.loads(sys.stdin.buffer.read().decode('utf-8'))))";
    let Some(list) = python(program, &json) else { return };
    let read = parse_list(&list).expect("a list");
    let expected: Vec<_> = samples.iter().cloned().map(Literal::Text).collect();
    assert_eq!(read, expected);
}

#[test]
fn the_repr_is_pythons_own_to_the_byte() {
    // Code points newer than Python's Unicode version are printed differently; these are older.
    let samples: Vec<String> = samples()
        .into_iter()
        .map(|text| text.chars().filter(|char| u32::from(*char) < 0x250).collect())
        .chain(["#😀".into(), "#\u{200d}\u{2028}\u{e000}\u{a0}日本語".into()])
        .collect();
    let json = serde_json::to_string(&samples).expect("strings");
    let program = "import json,sys; \
        sys.stdout.write(str(json.loads(sys.stdin.buffer.read().decode('utf-8'))))";
    let Some(list) = python(program, &json) else { return };
    assert_eq!(repr_texts(samples.iter().map(String::as_str)), list);
}

#[test]
fn floats_are_printed_as_python_prints_them() {
    let mut seed = 1_u64;
    let floats: Vec<f64> = (0..2_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888);
            f64::from_bits(seed)
        })
        .filter(|float| float.is_finite())
        .chain([1e15, 1e16, 1e-4, 1e-5, 0.1, 3.0, -0.0])
        .collect();
    let ours = floats.iter().map(|float| {
        let mut out = String::new();
        repr_float(&mut out, *float);
        out
    });
    let ours: Vec<String> = ours.collect();
    let program = "import sys; \
        sys.stdout.write(' '.join(repr(float(word)) for word in sys.stdin.read().split()))";
    let Some(theirs) = python(program, &ours.join(" ")) else { return };
    for (ours, theirs) in ours.iter().zip(theirs.split(' ')) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.split(' ').count());
}

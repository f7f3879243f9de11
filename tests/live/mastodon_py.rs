//! The fake instance beside a client that others wrote: Mastodon.py.

use std::process::Command;
use std::sync::Arc;

use crate::mastodon_sim::{Instance, Manners, TOKEN};
use crate::support::until;
use crate::toots::Toots;

/// `TAGTIDE_PYTHON` names a Python that has what tests/interop/requirements.txt asks for.
#[test]
#[ignore = "needs Python and Mastodon.py; the step `interop` of `cargo xtask test` brings both"]
fn mastodon_py_reads_the_same() {
    let python = std::env::var("TAGTIDE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let toots = Arc::new(Toots::new(61, 500, 200, true));
    let of = Instance::start(&toots, 1, Manners::default());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/mastodon_client.py");
    let words = [script, &of.url(), TOKEN, &toots.len().to_string()];
    let mut client = Command::new(python);
    let client = client.args(words).stdout(std::process::Stdio::piped()).spawn().unwrap();
    until("the client listens", || of.listeners() > 0);
    of.release(toots.len());
    let output = client.wait_with_output().unwrap();
    assert!(output.status.success(), "Mastodon.py did not take what it was sent");
    let lines = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (timeline, events) = lines.split_last().unwrap();
    assert_eq!(events, (0..toots.len()).map(|n| of.expected(n)).collect::<Vec<_>>());
    assert_eq!(*timeline, of.ids_left());
    assert!(timeline.as_array().unwrap().len() > 300, "{timeline}");
}

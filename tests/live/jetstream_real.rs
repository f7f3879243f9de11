//! The fake Jetstream server beside what a real one sent, and before a client that others wrote.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::sim::{Manners, Sim};
use crate::support::until;
use crate::world::World;

fn world(seed: u64, events: usize) -> Arc<World> {
    Arc::new(World::new(seed, events, 1_783_175_888_000_000, 1_000))
}

/// Every member with its path and the type of its value; facets are left out, since the texts of
/// the real server's simulator have none.
fn shape(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Value::Object(members) = value {
        for (name, value) in members.iter().filter(|(name, _)| *name != "facets") {
            shape(value, &format!("{path}.{name}"), found);
        }
    } else {
        let kind = match value {
            Value::String(_) => "string",
            Value::Number(_) => "number",
            Value::Array(_) => "array",
            _ => "other",
        };
        found.insert(format!("{path} {kind}"));
    }
}

/// The operation of a frame of either wire, and its shape.
fn operation(frame: &str) -> (String, BTreeSet<String>) {
    let frame: Value = serde_json::from_str(frame).unwrap();
    let commit = frame.get("payload").or(frame.get("commit")).unwrap_or(&Value::Null);
    let operation = commit["operation"].as_str().unwrap_or_default().to_owned();
    let mut found = BTreeSet::new();
    shape(&frame, "", &mut found);
    (operation, found)
}

#[test]
fn the_fake_server_sends_the_shapes_of_the_real_one() {
    let world = world(71, 500);
    let v1 = include_str!("../fixtures/jetstream/real_v1.jsonl");
    let v2 = include_str!("../fixtures/jetstream/real_v2.jsonl");
    for (wire, recorded) in [("v1", v1), ("v2", v2)] {
        let mut compared = 0;
        for (wanted, real) in recorded.lines().map(operation).filter(|(of, _)| !of.is_empty()) {
            for index in 0..500 {
                let seq = index as u64;
                let frame = match wire {
                    "v1" => world.v1(index, Some(seq)),
                    _ => world.v2(index, seq),
                };
                let (operation, fake) = operation(&frame);
                if operation == wanted {
                    assert_eq!(fake, real, "{wire} {operation}");
                    compared += 1;
                }
            }
        }
        assert!(compared > 400, "{wire}: {compared}");
    }
}

/// What the client has to have read of an event.
fn expected(world: &World, index: usize, seq: u64) -> Value {
    let frame: Value = serde_json::from_str(&world.v2(index, seq)).unwrap();
    let of = &frame["payload"];
    let Some(operation) = of["operation"].as_str() else {
        return json!(["account", seq, of["did"], of["account"]["status"]]);
    };
    let facets = of["record"]["facets"].as_array();
    let tags = facets.map(|facets| {
        facets.iter().map(|facet| facet["features"][0]["tag"].clone()).collect::<Vec<_>>()
    });
    json!([operation, seq, of["did"], of["rkey"], tags])
}

/// `TAGTIDE_PYTHON` names a Python that has what tests/interop/requirements.txt asks for.
#[test]
#[ignore = "needs Python and atproto; the step `interop` of `cargo xtask test` brings both"]
fn atproto_reads_the_same() {
    let python = std::env::var("TAGTIDE_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/bluesky_client.py");
    let world = world(72, 600);
    for wire in ["plain", "zstd"] {
        let manners = Manners { too_slow_at: Some(400), ..Manners::default() };
        let sim = Sim::start(&world, 1_000, manners);
        sim.release(300);
        let words = [script, &sim.host(), "600", wire];
        let client = Command::new(&python).args(words).stdout(Stdio::piped()).spawn().unwrap();
        until("it asks for a stream", || !sim.requests().is_empty());
        // It will be expected that it is too slow, and when it comes back, that its dictionary is
        // old.
        sim.manners(|manners| manners.dictionary = 1);
        sim.release(600);
        let output = client.wait_with_output().unwrap();
        assert!(output.status.success(), "{wire}: atproto did not take what it was sent");
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let seq = |index| 1_000 + 3 * index as u64;
        let wanted: Vec<Value> = (0..600).map(|n| expected(&world, n, seq(n))).collect();
        assert_eq!(lines, wanted, "{wire}");
        let asked = sim.requests();
        assert!(asked.len() > 1, "{asked:?}");
        let last = asked.last().unwrap();
        assert_eq!(last.contains("zstdDictionary=20260812"), wire == "zstd", "{asked:?}");
    }
}

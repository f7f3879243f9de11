//! What the reference client received, and the comparison with tagtide.

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::server::Tools;
use crate::chaos::oracle::count_words;
use crate::process::Guard;

/// One post, update or delete.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Change {
    pub(super) op: String,
    /// did/collection/rkey
    pub(super) id: String,
    /// The server's time, milliseconds.
    pub(super) time: i64,
    /// Empty for a delete.
    pub(super) text: String,
}

/// The client of the server's authors, connected directly, from the second event on.
pub(super) struct Truth {
    lines: PathBuf,
    _client: Guard,
}

impl Truth {
    pub(super) fn start(tools: &Tools, dir: &Path, port: u16) -> anyhow::Result<Self> {
        let lines = dir.join("reference.jsonl");
        let mut client = tools.command("client", dir)?;
        client.args(["subscribe", "--host", &format!("127.0.0.1:{port}"), "--print"]);
        client.args(["--kind", "commit", "--collection", "app.bsky.feed.post"]);
        // Its cursor is the last event received.
        client.args(["--live-cursor", &super::proxy::BEGIN.to_string(), "--zstd=false"]);
        let client = Guard::spawn(client.stdout(File::create(&lines)?))?;
        Ok(Self { lines, _client: client })
    }

    /// The events so far.
    pub(super) fn events(&self) -> anyhow::Result<Vec<Change>> {
        let text = fs::read_to_string(&self.lines)?;
        let mut last = 0;
        let mut events = Vec::new();
        // The last line may be incomplete.
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let of: Value = serde_json::from_str(line).context("the reference wrote bad JSON")?;
            let seq = of["cursor"].as_u64().context("an event of the reference has no number")?;
            ensure!(seq > last, "the reference saw {seq} after {last}");
            last = seq;
            let commit = &of["commit"];
            let word = |name: &str| commit[name].as_str().unwrap_or_default();
            events.push(Change {
                op: word("operation").to_owned(),
                id: [of["did"].as_str().unwrap_or_default(), word("collection"), word("rkey")]
                    .join("/"),
                time: of["time_us"].as_i64().context("an event has no time")?.div_euclid(1_000),
                text: commit["record"]["text"].as_str().unwrap_or_default().to_owned(),
            });
        }
        Ok(events)
    }
}

/// A row of `relay --json` as an event.
pub(super) fn row(line: &str) -> anyhow::Result<Change> {
    let of: Value = serde_json::from_str(line).context("relay wrote bad JSON")?;
    let word = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let time = of["time"].as_i64().context("a row has no time")?;
    Ok(Change { op: word("op"), id: word("id"), time, text: word("text") })
}

/// An error unless both are the same events in the same order.
pub(super) fn compare(seen: &[Change], rows: &[Change]) -> anyhow::Result<()> {
    if seen == rows {
        return Ok(());
    }
    let mut left: HashMap<&Change, i64> = HashMap::new();
    seen.iter().for_each(|event| *left.entry(event).or_default() += 1);
    rows.iter().for_each(|event| *left.entry(event).or_default() -= 1);
    let lost: i64 = left.values().filter(|left| **left > 0).sum();
    let double: i64 = -left.values().filter(|left| **left < 0).sum::<i64>();
    let first = seen.iter().zip(rows).position(|(of, row)| of != row);
    let first = first.unwrap_or(seen.len().min(rows.len()));
    bail!(
        "{lost} lost, {double} double or unknown; they part at {first}:\n  \
         reference {:?}\n  ours      {:?}",
        seen.get(first),
        rows.get(first)
    )
}

/// The posts that remain at the end: how many, and how often each word with `#` occurs in them if
/// the first letter of every text is replaced by `#`.
pub(super) fn recount(seen: &[Change]) -> (u64, HashMap<String, u64>) {
    let mut left: HashMap<&str, &str> = HashMap::new();
    for event in seen {
        match event.op.as_str() {
            "delete" => drop(left.remove(event.id.as_str())),
            _ => drop(left.insert(&event.id, &event.text)),
        }
    }
    let texts = left.values().filter(|text| !text.is_empty());
    let marked: Vec<String> = texts.map(|text| format!("#{}", &text[1..])).collect();
    (left.len() as u64, count_words(marked.join("\n").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(op: &str, id: &str, text: &str) -> Change {
        Change { op: op.into(), id: id.into(), time: 1, text: text.into() }
    }

    #[test]
    fn what_is_lost_and_what_is_double_is_told_apart() {
        let seen = ["a", "b", "c"].map(|id| event("create", id, "x"));
        compare(&seen, &seen).unwrap();
        let rows = ["a", "c", "c", "c"].map(|id| event("create", id, "x"));
        let error = compare(&seen, &rows).unwrap_err().to_string();
        assert!(error.starts_with("1 lost, 2 double or unknown; they part at 1:"), "{error}");
        let rows = ["b", "a", "c"].map(|id| event("create", id, "x"));
        let error = compare(&seen, &rows).unwrap_err().to_string();
        assert!(error.starts_with("0 lost, 0 double"), "another order: {error}");
    }

    #[test]
    fn the_recount_knows_edits_and_deletes() {
        let seen = [
            event("create", "a", "xone two"),
            event("create", "b", "xone"),
            event("update", "a", " one"),
            event("delete", "b", ""),
            event("delete", "unknown", ""),
            event("update", "c", "x"),
        ];
        let words = [("#one".to_owned(), 1), ("#".to_owned(), 1)];
        assert_eq!(recount(&seen), (2, HashMap::from(words)));
    }
}

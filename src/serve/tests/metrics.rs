//! `/metrics`: what it shows, and that both of its formats are valid.

use std::collections::BTreeSet;

use super::api::rig;
use super::*;
use crate::counters::{self, Metric};
use tagtide_trends::status::{AlertsStatus, CheckpointStatus, HistoryStatus, QueueStatus, Status};

/// A run in which everything has a value.
fn full() -> TickSnapshot {
    let queue = QueueStatus { kept: 4, lost: 2, waiting: 3, last_error: String::new() };
    let history = HistoryStatus { queue: queue.clone(), rows: 41, newest: Some(1_699_999_980_000) };
    let alerts =
        AlertsStatus { outbox: queue, delivered: 8, failed: 9, waiting: 6, ..<_>::default() };
    let published = tick(3, &[("a", 3)]);
    let status = Status {
        tick_ms: 2.5,
        checkpoint_epoch: Some(17),
        checkpoint: Some(CheckpointStatus { at: 1_700_000_000_000, write_ms: 1.5 }),
        counters: counters::distinct(),
        history: Some(history),
        alerts: Some(alerts),
        ..Status::clone(&published.status)
    };
    TickSnapshot { status: Arc::new(status), ..published }
}

fn metrics(accept: &str) -> Reply {
    let rig = Rig::new(full(), ServeOptions::default());
    rig.get("/api/v1/tags/a");
    request(rig.addr(), "GET", "/metrics", &[("accept", accept)], b"")
}

#[test]
fn metrics_show_the_status_and_the_requests() {
    let rig = rig();
    rig.get("/api/v1/status");
    rig.get("/api/v1/tags/a");
    rig.get("/nothing/here");
    let reply = rig.get("/metrics");
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    let lines: Vec<&str> = reply.text().lines().collect();
    for expected in [
        "tagtide_posts_total 10",
        "tagtide_dropped_records_total{reason=\"malformed\"} 3",
        "tagtide_late_posts_total 2",
        "tagtide_posts_per_second 12.5",
        "tagtide_lag_seconds 1.5",
        "tagtide_watermark_timestamp_seconds 1699999990.0",
        "tagtide_source_state{source=\"file \\\"x\\\"\",state=\"live\"} 1",
        "tagtide_source_posts_total{source=\"file \\\"x\\\"\"} 7",
        "tagtide_sink_rankings_total{sink=\"stdout\",outcome=\"delivered\"} 5",
        "tagtide_live_clients 0.0",
        "tagtide_http_requests_total{method=\"GET\",route=\"/api/v1/status\",code=\"200\"} 1",
        "tagtide_http_requests_total{method=\"GET\",route=\"/api/v1/tags/{tag}\",code=\"404\"} 1",
        "tagtide_http_requests_total{method=\"GET\",route=\"other\",code=\"404\"} 1",
    ] {
        assert!(lines.contains(&expected), "no `{expected}` in\n{}", reply.text());
    }
    assert_eq!(lines.last(), Some(&"# EOF"));
}

#[test]
fn every_counter_and_the_state_of_history_alerts_and_checkpoint_is_shown() {
    let reply = metrics("");
    let text = reply.text();
    for counter in counters::list(&counters::distinct()) {
        let name = match counter.metric {
            Metric::Own(name, _) => format!("tagtide_{name}_total"),
            Metric::Dropped(reason) => {
                format!("tagtide_dropped_records_total{{reason=\"{reason}\"}}")
            }
        };
        let line = format!("\n{name} {}\n", counter.value);
        assert!(text.contains(&line), "no {line} in\n{text}");
    }
    for line in [
        "tagtide_tick_seconds 0.0025",
        "tagtide_checkpoint_epoch 17.0",
        "tagtide_checkpoint_timestamp_seconds 1700000000.0",
        "tagtide_checkpoint_write_seconds 0.0015",
        "tagtide_history_rows_total 41",
        "tagtide_history_lost_total 2",
        "tagtide_history_waiting 3.0",
        "tagtide_history_newest_timestamp_seconds 1699999980.0",
        "tagtide_alerts_total{outcome=\"delivered\"} 8",
        "tagtide_alerts_total{outcome=\"failed\"} 9",
        "tagtide_alerts_waiting 6.0",
        "tagtide_alerts_lost_total 2",
    ] {
        assert!(text.contains(&format!("\n{line}\n")), "no {line} in\n{text}");
    }
    let value = |name: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
    };
    assert!(value("tagtide_checkpoint_age_seconds") > 1e6, "since November 2023");
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
}

/// Samples of one exposition, each valid and in its place; panics otherwise.
fn samples(text: &str, is_open: bool) -> BTreeSet<(String, String)> {
    let name_is_valid = |name: &str| {
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        name.chars().all(valid) && !name.starts_with(|c: char| c.is_ascii_digit() || c == '_')
    };
    let body = if is_open { text.strip_suffix("# EOF\n").expect("it ends") } else { text };
    let (mut families, mut found) = (BTreeSet::new(), BTreeSet::new());
    let (mut family, mut kind, mut helped) = ("", "", "");
    assert!(body.ends_with('\n'));
    for line in body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a help");
            assert!(name_is_valid(name) && !help.contains(['\\', '"']), "{line}");
            helped = name;
        } else if let Some(stated) = line.strip_prefix("# TYPE ") {
            (family, kind) = stated.split_once(' ').expect("a type");
            assert!(families.insert(family), "twice: {line}");
            assert!(helped == family && ["counter", "gauge"].contains(&kind), "{line}");
            assert!(kind != "counter" || family.ends_with("_total") != is_open, "{line}");
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
            let end = if is_open && kind == "counter" { "_total" } else { "" };
            assert_eq!(name, format!("{family}{end}"), "{line}");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
            labels_are_valid(labels.strip_suffix('}').expect("a brace"));
            assert!(found.insert((name.to_owned(), labels.to_owned())), "twice: {line}");
        }
    }
    found
}

/// `a="b",c="d"`, with `\\`, `\"` and `\n` as the only escapes.
fn labels_are_valid(labels: &str) {
    let mut rest = labels;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").expect("a value in quotes");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{labels}");
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().expect("a closing quote") {
                (_, '\\') => {
                    assert!(matches!(chars.next(), Some((_, '\\' | '"' | 'n'))), "{labels}");
                }
                (at, '"') => break at,
                _ => {}
            }
        };
        rest = &after[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
}

#[test]
fn both_formats_are_valid_and_have_the_same_samples() {
    let open = metrics("application/openmetrics-text;q=0.6,text/plain;q=0.5");
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = metrics("text/plain");
    assert_eq!(text.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let found = samples(open.text(), true);
    assert_eq!(samples(text.text(), false), found);
    assert!(found.len() > 50, "{}", found.len());
}

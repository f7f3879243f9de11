//! Metrics that are read at each scrape: the published status, and the process.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::watch;

use crate::counters::{Metric, list};
use crate::serve::live::Streams;
use tagtide_posts::clock::{Clock, process_ran};
use tagtide_trends::rank::TickSnapshot;
use tagtide_trends::status::{Counters, Recorded, RunState, SourceStatus, Status};

/// The run, as of the last tick.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) published: watch::Receiver<Arc<TickSnapshot>>,
    pub(super) streams: Streams,
}

impl Collector for Run {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let published = Arc::clone(&self.published.borrow());
        let status = &*published.status;
        let out = &mut encoder;
        counters(out, &status.counters)?;
        gauges(out, &published, self.streams.open())?;
        checkpoint(out, status)?;
        reports(out, status)?;
        sources(out, status)?;
        sinks(out, status)
    }
}

/// This process.
#[derive(Debug)]
pub(super) struct Process;

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let out = &mut encoder;
        let help = "CPU time of the process, user and system";
        let metric =
            out.encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?;
        ConstCounter::new(process_ran().as_secs_f64()).encode(metric)?;
        let help = "Memory of the process that is in RAM";
        match std::fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_bytes)
        {
            Some(bytes) => gauge(out, "process_resident_memory_bytes", help, bytes as f64),
            None => Ok(()),
        }
    }
}

/// The line `VmRSS:  1234 kB` of `/proc/self/status`, in bytes.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1_024)
}

fn counter(out: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let metric = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(metric)
}

fn gauge(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: impl EncodeGaugeValue,
) -> fmt::Result {
    let metric = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(metric)
}

/// One counter for each value of a label.
fn family<'a, const N: usize>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = ([(&'a str, &'a str); N], u64)>,
) -> fmt::Result {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in rows {
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counters(out: &mut DescriptorEncoder<'_>, counters: &Counters) -> fmt::Result {
    let listed = list(counters);
    for one in listed {
        if let Metric::Own(name, help) = one.metric {
            counter(out, name, help, one.value)?;
        }
    }
    let rows = listed.iter().filter_map(|one| match one.metric {
        Metric::Dropped(reason) => Some(([("reason", reason)], one.value)),
        Metric::Own(..) => None,
    });
    family(out, "dropped_records", "Records not counted, by reason", rows)
}

fn gauges(out: &mut DescriptorEncoder<'_>, published: &TickSnapshot, live: usize) -> fmt::Result {
    let status = &*published.status;
    let up = i64::from(status.state == RunState::Live || status.state == RunState::Replay);
    gauge(out, "up", "1 while posts come in", up)?;
    gauge(out, "posts_per_second", "Over the last ten seconds", status.posts_per_s)?;
    if let Some(lag_ms) = status.lag_ms {
        gauge(out, "lag_seconds", "Event time behind our clock", seconds(lag_ms))?;
    }
    if let Some(watermark) = status.watermark {
        gauge(out, "watermark_timestamp_seconds", "Watermark, event time", seconds(watermark))?;
    }
    if let Some(event_time) = status.event_time {
        gauge(out, "event_timestamp_seconds", "Newest event time", seconds(event_time))?;
    }
    let published_at = seconds(published.published_at);
    gauge(out, "published_timestamp_seconds", "Our clock at the last tick", published_at)?;
    gauge(out, "start_timestamp_seconds", "Start of the process", seconds(status.started_at))?;
    gauge(out, "batch", "Number of the last batch", published.batch as f64)?;
    let help = "Time that the previous tick took to rank and publish";
    gauge(out, "tick_seconds", help, status.tick_ms / 1_000.0)?;
    gauge(out, "tags", "Live tags", status.tags as f64)?;
    gauge(out, "tags_max", "Most live tags counted exactly", status.tags_max as f64)?;
    gauge(out, "live_clients", "Open live streams", live as f64)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn checkpoint(out: &mut DescriptorEncoder<'_>, status: &Status) -> fmt::Result {
    if let Some(epoch) = status.checkpoint_epoch {
        gauge(out, "checkpoint_epoch", "Epoch of the last durable checkpoint", epoch as f64)?;
    }
    let Some(last) = &status.checkpoint else { return Ok(()) };
    let at = "Our clock at the last durable checkpoint";
    gauge(out, "checkpoint_timestamp_seconds", at, seconds(last.at))?;
    let age = Clock::System.now().0.saturating_sub(last.at).max(0);
    gauge(out, "checkpoint_age_seconds", "Time since the last durable checkpoint", seconds(age))?;
    let help = "Time that the last checkpoint took to write and sync";
    gauge(out, "checkpoint_write_seconds", help, last.write_ms / 1_000.0)
}

/// History and alerts.
fn reports(out: &mut DescriptorEncoder<'_>, status: &Status) -> fmt::Result {
    if let Some(history) = &status.history {
        counter(out, "history_rows", "Rows of rankings written to the history", history.rows)?;
        let help = "Batches of rankings that could not be written to the history";
        counter(out, "history_lost", help, history.queue.lost)?;
        let help = "Batches of rankings that wait to be written to the history";
        gauge(out, "history_waiting", help, history.queue.waiting as f64)?;
        if let Some(newest) = history.newest {
            let help = "Newest event time in the history";
            gauge(out, "history_newest_timestamp_seconds", help, seconds(newest))?;
        }
    }
    let Some(alerts) = &status.alerts else { return Ok(()) };
    let outcomes = [("delivered", alerts.delivered), ("failed", alerts.failed)];
    let rows = outcomes.map(|(outcome, value)| ([("outcome", outcome)], value));
    family(out, "alerts", "Alerts to webhooks, by outcome", rows)?;
    gauge(out, "alerts_waiting", "Alerts that wait for delivery", alerts.waiting as f64)?;
    let help = "Slides whose alerts could not be stored";
    counter(out, "alerts_lost", help, alerts.outbox.lost)
}

fn sources(out: &mut DescriptorEncoder<'_>, status: &Status) -> fmt::Result {
    {
        let help = "1 for the state that the source is in";
        let mut family = out.encode_descriptor("source_state", help, None, MetricType::Gauge)?;
        for source in &status.sources {
            let labels = [("source", source.name.as_str()), ("state", source.state.as_str())];
            ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
        }
    }
    let by_source = |value: fn(&SourceStatus) -> u64| {
        status.sources.iter().map(move |s| ([("source", s.name.as_str())], value(s)))
    };
    family(out, "source_posts", "Posts counted, by source", by_source(|s| s.posts))?;
    family(out, "source_reconnects", "Reconnections", by_source(|s| s.reconnects))?;
    family(out, "source_gaps", "Gaps in the data of a source", by_source(|s| s.gaps))?;
    family(out, "source_missed_posts", "Posts in gaps, estimated", by_source(|s| s.missed))?;
    let recorded = |value: fn(&Recorded) -> u64| {
        let rows =
            status.sources.iter().filter_map(move |s| Some((s, value(s.recorded.as_ref()?))));
        rows.map(|(s, value)| ([("source", s.name.as_str())], value))
    };
    family(out, "source_recorded_bytes", "Bytes recorded, packed", recorded(|r| r.bytes))?;
    let help = "Records that were counted but not recorded";
    family(out, "source_recording_lost_records", help, recorded(|r| r.lost))?;
    let help = "Posts read since midnight UTC, if reading is paid for";
    let mut family = out.encode_descriptor("source_reads_today", help, None, MetricType::Gauge)?;
    for source in &status.sources {
        let Some(reads) = source.reads else { continue };
        let today = i64::try_from(reads.today).unwrap_or(i64::MAX);
        let labels = [("source", source.name.as_str())];
        ConstGauge::new(today).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn sinks(out: &mut DescriptorEncoder<'_>, status: &Status) -> fmt::Result {
    let rows = status.sinks.iter().flat_map(|sink| {
        [("delivered", sink.delivered), ("failed", sink.failed), ("skipped", sink.skipped)]
            .map(|(outcome, value)| ([("sink", sink.name.as_str()), ("outcome", outcome)], value))
    });
    family(out, "sink_rankings", "Rankings, by sink and outcome", rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_kilobytes() {
        let status = "Name:\ttagtide\nVmHWM:\t   90 kB\nVmRSS:\t   12 kB\nThreads:\t3\n";
        assert_eq!(resident_bytes(status), Some(12 * 1_024));
        assert_eq!(resident_bytes("Name:\ttagtide\n"), None);
        assert_eq!(resident_bytes("VmRSS:\t12 MB\n"), None);
    }
}

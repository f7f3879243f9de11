//! `/metrics` for Prometheus: the published status, read at each scrape, and what this server
//! counts itself. Labels take their values from the job and the table of routes, so their number
//! is bounded.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, EncodeMetric,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::live::Streams;
use super::router::App;
use tagtide_trends::rank::TickSnapshot;
use tagtide_trends::status::{Counters, RunState, Status};

/// Content type of OpenMetrics text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Http {
    method: &'static str,
    route: String,
    code: u16,
}

/// What this server counts, and what it reads from the status.
pub(super) struct Metrics {
    registry: Registry,
    http: Family<Http, Counter>,
    /// Connections refused because there were too many.
    pub(super) refused_connections: Counter,
}

impl Metrics {
    pub(super) fn new(published: watch::Receiver<Arc<TickSnapshot>>, streams: Streams) -> Self {
        let mut registry = Registry::with_prefix("tagtide");
        let http = Family::<Http, Counter>::default();
        registry.register("http_requests", "Requests answered", http.clone());
        let refused_connections = Counter::default();
        registry.register(
            "http_connections_refused",
            "Connections refused because there were too many",
            refused_connections.clone(),
        );
        registry.register_collector(Box::new(Shown { published, streams }));
        Self { registry, http, refused_connections }
    }

    /// Counts one answer.
    pub(super) fn count(&self, method: &Method, route: &str, code: StatusCode) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            _ => "other",
        };
        let labels = Http { method, route: route.to_owned(), code: code.as_u16() };
        self.http.get_or_create(&labels).inc();
    }
}

/// Counters and gauges in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, content_type = "application/openmetrics-text", body = String),
))]
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut out = String::new();
    match prometheus_client::encoding::text::encode(&mut out, &app.metrics.registry) {
        Ok(()) => {
            ([(CONTENT_TYPE, OPEN_METRICS), (CACHE_CONTROL, "no-store")], out).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What others count, as of the last tick.
#[derive(Debug)]
struct Shown {
    published: watch::Receiver<Arc<TickSnapshot>>,
    streams: Streams,
}

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let published = Arc::clone(&self.published.borrow());
        let status = &*published.status;
        let out = &mut encoder;
        counters(out, &status.counters)?;
        gauges(out, &published, self.streams.open())?;
        sources(out, status)?;
        sinks(out, status)
    }
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
    counter(out, "posts", "Posts counted", counters.posts)?;
    counter(out, "tagged_posts", "Posts with at least one tag", counters.tagged_posts)?;
    counter(out, "tag_occurrences", "Tag occurrences counted", counters.tags)?;
    counter(out, "control_records", "Valid records that are no post", counters.control)?;
    let dropped = [
        ("malformed", counters.malformed),
        ("oversize", counters.oversize),
        ("partial", counters.partial),
        ("future", counters.future),
        ("duplicate", counters.duplicates),
    ];
    let rows = dropped.map(|(reason, value)| ([("reason", reason)], value));
    family(out, "dropped_records", "Records not counted, by reason", rows)?;
    counter(out, "oversize_tags", "Tags too long to count", counters.oversize_tags)?;
    counter(out, "late_posts", "Posts in no window: their pane was closed", counters.late)?;
    counter(out, "invalid_utf8_posts", "Posts with invalid UTF-8", counters.invalid_utf8)?;
    counter(out, "deletes", "Deletes of remembered posts", counters.deletes)?;
    counter(out, "deletes_unknown", "Deletes of posts not remembered", counters.deletes_unknown)?;
    counter(out, "edits", "Edits", counters.edits)?;
    counter(out, "evicted_tags", "Tags that gave way at the cap", counters.evicted_tags)
}

fn gauges(out: &mut DescriptorEncoder<'_>, published: &TickSnapshot, live: usize) -> fmt::Result {
    let status = &*published.status;
    let seconds = |ms: i64| ms as f64 / 1_000.0;
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
    if let Some(epoch) = status.checkpoint_epoch {
        gauge(out, "checkpoint_epoch", "Epoch of the last durable checkpoint", epoch as f64)?;
    }
    gauge(out, "tags", "Live tags", status.tags as f64)?;
    gauge(out, "tags_max", "Most live tags counted exactly", status.tags_max as f64)?;
    gauge(out, "live_clients", "Open live streams", live as f64)
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
    let by_source = |value: fn(&tagtide_trends::status::SourceStatus) -> u64| {
        status.sources.iter().map(move |s| ([("source", s.name.as_str())], value(s)))
    };
    family(out, "source_posts", "Posts counted, by source", by_source(|s| s.posts))?;
    family(out, "source_reconnects", "Times connected again", by_source(|s| s.reconnects))?;
    family(out, "source_gaps", "Gaps in what a source brought", by_source(|s| s.gaps))?;
    family(out, "source_missed_posts", "Posts in gaps, estimated", by_source(|s| s.missed))?;
    let recorded = |value: fn(&tagtide_trends::status::Recorded) -> u64| {
        let rows =
            status.sources.iter().filter_map(move |s| Some((s, value(s.recorded.as_ref()?))));
        rows.map(|(s, value)| ([("source", s.name.as_str())], value))
    };
    family(out, "source_recorded_bytes", "Bytes recorded, packed", recorded(|r| r.bytes))?;
    let help = "Records counted that the recording lacks";
    family(out, "source_recording_lost_records", help, recorded(|r| r.lost))?;
    let help = "Posts read since midnight UTC, where reading is paid for";
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
    family(out, "sink_rankings", "Rankings, by sink and what became of them", rows)
}

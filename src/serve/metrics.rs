//! `/metrics` for Prometheus: the published status, read at each scrape, what this server counts
//! itself, and the process. Label values come from the job and the table of routes, so their number
//! is bounded.
//!
//! OpenMetrics, or the older text format if the client asks for `text/plain`.

mod collector;
mod text;

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use super::live::Streams;
use super::router::App;
use collector::{Process, Run};
use tagtide_trends::rank::TickSnapshot;

/// Content type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Content type of the Prometheus text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Http {
    method: &'static str,
    route: String,
    code: u16,
}

/// What this server counts, and what it reads at each scrape.
pub(super) struct Metrics {
    registry: Registry,
    /// Metrics whose names all exporters share, without our prefix.
    process: Registry,
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
        registry.register_collector(Box::new(Run { published, streams }));
        let mut process = Registry::default();
        process.register_collector(Box::new(Process));
        Self { registry, process, http, refused_connections }
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

    fn open_metrics(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        encode_registry(&mut out, &self.registry)?;
        encode_registry(&mut out, &self.process)?;
        encode_eof(&mut out)?;
        Ok(out)
    }
}

/// Counters and gauges: OpenMetrics, or the Prometheus text format if `Accept` asks for it.
#[utoipa::path(get, path = "/metrics", responses((status = 200, content(
    (String = "application/openmetrics-text"),
    (String = "text/plain"),
)),))]
pub(super) async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Ok(metrics) = app.metrics.open_metrics() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let accepted: Vec<_> =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let (content_type, body) = if text::is_preferred(&accepted.join(",")) {
        (TEXT, text::from_open_metrics(&metrics))
    } else {
        (OPEN_METRICS, metrics)
    };
    ([(CONTENT_TYPE, content_type), (CACHE_CONTROL, "no-store")], body).into_response()
}

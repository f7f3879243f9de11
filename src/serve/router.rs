//! The table of routes, and the path of a request: guard, route, headers, metrics.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;

use super::api::{self, Problem};
use super::guard::Guard;
use super::live::{self, Live};
use super::metrics::{self, Metrics};
use super::page::{self, Page};
use super::{Feed, ServeError, ServeOptions, tutorial};

/// Most queries of files in the state directory at the same time; more are refused.
pub(super) const READERS_MAX: usize = 4;

/// What every route has access to.
pub(super) struct App {
    pub(super) feed: Feed,
    pub(super) options: ServeOptions,
    pub(super) guard: Guard,
    pub(super) live: Live,
    pub(super) metrics: Metrics,
    pub(super) page: Page,
    /// Slots for queries of files in the state directory.
    pub(super) readers: Arc<Semaphore>,
    /// Becomes true when the server stops.
    pub(super) stopped: watch::Receiver<bool>,
}

/// Every route except the page's assets, which are the fallback. Each is in the OpenAPI document.
pub(super) fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/", get(page::index)),
        ("/api/v1/trends", get(api::trends::trends)),
        ("/api/v1/tags/{tag}", get(api::tags::tag)),
        ("/api/v1/tags/{tag}/explain", get(api::explain::explain)),
        ("/api/v1/history", get(api::history::history)),
        ("/api/v1/alerts", get(api::alerts::alerts)),
        ("/feed.xml", get(api::alerts::feed)),
        ("/api/v1/status", get(api::status::status)),
        ("/api/v1/live", get(live::live)),
        ("/api/v1/session", post(api::session::session)),
        ("/api/v1/openapi.json", get(api::openapi::openapi)),
        ("/metrics", get(metrics::metrics)),
        ("/healthz", get(api::status::healthz)),
        ("/readyz", get(api::status::readyz)),
        ("/updateData", post(tutorial::update_data)),
        ("/refreshData", get(tutorial::refresh_data)),
        ("/update_data", post(tutorial::update_data_of_fork)),
        ("/updateChart", get(tutorial::update_chart)),
    ]
}

/// The routes behind the guard.
pub(super) struct Front {
    pub(super) app: Arc<App>,
    router: Router,
}

impl Front {
    pub(super) fn new(
        open: bool,
        feed: Feed,
        options: ServeOptions,
        stopped: watch::Receiver<bool>,
    ) -> Result<Arc<Self>, ServeError> {
        let live = Live::new(options.live_max);
        let app = Arc::new(App {
            guard: Guard::new(open, &options),
            metrics: Metrics::new(feed.published.clone(), live.streams()),
            page: Page::new(options.web_dir.as_deref())?,
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            live,
            feed,
            options,
            stopped,
        });
        let mut router = Router::new();
        for (path, methods) in routes() {
            router = router.route(path, methods);
        }
        let router = router
            .route_layer(middleware::from_fn(note_route))
            .fallback(page::asset)
            .method_not_allowed_fallback(method_not_allowed)
            .layer(CatchPanicLayer::new())
            .with_state(Arc::clone(&app));
        Ok(Arc::new(Self { app, router }))
    }

    /// Answers one request; a request that the guard refuses reaches no route.
    pub(super) async fn answer(&self, request: Request) -> Response {
        let method = request.method().clone();
        let mut response = match self.app.guard.check(&request) {
            Ok(()) => match self.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            Err(refusal) => refusal,
        };
        let route = response.extensions_mut().remove::<MatchedPath>();
        let route = route.as_ref().map_or("other", MatchedPath::as_str);
        self.app.metrics.count(&method, route, response.status());
        Guard::complete(response.headers_mut());
        if method == Method::HEAD {
            // A refusal has a body for every method.
            return response.map(|_| Body::empty());
        }
        response
    }
}

/// Passes the route that answered on to the metrics.
async fn note_route(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(matched) = matched {
        response.extensions_mut().insert(matched);
    }
    response
}

async fn method_not_allowed() -> Response {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
        .help("`/api/v1/openapi.json` lists every route with its methods")
        .into_response()
}

//! Live updates as server-sent events.
//!
//! Each selection (mode, window, view, top) with at least one client has one channel with one task,
//! which encodes each tick once; all its clients send the same bytes. A client that missed a tick
//! because it reads slowly gets a snapshot next, so no client needs a queue. A client that reads
//! nothing is disconnected (`listen`).
//!
//! A client that reconnects with `Last-Event-ID` gets a snapshot, unless that is the current batch.
//! Even then its first diff contains every row: batch numbers can repeat if the program was
//! restarted meanwhile, so it is uncertain which rows the client has.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep};
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream;

use super::api::Problem;
use super::diff::Frame;
pub(super) use super::diff::{Diff, Snapshot};
use super::listen::Slot;
use super::ranking_query::{self, Params, Selection};
use super::router::App;
use super::strict_query::StrictQuery;

/// Most selections with clients at the same time; each costs one encoding per tick.
const CHANNELS_MAX: usize = 256;

/// How soon a browser reconnects after a lost connection.
const RETRY: &str = "retry: 2000\n";

type FrameSender = watch::Sender<Option<Arc<Frame>>>;
type FrameReceiver = watch::Receiver<Option<Arc<Frame>>>;

/// Every channel that has clients.
pub(super) struct Live {
    streams: Arc<Semaphore>,
    streams_max: usize,
    channels: Mutex<HashMap<Selection, Arc<FrameSender>>>,
}

/// Counts live streams.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    free: Arc<Semaphore>,
    max: usize,
}

impl Streams {
    /// Open now.
    pub(super) fn open(&self) -> usize {
        self.max - self.free.available_permits().min(self.max)
    }
}

impl Live {
    pub(super) fn new(streams_max: usize) -> Self {
        let streams = Arc::new(Semaphore::new(streams_max));
        Self { streams, streams_max, channels: Mutex::default() }
    }

    pub(super) fn streams(&self) -> Streams {
        Streams { free: Arc::clone(&self.streams), max: self.streams_max }
    }

    /// Joins the channel of a selection, which starts with its first client; `None` if there are
    /// too many channels.
    fn join(&self, app: &Arc<App>, selection: &Selection) -> Option<FrameReceiver> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(frames) = channels.get(selection) {
            return Some(frames.subscribe());
        }
        if channels.len() >= CHANNELS_MAX {
            return None;
        }
        let (frames, receiver) = watch::channel(None);
        let frames = Arc::new(frames);
        channels.insert(selection.clone(), Arc::clone(&frames));
        #[expect(clippy::disallowed_methods, reason = "serve starts its own tasks")]
        tokio::spawn(run_channel(Arc::clone(app), selection.clone(), frames));
        Some(receiver)
    }

    /// Ends a channel without clients; false if a client has joined meanwhile.
    fn leave(&self, selection: &Selection, frames: &FrameSender) -> bool {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        // Joining takes the same lock, so no client can join between this check and the removal.
        let deserted = frames.receiver_count() == 0;
        if deserted {
            channels.remove(selection);
        }
        deserted
    }
}

/// Encodes one frame per tick as long as the channel has clients.
async fn run_channel(app: Arc<App>, selection: Selection, frames: Arc<FrameSender>) {
    let mut published = app.feed.published.clone();
    let mut before: Option<Arc<Frame>> = None;
    let mut ended = false;
    loop {
        if !ended {
            let now = Arc::clone(&published.borrow_and_update());
            match ranking_query::ranking(&app, &now, &selection).await {
                Ok(ranking) => {
                    let frame = Arc::new(Frame::new(before.as_deref(), now, ranking));
                    frames.send_replace(Some(Arc::clone(&frame)));
                    before = Some(frame);
                }
                Err(problem) => tracing::warn!("a live tick was skipped: {problem:?}"),
            }
        }
        tokio::select! {
            changed = published.changed(), if !ended => ended = changed.is_err(),
            () = frames.closed() => if app.live.leave(&selection, &frames) { return },
        }
    }
}

/// Live updates as server-sent events.
///
/// Event `snapshot` first, then with each tick `diff` (changed rows by key, and the order of all)
/// and `status`. The id of an event is its batch. A client that fell behind gets a `snapshot`
/// instead of a `diff`. A comment keeps a silent stream alive.
#[utoipa::path(get, path = "/api/v1/live", params(Params), responses(
    (status = 200, content_type = "text/event-stream", body = String),
    (status = 400, body = Problem),
    (status = 503, body = Problem, description = "too many live streams"),
))]
pub(super) async fn live(
    State(app): State<Arc<App>>,
    slot: Option<Extension<Slot>>,
    headers: HeaderMap,
    StrictQuery(params): StrictQuery<Params>,
) -> Response {
    let published = Arc::clone(&app.feed.published.borrow());
    let selection = match ranking_query::resolve(params, &published) {
        Ok(selection) => selection,
        Err(problem) => return problem.into_response(),
    };
    let too_many = |what: &str| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, what)
            .help("try again later, or poll `/api/v1/trends`")
            .into_response()
    };
    let Ok(permit) = Arc::clone(&app.live.streams).try_acquire_owned() else {
        return too_many("too many live streams");
    };
    let Some(frames) = app.live.join(&app, &selection) else {
        return too_many("too many different live rankings");
    };
    if let Some(Extension(slot)) = slot {
        slot.release();
    }
    let id = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let period = app.options.timeouts.keep_alive;
    let events = Events {
        frames: WatchStream::new(frames),
        stopped: WatchStream::new(app.stopped.clone()),
        seen: id.map_or(Seen::Nothing, Seen::Batch),
        keep_alive: Box::pin(sleep(period)),
        period,
        _permit: permit,
    };
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        (CACHE_CONTROL, "no-store"),
        // The connection has returned its slot for requests, so it must not serve another.
        (CONNECTION, "close"),
    ];
    (headers, Body::from_stream(events)).into_response()
}

/// What a client has received.
#[derive(Clone, Copy)]
enum Seen {
    Nothing,
    /// According to the client, this batch.
    Batch(u64),
    /// According to the client, the batch that was current when it connected.
    Perhaps,
    /// This frame.
    Frame(u64),
}

/// The stream of one client.
struct Events {
    frames: WatchStream<Option<Arc<Frame>>>,
    stopped: WatchStream<bool>,
    seen: Seen,
    keep_alive: Pin<Box<Sleep>>,
    period: Duration,
    _permit: OwnedSemaphorePermit,
}

impl Events {
    /// The bytes that the client gets for a frame.
    fn send(&mut self, frame: &Frame) -> Bytes {
        let next = |seen: u64| seen + 1 == frame.seq;
        let (bytes, seen) = match self.seen {
            Seen::Batch(batch) if batch == frame.batch() => {
                (Bytes::from_static(b": nothing new\n\n"), Seen::Perhaps)
            }
            Seen::Perhaps => (frame.all_rows(), Seen::Frame(frame.seq)),
            Seen::Frame(seen) if next(seen) => (frame.diff(), Seen::Frame(frame.seq)),
            Seen::Nothing | Seen::Batch(_) => {
                let mut first = Vec::from(RETRY);
                first.extend_from_slice(&frame.snapshot());
                (Bytes::from(first), Seen::Frame(frame.seq))
            }
            Seen::Frame(_) => (frame.snapshot(), Seen::Frame(frame.seq)),
        };
        self.seen = seen;
        bytes
    }
}

impl Stream for Events {
    type Item = Result<Bytes, std::convert::Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while let Poll::Ready(stopped) = Pin::new(&mut this.stopped).poll_next(cx) {
            if stopped != Some(false) {
                return Poll::Ready(None);
            }
        }
        let mut send = None;
        while let Poll::Ready(frame) = Pin::new(&mut this.frames).poll_next(cx) {
            match frame {
                None => return Poll::Ready(None),
                // The channel has just started; its first frame follows.
                Some(None) => {}
                Some(Some(frame)) => {
                    send = Some(this.send(&frame));
                    break;
                }
            }
        }
        if send.is_none() && this.keep_alive.as_mut().poll(cx).is_ready() {
            send = Some(Bytes::from_static(b": still here\n\n"));
        }
        match send {
            None => Poll::Pending,
            Some(bytes) => {
                let next = Instant::now() + this.period;
                this.keep_alive.as_mut().reset(next);
                Poll::Ready(Some(Ok(bytes)))
            }
        }
    }
}

//! What sources on the web share: a runtime on the calling thread, clients, and plain words for
//! errors.
//!
//! A source drives its connection from inside [`super::Source::poll`] and at no other time: what
//! is not polled reads nothing.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use reqwest::header::{LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use super::reconnect::Cause;
use super::stream;
use super::{Reason, SourceError};
use crate::http_client::{self, is_loopback};
use tagtide_posts::clock::Clock;

/// Longest time to connect.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// Longest time until an answer begins.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Header of X with the end of a limit, in seconds since the Unix epoch.
const RATE_LIMIT_RESET: &str = "x-rate-limit-reset";
/// When Mastodon lets us ask again, an RFC 3339 time.
const RATE_RESET: &str = "x-ratelimit-reset";
/// Most bytes of a refusal that are read.
const REFUSAL_MAX_BYTES: usize = 4 << 10;

/// Why a request led to nothing.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The answer; `None` where none came.
    pub(super) status: Option<StatusCode>,
    /// In plain words, without secrets.
    pub(super) why: String,
    /// When to try again.
    pub(super) cause: Cause,
    /// The beginning of the body.
    pub(super) body: String,
}

impl Refusal {
    /// Nothing came, or nothing that means anything.
    pub(super) fn network(why: impl Into<String>) -> Self {
        Self { status: None, why: why.into(), cause: Cause::Network, body: String::new() }
    }

    /// The server does not take our credentials.
    pub(super) fn is_auth(&self) -> bool {
        matches!(self.status, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
    }
}

/// A runtime that runs only while it is asked to, and clients.
pub(super) struct Web {
    /// Taken out only at the end.
    runtime: Option<Runtime>,
    clock: Clock,
    direct: Option<Client>,
    usual: Option<Client>,
}

impl Web {
    /// Nothing is connected yet.
    pub(super) fn new(clock: &Clock) -> Result<Self, SourceError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| {
            SourceError::fatal(Reason::because(format!("cannot start a runtime: {error}"), error))
        })?;
        Ok(Self { runtime: Some(runtime), clock: clock.clone(), direct: None, usual: None })
    }

    /// Runs `work` to its end on this thread.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it is there until the end").block_on(work)
    }

    /// The client for `url`.
    pub(super) fn client(&mut self, url: &Url) -> Result<Client, Refusal> {
        let is_near = is_loopback(url);
        let cached = if is_near { &mut self.direct } else { &mut self.usual };
        if let Some(client) = cached {
            return Ok(client.clone());
        }
        let builder = http_client::builder(url)
            .http1_only()
            .tcp_keepalive(Duration::from_secs(60))
            .connect_timeout(CONNECT_MAX);
        let client = builder.build().map_err(|error| Refusal::network(why(&error)))?;
        Ok(cached.insert(client).clone())
    }

    /// The refusal that an unexpected answer means; reads the beginning of its body.
    pub(super) async fn refusal(clock: &Clock, mut answer: Response) -> Refusal {
        let status = answer.status();
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let after = header(RETRY_AFTER.as_str()).and_then(|value| retry_after(value, clock));
        let reset = || header(RATE_LIMIT_RESET).or(header(RATE_RESET));
        let after = after.or_else(|| reset().and_then(|at| until(at, clock)));
        let target = header(LOCATION.as_str()).map(str::to_owned);
        let mut body = Vec::new();
        while body.len() < REFUSAL_MAX_BYTES
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            body.extend_from_slice(&chunk);
        }
        body.truncate(REFUSAL_MAX_BYTES);
        let body = String::from_utf8_lossy(&body).into_owned();
        let limited = matches!(status.as_u16(), 420 | 429);
        let cause =
            if limited { Cause::RateLimited { retry_after: after } } else { Cause::Http5xx };
        let mut why = format!("the answer is HTTP {status}");
        if status.is_redirection() {
            why = format!("{why}, a redirect{}; it is not followed", to_host(target.as_deref()));
        } else if let Some(text) = server_text(&body) {
            why = format!("{why}: {text}");
        }
        Refusal { status: Some(status), why, cause, body }
    }

    /// Time of day.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // A name lookup may still be running; it is not waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The address of a server that a job names.
pub(super) fn server(address: &str) -> Result<Url, SourceError> {
    Url::parse(address).map_err(|error| {
        let text = format!("`{address}` is not a server: {error}");
        SourceError::fatal(Reason::because(text, error))
    })
}

/// ` to host`; the rest of an address may hold a secret.
fn to_host(target: Option<&str>) -> String {
    let host = target.and_then(|target| Url::parse(target).ok());
    let host = host.as_ref().and_then(|url| url.host_str().map(str::to_owned));
    host.map(|host| format!(" to {host}")).unwrap_or_default()
}

/// The words of a server: the message of a JSON object, or the first line of a plain text.
fn server_text(body: &str) -> Option<String> {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let member = |name: &str| json.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let first = || {
        let first = json.as_ref()?.get("errors")?.get(0)?;
        Some(first.get("message")?.as_str()?.to_owned())
    };
    let named = member("error").or_else(|| member("title"));
    let message = member("message").or_else(|| member("detail")).or_else(first);
    let text = match (named, message) {
        (Some(error), Some(message)) => format!("{error}: {message}"),
        (Some(one), None) | (None, Some(one)) => one,
        _ => body.lines().next().filter(|line| !line.starts_with('<'))?.to_owned(),
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// Seconds, or a date.
fn retry_after(value: &str, clock: &Clock) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value.trim()).ok()?.timestamp().as_millisecond();
    Some(Duration::from_millis(u64::try_from(at - clock.now().0).unwrap_or(0)))
}

/// How long it is until a time: seconds since the Unix epoch, or as RFC 3339 writes it.
fn until(value: &str, clock: &Clock) -> Option<Duration> {
    let value = value.trim();
    let seconds = value.parse().ok().and_then(|at_s: i64| at_s.checked_mul(1000));
    let written = || Some(value.parse::<jiff::Timestamp>().ok()?.as_millisecond());
    let left_ms = seconds.or_else(written)?.saturating_sub(clock.now().0);
    Some(Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)))
}

/// Why no answer came, in plain words.
pub(super) fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: Option<&dyn Error> = Some(error);
    let mut innermost = String::new();
    let mut is_dns = false;
    while let Some(one) = cause {
        innermost = one.to_string();
        is_dns |= innermost.starts_with("dns error");
        if let Some(tls) = tls_error(one) {
            return format!("the secure connection (TLS) failed: {}", tls_words(tls));
        }
        if let Some(io) = one.downcast_ref::<std::io::Error>().filter(|io| io.get_ref().is_none())
            && !is_dns
        {
            return stream::why(io);
        }
        cause = one.source();
    }
    if is_dns { format!("its address cannot be found (DNS): {innermost}") } else { innermost }
}

/// The common errors of TLS in our words.
fn tls_words(error: &rustls::Error) -> String {
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, UnknownIssuer,
    };
    let rustls::Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        UnknownIssuer => {
            "its certificate is not signed by an authority that this machine trusts; the root of \
                          a proxy or server of your own belongs in `SSL_CERT_FILE`"
                .to_owned()
        }
        NotValidForName => "its certificate is for another name".to_owned(),
        NotValidForNameContext { expected, presented } => format!(
            "its certificate is not for `{}`, but for {}",
            expected.to_str(),
            presented.join(", ")
        ),
        Expired | ExpiredContext { .. } => "its certificate has expired".to_owned(),
        error => error.to_string(),
    }
}

/// The error of TLS in `error`, which an I/O error may hold inside, and another one that.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<std::io::Error>() {
        Some(io) => tls_error(io.get_ref()?),
        None => error.downcast_ref(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tagtide_posts::post::EventTime;

    #[test]
    fn words_of_a_server_are_shown_and_pages_are_not() {
        let json = r#"{"error":"CursorTooOld","message":"the floor is 12"}"#;
        assert_eq!(server_text(json).as_deref(), Some("CursorTooOld: the floor is 12"));
        let x2 = r#"{"title":"Unauthorized","detail":"no such token","status":401}"#;
        assert_eq!(server_text(x2).as_deref(), Some("Unauthorized: no such token"));
        let x1 = r#"{"errors":[{"code":32,"message":"Could not authenticate you."}]}"#;
        assert_eq!(server_text(x1).as_deref(), Some("Could not authenticate you."));
        assert_eq!(server_text("bad cursor\nmore").as_deref(), Some("bad cursor"));
        assert_eq!(server_text("<html><title>x"), None);
        assert_eq!(server_text("\u{1b}[2J"), Some("[2J".to_owned()));
        assert_eq!(server_text(""), None);
        assert_eq!(to_host(Some("https://login.example/x?token=1")), " to login.example");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let clock = Clock::held(EventTime(1_767_571_200_000));
        let parsed = |value| retry_after(value, &clock).map(|wait| wait.as_secs());
        assert_eq!(parsed("120"), Some(120));
        assert_eq!(parsed("Mon, 05 Jan 2026 00:01:30 GMT"), Some(90));
        assert_eq!(parsed("Mon, 05 Jan 2015 00:01:30 GMT"), Some(0));
        assert_eq!(parsed("soon"), None);
        let reset = |value| until(value, &clock).map(|wait| wait.as_secs());
        assert_eq!(reset("1767571290"), Some(90));
        assert_eq!(reset("12"), Some(0));
        assert_eq!(reset("soon"), None);
        assert_eq!(reset("2026-01-05T00:05:00.000Z"), Some(300));
    }
}

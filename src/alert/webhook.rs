//! Sends one alert to one webhook as a signed POST and classifies the answer.
//!
//! Messages contain only the host of an address: the path or query of a webhook can be its secret.

use std::io::Read as _;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use ring::hmac;
use url::Url;

use super::{Alert, AlertError, key, rules};
use crate::job::AlertPlan;
use tagtide_posts::clock::Clock;
use tagtide_posts::post::EventTime;
use tagtide_sources::http_client::{self, cause, is_loopback};

/// Time limit of a request, answer included.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// Most bytes read of an answer.
const ANSWER_MAX_BYTES: u64 = 4 << 10;
/// Answers about this message, or of a receiver that is gone for good. Any other 4xx can be
/// temporary: during a deployment a proxy can answer 401, 403 or 404 for the receiver.
const FINAL: [StatusCode; 4] = [
    StatusCode::BAD_REQUEST,
    StatusCode::GONE,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
];

/// A webhook and the key of its signatures.
pub(super) struct Target {
    client: Client,
    url: Url,
    /// Host, and port if the address has one.
    host: String,
    secret: Option<hmac::Key>,
}

/// The result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// 2xx.
    Delivered(u16),
    /// Worth another attempt: HTTP status, reason, and how long the receiver asks to wait.
    Later(Option<u16>, String, Option<Duration>),
    /// No further attempt: HTTP status and reason.
    Refused(u16, String),
}

/// The answer to a test alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Its standard text, such as `Not Found`.
    pub reason: &'static str,
    /// The beginning of its body.
    pub body: String,
}

/// Why a webhook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address cannot be parsed.
    #[error(transparent)]
    Address(#[from] url::ParseError),
    /// Neither https nor loopback.
    #[error("it is neither https nor on this machine")]
    Insecure,
    /// No HTTP client could be built.
    #[error("{}", cause(.0))]
    Client(#[source] reqwest::Error),
    /// The alert cannot be written as JSON.
    #[error(transparent)]
    Body(#[from] serde_json::Error),
    /// The request failed; the error contains no address.
    #[error("cannot POST to `{host}`: {}", cause(source))]
    Post {
        /// Host, and port if the address has one.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
}

impl Target {
    /// The webhook of a rule, with the secret that `secret` returns for the name of a variable;
    /// `None` if the rule has no webhook.
    pub(super) fn new(
        plan: &AlertPlan,
        secret: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, AlertError> {
        let Some(url) = &plan.webhook else { return Ok(None) };
        let failed = |source| AlertError::Webhook { rule: plan.name.clone(), source };
        let url = Url::parse(url).map_err(|error| failed(error.into()))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err(failed(WebhookError::Insecure));
        }
        let secret = match &plan.secret_env {
            None => None,
            Some(name) => {
                let found = secret(name).filter(|secret| !secret.trim().is_empty());
                let found = found.ok_or_else(|| AlertError::Secret {
                    rule: plan.name.clone(),
                    name: name.clone(),
                })?;
                Some(hmac::Key::new(hmac::HMAC_SHA256, found.trim().as_bytes()))
            }
        };
        let client = http_client::blocking(&url).timeout(REQUEST_MAX).build();
        let client = client.map_err(|error| failed(WebhookError::Client(error)))?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let host = format!("{}{port}", url.host_str().unwrap_or("?"));
        Ok(Some(Self { client, url, host, secret }))
    }

    fn post(&self, key: &str, body: &str, now: EventTime) -> Result<Response, WebhookError> {
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", key);
        if let Some(secret) = &self.secret {
            request = request.header("tagtide-signature", sign(secret, now.0 / 1_000, body));
        }
        request.body(body.to_owned()).send().map_err(|error| WebhookError::Post {
            host: self.host.clone(),
            source: error.without_url(),
        })
    }

    /// Sends a body once.
    pub(super) fn send(&self, key: &str, body: &str, now: EventTime) -> Outcome {
        let answer = match self.post(key, body, now) {
            Ok(answer) => answer,
            Err(why) => return Outcome::Later(None, why.to_string(), None),
        };
        let status = answer.status();
        let wait = retry_after(answer.headers(), now);
        // Read the body so that the connection can be reused; errors here have no consequence.
        let _ = std::io::copy(&mut answer.take(ANSWER_MAX_BYTES), &mut std::io::sink());
        let why = || format!("`{}` answered {status}", self.host);
        if status.is_success() {
            Outcome::Delivered(status.as_u16())
        } else if status.is_server_error() || status.is_client_error() && !FINAL.contains(&status) {
            Outcome::Later(Some(status.as_u16()), why(), wait)
        } else if status.is_redirection() {
            let why = format!("{}; redirects are not followed", why());
            Outcome::Refused(status.as_u16(), why)
        } else {
            Outcome::Refused(status.as_u16(), why())
        }
    }
}

/// `t=<seconds>,v1=<hex>`: HMAC-SHA256 of `<seconds>.<body>`, so that a receiver can refuse old
/// messages.
fn sign(secret: &hmac::Key, now_s: i64, body: &str) -> String {
    let mut context = hmac::Context::with_key(secret);
    context.update(now_s.to_string().as_bytes());
    context.update(b".");
    context.update(body.as_bytes());
    format!("t={now_s},v1={}", key::hex(context.sign().as_ref()))
}

/// The delay that the receiver asks for, in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: EventTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_millisecond();
    u64::try_from(until - now.0).ok().map(Duration::from_millis)
}

/// Sends a test alert of a rule to its webhook, signed like a real one; `None` if the rule has no
/// webhook. The alert is not stored.
///
/// # Errors
/// [`AlertError`] if it cannot be sent. An HTTP answer of any status is not an error.
pub fn test_fire(job: &str, plan: &AlertPlan, clock: &Clock) -> Result<Option<Answer>, AlertError> {
    let Some(target) = Target::new(plan, |name| std::env::var(name).ok())? else { return Ok(None) };
    let now = clock.now();
    let alert = Alert {
        key: key::of(job, &plan.name, now.0, "\0test"),
        job: job.to_owned(),
        rule: plan.name.clone(),
        on: rules::word(&plan.on).to_owned(),
        view: plan.view.clone(),
        mode: String::new(),
        window_s: None,
        at: now.0,
        tag: "test".to_owned(),
        display: "test".to_owned(),
        text: format!("this is a test of the alert `{}`; nothing happened", plan.name),
        before: None,
        trend: None,
        test: true,
    };
    let failed = |source| AlertError::Webhook { rule: plan.name.clone(), source };
    let body = serde_json::to_string(&alert).map_err(|error| failed(error.into()))?;
    let answer = target.post(&alert.key, &body, now).map_err(failed)?;
    let status = answer.status();
    let mut bytes = Vec::new();
    // A body that ends early is shown as far as it was read.
    let _ = answer.take(ANSWER_MAX_BYTES).read_to_end(&mut bytes);
    Ok(Some(Answer {
        status: status.as_u16(),
        reason: status.canonical_reason().unwrap_or_default(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_an_hmac_over_time_and_body() {
        // Made with `printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac s3cret`.
        let secret = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
        let expected =
            "t=1700000000,v1=1698a50bc74d1ff1db85c4e0a5297c2ad9fdba245d5737cdb789e4cc6e098940";
        assert_eq!(sign(&secret, 1_700_000_000, "{\"a\":1}"), expected);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = EventTime(1_700_000_000_000);
        let wait = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().expect("a header"));
            retry_after(&headers, now)
        };
        assert_eq!(wait("120"), Some(Duration::from_secs(120)));
        assert_eq!(wait("Tue, 14 Nov 2023 22:14:20 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(wait("Tue, 14 Nov 2000 22:14:20 GMT"), None);
        assert_eq!(wait("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}

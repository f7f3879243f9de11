//! Shared by the sinks that POST: a target, and an answer read with a limit.

use std::io::Read;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::{Client, RequestBuilder};
use url::Url;

use super::SinkError;
use tagtide_sources::Reason;
use tagtide_sources::http_client::{self, cause};

/// Longest time for request and answer.
const EXCHANGE_MAX: Duration = Duration::from_secs(5);
/// Most bytes of an answer that are read.
const ANSWER_MAX_BYTES: u64 = 64 << 10;

/// A target and the client that reaches it.
pub(super) struct Target {
    pub(super) client: Client,
    pub(super) url: Url,
}

impl Target {
    pub(super) fn new(url: &str) -> Result<Self, SinkError> {
        let url = Url::parse(url)
            .map_err(|error| Reason::because(format!("not a URL: {error}"), error))?;
        let client = http_client::blocking(&url).timeout(EXCHANGE_MAX).build();
        let client = client.map_err(|error| {
            Reason::because(format!("cannot make an HTTP client: {}", cause(&error)), error)
        })?;
        Ok(Self { client, url })
    }

    /// Scheme, host, port and path, for logs. A query can contain a secret.
    pub(super) fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.into()
    }

    /// Sends the request and returns the status of the answer, whose body is read and dropped.
    pub(super) fn send(&self, request: RequestBuilder) -> Result<StatusCode, SinkError> {
        let answer = request.send().map_err(|error| {
            // Its URL can contain a secret.
            let error = error.without_url();
            let text = format!("cannot POST to `{}`: {}", self.shown(), cause(&error));
            Reason::because(text, error)
        })?;
        let status = answer.status();
        // Read so that the connection can be reused; an error here does not matter.
        let _ = std::io::copy(&mut answer.take(ANSWER_MAX_BYTES), &mut std::io::sink());
        Ok(status)
    }
}

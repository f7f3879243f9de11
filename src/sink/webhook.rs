//! POST of every ranking as JSON, with a bearer token from the environment.
//!
//! Any 2xx is taken as delivered. A ranking that fails is counted and not sent again. The header
//! `Idempotency-Key` names job, start and batch, so that a receiver can tell a repeat.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use super::http::Target;
use super::{Delivery, Line, Sink, SinkError};
use tagtide_trends::rank::Published;

pub(super) struct Webhook {
    target: Target,
    /// `Bearer ...`, marked sensitive: it is printed nowhere.
    token: Option<HeaderValue>,
}

impl Webhook {
    pub(super) fn new(url: &str, token_env: Option<&str>) -> Result<Self, SinkError> {
        let token = match token_env {
            None => None,
            Some(name) => Some(bearer(name, std::env::var(name).ok().as_deref())?),
        };
        Ok(Self { target: Target::new(url)?, token })
    }

    #[cfg(test)]
    pub(super) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(bearer("TEST", Some(token)).expect("a test's token is sound"));
        self
    }
}

/// The header for the token found in the variable `name`.
fn bearer(name: &str, token: Option<&str>) -> Result<HeaderValue, SinkError> {
    let token = token.map(str::trim).filter(|token| !token.is_empty()).ok_or_else(|| {
        let help = format!("set it, as in `{name}=... tagtide run job.toml`");
        SinkError(format!("the webhook's token is not in `{name}`\nhelp: {help}"))
    })?;
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| SinkError(format!("what is in `{name}` cannot be sent as a token")))?;
    value.set_sensitive(true);
    Ok(value)
}

impl Sink for Webhook {
    fn publish(&mut self, published: &Published) -> Result<(), SinkError> {
        let Some(line) = Line::of(published) else { return Ok(()) };
        let status = &published.status;
        let key = format!("{}-{}-{}", status.job, status.started_at, published.batch);
        let mut request = self
            .target
            .client
            .post(self.target.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("idempotency-key", key)
            .body(line.json()?);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        let status = self.target.send(request)?;
        if status.is_success() {
            return Ok(());
        }
        Err(SinkError(format!("webhook `{}` answered {status}", self.target.said())))
    }

    fn delivery(&self) -> Delivery {
        Delivery::Every
    }

    fn name(&self) -> String {
        format!("webhook {}", self.target.said())
    }
}

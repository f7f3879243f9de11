//! POST of every ranking as JSON, with a bearer token from the environment.
//!
//! Any 2xx is taken as delivered. A ranking that fails is counted and not sent again. The header
//! `Idempotency-Key` names job, start and batch, so that a receiver can tell a repeat.

use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};

use super::http::Target;
use super::{Delivery, Line, Sink, SinkError, SinkKind, SinkOptions};
use tagtide_sources::Reason;
use tagtide_sources::http_client::host_of;
use tagtide_sources::options::{Key, Section, address};
use tagtide_trends::rank::TickSnapshot;

/// A webhook.
pub static KIND: SinkKind = SinkKind {
    name: "webhook",
    about: "POST of JSON",
    keys: &[Key::text("url"), Key::text("token_env")],
    check: |section| Arc::new(Options::check(section)),
};

/// Which webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The whole URL.
    pub url: String,
    /// Environment variable that holds a bearer token.
    pub token_env: Option<String>,
}

impl Options {
    fn check(section: &mut Section<'_>) -> Self {
        let token = section.text("token_env");
        if let Some(field) = &token {
            let help = "put the token in a variable and its name here, like `HOOK_TOKEN`";
            address::env_name(section.checker, field, help);
        }
        let url = match section.text("url") {
            Some(field) => {
                let secret = token.is_some().then_some("a token");
                address::url(section.checker, &field, secret)
            }
            None => {
                section.missing("the webhook has no `url`", "add `url = \"https://...\"`");
                String::new()
            }
        };
        Self { url, token_env: token.map(|field| field.value) }
    }
}

impl SinkOptions for Options {
    fn kind(&self) -> &'static SinkKind {
        &KIND
    }

    fn describe(&self) -> String {
        format!("every ranking as JSON to a webhook at {}", host_of(&self.url))
    }

    fn target(&self) -> String {
        self.url.clone()
    }

    fn build(&self) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(Webhook::new(&self.url, self.token_env.as_deref())?))
    }

    fn secret_env(&self) -> Option<&str> {
        self.token_env.as_deref()
    }
}

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
        SinkError::new(format!("the webhook's token is not in `{name}`\nhelp: {help}"))
    })?;
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| {
        Reason::because(format!("the value of `{name}` cannot be sent as a token"), error)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl Sink for Webhook {
    fn publish(&mut self, published: &TickSnapshot) -> Result<(), SinkError> {
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
        Err(SinkError::new(format!("webhook `{}` answered {status}", self.target.shown())))
    }

    fn delivery(&self) -> Delivery {
        Delivery::Every
    }

    fn name(&self) -> String {
        format!("webhook {}", self.target.shown())
    }
}

//! Decides which requests are answered, before routing, and sets the headers of every answer.
//!
//! - `Host` must name this server, which stops DNS rebinding: on loopback only names and addresses
//!   of loopback, elsewhere also any address (a rebound *name* cannot look like one) and the names
//!   in [`ServeOptions::hosts`].
//! - A request that changes something must come from our own page or from no page at all
//!   (`Sec-Fetch-Site`, `Origin`), as a form or JSON.
//! - If other machines can reach the address, everything except `/healthz` and `/api/v1/session`
//!   needs the token or a session.
//!
//! No answer allows another origin to read it.

use std::collections::VecDeque;
use std::hint::black_box;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use axum::extract::Request;
use axum::http::header::{
    AUTHORIZATION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, ORIGIN, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::ServeOptions;
use super::api::Problem;
use super::login;

/// The policy of every answer except the framed page and the log-in form, which have their own.
pub(super) const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// Name of the session cookie.
pub(super) const COOKIE_NAME: &str = "tagtide_session";

/// Most sessions; beyond that, the oldest is dropped.
const SESSIONS_MAX: usize = 64;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
pub(super) const RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Decides which requests are answered.
pub(super) struct Guard {
    /// Other machines can reach the address.
    open: bool,
    token: Option<String>,
    hosts: Vec<String>,
    sessions: Mutex<VecDeque<String>>,
}

impl Guard {
    pub(super) fn new(open: bool, options: &ServeOptions) -> Self {
        Self {
            open,
            token: options.token.clone().filter(|token| !token.is_empty()),
            hosts: options.hosts.clone(),
            sessions: Mutex::default(),
        }
    }

    /// Accepts a request, or returns the answer that refuses it.
    #[expect(clippy::result_large_err, reason = "the answer is sent at once")]
    pub(super) fn check(&self, request: &Request) -> Result<(), Response> {
        let (method, headers) = (request.method(), request.headers());
        self.check_host(request.uri(), headers)?;
        let path = request.uri().path();
        if !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            check_site(headers)?;
            check_content_type(headers)?;
        }
        if !self.open || path == "/healthz" || path == "/api/v1/session" || self.knows(headers) {
            return Ok(());
        }
        let mut refusal = if path == "/" && *method == Method::GET {
            login::form(false)
        } else {
            Problem::new(StatusCode::UNAUTHORIZED, "this address needs a token")
                .help("send `Authorization: Bearer <token>`, or log in at `/`")
                .into_response()
        };
        refusal.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Err(refusal)
    }

    #[expect(clippy::result_large_err, reason = "the answer is sent at once")]
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Response> {
        let mut hosts = headers.get_all(HOST).iter();
        let named = hosts.next().and_then(|host| host.to_str().ok());
        let known = |host: &str| self.is_known_host(host);
        // A target with a host (`GET http://host/ HTTP/1.1`) must name this server too.
        let target = uri.authority().is_none_or(|authority| known(authority.as_str()));
        if named.is_some_and(known) && hosts.next().is_none() && target {
            return Ok(());
        }
        Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, "the `Host` header names another host")
            .help("use `localhost`, the address, or a name given with `--host`")
            .into_response())
    }

    fn is_known_host(&self, host: &str) -> bool {
        let Some(name) = without_port(host) else { return false };
        if name.eq_ignore_ascii_case("localhost")
            || self.hosts.iter().any(|known| known.eq_ignore_ascii_case(name))
        {
            return true;
        }
        match parse_ip(name) {
            Some(ip) => self.open || ip.is_loopback(),
            None => false,
        }
    }

    /// True if a request has the token or a session cookie.
    fn knows(&self, headers: &HeaderMap) -> bool {
        if let Some(value) = headers.get(AUTHORIZATION) {
            return bearer(value).is_some_and(|token| self.is_token(token));
        }
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        cookies(headers)
            .filter_map(|cookie| cookie.trim().split_once('='))
            .filter(|(name, _)| *name == COOKIE_NAME)
            .any(|(_, id)| {
                sessions.iter().fold(false, |found, known| found | same(known.as_bytes(), id))
            })
    }

    /// True if a token is set.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// True if `token` is the token.
    pub(super) fn is_token(&self, given: &str) -> bool {
        self.token.as_ref().is_some_and(|token| same(token.as_bytes(), given))
    }

    /// Opens a session and returns its id.
    pub(super) fn open_session(&self) -> Result<String, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() == SESSIONS_MAX {
            sessions.pop_front();
        }
        sessions.push_back(id.clone());
        Ok(id)
    }

    /// Adds the headers of every answer, except those that the route has set.
    pub(super) fn complete(headers: &mut HeaderMap) {
        let always = [
            (CONTENT_SECURITY_POLICY, CSP),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (OPENER_POLICY, "same-origin"),
            (RESOURCE_POLICY, "same-origin"),
        ];
        for (name, value) in always {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    }
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|v| v.split(';'))
}

/// Compares in constant time.
fn same(secret: &[u8], given: &str) -> bool {
    let given = given.as_bytes();
    let mut difference = u8::from(secret.len() != given.len());
    for (index, byte) in secret.iter().enumerate() {
        difference |= byte ^ black_box(given.get(index).copied().unwrap_or_default());
    }
    black_box(difference) == 0
}

/// Refuses requests from pages of other sites. Clients that are not browsers send neither header.
#[expect(clippy::result_large_err, reason = "the answer is sent at once")]
fn check_site(headers: &HeaderMap) -> Result<(), Response> {
    let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
    let own_site = matches!(site, None | Some(b"same-origin" | b"none"));
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own_origin = headers.get(ORIGIN).is_none_or(|origin| {
        let origin = origin.to_str().unwrap_or_default();
        let authority = origin.strip_prefix("http://").or(origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    });
    if own_site && own_origin {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "the request was made by a page of another site")
        .help("send it from this page, or from a program")
        .into_response())
}

/// Refuses bodies that are neither a form nor JSON. Without a type, the route gets no body.
#[expect(clippy::result_large_err, reason = "the answer is sent at once")]
fn check_content_type(headers: &HeaderMap) -> Result<(), Response> {
    match content_type(headers) {
        None => Ok(()),
        Some(kind) if kind == FORM || kind == JSON => Ok(()),
        Some(_) => Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "neither a form nor JSON")
            .help("send `application/x-www-form-urlencoded` or `application/json`")
            .into_response()),
    }
}

pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const JSON: &str = "application/json";

/// The media type of a body, lower-case, without parameters; `None` if there is none.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = String::from_utf8_lossy(headers.get(CONTENT_TYPE)?.as_bytes()).into_owned();
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The host of `host[:port]` or `[v6][:port]`; `None` if the port is not a number.
fn without_port(host: &str) -> Option<&str> {
    let (name, port) = match host.rfind(']') {
        Some(end) => host.split_at(end + 1),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let good = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|b| b.is_ascii_digit()));
    (good && !name.is_empty()).then_some(name)
}

fn parse_ip(name: &str) -> Option<IpAddr> {
    match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok().filter(IpAddr::is_ipv4),
    }
}

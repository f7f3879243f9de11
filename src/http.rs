//! HTTP requests to others: one client with bounds for whoever sends them.
//!
//! Redirects are never followed: what is asked is what the job names. Proxy variables of the
//! environment are honoured, except for this machine itself. Certificates are always verified.

use std::time::Duration;

use reqwest::blocking::{Client, ClientBuilder};
use url::{Host, Url};

/// Longest time for a connection to stand.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// A client for requests to `url`, which says who we are; the caller sets how long an exchange may
/// take.
pub fn builder(url: &Url) -> ClientBuilder {
    // Another part of the process may have installed it already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("tagtide/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_MAX);
    if is_loopback(url) { builder.no_proxy() } else { builder }
}

/// True where the URL names this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Why a request failed: the innermost cause, which is what a reader can act on. It names no URL.
#[must_use]
pub fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(next) = innermost.source() {
        innermost = next;
    }
    innermost.to_string()
}

//! The HTTP client of sources, sinks and alerts: one set of bounds for all requests.
//!
//! Redirects are never followed: a request goes to the server that the job names. Proxy variables
//! of the environment are honoured, except for this machine itself. Certificates are always
//! verified; the variables `SSL_CERT_FILE` and `SSL_CERT_DIR` add roots to the system's.

use std::time::Duration;

use reqwest::{Certificate, Client, ClientBuilder, blocking};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::{Host, Url};

/// Longest time to connect.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// Variables that name further roots.
pub const ROOT_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Where systems keep the roots that they trust, in one file; the first that is there counts.
pub const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Roots that a client needs besides those that it finds: the system's, which it ignores where a
/// variable names others.
#[must_use]
fn more_roots() -> Vec<Certificate> {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if ROOT_VARIABLES.into_iter().any(is_set) { roots_of(&SYSTEM_ROOTS) } else { Vec::new() }
}

/// Certificates of the first of these files that exists. Unusable ones are left out, as reqwest
/// does with the system's.
fn roots_of(files: &[&str]) -> Vec<Certificate> {
    let Some(pem) = files.iter().find_map(|file| std::fs::read(file).ok()) else {
        return Vec::new();
    };
    let usable = |root: &CertificateDer<'_>| {
        let mut store = RootCertStore::empty();
        store.add(root.clone().into_owned()).is_ok()
    };
    let roots = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).filter(usable);
    roots.filter_map(|root| Certificate::from_der(&root).ok()).collect()
}

/// A blocking client for requests to `url`; the caller sets how long an exchange may take.
pub fn blocking(url: &Url) -> blocking::ClientBuilder {
    builder(url).into()
}

/// A client for requests to `url`, with our name and bounds; the caller sets how long an exchange
/// may take.
pub fn builder(url: &Url) -> ClientBuilder {
    // An error means that another part of the process has installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .user_agent(concat!("tagtide/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_MAX)
        .tls_certs_merge(more_roots());
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

/// The host of an address, for people; what else is in it may be a secret.
#[must_use]
pub fn host_of(address: &str) -> String {
    let url = Url::parse(address).ok();
    url.as_ref().and_then(Url::host_str).unwrap_or("?").to_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_the_first_file_that_is_there_without_the_unusable() {
        let root = || rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a root");
        let unusable = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let dir = tempfile::tempdir().expect("a directory");
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        let text = root().cert.pem() + unusable + &root().cert.pem();
        std::fs::write(&one, text).expect("a file");
        std::fs::write(&two, root().cert.pem()).expect("a file");
        let [none, one, two] = [dir.path().join("none"), one, two].map(|p| p.display().to_string());
        assert_eq!(roots_of(&[&none, &one, &two]).len(), 2);
        assert!(roots_of(&[&none]).is_empty());
    }
}

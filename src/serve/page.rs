//! The page and its assets, from the program or from `--web-dir` during development.
//!
//! Files under `assets/` have a hash in their name and can be cached for ever; all others are
//! revalidated each time by their ETag. Nothing outside the directory is ever served, neither
//! through `..` nor through a link.

use std::borrow::Cow;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use super::ServeError;
use super::api::Problem;
use super::guard::{CSP, RESOURCE_POLICY};
use super::router::App;

/// Largest file served from `--web-dir`.
const FILE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The page of a build without a page.
const NO_PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
    <title>tagtide</title>\n<h1>tagtide</h1>\n<p>This build has no page. Build it with the \
    feature <code>page</code>, or start it with <code>--web-dir</code>.</p>\n<p>The API is here: \
    <a href=\"/api/v1/trends\">/api/v1/trends</a>, <a href=\"/api/v1/openapi.json\">\
    /api/v1/openapi.json</a>.</p>\n";

#[cfg(feature = "page")]
#[derive(rust_embed::RustEmbed)]
#[folder = "$OUT_DIR/page"]
struct Embedded;

/// Source of the files.
pub(super) struct Page {
    /// The directory of `--web-dir`, resolved.
    dir: Option<PathBuf>,
}

/// One file.
struct File {
    bytes: Cow<'static, [u8]>,
    etag: String,
}

impl Page {
    pub(super) fn new(dir: Option<&Path>) -> Result<Self, ServeError> {
        let resolve = |dir: &Path| {
            let resolved = dir.canonicalize().and_then(|resolved| {
                resolved.is_dir().then_some(resolved).ok_or(io::ErrorKind::NotADirectory.into())
            });
            resolved.map_err(|source| ServeError::WebDir { dir: dir.to_owned(), source })
        };
        Ok(Self { dir: dir.map(resolve).transpose()? })
    }

    async fn file(&self, path: &str) -> Option<File> {
        if !is_plain(path) {
            return None;
        }
        match &self.dir {
            Some(dir) => {
                let (dir, path) = (dir.clone(), path.to_owned());
                tokio::task::spawn_blocking(move || read(&dir, &path)).await.ok()?
            }
            None => embedded(path),
        }
    }
}

/// The live page; with `?embed=1` it can be framed by another page.
#[utoipa::path(get, path = "/",
    params(("embed" = Option<String>, Query, description = "`1` for use in a frame")),
    responses((status = 200, content_type = "text/html", body = String))
)]
pub(super) async fn index(State(app): State<Arc<App>>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let framed =
        form_urlencoded::parse(query.as_bytes()).any(|field| field == ("embed".into(), "1".into()));
    let mut response = match app.page.file("index.html").await {
        Some(file) => answer("index.html", file, request.headers()),
        None => html(StatusCode::OK, NO_PAGE),
    };
    if framed {
        let policy = CSP.replace("; frame-ancestors 'none'", "");
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
        response.headers_mut().insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    }
    response
}

/// Every path that is not a route: a file of the page, or 404.
pub(super) async fn asset(State(app): State<Arc<App>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/');
    if matches!(*request.method(), Method::GET | Method::HEAD)
        && let Some(file) = app.page.file(path).await
    {
        return answer(path, file, request.headers());
    }
    Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path")
        .help("`/api/v1/openapi.json` lists every route")
        .into_response()
}

pub(super) fn html(status: StatusCode, text: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    (status, headers, text.into()).into_response()
}

fn answer(path: &str, file: File, request: &HeaderMap) -> Response {
    let cache =
        if path.starts_with("assets/") { "max-age=31536000, immutable" } else { "no-cache" };
    let known = request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|etag| etag.trim().trim_start_matches("W/") == file.etag);
    let headers = [(ETAG, file.etag.as_str()), (CACHE_CONTROL, cache)];
    if known {
        return (StatusCode::NOT_MODIFIED, headers, Body::empty()).into_response();
    }
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    (headers, [(CONTENT_TYPE, media_type(path))], bytes).into_response()
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map" | "webmanifest") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// True for a relative path whose parts are plain names.
fn is_plain(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    path.split('/').all(plain)
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{:08x}-{:x}\"", crc32c::crc32c(bytes), bytes.len())
}

/// Reads a file in the directory, but not through a link that leaves it.
fn read(dir: &Path, path: &str) -> Option<File> {
    let path = dir.join(path).canonicalize().ok().filter(|path| path.starts_with(dir))?;
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.take(FILE_MAX_BYTES + 1).read_to_end(&mut bytes).ok()?;
    if bytes.len() as u64 > FILE_MAX_BYTES {
        return None;
    }
    let etag = etag(&bytes);
    Some(File { bytes: Cow::Owned(bytes), etag })
}

#[cfg(feature = "page")]
fn embedded(path: &str) -> Option<File> {
    let file = Embedded::get(path)?;
    let etag = etag(&file.data);
    Some(File { bytes: file.data, etag })
}

#[cfg(not(feature = "page"))]
fn embedded(_path: &str) -> Option<File> {
    None
}

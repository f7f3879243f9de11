//! A minimal HTTP client for the chores: GET on loopback.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// Longest wait for bytes.
const QUIET: Duration = Duration::from_secs(10);

/// Sends a GET and reads the head of the answer. The body stays in the reader, including chunk
/// sizes.
pub(crate) fn open(port: u16, path: &str) -> anyhow::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(QUIET))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.trim_end().to_owned();
    while line.trim_end() != "" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    if !status.contains(" 200") {
        bail!("GET {path} answered `{status}`");
    }
    Ok(reader)
}

/// A JSON answer.
pub(crate) fn get_json(port: u16, path: &str) -> anyhow::Result<Value> {
    let mut body = Vec::new();
    open(port, path)?.read_to_end(&mut body)?;
    let body = String::from_utf8_lossy(&body);
    let (from, to) =
        body.find('{').zip(body.rfind('}')).context("the answer is not a JSON object")?;
    serde_json::from_str(&body[from..=to]).with_context(|| format!("GET {path}: bad JSON"))
}

//! Text over one TCP connection: a sender of our own that never waits for the disk.
//!
//! The clock runs from the first byte sent until the program's own status has counted every post;
//! the status moves once a batch, so a figure is up to one batch (200 ms) too pessimistic.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use super::LIMIT;
use super::jobs::{self, Measured, serve};
use crate::place::fresh_dir;
use crate::{clock, http};

/// Bytes of the file that are sent again and again.
const REPEATED_MAX_BYTES: u64 = 64 << 20;

/// Bytes in one write.
const BLOCK_BYTES: usize = 1 << 20;

/// Time for the program to connect.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// Sends at least `posts` posts of the file to a fresh run.
pub(super) fn measure(program: &Path, file: &Path, posts: u64) -> anyhow::Result<Measured> {
    let (bytes, lines) = whole_lines(file)?;
    let repeats = posts.div_ceil(lines);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let source = format!(
        "[[source]]\nkind = \"tcp\"\naddr = \"{}\"\nformat = \"text\"\n",
        listener.local_addr()?
    );
    let counting = jobs::FULL;
    let dir = fresh_dir("bench/tcp")?;
    let job = counting.job(&source).replace("time = \"event\"\nspeed = \"max\"\n", "");
    let (mut guard, port) = serve(program, &dir, &job, true)?;
    let mut stream = accept(&listener)?;
    let began = clock::monotonic();
    let sender = thread::spawn(move || -> std::io::Result<TcpStream> {
        for _ in 0..repeats {
            for block in bytes.chunks(BLOCK_BYTES) {
                stream.write_all(block)?;
            }
        }
        Ok(stream)
    });
    let wanted = repeats * lines;
    let mut measured = Measured { posts: wanted, ..Measured::default() };
    let counted = clock::poll(LIMIT, Duration::from_millis(10), || {
        measured.peak_bytes = measured.peak_bytes.max(guard.peak_bytes().unwrap_or(0));
        if let Some(status) = guard.try_wait()? {
            bail!("`tagtide run` ended with {status}");
        }
        let status = http::get_json(port, "/api/v1/status").ok();
        let posts = status.and_then(|status| status["counters"]["posts"].as_u64());
        Ok((posts == Some(wanted)).then_some(()))
    })?;
    measured.seconds = began.elapsed().as_secs_f64();
    counted.with_context(|| format!("{wanted} posts were sent and not all counted"))?;
    sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
    guard.terminate()?;
    guard.wait(Duration::from_secs(60))?;
    Ok(measured)
}

/// The first whole lines of the file, and how many they are.
fn whole_lines(file: &Path) -> anyhow::Result<(Vec<u8>, u64)> {
    let mut bytes = Vec::new();
    File::open(file)?.take(REPEATED_MAX_BYTES).read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|&byte| byte == b'\n').context("the file has no line")?;
    bytes.truncate(end + 1);
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
    Ok((bytes, lines))
}

/// The one connection that is expected.
pub(super) fn accept(listener: &TcpListener) -> anyhow::Result<TcpStream> {
    listener.set_nonblocking(true)?;
    let accepted =
        clock::poll(CONNECT_LIMIT, Duration::from_millis(1), || match listener.accept() {
            Ok((stream, _)) => Ok(Some(stream)),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        })?;
    let stream = accepted.context("`tagtide run` did not connect")?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

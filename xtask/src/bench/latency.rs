//! How long after it arrived a post is on the live page.
//!
//! A probe is a burst of posts with a tag of its own, large enough to come first, written to the
//! program's TCP source at a random moment of the batch. It has arrived when it is written, and is
//! shown when a client of `/api/v1/live` has read its tag.

use std::collections::HashMap;
use std::io::{BufRead as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::jobs::serve;
use super::tcp::accept;
use crate::place::fresh_dir;
use crate::random::Random;
use crate::{clock, http};

/// Probes sent.
const PROBES: u64 = 200;

/// Longest time until the program serves.
const START: Duration = Duration::from_secs(10);

/// Batch intervals measured, milliseconds.
const BATCHES_MS: [u64; 2] = [2_000, 100];

/// Tag -> when a client first read it.
type Seen = Arc<Mutex<HashMap<String, Instant>>>;

/// One line for each batch interval.
pub(super) fn measure(program: &Path) -> anyhow::Result<String> {
    let lines: anyhow::Result<Vec<String>> =
        BATCHES_MS.iter().map(|batch_ms| one(program, *batch_ms)).collect();
    Ok(lines?.join("\n\n"))
}

fn one(program: &Path, batch_ms: u64) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let dir = fresh_dir("bench/latency")?;
    let addr = listener.local_addr()?;
    let job = format!(
        "name = \"latency\"\nbatch = \"{batch_ms}ms\"\n[count]\nmodes = [\"total\"]\n\
         mode = \"total\"\ntop = 50\n\
         [[source]]\nkind = \"tcp\"\naddr = \"{addr}\"\nformat = \"text\"\n"
    );
    let (mut guard, port) = serve(program, &dir, &job, false)?;
    let mut stream = accept(&listener)?;
    stream.set_nodelay(true)?;
    let seen = watch(port)?;
    let mut random = Random::new(1);
    let mut sent = Vec::new();
    eprintln!("latency at a batch of {batch_ms} ms, {PROBES} probes");
    for probe in 1..=PROBES {
        thread::sleep(Duration::from_millis(random.between(60, 160)));
        let tag = format!("probe{probe:05}");
        let posts = format!("#{tag}\n").repeat(usize::try_from(probe)?);
        stream.write_all(posts.as_bytes())?;
        sent.push((tag, clock::monotonic()));
    }
    let limit = Duration::from_millis(batch_ms * 2 + 2_000);
    clock::poll(limit, Duration::from_millis(10), || {
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((seen.len() as u64 == PROBES).then_some(()))
    })?;
    let line = describe(batch_ms, &sent, &seen)?;
    guard.terminate()?;
    guard.wait(Duration::from_secs(30))?;
    Ok(line)
}

/// Reads the live stream on a thread of its own, which ends with the connection.
fn watch(port: u16) -> anyhow::Result<Seen> {
    // The engine may reach out to its source before the port is open.
    let open = || Ok(http::open(port, "/api/v1/live?mode=total&top=50").ok());
    let mut reader = clock::poll(START, Duration::from_millis(10), open)?
        .context("`tagtide run` does not serve `/api/v1/live`")?;
    let seen = Seen::default();
    let writer = Arc::clone(&seen);
    thread::spawn(move || {
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            let now = clock::monotonic();
            let mut seen = writer.lock().unwrap_or_else(PoisonError::into_inner);
            for tag in probes(&String::from_utf8_lossy(&line)) {
                seen.entry(tag).or_insert(now);
            }
            line.clear();
        }
    });
    Ok(seen)
}

/// Tags of probes in a line.
fn probes(line: &str) -> impl Iterator<Item = String> + '_ {
    let number = |rest: &str| rest.get(..5).map(|number| format!("probe{number}"));
    line.split("probe").skip(1).filter_map(number)
}

fn describe(batch_ms: u64, sent: &[(String, Instant)], seen: &Seen) -> anyhow::Result<String> {
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let mut delays = Vec::new();
    for (tag, at) in sent {
        // At most 34 probes fall into one batch, so each is still among the 50 rows shown.
        let shown = seen.get(tag).with_context(|| format!("`{tag}` was never shown"))?;
        delays.push(shown.saturating_duration_since(*at).as_secs_f64() * 1e3);
    }
    ensure!(!delays.is_empty(), "no probe was sent");
    delays.sort_by(f64::total_cmp);
    let at = |share: f64| delays[((delays.len() as f64 * share).ceil() as usize).max(1) - 1];
    Ok(format!(
        "Post to live page at a batch interval of {batch_ms} ms, {} posts: median {:.0} ms, p99 \
         {:.0} ms, most {:.0} ms.",
        delays.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    ))
}

#[cfg(test)]
mod tests {
    use super::probes;

    #[test]
    fn probes_are_found_in_any_encoding() {
        let line = r##"data: {"tag":"probe00012","display":"probe00012"},["probe00003",5] probe"##;
        let found: Vec<String> = probes(line).collect();
        assert_eq!(found, ["probe00012", "probe00012", "probe00003"]);
    }
}

//! tagtide on each wire: a relay whose stream is cut, and a run that is killed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::proxy::Proxy;
use super::server::Tools;
use super::truth::{self, Change};
use crate::chaos::oracle;
use crate::process::Guard;
use crate::program::{self, Start, Totals, free_port};
use crate::random::Random;
use crate::{clock, http};

/// Longest wait for something that must happen.
const LIMIT: Duration = Duration::from_secs(120);
const STEP: Duration = Duration::from_millis(20);
/// Time between two cuts of a running stream.
const BETWEEN_CUTS_MS: (u64, u64) = (50, 1_500);
/// Shortest and longest lifetime of a run that is killed.
const LIFE_MS: (u64, u64) = (300, 3_000);
/// Bytes of log after which a snapshot is due: few, so that a short run writes several.
const SNAPSHOT_LOG_BYTES: &str = "4096";

/// A wire, compressed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    V1,
    V1Zstd,
    V2,
    V2Zstd,
}

impl Way {
    pub(super) const ALL: [Way; 4] = [Way::V1, Way::V1Zstd, Way::V2, Way::V2Zstd];

    pub(super) fn name(self) -> &'static str {
        match self {
            Way::V1 => "v1",
            Way::V1Zstd => "v1-zstd",
            Way::V2 => "v2",
            Way::V2Zstd => "v2-zstd",
        }
    }

    fn is_packed(self) -> bool {
        matches!(self, Way::V1Zstd | Way::V2Zstd)
    }

    /// A job that reads from `port` over this wire.
    fn job(self, tools: &Tools, port: u16) -> String {
        let keys = match self {
            Way::V1 => "wire = \"v1\"".to_owned(),
            Way::V1Zstd => {
                let file = tools.v1_dictionary.display();
                format!("wire = \"v1\"\nzstd_dictionary = \"{file}\"")
            }
            Way::V2 => "zstd = false".to_owned(),
            Way::V2Zstd => "zstd = true".to_owned(),
        };
        format!(
            "name = \"interop\"\nrule = \"words\"\noccurrences = \"all\"\nbatch = \"100ms\"\n\
             [count]\nlateness = \"1h\"\nmodes = [\"total\", \"count\"]\nmode = \"total\"\n\
             windows = [\"1h\"]\n[[source]]\nkind = \"jetstream\"\n\
             hosts = [\"ws://127.0.0.1:{port}\"]\n{keys}\n"
        )
    }
}

/// A relay, and the rows that it sent.
pub(super) struct Running {
    pub(super) way: Way,
    proxy: Proxy,
    rows: Arc<Mutex<Vec<Change>>>,
    _relay: Guard,
}

impl Running {
    /// Starts `tagtide relay --json` and reads its output.
    pub(super) fn relay(
        way: Way,
        program: &Path,
        tools: &Tools,
        dir: &Path,
        to: u16,
    ) -> anyhow::Result<Self> {
        let proxy = Proxy::start(to, false)?;
        let name = format!("relay-{}", way.name());
        let job = dir.join(format!("{name}.toml"));
        fs::write(&job, way.job(tools, proxy.port))?;
        let port = free_port()?;
        let mut command = program::relay(program, &job, port);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(dir.join(format!("{name}.log")))?);
        let relay = Guard::spawn(&mut command)?;
        let connected =
            clock::poll(LIMIT, STEP, || Ok(TcpStream::connect(("127.0.0.1", port)).ok()))?;
        let connected = connected.with_context(|| format!("{name} does not listen"))?;
        let rows = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&rows);
        thread::spawn(move || {
            for line in BufReader::new(connected).lines().map_while(Result::ok) {
                let row = truth::row(&line).expect("relay writes rows of JSON");
                taken.lock().unwrap_or_else(PoisonError::into_inner).push(row);
            }
        });
        Ok(Self { way, proxy, rows, _relay: relay })
    }

    /// The rows so far.
    pub(super) fn rows(&self) -> Vec<Change> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Cuts its stream this often, each time while it is running.
    pub(super) fn disconnect(&self, times: u32, random: &mut Random) -> anyhow::Result<()> {
        for time in 0..times {
            let (least, most) = BETWEEN_CUTS_MS;
            thread::sleep(Duration::from_millis(random.between(least, most)));
            let cut = clock::poll(LIMIT, STEP, || Ok(self.proxy.cut(random).then_some(())))?;
            let name = self.way.name();
            cut.with_context(|| format!("relay {name}: no stream to cut for the {time}th time"))?;
        }
        Ok(())
    }
}

/// A run with a state directory that is killed and restarted.
pub(super) struct Run {
    pub(super) way: Way,
    program: PathBuf,
    /// Common prefix of its files.
    stem: PathBuf,
    _proxy: Proxy,
}

impl Run {
    pub(super) fn prepare(
        way: Way,
        program: &Path,
        tools: &Tools,
        dir: &Path,
        to: u16,
    ) -> anyhow::Result<Self> {
        let proxy = Proxy::start(to, !way.is_packed())?;
        let stem = dir.join(format!("run-{}", way.name()));
        fs::write(stem.with_extension("toml"), way.job(tools, proxy.port))?;
        Ok(Self { way, program: program.to_path_buf(), stem, _proxy: proxy })
    }

    fn command(&self, port: Option<u16>) -> anyhow::Result<Command> {
        let (job, state) = (self.stem.with_extension("toml"), self.stem.with_extension("state"));
        let summary = self.stem.with_extension("json");
        let start = Start {
            program: &self.program,
            job: &job,
            state_dir: Some(&state),
            summary: &summary,
            rows: None,
            port,
        };
        let mut command = start.command();
        let log = self.stem.with_extension("log");
        let log = File::options().create(true).append(true).open(log)?;
        command.env("TAGTIDE_SNAPSHOT_LOG_BYTES", SNAPSHOT_LOG_BYTES);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Ok(command)
    }

    /// Starts and kills it this often.
    pub(super) fn kill9(&self, times: u32, random: &mut Random) -> anyhow::Result<()> {
        for _ in 0..times {
            let mut run = Guard::spawn(&mut self.command(None)?)?;
            thread::sleep(Duration::from_millis(random.between(LIFE_MS.0, LIFE_MS.1)));
            if let Some(status) = run.try_wait()? {
                bail!("run {} ended by itself, with {status}", self.way.name());
            }
            run.kill()?;
        }
        Ok(())
    }

    /// The last start: waits until everything is counted, then ends it by a signal. Returns posts
    /// and, if the proxy could mark them, words: actual and expected.
    pub(super) fn finish(&self, seen: &[Change]) -> anyhow::Result<(u64, Option<u64>)> {
        let (posts, mut words) = truth::recount(seen);
        if self.way.is_packed() {
            // The proxy cannot change compressed frames, so only posts are compared.
            words = HashMap::new();
        }
        let port = free_port()?;
        let mut run = Guard::spawn(&mut self.command(Some(port))?)?;
        let mut counted = None;
        clock::poll(LIMIT, STEP, || {
            let status = http::get_json(port, "/api/v1/status").ok();
            counted = status.and_then(|status| status["counters"]["posts"].as_u64()).or(counted);
            Ok((counted == Some(posts)).then_some(()))
        })?;
        // Duplicates would be counted by now.
        thread::sleep(Duration::from_secs(1));
        run.terminate()?;
        run.wait(LIMIT)?;
        let totals = Totals::read(&self.stem.with_extension("json"))?;
        let counted = totals.posts;
        ensure!(counted == posts, "{counted} posts counted, and there are {posts}");
        let difference = oracle::compare(&words, &totals.tags);
        ensure!(difference == oracle::Difference::default(), "words {difference:?}");
        Ok((posts, (!self.way.is_packed()).then(|| words.values().sum())))
    }
}

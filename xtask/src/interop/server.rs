//! The real server and what belongs to it: built from the pinned module, started, restarted.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::command::{Log, output};
use crate::process::Guard;
use crate::program::free_port;
use crate::{clock, http, place};

/// The version that `tests/interop/jetstream/go.mod` pins.
pub(super) const VERSION: &str = "v0.2.0";
const MODULE: &str = "github.com/bluesky-social/jetstream";
/// The dictionary of v1, which the server does not offer for download.
const V1_DICTIONARY: &str = "internal/subscribe/dictionaries/legacy_subscribe.zdict";

/// Longest time for the build: it compiles a database.
const BUILD_LIMIT: Duration = Duration::from_secs(1_800);
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(20);

/// The built programs, and the dictionary of the module.
pub(super) struct Tools {
    bin: PathBuf,
    pub(super) v1_dictionary: PathBuf,
}

impl Tools {
    /// Builds the programs, unless they are up to date.
    pub(super) fn build(log: &Log) -> anyhow::Result<Self> {
        if place::on_path("go").is_none() {
            bail!(
                "`go` was not found, and the real Jetstream server is built with it\nhelp: install \
                 Go 1.26.5 or newer, from https://go.dev/dl/ or the system's packages"
            );
        }
        let bin = place::target().join("interop/bin");
        fs::create_dir_all(&bin).with_context(|| format!("cannot create `{}`", bin.display()))?;
        // The trailing slash marks it as a directory.
        let out = bin.join("");
        let words = [OsStr::new("build"), "-o".as_ref(), out.as_os_str(), "tool".as_ref()];
        log.run(go().args(words), BUILD_LIMIT).context("help: the first build needs a network")?;
        let dir = output(go().args(["list", "-m", "-f", "{{.Version}} {{.Dir}}", MODULE]))?;
        let dir = String::from_utf8(dir).context("`go list` printed no text")?;
        let (version, dir) =
            dir.trim_end().split_once(' ').context("`go list` printed no directory")?;
        if version != VERSION {
            bail!("go.mod pins {version}, but this chore expects {VERSION}");
        }
        Ok(Self { bin, v1_dictionary: Path::new(dir).join(V1_DICTIONARY) })
    }

    /// A command of one of its programs, whose output goes to `dir/<name>.log`.
    pub(super) fn command(&self, name: &str, dir: &Path) -> anyhow::Result<Command> {
        let mut command = Command::new(self.bin.join(name));
        let log =
            File::options().create(true).append(true).open(dir.join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

/// `go` in the directory of the pin, which it must not change.
fn go() -> Command {
    let mut go = Command::new("go");
    go.current_dir(place::root().join("tests/interop/jetstream"));
    go.env("CGO_ENABLED", "0").env("GOFLAGS", "-mod=readonly -buildvcs=false");
    go
}

/// The server and the simulated Bluesky behind it.
pub(super) struct Server {
    /// Where the server listens, through every restart.
    pub(super) port: u16,
    simulator: Guard,
    server: Guard,
    command: Command,
}

impl Server {
    /// Starts both and waits until the server is ready.
    pub(super) fn start(tools: &Tools, dir: &Path, seed: u64) -> anyhow::Result<Self> {
        let (port, debug_port, behind) = (free_port()?, free_port()?, free_port()?);
        let url = format!("http://127.0.0.1:{behind}");
        let mut simulator = tools.command("simulator", dir)?;
        simulator.args(["serve", "--addr", &format!("127.0.0.1:{behind}"), "--public-url", &url]);
        simulator.args(["--accounts", "100", "--initial-records-per-account", "5", "--reset"]);
        simulator.args(["--commits-per-sec", "40", "--seed", &seed.to_string(), "--data-dir"]);
        let simulator = Guard::spawn(simulator.arg(dir.join("simulator")))?;
        until_listening("the simulator", behind, |_| true)?;
        // Both addresses must be set: the defaults are public servers.
        let mut words = vec!["serve".to_owned(), "--addr".into(), format!("127.0.0.1:{port}")];
        words.extend(["--debug-addr".into(), format!("127.0.0.1:{debug_port}")]);
        words.extend(["--relay-url".into(), url.clone(), "--plc-url".into(), url]);
        words.extend(["--skip-merge-discovery".into(), "--data-dir".into()]);
        words.push(dir.join("server").display().to_string());
        let mut command = tools.command("jetstream", dir)?;
        command.args(&words);
        let server = launch(&mut command, port)?;
        Ok(Self { port, simulator, server, command })
    }

    /// Stops the server with SIGTERM and restarts it on its data.
    pub(super) fn restart(&mut self) -> anyhow::Result<()> {
        self.server.terminate()?;
        self.server.wait(STOP_LIMIT)?;
        self.server = launch(&mut self.command, self.port)?;
        Ok(())
    }

    /// Stops the simulator, so that no new events appear.
    pub(super) fn quiet(&mut self) -> anyhow::Result<()> {
        self.simulator.terminate()?;
        self.simulator.wait(STOP_LIMIT).map(|_| ())
    }
}

/// Starts the server and waits until it is ready.
fn launch(command: &mut Command, port: u16) -> anyhow::Result<Guard> {
    let server = Guard::spawn(command)?;
    // It answers 503 until it is ready, then asks for an upgrade.
    until_listening("the Jetstream server", port, |answer| answer.contains(" 426"))?;
    Ok(server)
}

/// Waits until a plain request on `port` gets an answer that `good` accepts.
fn until_listening(what: &str, port: u16, good: fn(&str) -> bool) -> anyhow::Result<()> {
    let ready = clock::poll(START_LIMIT, STEP, || {
        let answer = match http::open(port, "/subscribe") {
            Ok(_) => String::new(),
            Err(error) if error.downcast_ref::<std::io::Error>().is_some() => return Ok(None),
            Err(error) => error.to_string(),
        };
        Ok(good(&answer).then_some(()))
    })?;
    ready.with_context(|| format!("{what} was not ready after {} s", START_LIMIT.as_secs()))
}

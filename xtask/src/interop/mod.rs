//! `cargo xtask interop jetstream`: tagtide against the real Jetstream server, on loopback.
//!
//! Builds the server, its Bluesky simulator and its authors' own client from a pinned Go module,
//! and runs tagtide against the server on both wires, with and without zstd, all at once. Streams
//! are cut, the server is restarted, tagtide is killed. The authors' client is the reference:
//! `tagtide relay --json` must print each post, update and delete once, in the same order, and the
//! counts of `tagtide run` after its kills must equal a naive recount. The seed determines when
//! faults happen, the scheduler what they interrupt.

mod ours;
mod proxy;
mod server;
mod truth;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{anyhow, ensure};

use crate::command::Log;
use crate::random::Random;
use crate::{clock, place, program};
use ours::{Run, Running, Way};
use server::{Server, Tools};
use truth::Truth;

/// Longest wait until all streams have reached the same event.
const END_LIMIT: Duration = Duration::from_secs(90);

/// Options of `cargo xtask interop`.
#[derive(clap::Args)]
pub(crate) struct InteropArgs {
    #[command(subcommand)]
    server: Real,
}

#[derive(clap::Subcommand)]
enum Real {
    /// Bluesky's Jetstream; needs Go, and a network the first time.
    Jetstream(JetstreamArgs),
}

#[derive(clap::Args)]
struct JetstreamArgs {
    /// Disconnects per stream.
    #[arg(long, default_value_t = 8)]
    disconnects: u32,
    /// Restarts of the server.
    #[arg(long, default_value_t = 3)]
    restarts: u32,
    /// kill -9 per run.
    #[arg(long, default_value_t = 4)]
    kills: u32,
    /// Seed of all randomness.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Use this program instead of building one.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// Runs the chore.
pub(crate) fn run(args: &InteropArgs) -> anyhow::Result<ExitCode> {
    let Real::Jetstream(args) = &args.server;
    let log = Log::create("interop-jetstream")?;
    let with_log = |error: anyhow::Error| match log.tail() {
        tail if tail.is_empty() => error,
        tail => anyhow!("{tail}\n{error:#}"),
    };
    let tools = Tools::build(&log).map_err(with_log)?;
    let program = match &args.program {
        Some(program) => program.clone(),
        None => program::build(&log, false, &[]).map_err(with_log)?,
    };
    campaign(args, &tools, &program)?;
    Ok(ExitCode::SUCCESS)
}

fn campaign(args: &JetstreamArgs, tools: &Tools, program: &Path) -> anyhow::Result<()> {
    println!("Jetstream {}, seed {}", server::VERSION, args.seed);
    let dir = place::fresh_dir("interop/jetstream")?;
    let mut random = Random::new(args.seed);
    let server = Server::start(tools, &dir, args.seed)?;
    let truth = Truth::start(tools, &dir, server.port)?;
    let port = server.port;
    let mut readers = Vec::new();
    let mut counters = Vec::new();
    for way in Way::ALL {
        readers.push(Running::relay(way, program, tools, &dir, port)?);
        counters.push(Run::prepare(way, program, tools, &dir, port)?);
    }
    let server = Mutex::new(server);
    std::thread::scope(|scope| {
        let mut busy = Vec::new();
        for reader in &readers {
            let mut random = Random::new(random.next());
            busy.push(scope.spawn(move || reader.disconnect(args.disconnects, &mut random)));
        }
        for run in &counters {
            let mut random = Random::new(random.next());
            busy.push(scope.spawn(move || run.kill9(args.kills, &mut random)));
        }
        let mut random = Random::new(random.next());
        let server = &server;
        busy.push(scope.spawn(move || {
            for _ in 0..args.restarts {
                std::thread::sleep(Duration::from_millis(random.between(2_000, 8_000)));
                let mut server = server.lock().unwrap_or_else(|poison| poison.into_inner());
                server.restart()?;
            }
            Ok(())
        }));
        busy.into_iter().try_for_each(|thread| thread.join().expect("no thread panics"))
    })?;
    let mut server = server.into_inner().unwrap_or_else(|poison| poison.into_inner());
    server.quiet()?;
    judge(args, &readers, &counters, &truth)
}

/// Waits until everything has arrived everywhere, and compares.
fn judge(
    args: &JetstreamArgs,
    readers: &[Running],
    counters: &[Run],
    truth: &Truth,
) -> anyhow::Result<()> {
    let ended = clock::poll(END_LIMIT, Duration::from_millis(200), || {
        let seen = truth.events()?;
        Ok(readers.iter().all(|reader| reader.rows().len() >= seen.len()).then_some(()))
    })?;
    // Duplicates would arrive now.
    std::thread::sleep(Duration::from_secs(2));
    let seen = truth.events()?;
    ensure!(!seen.is_empty(), "the reference client saw nothing: it proves nothing");
    let of = |op: &str| seen.iter().filter(|event| event.op == op).count();
    let (creates, updates, deletes) = (of("create"), of("update"), of("delete"));
    println!("  the reference saw {creates} posts, {updates} updates, {deletes} deletes");
    println!("  {} restarts of the server", args.restarts);
    let mut bad = 0;
    let mut wrong = |error: anyhow::Error| {
        bad += 1;
        format!("WRONG: {error:#}")
    };
    for reader in readers {
        let verdict = match truth::compare(&seen, &reader.rows()) {
            Ok(()) => "each of them once, in order".to_owned(),
            Err(error) => wrong(error),
        };
        println!("  relay {:<8} {} disconnects: {verdict}", reader.way.name(), args.disconnects);
    }
    for run in counters {
        let verdict = match run.finish(&seen) {
            Ok((posts, None)) => format!("{posts} posts, as recounted"),
            Ok((posts, Some(words))) => format!("{posts} posts and {words} words, as recounted"),
            Err(error) => wrong(error),
        };
        println!("  run   {:<8} {} kill -9: {verdict}", run.way.name(), args.kills);
    }
    ensure!(bad == 0, "{bad} of them are wrong");
    ensure!(ended.is_some(), "not everything had arrived after {} s", END_LIMIT.as_secs());
    Ok(())
}

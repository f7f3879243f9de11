//! Jetstream, both wires.

use std::path::Path;
use std::sync::Arc;

use tagtide::clock::Clock;
use tagtide::engine::{self, Run, RunOptions};
use tagtide::rank::SourceStatus;

use crate::sim::{Manners, Sim};
use crate::support::{Counted, plan, until};
use crate::world::World;

/// Waits between attempts are shortened by this.
const HURRY: u32 = 200;

fn world(seed: u64, events: usize) -> Arc<World> {
    // The last of them is a second old.
    let start_us = Clock::System.now().0 * 1000 - 1_000_000 - events as i64 * 1_000;
    Arc::new(World::new(seed, events, start_us, 1_000))
}

fn from_start() -> Manners {
    Manners { live_from: Some(0), ..Manners::default() }
}

fn job(hosts: &[&Sim], keys: &str) -> String {
    let hosts: Vec<String> = hosts.iter().map(|sim| format!("{:?}", sim.host())).collect();
    format!(
        "name = \"live\"\nbatch = \"20ms\"\n[count]\nlateness = \"1h\"\nmodes = [\"total\", \
         \"count\"]\nmode = \"total\"\nwindows = [\"1h\"]\n[[source]]\nkind = \"jetstream\"\n\
         hosts = [{}]\n{keys}\n",
        hosts.join(", ")
    )
}

fn start(job: &str, state_dir: Option<&Path>) -> Run {
    let state_dir = state_dir.map(Path::to_owned);
    let options = RunOptions { workers: 2, state_dir, hurry: HURRY, ..RunOptions::default() };
    engine::start(plan(job), options).unwrap()
}

fn source(run: &Run) -> SourceStatus {
    run.watch().borrow().status.sources[0].clone()
}

/// Waits until a stream has brought the last event, and ends the run.
fn end(run: &Run, sims: &[&Sim], posts: u64) -> Counted {
    until("the last event was sent", || sims.iter().any(|sim| sim.all_sent()));
    let watch = run.watch();
    until("all of it is counted", || {
        let status = watch.borrow().status.clone();
        status.counters.posts == posts && status.sources[0].state == "live"
    });
    run.stop(false);
    Counted::of(run)
}

/// Through many cuts, every post is counted once.
fn through_cuts(seed: u64, events: usize, keys: &str, manners: Manners, cuts: usize) {
    let world = world(seed, events);
    let sim = Sim::start(&world, 1_000, manners);
    let run = start(&job(&[&sim], keys), None);
    let counted = end(&run, &[&sim], world.posts());
    assert_eq!(counted.totals(), world.totals());
    assert_eq!(counted.window(3_600), world.totals(), "nothing was late");
    assert!(sim.cuts() >= cuts, "only {} cuts", sim.cuts());
    let source = source(&run);
    assert_eq!((source.gaps, source.missed), (0, 0), "{source:?}");
}

#[test]
fn v2_goes_on_through_cuts() {
    let manners = Manners { cut_within: 60, ..from_start() };
    through_cuts(11, 9_000, "", manners, 250);
}

#[test]
fn v2_without_zstd_goes_on_through_cuts_and_repeats() {
    let manners = Manners { cut_within: 60, again_percent: 20, ..from_start() };
    through_cuts(12, 4_000, "zstd = false", manners, 100);
}

#[test]
fn v1_goes_on_through_cuts() {
    let manners = Manners { cut_within: 60, ..from_start() };
    through_cuts(13, 9_000, "wire = \"v1\"", manners, 250);
}

//! Live sources against servers on loopback that misbehave on demand: nothing is lost silently or
//! counted twice.

#![expect(clippy::unwrap_used, reason = "all of it is tests")]

/// The engine under test.
const ENGINE: &str = "embedded";

#[path = "live/jetstream.rs"]
mod jetstream;
#[path = "live/jetstream_real.rs"]
mod jetstream_real;
#[path = "live/mastodon.rs"]
mod mastodon;
#[path = "live/mastodon_process.rs"]
mod mastodon_process;
#[path = "live/mastodon_py.rs"]
mod mastodon_py;
#[path = "sim/mastodon.rs"]
mod mastodon_sim;
#[path = "live/process.rs"]
mod process;
#[path = "live/record.rs"]
mod record;
#[path = "live/running.rs"]
mod running;
#[path = "sim/jetstream.rs"]
mod sim;
#[path = "sim/x.rs"]
#[expect(dead_code, reason = "shared with the contract of sources")]
mod sim_x;
#[path = "engine/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the engine")]
mod support;
#[path = "live/tls.rs"]
mod tls;
#[path = "sim/toots.rs"]
mod toots;
#[path = "sim/world.rs"]
mod world;
#[path = "live/x.rs"]
mod x;
#[path = "live/x_process.rs"]
mod x_process;

//! The contract of a source, run over the whole list of kinds, and a toy source that shows what
//! adding one takes.

#![expect(clippy::unwrap_used, reason = "all of it is tests")]

#[path = "sources/contract.rs"]
mod contract;
#[path = "sim/mastodon.rs"]
#[expect(dead_code, reason = "shared with the tests of live sources")]
mod mastodon_sim;
#[path = "sources/peers.rs"]
mod peers;
#[path = "sources/proxy.rs"]
mod proxy;
#[path = "sim/jetstream.rs"]
#[expect(dead_code, reason = "shared with the tests of live sources")]
mod sim;
#[path = "sim/x.rs"]
#[expect(dead_code, reason = "shared with the tests of live sources")]
mod sim_x;
#[path = "sources/ticker.rs"]
mod ticker;
#[path = "sim/toots.rs"]
#[expect(dead_code, reason = "shared with the tests of live sources")]
mod toots;
#[path = "sim/world.rs"]
#[expect(dead_code, reason = "shared with the tests of live sources")]
mod world;

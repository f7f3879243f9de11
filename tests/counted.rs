//! The engine suite on the engine `counted`: what it sends are counts, and nothing of what a run
//! comes to may differ. Left out are tests of recent posts, which it does not
//! copy, and of replays at a speed.

#![expect(clippy::unwrap_used, reason = "all of it is tests")]

/// The engine under test.
const ENGINE: &str = "counted";

#[path = "engine/counts.rs"]
mod counts;
#[path = "engine/edges.rs"]
mod edges;
#[path = "engine/known.rs"]
mod known;
#[path = "engine/network.rs"]
mod network;
#[path = "engine/process.rs"]
mod process;
#[path = "engine/resume.rs"]
mod resume;
#[path = "engine/same.rs"]
mod same;
#[path = "engine/support.rs"]
mod support;
#[path = "engine/views.rs"]
mod views;

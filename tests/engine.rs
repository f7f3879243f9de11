//! The engine as a whole: jobs over real files, sockets and processes, compared with recounts in
//! simple code, and with undisturbed runs.

#![expect(clippy::unwrap_used, reason = "all of it is tests")]

/// The engine under test; tests/counted.rs has the other one.
const ENGINE: &str = "embedded";

#[path = "engine/counts.rs"]
mod counts;
#[path = "engine/edges.rs"]
mod edges;
#[path = "engine/known.rs"]
mod known;
#[path = "engine/network.rs"]
mod network;
#[path = "engine/older.rs"]
mod older;
#[path = "engine/paced.rs"]
mod paced;
#[path = "engine/process.rs"]
mod process;
#[path = "engine/recent.rs"]
mod recent;
#[path = "engine/resume.rs"]
mod resume;
#[path = "engine/same.rs"]
mod same;
#[path = "engine/seam.rs"]
mod seam;
#[path = "engine/support.rs"]
mod support;
#[path = "engine/views.rs"]
mod views;

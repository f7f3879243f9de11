//! tagtide counts the hashtags of a post stream exactly and shows the largest, live.
//!
//! **What it is.** One process: bytes come in from a source, tags are extracted and counted, a
//! ranking goes out to terminal, page, HTTP and sinks; an epoch at a time counts and places in the
//! sources become durable together.
//!
//! **What it is not.** It is no general stream engine: the way of a post is fixed. It estimates
//! nothing. It connects to no platform by itself yet, and it runs on one machine.
//!
//! # The map, in the order of the flow
//!
//! | module | what it does |
//! |---|---|
//! | [`tagtide_sources`] | brings raw bytes in, with the Positions reached after them |
//! | [`tagtide_posts`] | a record -> a post that borrows from it |
//! | [`tagtide_extract`] | a text -> its tags; the one definition of what a hashtag is |
//! | [`tagtide_trends`] | counts posts in windows of event time; rankings of them |
//! | [`tagtide_checkpoint`] | counts and Positions of an epoch, durable in one step |
//! | [`ingest`] | sources and workers: raw bytes -> rows of extracted tags |
//! | [`run`] | counts what an engine sends: states, ticks, epochs, history, alerts, sinks |
//! | [`engine`] | the engines, and the one place that connects an engine with a run |
//! | [`sink`] | takes rankings out |
//! | [`history`] | rankings as they were, in an SQLite file |
//! | [`alert`] | what should be told, and that it was |
//! | [`serve`] | the page, the API, the wires of the original dashboard |
//! | [`job`] | what a user asked for -> a checked [`job::Plan`] |
//! | [`cli`] | the commands |
//! | [`tagtide_simd`] | the only `unsafe` |
//! | [`sqlite`], [`durable_queue`] | SQLite files; a thread that makes things durable in order |
//!
//! # Floors
//!
//! A module imports lower floors only, so no two modules import each other: F0 [`sqlite`]
//! [`durable_queue`] [`sink`]; F1 [`job`]; F2 [`history`] [`alert`]; F3 [`run`]; F4 [`ingest`]; F5
//! [`engine`]; F6 [`serve`]; F7 [`cli`]. Below all of them are the crates `simd` < `extract` <
//! `posts` < `trends`, `sources`, and `checkpoint`, which imports none of ours.
//!
//! # Example
//!
//! A file is counted, and the first row of the ranking asked for:
//!
//! ```
//! use tagtide::engine::{self, RunOptions};
//! use tagtide::job::{Job, Purpose, check};
//!
//! let path = std::env::temp_dir().join(format!("tagtide-example-{}.txt", std::process::id()));
//! std::fs::write(&path, "#Rust is fun\nno tag here\n#rust #Rust again\n#tea\n").unwrap();
//!
//! let text = format!("source = '{}'\n[count]\nmode = 'total'", path.display());
//! let job = Job::parse(&text, "example.toml").unwrap();
//! let plan = check(&job, Purpose::Replay).unwrap();
//! let run = engine::start(plan, RunOptions::default()).unwrap();
//! let summary = run.join(10).unwrap();
//! std::fs::remove_file(&path).unwrap();
//!
//! let first = &summary.ranking.trends[0];
//! assert_eq!((first.rank, first.tag.as_str(), first.count), (1, "rust", 2));
//! assert_eq!(first.display, "Rust");
//! assert_eq!((summary.status.counters.posts, summary.distinct_tags), (4, 2));
//! ```

pub mod alert;
pub mod cli;
pub mod durable_queue;
pub mod engine;
pub mod history;
pub mod ingest;
pub mod job;
pub mod run;
pub mod serve;
pub mod sink;
pub mod sqlite;

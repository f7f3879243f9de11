//! tagtide shows which hashtags are trending in a stream of posts, and why.
//!
//! **What it is.** One process. It reads posts from sources, extracts hashtags, counts them,
//! compares each tag with its own past, and publishes rankings to terminal, page, HTTP and sinks.
//! Once per epoch counts and the positions in the sources become durable in one step.
//!
//! **What it is not.** It is not a general stream processor: the path of a post is fixed. It runs
//! on one machine. Counts are exact up to stated limits; beyond 512 authors per tag, and beyond
//! `tags_max` live tags, values are estimates with a stated error.
//!
//! # The map, in the order of the flow
//!
//! | module | what it does |
//! |---|---|
//! | [`tagtide_sources`] | reads raw records, with the Positions reached after them |
//! | [`tagtide_posts`] | a record -> a post that borrows from it |
//! | [`tagtide_extract`] | a text -> its tags; the one definition of a hashtag |
//! | [`ingest`] | sources and workers: raw bytes -> rows of extracted tags |
//! | [`engine`] | the engines, and the one place that connects an engine with a run |
//! | [`tagtide_trends`] | counts posts in windows of event time, scores and ranks them |
//! | [`run`] | counts what an engine sends: states, ticks, epochs, history, alerts, sinks |
//! | [`tagtide_checkpoint`] | counts and Positions of an epoch, durable in one step |
//! | [`sink`] | where rankings go |
//! | [`history`] | past rankings, in an SQLite file |
//! | [`alert`] | alert rules, and delivery by webhook and feed |
//! | [`serve`] | the page, the API, the wires of the original dashboard |
//! | [`job`] | what a user asked for -> a checked [`job::Plan`] |
//! | [`cli`] | the commands |
//! | [`counters`] | the name of each counter in API, metrics and messages |
//! | [`tagtide_simd`] | vector code, the only `unsafe` |
//! | [`sqlite`], [`durable_queue`] | SQLite files; a thread that makes things durable in order |
//!
//! # Floors
//!
//! A module imports lower floors only, and no two modules import each other: F0 [`counters`]
//! [`durable_queue`] [`sink`] [`sqlite`]; F1 [`job`]; F2 [`history`] [`alert`]; F3 [`run`]; F4
//! [`ingest`]; F5 [`engine`]; F6 [`serve`]; F7 [`cli`]. Below all of them are the crates `simd` <
//! `extract` < `posts` < `trends`, `sources`, and `checkpoint`, which imports none of ours.
//!
//! # Example
//!
//! Counts a file and looks at the first row of the ranking:
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
pub mod counters;
pub mod durable_queue;
pub mod engine;
pub mod history;
pub mod ingest;
pub mod job;
pub mod run;
pub mod serve;
pub mod sink;
pub mod sqlite;

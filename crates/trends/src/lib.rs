//! Counts the hashtags of posts exactly and ranks them: posts in, rankings out.
//!
//! A [`State`](state::State) counts each tag in panes of event time, and adds these up to sliding
//! windows, an all-time total and an exponentially decayed count. It recognises duplicates, edits
//! and retracted posts, counts distinct authors, learns what is usual for each tag, and writes what
//! has changed for a checkpoint. [`rank`] makes ordered rows of it: by total, count, authors,
//! decayed count, or by how unusual a tag is against its own past.
//!
//! ```
//! use tagtide_extract::{Markup, Rule, tags};
//! use tagtide_posts::post::Batch;
//! use tagtide_trends::rank::Mode;
//! use tagtide_trends::rank::ranking::{Key, ranking};
//! use tagtide_trends::state::extracted_batch::{ExtractedBatch, PostKey};
//! use tagtide_trends::state::{Settings, State};
//! use tagtide_trends::store::hash::Seed;
//! use tagtide_trends::window::{Shape, authors::Rules};
//!
//! let seed = Seed::new([7; 32]); // random in a program
//! let (pane_ms, windows_ms) = (1_000, vec![60_000]);
//! let shape = Shape { pane_ms, windows_ms, people: Some(Rules::default()), decay_ms: None };
//! let mut state = State::new(Settings::of(shape, Vec::new()), seed);
//!
//! let mut batch = ExtractedBatch::default();
//! batch.begin(Batch::default());
//! let posts = [(1, "ann", "#Rust is fun"), (2, "bob", "#rust, #tea"), (3, "ann", "#Rust again")];
//! for (second, author, text) in posts {
//!     let mut found = Vec::new();
//!     tags(text, Markup::Verbatim, Rule::Tags, &mut found);
//!     let post = PostKey { author: seed.bytes(author.as_bytes()), ..PostKey::default() };
//!     let found = found.iter().map(|tag| (&*tag.key, &*tag.display));
//!     batch.push_post(&seed, second * 1_000, post, found);
//! }
//! state.begin_batch(&batch, &mut ());
//! for row in &batch.rows {
//!     state.count_row(&batch, row, i64::MAX, &mut ());
//! }
//!
//! state.show(3_000, &mut ());
//! let key = Key { mode: Mode::Count, window_ms: 60_000 };
//! let first = &ranking(&state, key, 3_000, 10).expect("the window is configured").trends[0];
//! assert_eq!((first.tag.as_str(), first.display.as_str()), ("rust", "Rust"));
//! assert_eq!((first.count, first.authors), (3, Some(2)));
//! ```
//!
//! # The modules, lowest first
//!
//! Floors: F0 [`store`] [`status`] [`view`]; F1 [`window`]; F2 [`score`]; F3 [`state`]; F4
//! [`rank`]. A module imports lower floors only.
//!
//! | module | what it does |
//! |---|---|
//! | [`store`] | columns by tag id, a hash index, keyed hashes, numbers of variable length |
//! | [`window`] | panes, sliding windows over them, distinct authors, the watermark |
//! | [`score`] | how unusual a tag is: the formula and the baselines |
//! | [`state`] | tags -> ids; all counts; remembered posts; sections of a checkpoint |
//! | [`rank`] | counts -> ordered rows, explanations, sparklines |
//! | [`view`] | filters over posts, each with counts of its own |
//! | [`status`] | counters and the state of a run, as plain data |
//!
//! Pure: no I/O, no clock, no randomness. Counts depend only on the order of the input, never on
//! threads or speed; the caller passes time and the hash seed.

#![forbid(unsafe_code)]

pub mod rank;
pub mod score;
pub mod state;
pub mod status;
pub mod store;
pub mod view;
pub mod window;

//! How unusual a tag is: the score of `trending` and the baselines that it compares with.
//!
//! [`formula`] has the arithmetic. [`trending`] scores the tags of a window and updates baselines
//! and peaks at each boundary of event time. [`baselines`] stores them in columns and checkpoints.
//!
//! Pure: no I/O, no clock, no randomness. Everything is updated from closed panes only.

pub mod baselines;
pub mod formula;
pub mod tag_score;
pub mod trending;

pub use tag_score::{Scale, Score};
pub use trending::{Gates, Trending};

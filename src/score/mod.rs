//! How unusual a tag is: the score of `trending` and the baselines that it compares with.
//!
//! [`formula`] has the arithmetic, [`trending`] scores the tags of a window and updates what is held
//! of them at each boundary of event time, [`baselines`] keeps it in columns and checkpoints,
//! `comparison` computes the scores of others.
//!
//! Pure: no I/O, no clock, no randomness. Everything is updated from closed panes only.

pub mod baselines;
pub mod comparison;
pub mod formula;
pub mod tag_score;
pub mod trending;

pub use tag_score::{Scale, Score};
pub use trending::{Gates, Trending};

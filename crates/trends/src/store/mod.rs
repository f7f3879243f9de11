//! The containers that counting is built of: dense columns by tag id, sets of changed ids, a hash
//! index, keyed hashes, and numbers of variable length for checkpoints.
//!
//! They know nothing of posts, panes or rankings. No I/O, no clock, no randomness.

pub mod column;
pub mod cow_column;
pub mod dirty_set;
pub mod hash;
pub mod index;
pub mod varint;

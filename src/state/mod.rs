//! Per-tag state: names, totals, spellings.

pub mod column;
pub mod extracted;
pub mod hash;
mod spelling;
pub mod table;

//! Panes, windows and the watermark: which counts belong to which stretch of event time.
//!
//! A pane is the smallest slice. While open it is a log of tag ids (4 bytes an occurrence); closed
//! it is a list of (id, count). A window is a dense column of counts to which panes are added when
//! they close and from which they are subtracted when they fall out, so its cost grows with what
//! changed. What open panes hold is laid over the columns for a ranking and taken off again
//! before the next pane closes: closed counts never depend on when somebody looked.
//!
//! Pure: no clock. Bounds: panes are kept for the longest window; beyond one hour they merge to
//! minutes.

mod back;
pub mod counted;
pub mod crowd;
pub mod decay;
pub mod delta;
mod evict;
pub mod first;
pub mod keep;
pub mod known;
pub mod pane;
pub mod people;
mod people_rules;
pub mod registers;
pub mod restore;
pub mod ring;
mod show;
pub mod sketch;
pub mod sliding;
pub mod total;
pub mod visit;
pub mod watermark;

pub use ring::{Ring, Shape};
pub use watermark::Watermarks;

/// Event time of a post whose pane was closed when it arrived: it counts in the total, in no pane.
pub const LATE: i64 = i64::MIN;

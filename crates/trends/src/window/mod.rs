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

pub mod author_sections;
pub mod author_sets;
pub mod authors;
pub mod decay;
pub mod delta;
mod evict;
pub mod first_seen;
mod overlay;
pub mod pane;
pub mod pane_iter;
pub mod restore;
mod retract;
pub mod returning_authors;
pub mod ring;
pub mod sliding_hll;
pub mod sliding_window;
pub mod snapshot;
pub mod total;
pub mod watermark;

pub use ring::{Ring, Shape};
pub use watermark::Watermarks;

/// Event time of a post whose pane was closed when it arrived: it counts in the total, in no pane.
pub const LATE: i64 = i64::MIN;

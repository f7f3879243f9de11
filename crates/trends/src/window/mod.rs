//! Panes, windows and the watermark: which counts belong to which stretch of event time.
//!
//! A pane is the smallest slice. An open pane is a log of tag ids (4 bytes an occurrence), a closed
//! one a list of (id, count). A window is a dense column of counts: panes are added when they close
//! and subtracted when they fall out, so the cost grows with what has changed. For a ranking the
//! counts of open panes are overlaid on the columns, and removed before the next pane closes, so
//! closed counts never depend on when a ranking was made.
//!
//! Pure: no clock. Bounds: panes are stored as long as the longest window needs them; older than
//! one hour they merge to minutes.

pub mod author_sections;
pub mod author_sets;
pub mod authors;
pub mod counted;
pub mod decay;
pub mod delta;
mod evict;
pub mod first_seen;
mod overlay;
pub mod pane;
pub mod pane_iter;
pub mod registers;
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

/// Event time of a post whose pane was closed when it arrived: it counts in the total and in no
/// pane.
pub const LATE: i64 = i64::MIN;

//! Settings of a state.

use crate::score::Gates;
use crate::state::tag_filter::TagFilter;
use crate::view::ALL;
use crate::window::Shape;

/// Settings of a state.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Windows of the job, milliseconds; the shape may have more.
    pub windows_ms: Vec<i64>,
    /// Panes and windows.
    pub shape: Shape,
    /// Lateness, milliseconds.
    pub lateness_ms: i64,
    /// How long a source holds the watermark of the others, milliseconds.
    pub hold_max_ms: i64,
    /// Number of sources.
    pub sources: usize,
    /// Most live tags.
    pub tags_max: usize,
    /// Most posts remembered.
    pub remembered_max_posts: usize,
    /// How long they are remembered, milliseconds of event time.
    pub remembered_max_ms: i64,
    /// Recent posts whose text is stored; 0 = none.
    pub recent_posts: usize,
    /// Windows of `trending`, milliseconds; the shape has the windows that they need.
    pub trending_ms: Vec<i64>,
    /// Conditions on a tag that `trending` lists.
    pub gates: Gates,
    /// Which tags count and are listed.
    pub lists: TagFilter,
    /// Collect changes for a checkpoint.
    pub keep_delta: bool,
    /// Name of the view that is counted.
    pub view: String,
    /// Fingerprint of its filter; 0 = every post.
    pub filter: u64,
}

impl Settings {
    /// One source whose posts arrive in order, no limit on tags, no remembered posts, no
    /// checkpoint.
    #[must_use]
    pub fn of(shape: Shape, trending_ms: Vec<i64>) -> Self {
        Self {
            windows_ms: shape.windows_ms.clone(),
            shape,
            lateness_ms: 0,
            hold_max_ms: i64::MAX,
            sources: 1,
            tags_max: 1 << 24,
            remembered_max_posts: 0,
            remembered_max_ms: 0,
            recent_posts: 0,
            trending_ms,
            gates: Gates::default(),
            lists: TagFilter::default(),
            keep_delta: false,
            view: ALL.to_owned(),
            filter: 0,
        }
    }
}

//! Sinks take rankings out. Each runs on a thread of its own and never slows the count.

use crate::rank::Published;

/// How a sink that is slower than the batches is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// One slot: a newer ranking replaces the one that waits.
    Latest,
    /// Every batch, through a bounded queue; what does not fit is counted as dropped.
    Every,
}

/// Why a sink could not take a ranking; it is counted and logged, never fatal to the job.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);

/// Takes rankings out.
pub trait Sink: Send {
    /// Takes one published ranking; may block, on its own thread.
    ///
    /// # Errors
    /// [`SinkError`] where this one was not delivered.
    fn publish(&mut self, published: &Published) -> Result<(), SinkError>;

    /// How it is served when it is slow.
    fn delivery(&self) -> Delivery;

    /// Name for logs and metrics, without secrets.
    fn name(&self) -> String;
}

//! Panes, windows and the watermark.

//! Per-tag state: names, totals, spellings.

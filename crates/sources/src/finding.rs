//! What a check of the surroundings has found: one row of `doctor`.

use serde::Serialize;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// It may work; worth a look.
    Warn,
    /// It cannot work.
    Fail,
}

/// One row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// How it came out.
    pub verdict: Verdict,
    /// What was found, without secrets.
    pub found: String,
    /// What to do; empty where nothing is to be done.
    pub help: String,
}

impl Finding {
    /// A check that is passed.
    #[must_use]
    pub fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Pass, found: found.into(), help: String::new() }
    }

    /// A check that is worth a look.
    #[must_use]
    pub fn warn(check: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Warn, found: found.into(), help: help.into() }
    }

    /// A check that has failed.
    #[must_use]
    pub fn fail(check: &'static str, found: impl Into<String>, help: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Fail, found: found.into(), help: help.into() }
    }
}

//! Why a source cannot go on, and when to try again.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::reconnect::Cause;

/// A failure in words for people, and the error below it.
#[derive(Debug)]
pub struct Reason {
    text: String,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Reason {
    /// A failure that `cause` has led to. The text is complete without it and holds no secret.
    #[must_use]
    pub fn because(
        text: impl Into<String>,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self { text: text.into(), cause: Some(cause.into()) }
    }

    /// The same with other words around it.
    #[must_use]
    pub fn reworded(self, with: impl FnOnce(&str) -> String) -> Self {
        Self { text: with(&self.text), ..self }
    }

    /// The words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Self {
        Self { text, cause: None }
    }
}

impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.text
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

/// Why a source cannot go on. Its text states what was tried, why it failed, and what to do; it
/// holds no secret.
#[derive(Debug)]
pub enum SourceError {
    /// Worth trying again: the engine waits as its policy says, then calls
    /// [`Source::open`](super::Source::open).
    Retry(Cause, Reason),
    /// The server does not take our credentials: this source ends, the others go on.
    AuthFailed(Reason),
    /// Nothing is wrong, but a bound of ours asks to wait this long before
    /// [`Source::open`](super::Source::open) is called again; the state shown meanwhile, and why.
    Held(&'static str, Duration, Reason),
    /// Not worth trying again.
    Fatal(Reason),
}

impl SourceError {
    /// [`SourceError::Retry`].
    #[must_use]
    pub fn retry(cause: Cause, reason: impl Into<Reason>) -> Self {
        Self::Retry(cause, reason.into())
    }

    /// [`SourceError::AuthFailed`].
    #[must_use]
    pub fn auth_failed(reason: impl Into<Reason>) -> Self {
        Self::AuthFailed(reason.into())
    }

    /// [`SourceError::Held`].
    #[must_use]
    pub fn held(state: &'static str, wait: Duration, reason: impl Into<Reason>) -> Self {
        Self::Held(state, wait, reason.into())
    }

    /// [`SourceError::Fatal`].
    #[must_use]
    pub fn fatal(reason: impl Into<Reason>) -> Self {
        Self::Fatal(reason.into())
    }

    fn reason(&self) -> &Reason {
        match self {
            Self::Retry(_, reason)
            | Self::AuthFailed(reason)
            | Self::Held(_, _, reason)
            | Self::Fatal(reason) => reason,
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason().fmt(f)
    }
}

impl Error for SourceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason().source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_for_people_and_the_cause_stays_typed() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = SourceError::retry(Cause::Network, Reason::because("cannot connect", refused));
        assert_eq!(error.to_string(), "cannot connect");
        let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
        assert_eq!(cause.map(std::io::Error::kind), Some(std::io::ErrorKind::ConnectionRefused));
        assert!(SourceError::fatal("no").source().is_none());
    }
}

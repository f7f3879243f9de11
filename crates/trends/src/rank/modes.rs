//! The names of the modes, and what each of them needs.

use crate::rank::Mode;

impl Mode {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Total, Self::Count, Self::Authors, Self::Trending, Self::Decay];

    /// Name in the API and in job files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Count => "count",
            Self::Authors => "authors",
            Self::Trending => "trending",
            Self::Decay => "decay",
        }
    }

    /// The mode of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// It ranks a window; the others rank all that there was.
    #[must_use]
    pub fn has_window(self) -> bool {
        !matches!(self, Self::Total | Self::Decay)
    }

    /// It scores tags against their past.
    #[must_use]
    pub fn is_scored(self) -> bool {
        matches!(self, Self::Trending)
    }

    /// It counts distinct authors.
    #[must_use]
    pub fn needs_people(self) -> bool {
        matches!(self, Self::Authors | Self::Trending)
    }
}
